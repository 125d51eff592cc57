/*
 * New anchors by the word of old ones (x509/anchors.h). An input is an answer as certs_only_read
 * takes it; one that begins with '*' picks certificates of a family by its bytes, so that orders
 * and doubles are tried that no mutation of signed bytes finds. The family is the same in every
 * process: Ed25519 keys of known bytes make the same signatures.
 */
#include "fuzz.h"
#include "keystay/x509/anchors.h"

#include <openssl/err.h>

/* 2026-09-21 */
#define NOW ((when_t)1790000000)

enum { KEY_OLD = 1, KEY_NEW, KEY_NEWER, KEY_INTER, KEY_STRANGER, KEYS };

/* As many as there are in the family, and an odd one. */
#define PICKS_MAX 16

/* Who is in the family: subject, issuer, and how it is. */
static const struct {
	const char *subject, *issuer;
	int key, signer;
	int pathlen; /* -1 = none, -2 = no CA */
	when_t from, until;
} members[] = {
	{"old", "old", KEY_OLD, KEY_OLD, -1, NOW - DAY, NOW + DAY},
	{"new", "new", KEY_NEW, KEY_NEW, -1, NOW - DAY, NOW + DAY},
	{"new", "old", KEY_NEW, KEY_OLD, -1, NOW - DAY, NOW + DAY},
	{"newer", "newer", KEY_NEWER, KEY_NEWER, -1, NOW - DAY, NOW + DAY},
	{"newer", "new", KEY_NEWER, KEY_NEW, -1, NOW - DAY, NOW + DAY},
	{"inter", "old", KEY_INTER, KEY_OLD, 0, NOW - DAY, NOW + DAY},
	{"inter", "inter", KEY_INTER, KEY_INTER, -1, NOW - DAY, NOW + DAY},
	{"stranger", "stranger", KEY_STRANGER, KEY_STRANGER, -1, NOW - DAY, NOW + DAY},
	{"stranger", "old", KEY_STRANGER, KEY_STRANGER, -1, NOW - DAY, NOW + DAY},
	{"stranger", "old", KEY_STRANGER, KEY_OLD, -2, NOW - DAY, NOW + DAY},
	{"stranger", "inter", KEY_STRANGER, KEY_INTER, -1, NOW - DAY, NOW + DAY},
	{"stranger", "old", KEY_STRANGER, KEY_OLD, -1, NOW - DAY, NOW},
	{"old", "old", KEY_NEW, KEY_NEW, -1, NOW - DAY, NOW + DAY},
	{"old", "old", KEY_NEW, KEY_OLD, 0, NOW - DAY, NOW + DAY},
	{"new", "new", KEY_NEW, KEY_NEW, -1, NOW - DAY, NOW},
};
static X509 *family[COUNT(members)];

static EVP_PKEY *
key_of(int number)
{
	unsigned char bytes[32];

	memset(bytes, number, sizeof bytes);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes);
	if (!key)
		BUG("no key");
	return key;
}

static X509_NAME *
name_of(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	if (X509_NAME_add_entry_by_txt(
		    name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) != 1)
		BUG("no name");
	return name;
}

static X509 *
member_of(size_t i)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = key_of(members[i].key), *signer = key_of(members[i].signer);
	AUTO(X509_NAME) X509_NAME *subject = name_of(members[i].subject);
	AUTO(X509_NAME) X509_NAME *issuer = name_of(members[i].issuer);
	BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)i + 1);
	X509_set_subject_name(x, subject);
	X509_set_issuer_name(x, issuer);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)members[i].from);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)members[i].until);
	X509_set_pubkey(x, key);
	b->ca = members[i].pathlen == -2 ? 0 : 0xff;
	if (members[i].pathlen >= 0) {
		b->pathlen = ASN1_INTEGER_new();
		ASN1_INTEGER_set(b->pathlen, members[i].pathlen);
	}
	if (X509_add1_ext_i2d(x, NID_basic_constraints, b, 1, 0) != 1 ||
		X509_sign(x, signer, NULL) <= 0)
		BUG("no certificate");
	BASIC_CONSTRAINTS_free(b);
	return x;
}

static int
read_answer(const uint8_t *data, size_t size, struct certs **ret, struct err *e)
{
	bool plain;

	if (size == 0 || *data != '*')
		return certs_only_read(data, size, ret, &plain, e);
	*ret = certs_new();
	for (size_t i = 1; i < size && certs_count(*ret) < PICKS_MAX; i++)
		if (certs_add(*ret, family[data[i] % COUNT(members)], e) < 0)
			BUG("no room for a certificate");
	return 0;
}

/* What was told, and what is to be said. */
struct told {
	struct certs *anchors;
	X509 *added[CERTS_COUNT_MAX];
	size_t vouched, alone, no_at;
};

static int
note(void *ctx, const struct anchor_found *found, struct err *e)
{
	struct told *t = ctx;

	MUST(!certs_has(t->anchors, found->certificate) && anchor_is_root(found->certificate, NOW));
	if (t->vouched + t->alone == t->no_at)
		return err_set(e, ERR_FAILED, "no");
	if (!found->voucher) {
		t->alone++;
		return 0;
	}
	/* Whoever nothing vouches for is told when all the others are there. */
	MUST(t->alone == 0 && certs_has(t->anchors, found->voucher));
	MUST(t->vouched < CERTS_COUNT_MAX);
	t->added[t->vouched++] = found->certificate;
	return 0;
}

/* A set with that many members of the family; the old root is its first. */
static struct certs *
known(size_t count)
{
	struct certs *c = certs_new();
	struct err e;

	for (size_t i = 0; i < count; i++)
		if (certs_add(c, family[i], &e) < 0)
			BUG("no room for an anchor");
	return c;
}

/* Who has the family's names is added only where the family says so. */
static void
is_of_us(X509 *x)
{
	for (size_t i = 0; i < COUNT(members); i++)
		if (X509_cmp(family[i], x) == 0)
			MUST(i == 1 || i == 3 || i == 12);
}

static void
look(const struct certs *answer, size_t had, size_t no_at)
{
	AUTO(certs) struct certs *anchors = known(had);
	struct told t = {.anchors = anchors, .no_at = no_at};
	struct err e = {0};

	int rc = anchors_look(anchors, answer, NOW, note, &t, &e);
	MUST(rc == 0 || (e.kind == ERR_FAILED && t.vouched + t.alone == no_at));
	MUST(certs_count(anchors) == had + t.vouched);
	for (size_t i = 0; i < t.vouched; i++) {
		MUST(X509_cmp(certs_at(anchors, had + i), t.added[i]) == 0);
		is_of_us(t.added[i]);
	}
	/* An anchor is as good as the answer that it came with: a second look finds no more. */
	if (rc == 0) {
		struct told again = {.anchors = anchors, .no_at = SIZE_MAX};
		MUST(anchors_look(anchors, answer, NOW, note, &again, &e) == 0);
		MUST(again.vouched == 0 && again.alone == t.alone);
	}
	MUST(ERR_peek_error() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(certs) struct certs *answer = NULL;
	struct err e = {0};

	for (size_t i = 0; i < COUNT(members) && !family[i]; i++)
		family[i] = member_of(i);
	AUTO(char) char *body = fuzz_bytes(data, size);
	if (read_answer((const uint8_t *)body, size, &answer, &e) < 0)
		return 0;
	ERR_clear_error();
	look(answer, 1, SIZE_MAX);
	/* The rest is of no use where each look verifies a thousand signatures. */
	if (certs_count(answer) > PICKS_MAX)
		return 0;
	look(answer, 0, SIZE_MAX);
	look(answer, 1, 0);
	look(answer, 1, 1);
	look(answer, 2, SIZE_MAX);
	return 0;
}
