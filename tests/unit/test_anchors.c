/* New anchors by the word of old ones (x509/anchors.h), and the sets that they are kept in. */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"
#include "keystay/x509/anchors.h"
#include "keystay/x509/chain.h"

#define CA "critical,CA:TRUE"

static EVP_PKEY *old_key, *new_key, *newer_key, *inter_key, *other_key;
static X509 *old_root, *new_root, *newer_root;

/* Who signs itself, as a new root does. */
static struct spec
root_spec(const char *name, EVP_PKEY *key)
{
	return (struct spec){.subject = name, .key = key, .constraints = CA};
}

/* The name and the key of the new root, signed by the old one. */
static struct spec
link_spec(void)
{
	return (struct spec){.subject = "new",
		.key = new_key,
		.issuer = old_root,
		.issuer_key = old_key,
		.constraints = CA};
}

static int
make_all(void **state)
{
	EVP_PKEY **const keys[] = {&old_key, &new_key, &newer_key, &inter_key, &other_key};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		*keys[i] = EVP_EC_gen("P-256");
	old_root = certificate_make(&(struct spec){"old", old_key, .constraints = CA});
	new_root = certificate_make(&(struct spec){"new", new_key, .constraints = CA});
	newer_root = certificate_make(&(struct spec){"newer", newer_key, .constraints = CA});
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	EVP_PKEY_free(old_key);
	EVP_PKEY_free(new_key);
	EVP_PKEY_free(newer_key);
	EVP_PKEY_free(inter_key);
	EVP_PKEY_free(other_key);
	X509_free(old_root);
	X509_free(new_root);
	X509_free(newer_root);
	return 0;
}

/* A set of these, NULL behind the last. */
static struct certs *
set_of(X509 *const *all)
{
	struct certs *c = certs_new();

	assert_non_null(c);
	for (; *all; all++)
		assert_ok(certs_add(c, *all, UNIT_ERR));
	return c;
}
#define SET(...) set_of((X509 *const[]){__VA_ARGS__, NULL})

/* What was told, in its order. */
static struct {
	X509 *certificate[8];
	X509 *voucher[8];
	int count;
	int no_at; /* this call, from 0, says no; -1 = none does */
} told;

static int
note(void *ctx, const struct anchor_found *found, struct err *e)
{
	assert_ptr_equal(ctx, &told);
	assert_true(told.count < (int)COUNT(told.certificate));
	if (told.count == told.no_at)
		return err_set(e, ERR_FAILED, "the store is full");
	told.certificate[told.count] = found->certificate;
	told.voucher[told.count++] = found->voucher;
	return 0;
}

static int
look_at(struct certs *anchors, const struct certs *answer, int no_at)
{
	memset(&told, 0, sizeof told);
	told.no_at = no_at;
	int rc = anchors_look(anchors, answer, NOW, note, &told, UNIT_ERR);
	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void
look(struct certs *anchors, const struct certs *answer)
{
	assert_ok(look_at(anchors, answer, -1));
}

#define assert_told(index, certificate_, voucher_)                                      \
	do {                                                                            \
		assert_true((index) < told.count);                                      \
		assert_int_equal(X509_cmp(told.certificate[index], (certificate_)), 0); \
		assert_ptr_equal(told.voucher[index], (voucher_));                      \
	} while (0)

/* --- what must not become an anchor */

static void
a_stranger_that_signs_itself_is_told_but_never_added(void **state)
{
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(new_root, old_root);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, new_root, NULL);
	assert_int_equal(certs_count(anchors), 1);
	/* And again, as long as the answer has it. */
	look(anchors, answer);
	assert_int_equal(told.count, 1);
}

static void
an_empty_set_vouches_for_nobody(void **state)
{
	AUTO(certs) struct certs *anchors = certs_new();
	AUTO(X509)
	X509 *link = certificate_make(&(struct spec){
		"new", new_key, .issuer = old_root, .issuer_key = old_key, .constraints = CA});
	AUTO(certs) struct certs *answer = SET(old_root, link, new_root), *none = certs_new();

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 2);
	assert_told(0, old_root, NULL);
	assert_told(1, new_root, NULL);
	assert_int_equal(certs_count(anchors), 0);
	look(anchors, none);
	assert_int_equal(told.count, 0);
}

/* The new root with that link, old first or last: it is told without a voucher and not added. */
static void
link_vouches_for_nothing(X509 *link, X509 *anchor, const char *what)
{
	AUTO(certs) struct certs *before = SET(link, new_root), *behind = SET(new_root, link);

	for (int i = 0; i < 2; i++) {
		AUTO(certs) struct certs *anchors = SET(anchor);
		look(anchors, i ? before : behind);
		if (certs_count(anchors) != 1 || certs_has(anchors, new_root))
			fail_msg("it vouches: %s", what);
		if (told.count != 1 || told.voucher[0] != NULL)
			fail_msg("it was told with a voucher, or not: %s", what);
	}
}

static void
vouches_for_nothing(const struct spec *s, X509 *anchor, const char *what)
{
	AUTO(X509) X509 *link = certificate_make(s);

	link_vouches_for_nothing(link, anchor, what);
}

static void
a_link_that_is_not_as_it_must_be_vouches_for_nothing(void **state)
{
	struct spec s;

	(void)state;
#define USELESS(change)  \
	s = link_spec(); \
	change;          \
	vouches_for_nothing(&s, old_root, #change)
	USELESS(s.until = NOW);
	USELESS(s.until = NOW - 1);
	USELESS(s.from = NOW + 1);
	USELESS((s.from = NOW + 100, s.until = NOW - 100));
	USELESS(s.constraints = "critical,CA:FALSE");
	USELESS(s.constraints = NULL);
	USELESS(s.usage = "critical,digitalSignature,cRLSign");
	/* The right name and another key; the right key and another name. */
	USELESS(s.key = other_key);
	USELESS(s.key = old_key);
	USELESS(s.subject = "New root");
	USELESS(s.subject = "old");
	/* Signed by somebody else, in the old root's name and in another's. */
	USELESS(s.issuer_key = other_key);
	USELESS(s.issuer_key = new_key);
	USELESS((s.issuer = new_root, s.issuer_key = old_key));
	USELESS((s.issuer = newer_root, s.issuer_key = newer_key));
	/* Subordinate CAs. */
	USELESS(s.constraints = "critical,CA:TRUE,pathlen:0");
	USELESS(s.constraints = "critical,CA:TRUE,pathlen:1");
	USELESS(s.constraints = "CA:TRUE,pathlen:1000");
}

/* With one extension more, and signed again by the old root. */
static X509 *
link_with(const struct spec *s, int nid, const char *value)
{
	X509 *link = certificate_make(s);

	certificate_extend(link, nid, value);
	assert_true(X509_sign(link, old_key, EVP_sha256()) > 0);
	return link;
}

/* What binds subordinate CAs. */
static const struct {
	int nid;
	const char *value;
} bonds[] = {
	{NID_name_constraints, "critical,permitted;DNS:sub.example"},
	{NID_name_constraints, "excluded;DNS:other.example"},
	{NID_policy_constraints, "critical,requireExplicitPolicy:0"},
	{NID_policy_constraints, "inhibitPolicyMapping:0"},
	{NID_inhibit_any_policy, "0"},
	{NID_ext_key_usage, "emailProtection"},
	{NID_ext_key_usage, "critical,serverAuth,clientAuth"},
	{NID_ext_key_usage, "anyExtendedKeyUsage"},
};

static void
a_link_that_is_bound_as_subordinate_cas_are_vouches_for_nobody(void **state)
{
	const struct spec s = link_spec();

	(void)state;
	for (size_t i = 0; i < COUNT(bonds); i++) {
		AUTO(X509) X509 *link = link_with(&s, bonds[i].nid, bonds[i].value);
		link_vouches_for_nothing(link, old_root, bonds[i].value);
	}
}

/* Of which nobody knows what it means. */
static void
extend_by_unknown(X509 *x, int critical)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.9", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2);
	X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, oid, critical, value);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
}

static void
a_link_with_an_unknown_extension_vouches_unless_it_is_critical(void **state)
{
	const struct spec s = link_spec();

	(void)state;
	for (int critical = 0; critical < 2; critical++) {
		AUTO(X509) X509 *link = certificate_make(&s);
		extend_by_unknown(link, critical);
		assert_true(X509_sign(link, old_key, EVP_sha256()) > 0);
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(link, new_root);
		if (critical)
			link_vouches_for_nothing(link, old_root, "an unknown critical extension");
		else
			look(anchors, answer);
		assert_int_equal(certs_count(anchors), critical ? 1 : 2);
	}
}

static void
a_link_that_is_signed_by_sha1_vouches_for_nothing(void **state)
{
	const struct spec s = link_spec(), self = root_spec("old", new_key);
	struct spec own_name = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s), *follows = certificate_make(&self);

	(void)state;
	assert_true(X509_sign(link, old_key, EVP_sha1()) > 0);
	link_vouches_for_nothing(link, old_root, "a signature by SHA-1");
	/* Nor under the old root's own name. */
	own_name.subject = "old";
	AUTO(X509) X509 *own = certificate_make(&own_name);
	assert_true(X509_sign(own, old_key, EVP_sha1()) > 0);
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(own, follows);
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, follows, NULL);
	assert_int_equal(certs_count(anchors), 1);
	/* By SHA-384 it does. */
	AUTO(X509) X509 *strong = certificate_make(&s);
	assert_true(X509_sign(strong, old_key, EVP_sha384()) > 0);
	AUTO(certs) struct certs *good = SET(strong, new_root);
	look(anchors, good);
	assert_told(0, new_root, certs_at(anchors, 0));
}

static void
a_link_with_one_bit_of_its_signature_turned_vouches_for_nothing(void **state)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s), *bent = NULL;
	unsigned char *der = NULL;

	(void)state;
	int len = i2d_X509(link, &der);
	for (int at = len - 20; at < len; at += 7) {
		const unsigned char *p = der;
		der[at] ^= 0x10;
		bent = d2i_X509(NULL, &p, len);
		assert_non_null(bent);
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(bent, new_root);
		look(anchors, answer);
		assert_int_equal(told.count, 1);
		assert_told(0, new_root, NULL);
		assert_int_equal(certs_count(anchors), 1);
		X509_free(take(&bent));
		der[at] ^= 0x10;
	}
	OPENSSL_free(der);
}

static void
an_anchor_out_of_its_time_vouches_for_nothing(void **state)
{
	const struct spec s = link_spec();
	struct spec old = root_spec("old", old_key);

	(void)state;
	old.until = NOW;
	AUTO(X509) X509 *ended = certificate_make(&old);
	vouches_for_nothing(&s, ended, "an anchor that ends at this second");
	old.until = 0;
	old.from = NOW + 1;
	AUTO(X509) X509 *to_come = certificate_make(&old);
	vouches_for_nothing(&s, to_come, "an anchor that begins in a second");
	old.from = NOW;
	old.until = NOW + 1;
	AUTO(X509) X509 *short_lived = certificate_make(&old), *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(short_lived), *answer = SET(link, new_root);
	look(anchors, answer);
	assert_int_equal(certs_count(anchors), 2);
}

static void
an_anchor_that_may_have_no_ca_below_it_vouches_for_nobody_of_another_name(void **state)
{
	const struct spec s = link_spec(), self = root_spec("old", new_key);
	struct spec old = root_spec("old", old_key), own_name = link_spec();

	(void)state;
	old.constraints = "critical,CA:TRUE,pathlen:0";
	AUTO(X509) X509 *low = certificate_make(&old);
	vouches_for_nothing(&s, low, "an anchor with a path length of 0");
	/* Its own name is not below it (RFC 5280 4.2.1.9). */
	own_name.subject = "old";
	AUTO(X509) X509 *own = certificate_make(&own_name), *follows = certificate_make(&self);
	AUTO(certs) struct certs *anchors = SET(low), *answer = SET(own, follows);
	look(anchors, answer);
	assert_told(0, follows, certs_at(anchors, 0));
	/* One CA below it may be. */
	old.constraints = "critical,CA:TRUE,pathlen:1";
	AUTO(X509) X509 *higher = certificate_make(&old), *link = certificate_make(&s);
	AUTO(certs) struct certs *others = SET(higher), *next = SET(link, new_root);
	look(others, next);
	assert_told(0, new_root, certs_at(others, 0));
}

/*
 * With a notBefore or a notAfter that nobody can read, in a signature that is right. NULL where
 * libcrypto does not even read such a certificate, from 3.5 on.
 */
static X509 *
undated(const struct spec *s, bool end)
{
	AUTO(X509) X509 *x = certificate_make(s);
	unsigned char *der = NULL;

	assert_int_equal(
		ASN1_STRING_set(end ? X509_getm_notAfter(x) : X509_getm_notBefore(x), "junk", 4),
		1);
	assert_true(X509_sign(x, s->issuer_key ? s->issuer_key : s->key, EVP_sha256()) > 0);
	int len = i2d_X509(x, &der);
	assert_true(len > 0);
	const unsigned char *p = der;
	X509 *again = d2i_X509(NULL, &p, len);
	OPENSSL_free(der);
	ERR_clear_error();
	return again;
}

static void
dates_that_cannot_be_read_are_of_no_day(void **state)
{
	const struct spec s = link_spec(), old = root_spec("old", old_key),
			  self = root_spec("new", new_key);

	(void)state;
	for (int end = 0; end < 2; end++) {
		AUTO(X509) X509 *anchor = undated(&old, end), *link = undated(&s, end);
		AUTO(X509) X509 *root = undated(&self, end), *good = certificate_make(&s);
		if (!anchor) {
			assert_true(OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 5);
			return;
		}
		vouches_for_nothing(&s, anchor, "an anchor without dates");
		link_vouches_for_nothing(link, old_root, "a link without dates");
		assert_false(anchor_is_root(root, NOW));
		assert_false(anchor_is_root(root, 0));
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(good, root);
		look(anchors, answer);
		assert_int_equal(told.count, 0);
		assert_int_equal(certs_count(anchors), 1);
	}
}

static void
an_anchor_of_the_same_name_and_another_key_vouches_for_nothing(void **state)
{
	const struct spec s = link_spec();
	const struct spec false_old = root_spec("old", other_key);
	AUTO(X509) X509 *anchor = certificate_make(&false_old);

	(void)state;
	vouches_for_nothing(&s, anchor, "another key under the old root's name");
}

/* What signs itself and is no root of today is not even told, link or not. */
static void
is_not_told(X509 *root, const char *what)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(root, link);

	assert_false(anchor_is_root(root, NOW));
	look(anchors, answer);
	if (told.count || certs_count(anchors) != 1)
		fail_msg("was told or added: %s", what);
}

static void
what_is_no_root_of_today_is_not_even_told(void **state)
{
	struct spec s;

	(void)state;
#define NO_ROOT(change)                                        \
	do {                                                   \
		s = root_spec("new", new_key);                 \
		change;                                        \
		AUTO(X509) X509 *root_ = certificate_make(&s); \
		is_not_told(root_, #change);                   \
	} while (0)
	NO_ROOT(s.until = NOW);
	NO_ROOT(s.from = NOW + 1);
	NO_ROOT(s.constraints = NULL);
	NO_ROOT(s.constraints = "critical,CA:FALSE");
	NO_ROOT(s.usage = "critical,digitalSignature");
	/* Its own name as the issuer's, and somebody else's signature. */
	NO_ROOT(s.issuer_key = other_key);
	NO_ROOT(s.issuer_key = old_key);
	NO_ROOT(s = link_spec());
}

static void
a_subordinate_ca_that_shows_itself_self_signed_too_is_no_anchor(void **state)
{
	struct spec self = root_spec("inter", inter_key), below;

	(void)state;
	below = (struct spec){"inter", inter_key, .issuer = old_root, .issuer_key = old_key,
		.constraints = "critical,CA:TRUE,pathlen:0", .usage = "critical,keyCertSign"};
	AUTO(X509) X509 *inter = certificate_make(&below), *self_signed = certificate_make(&self);
	self.constraints = below.constraints;
	AUTO(X509) X509 *alike = certificate_make(&self);
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(self_signed, inter, alike, old_root);
	look(anchors, answer);
	assert_int_equal(told.count, 2);
	assert_told(0, self_signed, NULL);
	assert_told(1, alike, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

static void
a_link_that_an_intermediate_signed_does_not_vouch(void **state)
{
	struct spec s = {"inter", inter_key, .issuer = old_root, .issuer_key = old_key,
		.constraints = CA, .usage = "critical,keyCertSign"};
	AUTO(X509) X509 *inter = certificate_make(&s);

	(void)state;
	s = link_spec();
	s.issuer = inter;
	s.issuer_key = inter_key;
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(inter, link, new_root, old_root);
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, new_root, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

static void
old_with_new_vouches_for_nothing(void **state)
{
	/* Whoever has the new key alone can make all of this. */
	const struct spec s = {
		"old", old_key, .issuer = new_root, .issuer_key = new_key, .constraints = CA};
	AUTO(X509) X509 *old_with_new = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(old_with_new, new_root, old_root);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, new_root, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

static void
a_link_without_the_new_root_adds_nothing(void **state)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(link, old_root);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 0);
	assert_int_equal(certs_count(anchors), 1);
}

static void
an_answer_that_is_known_tells_nothing(void **state)
{
	AUTO(certs) struct certs *anchors = SET(old_root, new_root);
	AUTO(certs) struct certs *same = SET(new_root, old_root), *twice = SET(old_root, old_root);

	(void)state;
	look(anchors, same);
	assert_int_equal(told.count, 0);
	look(anchors, twice);
	assert_int_equal(told.count, 0);
	assert_int_equal(certs_count(anchors), 2);
}

static void
a_stranger_that_an_answer_has_twice_is_told_once(void **state)
{
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(new_root, newer_root, new_root, new_root);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 2);
	assert_told(0, new_root, NULL);
	assert_told(1, newer_root, NULL);
}

/* Somebody made the subordinate CA the anchor, and so chose to trust less than its root. */
static void
a_root_above_an_anchor_is_not_told_of(void **state)
{
	const struct spec below = {
		"inter", inter_key, .issuer = old_root, .issuer_key = old_key, .constraints = CA};
	const struct spec false_old = root_spec("old", other_key);
	AUTO(X509) X509 *inter = certificate_make(&below), *alike = certificate_make(&false_old);
	AUTO(certs) struct certs *anchors = SET(inter), *answer = SET(old_root, inter, new_root);
	AUTO(certs) struct certs *other = SET(alike, inter);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, new_root, NULL);
	/* One of the same name that did not sign it is a stranger. */
	look(anchors, other);
	assert_int_equal(told.count, 1);
	assert_told(0, alike, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

/* --- a root that is followed by another */

static void
a_root_follows_under_another_name(void **state)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *one = SET(new_root, link), *other = SET(old_root, link, new_root);

	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO(certs) struct certs *anchors = SET(old_root);
		look(anchors, i ? one : other);
		assert_int_equal(told.count, 1);
		assert_told(0, new_root, certs_at(anchors, 0));
		assert_int_equal(certs_count(anchors), 2);
		assert_true(certs_has(anchors, new_root));
		assert_false(certs_has(anchors, link));
		look(anchors, i ? one : other);
		assert_int_equal(told.count, 0);
	}
}

static void
a_root_follows_under_its_own_name(void **state)
{
	const struct spec self = root_spec("old", new_key);
	struct spec s = link_spec();
	AUTO(X509) X509 *follows = certificate_make(&self);

	(void)state;
	s.subject = "old";
	/* RFC 5280 4.2.1.9 does not count who is issued by its own name. */
	static const char *const constraints[] = {CA, "critical,CA:TRUE,pathlen:0"};
	for (size_t i = 0; i < COUNT(constraints); i++) {
		s.constraints = constraints[i];
		AUTO(X509) X509 *link = certificate_make(&s);
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(link, follows);
		look(anchors, answer);
		assert_int_equal(told.count, 1);
		assert_told(0, follows, certs_at(anchors, 0));
		assert_int_equal(certs_count(anchors), 2);
	}
}

static void
the_same_root_with_a_longer_life_follows_by_its_key(void **state)
{
	struct spec s = root_spec("old", old_key);
	AUTO(X509) X509 *longer = NULL;

	(void)state;
	s.until = NOW + 300 * DAY;
	longer = certificate_make(&s);
	/* The old one in the answer has that name and key, and signed itself. */
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(longer, old_root);
	AUTO(certs) struct certs *alone = SET(longer);
	look(anchors, alone);
	assert_told(0, longer, certs_at(anchors, 0));
	assert_int_equal(certs_count(anchors), 2);
	AUTO(certs) struct certs *old = SET(old_root);
	look(old, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, longer, certs_at(old, 0));
}

/* Its key alone does not do it: the anchor is valid, and the signature is one of today. */
static void
the_new_life_of_a_root_is_not_believed_once_it_ended_or_by_sha1(void **state)
{
	struct spec s = root_spec("old", old_key), ended = root_spec("old", old_key);

	(void)state;
	ended.until = NOW;
	s.until = NOW + 300 * DAY;
	AUTO(X509) X509 *over = certificate_make(&ended), *longer = certificate_make(&s);
	AUTO(X509) X509 *weak = certificate_make(&s);
	AUTO(certs) struct certs *late = SET(over), *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(longer, over), *weakly = SET(weak);
	look(late, answer);
	assert_int_equal(certs_count(late), 1);
	assert_true(X509_sign(weak, old_key, EVP_sha1()) > 0);
	look(anchors, weakly);
	assert_int_equal(certs_count(anchors), 1);
	for (int i = 0; i < told.count; i++)
		assert_null(told.voucher[i]);
}

static void
under_the_old_roots_own_name_nothing_of_a_subordinate_ca_binds(void **state)
{
	const struct spec self = root_spec("old", new_key);
	struct spec s = link_spec();
	AUTO(X509) X509 *follows = certificate_make(&self);

	(void)state;
	s.subject = "old";
	for (size_t i = 0; i < COUNT(bonds); i++) {
		AUTO(X509) X509 *link = link_with(&s, bonds[i].nid, bonds[i].value);
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(follows, link);
		look(anchors, answer);
		assert_int_equal(told.count, 1);
		assert_told(0, follows, certs_at(anchors, 0));
	}
	AUTO(X509) X509 *unknown = certificate_make(&s);
	extend_by_unknown(unknown, 1);
	assert_true(X509_sign(unknown, old_key, EVP_sha256()) > 0);
	AUTO(certs) struct certs *anchors = SET(old_root), *answer = SET(follows, unknown);
	look(anchors, answer);
	assert_told(0, follows, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

/* Puts order[0..n) into the n-th permutation. */
static void
permute(X509 **order, size_t n, int number)
{
	for (size_t i = n; i > 1; i--) {
		size_t other = (size_t)number % i;
		number /= (int)i;
		X509 *kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

static void
two_roots_follow_at_once_in_whatever_order(void **state)
{
	struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);

	(void)state;
	s = (struct spec){
		"newer", newer_key, .issuer = new_root, .issuer_key = new_key, .constraints = CA};
	AUTO(X509) X509 *next = certificate_make(&s);
	for (int number = 0; number < 24; number++) {
		X509 *order[] = {new_root, link, newer_root, next, NULL};
		permute(order, 4, number);
		AUTO(certs) struct certs *anchors = SET(old_root), *answer = set_of(order);
		look(anchors, answer);
		assert_int_equal(told.count, 2);
		assert_int_equal(certs_count(anchors), 3);
		assert_told(0, new_root, certs_at(anchors, 0));
		assert_told(1, newer_root, certs_at(anchors, 1));
	}
	/* Without the root between, its link leads nowhere. */
	AUTO(certs) struct certs *anchors = SET(old_root), *gap = SET(link, newer_root, next);
	look(anchors, gap);
	assert_int_equal(told.count, 1);
	assert_told(0, newer_root, NULL);
	assert_int_equal(certs_count(anchors), 1);
}

static void
whoever_is_vouched_for_is_told_before_who_is_not(void **state)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(newer_root, new_root, link);

	(void)state;
	look(anchors, answer);
	assert_int_equal(told.count, 2);
	assert_told(0, new_root, certs_at(anchors, 0));
	assert_told(1, newer_root, NULL);
	assert_int_equal(certs_count(anchors), 2);
}

/* --- who is asked says no */

static void
a_no_ends_it_and_adds_nothing(void **state)
{
	struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = SET(old_root), *stranger = SET(newer_root);

	(void)state;
	s = (struct spec){
		"newer", newer_key, .issuer = new_root, .issuer_key = new_key, .constraints = CA};
	AUTO(X509) X509 *next = certificate_make(&s);
	AUTO(certs) struct certs *answer = SET(newer_root, next, new_root, link);
	assert_refused(look_at(anchors, stranger, 0), ERR_FAILED, "the store is full");
	assert_refused(look_at(anchors, answer, 0), ERR_FAILED, "the store is full");
	assert_int_equal(told.count, 0);
	assert_int_equal(certs_count(anchors), 1);
	/* What it said yes to before stays. */
	assert_refused(look_at(anchors, answer, 1), ERR_FAILED, "the store is full");
	assert_int_equal(told.count, 1);
	assert_int_equal(certs_count(anchors), 2);
	assert_true(certs_has(anchors, new_root));
	look(anchors, answer);
	assert_int_equal(told.count, 1);
	assert_told(0, newer_root, certs_at(anchors, 1));
}

static void
a_no_behind_a_signature_that_is_wrong_leaves_no_error_of_libcrypto(void **state)
{
	const struct spec s = link_spec();
	struct spec bad = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);

	(void)state;
	bad.issuer_key = other_key;
	AUTO(X509) X509 *false_link = certificate_make(&bad);
	AUTO(certs) struct certs *anchors = SET(old_root);
	AUTO(certs) struct certs *answer = SET(false_link, link, new_root);
	assert_refused(look_at(anchors, answer, 0), ERR_FAILED, "the store is full");
	assert_int_equal(certs_count(anchors), 1);
}

static void
one_anchor_past_the_ceiling_is_not_even_told(void **state)
{
	const struct spec s = link_spec();
	AUTO(X509) X509 *link = certificate_make(&s);
	AUTO(certs) struct certs *anchors = certs_new(), *answer = SET(link, new_root);
	AUTO(certs) struct certs *stranger = SET(newer_root), *followed = NULL;

	(void)state;
	for (int i = 0; i < CERTS_COUNT_MAX - 1; i++)
		assert_ok(certs_add(anchors, old_root, UNIT_ERR));
	look(anchors, answer);
	assert_told(0, new_root, certs_at(anchors, 0));
	assert_int_equal(certs_count(anchors), CERTS_COUNT_MAX);
	const struct spec next_spec = {
		"newer", newer_key, .issuer = new_root, .issuer_key = new_key, .constraints = CA};
	AUTO(X509) X509 *next = certificate_make(&next_spec);
	followed = SET(next, newer_root);
	assert_refused(look_at(anchors, followed, -1), ERR_AUTHORITY, "more than 64 anchors");
	assert_int_equal(told.count, 0);
	assert_int_equal(certs_count(anchors), CERTS_COUNT_MAX);
	/* What is known and what is a stranger needs no room. */
	look(anchors, answer);
	assert_int_equal(told.count, 0);
	look(anchors, stranger);
	assert_told(0, newer_root, NULL);
}

/* --- what people see of it */

static void
a_fingerprint_is_the_sha256_of_the_der(void **state)
{
	unsigned char *der = NULL, digest[32];
	char hex[65], wanted[65];

	(void)state;
	int len = i2d_X509(old_root, &der);
	assert_int_equal(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	assert_true(anchor_fingerprint(old_root, hex));
	assert_string_equal(hex, hex_encode(digest, sizeof digest, wanted));
}

static void
a_name_is_cut_and_printable(void **state)
{
	AUTO(X509)
	X509 *x = certificate_make(&(struct spec){.subject = "a\x1b[2J\nb", .key = old_key});
	AUTO(X509_NAME) X509_NAME *long_name = X509_NAME_new();
	char name[200];

	(void)state;
	anchor_name(old_root, name);
	assert_string_equal(name, "/CN=old");
	anchor_name(x, name);
	for (const char *c = name; *c; c++)
		assert_true(*c >= 0x20 && *c < 0x7f);
	for (int i = 0; i < 20; i++)
		assert_int_equal(X509_NAME_add_entry_by_txt(long_name, "OU", MBSTRING_UTF8,
					 (const unsigned char *)"quite a long unit", -1, -1, 0),
			1);
	X509_set_subject_name(x, long_name);
	anchor_name(x, name);
	assert_true(strlen(name) < sizeof name);
	assert_true(text_starts(name, "/OU=quite a long unit/OU="));
}

/* --- sets */

static void
a_set_has_what_was_added_byte_for_byte(void **state)
{
	const struct spec s = root_spec("old", old_key);
	AUTO(certs) struct certs *c = certs_new();
	X509 *again = certificate_make(&s);

	(void)state;
	assert_int_equal(certs_count(c), 0);
	assert_false(certs_has(c, old_root));
	assert_ok(certs_add(c, old_root, UNIT_ERR));
	assert_true(certs_has(c, old_root));
	/* The same name, key and life, another serial number. */
	assert_false(certs_has(c, again));
	assert_ok(certs_add(c, again, UNIT_ERR));
	/* The set has a reference of its own. */
	X509_free(again);
	assert_int_equal(certs_count(c), 2);
	assert_int_equal(X509_cmp(certs_at(c, 0), old_root), 0);
	AUTO(X509) X509 *copy = X509_dup(certs_at(c, 1));
	assert_true(certs_has(c, copy));
}

static void
a_set_has_ceilings_and_keeps_what_it_had(void **state)
{
	AUTO(certs) struct certs *c = certs_new();
	struct spec s = root_spec("large", old_key);
	AUTO(X509) X509 *large = certificate_make(&s);
	AUTO(buf) struct buf comment = BUF(2 * CHAIN_DER_MAX);

	(void)state;
	while (comment.len < CHAIN_DER_MAX)
		buf_adds(&comment, "more than there is room for ");
	certificate_extend(large, NID_netscape_comment, buf_text(&comment));
	assert_int_equal(X509_sign(large, old_key, EVP_sha256()) > 0, 1);
	assert_refused(certs_add(c, large, UNIT_ERR), ERR_AUTHORITY, "more than 65536 bytes");
	assert_int_equal(certs_count(c), 0);
	for (int i = 0; i < CERTS_COUNT_MAX; i++)
		assert_ok(certs_add(c, old_root, UNIT_ERR));
	assert_refused(certs_add(c, new_root, UNIT_ERR), ERR_AUTHORITY, "more than 64");
	assert_int_equal(certs_count(c), CERTS_COUNT_MAX);
	assert_false(certs_has(c, new_root));
	certs_free(NULL);
}

static void
the_pem_of_a_set_is_read_as_the_same_set(void **state)
{
	AUTO(certs) struct certs *c = SET(newer_root, old_root, new_root), *again = NULL;
	AUTO(certs) struct certs *none = certs_new();
	AUTO(char) char *pem = NULL, *empty = NULL;
	X509 *const all[] = {newer_root, old_root, new_root, NULL};
	AUTO(char) char *wanted = certificate_pem(all);
	bool plain;

	(void)state;
	assert_ok(certs_pem(c, &pem, UNIT_ERR));
	assert_string_equal(pem, wanted);
	assert_ok(certs_only_read(pem, strlen(pem), &again, &plain, UNIT_ERR));
	assert_int_equal(certs_count(again), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(X509_cmp(certs_at(again, i), all[i]), 0);
	assert_ok(certs_pem(none, &empty, UNIT_ERR));
	assert_string_equal(empty, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_that_signs_itself_is_told_but_never_added),
		cmocka_unit_test(an_empty_set_vouches_for_nobody),
		cmocka_unit_test(a_link_that_is_not_as_it_must_be_vouches_for_nothing),
		cmocka_unit_test(a_link_that_is_bound_as_subordinate_cas_are_vouches_for_nobody),
		cmocka_unit_test(a_link_with_an_unknown_extension_vouches_unless_it_is_critical),
		cmocka_unit_test(a_link_that_is_signed_by_sha1_vouches_for_nothing),
		cmocka_unit_test(a_link_with_one_bit_of_its_signature_turned_vouches_for_nothing),
		cmocka_unit_test(an_anchor_out_of_its_time_vouches_for_nothing),
		cmocka_unit_test(
			an_anchor_that_may_have_no_ca_below_it_vouches_for_nobody_of_another_name),
		cmocka_unit_test(dates_that_cannot_be_read_are_of_no_day),
		cmocka_unit_test(an_anchor_of_the_same_name_and_another_key_vouches_for_nothing),
		cmocka_unit_test(what_is_no_root_of_today_is_not_even_told),
		cmocka_unit_test(a_subordinate_ca_that_shows_itself_self_signed_too_is_no_anchor),
		cmocka_unit_test(a_link_that_an_intermediate_signed_does_not_vouch),
		cmocka_unit_test(old_with_new_vouches_for_nothing),
		cmocka_unit_test(a_link_without_the_new_root_adds_nothing),
		cmocka_unit_test(an_answer_that_is_known_tells_nothing),
		cmocka_unit_test(a_stranger_that_an_answer_has_twice_is_told_once),
		cmocka_unit_test(a_root_above_an_anchor_is_not_told_of),
		cmocka_unit_test(a_root_follows_under_another_name),
		cmocka_unit_test(a_root_follows_under_its_own_name),
		cmocka_unit_test(the_same_root_with_a_longer_life_follows_by_its_key),
		cmocka_unit_test(the_new_life_of_a_root_is_not_believed_once_it_ended_or_by_sha1),
		cmocka_unit_test(under_the_old_roots_own_name_nothing_of_a_subordinate_ca_binds),
		cmocka_unit_test(two_roots_follow_at_once_in_whatever_order),
		cmocka_unit_test(whoever_is_vouched_for_is_told_before_who_is_not),
		cmocka_unit_test(a_no_ends_it_and_adds_nothing),
		cmocka_unit_test(
			a_no_behind_a_signature_that_is_wrong_leaves_no_error_of_libcrypto),
		cmocka_unit_test(one_anchor_past_the_ceiling_is_not_even_told),
		cmocka_unit_test(a_fingerprint_is_the_sha256_of_the_der),
		cmocka_unit_test(a_name_is_cut_and_printable),
		cmocka_unit_test(a_set_has_what_was_added_byte_for_byte),
		cmocka_unit_test(a_set_has_ceilings_and_keeps_what_it_had),
		cmocka_unit_test(the_pem_of_a_set_is_read_as_the_same_set),
	};
	return cmocka_run_group_tests_name("anchors", tests, make_all, free_all);
}
