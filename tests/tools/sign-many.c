/*
 * sign-many MODULE LABEL PIN-FILE ROAD TYPE COUNT [INIT-ARGS]
 *
 * Signs COUNT times with a key of a fixed name, which is made if it is not there, and verifies
 * every signature outside the token. ROAD is provider, libp11, or raw: C_SignInit and C_Sign on a
 * session of its own. With "-" for COUNT it reads milliseconds from standard input, a line each,
 * signs for that long and answers with the signatures, the CPU time and the time that went by
 * (microseconds); what it does besides signing is outside of both.
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"
#include "keystay/token/road.h"
#include "keystay/token/roads.h"
#include "keystay/token/rv.h"
#include "keystay/token/token.h"

#define SIGNATURE_MAX 512
#define SIGNATURES_MAX 200000

static const unsigned char text[] = "keystay signs the same text all over again";

struct signer {
	struct token *token;
	struct key_name name;
	enum key_type type;
	EVP_PKEY *public, *key; /* key: NULL for raw */
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	struct signature {
		unsigned short len;
		unsigned char bytes[SIGNATURE_MAX];
	} * kept;
};

static void
must_not_fail(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "sign-many: %s\n", e->text);
	exit(1);
}

static void
must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "sign-many: %s: %s\n", what, rv_word(rv));
	exit(1);
}

static void
fail(const char *what)
{
	fprintf(stderr, "sign-many: %s\n", what);
	exit(1);
}

static CK_SLOT_ID
find_slot(CK_FUNCTION_LIST *f, const char *label)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = COUNT(slots);
	CK_TOKEN_INFO info;
	char name[33];

	must(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		module_text(name, info.label, sizeof info.label);
		if (text_same(name, label))
			return slots[i];
	}
	fail("no token of that label");
	return 0;
}

static void
open_raw(struct signer *s, const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_BYTE id[KEY_ID_BYTES];
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, id, sizeof id}};
	CK_ULONG found = 0;

	s->f = module_functions(token_module(s->token));
	hex_decode(s->name.id, id, sizeof id);
	must(s->f->C_OpenSession(
		     find_slot(s->f, label), CKF_SERIAL_SESSION, NULL, NULL, &s->session),
		"C_OpenSession");
	must(s->f->C_FindObjectsInit(s->session, wanted, COUNT(wanted)), "C_FindObjectsInit");
	must(s->f->C_FindObjects(s->session, &s->object, 1, &found), "C_FindObjects");
	must(s->f->C_FindObjectsFinal(s->session), "C_FindObjectsFinal");
	if (found != 1)
		fail("the private key is not there");
}

static void
find_or_make(struct signer *s, struct key_facts *facts)
{
	struct err e;

	snprintf(s->name.label, sizeof s->name.label, "signs many: %s", key_type_word(s->type));
	snprintf(s->name.id, sizeof s->name.id, "5169%028x", (unsigned)s->type);
	must_not_fail(key_find(s->token, &s->name, facts, &s->public, &e), &e);
	if (facts->presence == KEY_ABSENT) {
		must_not_fail(key_make(s->token, &s->name, s->type, &e), &e);
		must_not_fail(key_find(s->token, &s->name, facts, &s->public, &e), &e);
	}
	if (!s->public)
		fail("half of the key is missing");
}

static void
sign_raw(struct signer *s, struct signature *to)
{
	unsigned char digest[32];
	bool ec = key_type_family(s->type) == FAMILY_EC;
	CK_MECHANISM m = {ec ? CKM_ECDSA : CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_ULONG len = sizeof to->bytes;

	if (ec && EVP_Digest(text, sizeof text, digest, NULL, EVP_sha256(), NULL) != 1)
		fail("SHA-256");
	must(s->f->C_SignInit(s->session, &m, s->object), "C_SignInit");
	must(s->f->C_Sign(s->session, ec ? digest : (CK_BYTE *)text,
		     ec ? sizeof digest : sizeof text, to->bytes, &len),
		"C_Sign");
	to->len = (unsigned short)len;
}

static void
sign_by_road(struct signer *s, struct signature *to)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t len = sizeof to->bytes;

	if (!c ||
		EVP_DigestSignInit_ex(
			c, NULL, "SHA256", token_context(s->token), NULL, s->key, NULL) != 1 ||
		EVP_DigestSign(c, to->bytes, &len, text, sizeof text) != 1)
		fail("EVP_DigestSign failed");
	EVP_MD_CTX_free(c);
	to->len = (unsigned short)len;
}

/* PKCS#11 has r and s side by side, OpenSSL wants them in DER. */
static void
raw_to_der(struct signature *g)
{
	int half = g->len / 2;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *p = g->bytes;

	if (!sig || ECDSA_SIG_set0(sig, BN_bin2bn(g->bytes, half, NULL),
			    BN_bin2bn(g->bytes + half, half, NULL)) != 1)
		fail("no memory for a signature");
	g->len = (unsigned short)i2d_ECDSA_SIG(sig, &p);
	ECDSA_SIG_free(sig);
}

static void
verify(const struct signer *s, struct signature *g)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (!s->key && key_type_family(s->type) == FAMILY_EC)
		raw_to_der(g);
	if (!c || EVP_DigestVerifyInit_ex(c, NULL, "SHA256", NULL, NULL, s->public, NULL) != 1 ||
		EVP_DigestVerify(c, g->bytes, g->len, text, sizeof text) != 1)
		fail("a signature does not verify");
	EVP_MD_CTX_free(c);
}

static long long
wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static long long
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

/* Signs `count` times, or until `us` microseconds are over; the number of signatures. */
static long long
sign(struct signer *s, long long count, long long us)
{
	long long n = 0, end = wall_us() + us;

	while (n < count && (us == 0 || wall_us() < end)) {
		if (s->key)
			sign_by_road(s, &s->kept[n]);
		else
			sign_raw(s, &s->kept[n]);
		n++;
	}
	return n;
}

static void
serve(struct signer *s)
{
	char line[32];
	int64_t ms;

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!number_parse(line, 1, 60000, &ms))
			fail("milliseconds, a line each");
		long long cpu = cpu_us(), wall = wall_us();
		long long n = sign(s, SIGNATURES_MAX, ms * 1000);
		cpu = cpu_us() - cpu;
		wall = wall_us() - wall;
		for (long long i = 0; i < n; i++)
			verify(s, &s->kept[i]);
		printf("%lld %lld %lld\n", n, cpu, wall);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	struct token_conf conf = {.name = (char *)"test"};
	AUTO(secret) struct secret *pin = NULL;
	struct signer s = {0};
	struct key_facts facts;
	char source[4200];
	enum road road = ROAD_PROVIDER; /* for raw: it is not loaded before the first key */
	int64_t count = 0;
	struct err e;
	struct pin_answer refused;

	if (argc < 7 || argc > 8 || !key_type_of(argv[5], &s.type))
		return 2;
	bool raw = text_same(argv[4], "raw"), serving = text_same(argv[6], "-");
	if ((!raw && !road_of(argv[4], &road)) ||
		(!serving && !number_parse(argv[6], 1, SIGNATURES_MAX, &count)))
		return 2;
	conf.module = argv[1];
	conf.label = argv[2];
	conf.init_args = argc > 7 ? argv[7] : NULL;
	snprintf(source, sizeof source, "file:%s", argv[3]);
	conf.pin = source;
	s.kept = calloc(serving ? SIGNATURES_MAX : (size_t)count, sizeof *s.kept);
	if (!s.kept)
		fail("no memory");
	must_not_fail(source_get(source, "PIN", &pin, &e), &e);
	must_not_fail(token_open(&conf, road, pin, &s.token, &refused, &e), &e);
	find_or_make(&s, &facts);
	if (raw)
		open_raw(&s, conf.label);
	else
		must_not_fail(key_load(s.token, &s.name, facts.public_hash, &s.key, &e), &e);
	if (serving)
		serve(&s);
	else
		sign(&s, count, 0);
	for (int64_t i = 0; i < count; i++)
		verify(&s, &s.kept[i]);
	EVP_PKEY_free(s.key);
	EVP_PKEY_free(s.public);
	free(s.kept);
	token_close(s.token);
	modules_finish();
	if (!serving)
		printf("%lld signatures verified\n", (long long)count);
	return 0;
}
