/* Certificates in the messages of EST servers, in all the shapes that servers give them. */
#include "support/certificate.h"
#include "support/seed.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "keystay/base/buf.h"
#include "keystay/x509/certs_only.h"
#include "keystay/x509/chain.h"

static EVP_PKEY *root_key, *inter_key, *our_key, *other_key;
static X509 *root, *inter, *leaf;

static int
make_all(void **state)
{
	struct spec s = {.subject = "root", .constraints = "critical,CA:TRUE"};

	(void)state;
	root_key = EVP_EC_gen("P-256");
	inter_key = EVP_EC_gen("P-256");
	our_key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	s.key = root_key;
	root = certificate_make(&s);
	s.subject = "intermediate";
	s.key = inter_key;
	s.issuer = root;
	s.issuer_key = root_key;
	inter = certificate_make(&s);
	leaf = certificate_make(&(struct spec){
		.subject = "leaf", .key = our_key, .issuer = inter, .issuer_key = inter_key});
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	X509_free(root);
	X509_free(inter);
	X509_free(leaf);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(inter_key);
	EVP_PKEY_free(our_key);
	EVP_PKEY_free(other_key);
	return 0;
}

/* A message of certificates, NULL behind the last. */
static PKCS7 *
message(X509 *const *certificates)
{
	PKCS7 *p = PKCS7_new();

	assert_int_equal(PKCS7_set_type(p, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(p, NID_pkcs7_data), 1);
	for (; *certificates; certificates++)
		assert_int_equal(PKCS7_add_certificate(p, *certificates), 1);
	return p;
}

static void
der_of(X509 *const *certificates, struct buf *ret)
{
	PKCS7 *p = message(certificates);
	unsigned char *der = NULL;

	int len = i2d_PKCS7(p, &der);
	assert_true(len > 0);
	buf_add(ret, der, (size_t)len);
	OPENSSL_free(der);
	PKCS7_free(p);
}

/* Base64 with `end` after every `columns` characters. */
static void
encode(const struct buf *der, size_t columns, const char *end, struct buf *ret)
{
	AUTO(char) char *all = malloc(der->len * 2 + 8);
	size_t len = (size_t)EVP_EncodeBlock(
		(unsigned char *)all, (const unsigned char *)der->text, (int)der->len);

	for (size_t at = 0; at < len; at += columns) {
		buf_add(ret, all + at, len - at < columns ? len - at : columns);
		buf_adds(ret, end);
	}
}

static void
reads(const char *name, const struct buf *b, size_t count, bool plain)
{
	AUTO(certs) struct certs *c = NULL;
	bool is_plain = !plain;

	seed_keep(name, b);
	assert_ok(certs_only_read(buf_text(b), b->len, &c, &is_plain, UNIT_ERR));
	assert_int_equal(certs_count(c), count);
	assert_int_equal(is_plain, plain);
}

static void
every_shape_of_base64_is_read(void **state)
{
	static const struct {
		const char *name;
		size_t columns;
		const char *end;
	} shapes[] = {{"one-line", 1 << 20, ""}, {"one-line-end", 1 << 20, "\n"}, {"64", 64, "\n"},
		{"76-crlf", 76, "\r\n"}, {"spaces", 7, " \t"}, {"each", 1, "\n"},
		{"many-ends", 1 << 20, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"}};
	X509 *const all[] = {root, leaf, inter, NULL};
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX);

	(void)state;
	der_of(all, &der);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		AUTO(buf) struct buf text = BUF(CERTS_ONLY_MAX);
		encode(&der, shapes[i].columns, shapes[i].end, &text);
		reads(shapes[i].name, &text, 3, true);
	}
}

static void
what_servers_send_instead_is_read_too(void **state)
{
	X509 *const all[] = {root, leaf, inter, NULL};
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX), ber = BUF(CERTS_ONLY_MAX);
	AUTO(buf) struct buf pem = BUF(CERTS_ONLY_MAX), bare = BUF(CERTS_ONLY_MAX);
	AUTO(buf) struct buf bare64 = BUF(CERTS_ONLY_MAX), row = BUF(CERTS_ONLY_MAX);
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	PKCS7 *p = message(all);
	unsigned char *one = NULL;
	char *text;

	(void)state;
	der_of(all, &der);
	reads("der", &der, 3, false);
	/* The outermost two lengths are left open: SEQUENCE, its OID, [0]. */
	const unsigned char *in = (const unsigned char *)der.text;
	assert_memory_equal(in, "\x30\x82", 2);
	assert_memory_equal(in + 4 + 11, "\xa0\x82", 2);
	buf_add(&ber, "\x30\x80", 2);
	buf_add(&ber, in + 4, 11);
	buf_add(&ber, "\xa0\x80", 2);
	buf_add(&ber, in + 4 + 11 + 4, der.len - 4 - 11 - 4);
	buf_add(&ber, "\0\0\0\0", 4);
	reads("ber", &ber, 3, false);
	assert_int_equal(PEM_write_bio_PKCS7(bio, p), 1);
	PKCS7_free(p);
	long len = BIO_get_mem_data(bio, &text);
	buf_add(&pem, text, (size_t)len);
	reads("pem", &pem, 3, false);
	AUTO(char) char *certificates = certificate_pem(all);
	buf_adds(&row, certificates);
	reads("pem-certificates", &row, 3, false);
	len = i2d_X509(leaf, &one);
	buf_add(&bare, one, (size_t)len);
	OPENSSL_free(one);
	reads("bare", &bare, 1, false);
	encode(&bare, 64, "\n", &bare64);
	reads("bare-64", &bare64, 1, false);
}

static void
is_refused(const char *name, const struct buf *b, const char *why)
{
	struct certs *c = NULL;
	bool plain;

	seed_keep(name, b);
	assert_refused(
		certs_only_read(buf_text(b), b->len, &c, &plain, UNIT_ERR), ERR_AUTHORITY, why);
	assert_null(c);
}

static void
text_is_refused(const char *name, const char *text, const char *why)
{
	AUTO(buf) struct buf b = BUF(CERTS_ONLY_MAX);

	buf_adds(&b, text);
	is_refused(name, &b, why);
}

static void
what_is_no_message_is_named(void **state)
{
	X509 *const all[] = {root, leaf, NULL}, *const none[] = {NULL};
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX), text = BUF(CERTS_ONLY_MAX);
	AUTO(buf) struct buf cut = BUF(CERTS_ONLY_MAX), empty = BUF(CERTS_ONLY_MAX);
	AUTO(buf) struct buf more = BUF(CERTS_ONLY_MAX), data = BUF(CERTS_ONLY_MAX);
	PKCS7 *p = PKCS7_new();
	unsigned char *out = NULL;

	(void)state;
	text_is_refused("empty", "", "the answer is empty");
	text_is_refused("blank", " \r\n\t\n", "the answer is empty");
	text_is_refused(
		"html", "\n<html><body>log in</body></html>", "begins with '<html><body>log in");
	text_is_refused("dots", "MII...", "begins with 'MII...'");
	text_is_refused("short", "MII", "begins with 'MII'");
	text_is_refused("bell", "\a\x1b[2J", "begins with '??[2J'");
	text_is_refused("begin", "-----BEGIN PKCS7-----\n", "begins with '-----BEGIN PKCS7");
	text_is_refused("key", "-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n",
		"no certs-only message");
	der_of(all, &der);
	encode(&der, 64, "\n", &text);
	buf_add(&cut, text.text, text.len / 2 / 4 * 4);
	is_refused("cut", &cut, "no certs-only message; it begins with 'MII");
	buf_add(&more, der.text, der.len);
	buf_adds(&more, "x");
	is_refused("more", &more, "no certs-only message");
	der_of(none, &empty);
	is_refused("none", &empty, "holds no certificate");
	assert_int_equal(PKCS7_set_type(p, NID_pkcs7_data), 1);
	int len = i2d_PKCS7(p, &out);
	buf_add(&data, out, (size_t)len);
	OPENSSL_free(out);
	PKCS7_free(p);
	is_refused("data", &data, "no certs-only message");
}

static void
there_are_ceilings(void **state)
{
	X509 *many[CERTS_COUNT_MAX + 2] = {NULL};
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX), large = BUF(2 * CERTS_ONLY_MAX);

	(void)state;
	for (int i = 0; i <= CERTS_COUNT_MAX; i++)
		many[i] =
			certificate_make(&(struct spec){.subject = "one of many", .key = root_key});
	der_of(many, &der);
	struct certs *c = NULL;
	bool plain;
	assert_refused(certs_only_read(der.text, der.len, &c, &plain, UNIT_ERR), ERR_AUTHORITY,
		"more than 64 certificates");
	buf_clear(&der);
	X509_free(many[CERTS_COUNT_MAX]);
	many[CERTS_COUNT_MAX] = NULL;
	der_of(many, &der);
	assert_ok(certs_only_read(der.text, der.len, &c, &plain, UNIT_ERR));
	assert_int_equal(certs_count(c), CERTS_COUNT_MAX);
	certs_free(c);
	for (int i = 0; many[i]; i++)
		X509_free(many[i]);
	for (size_t i = 0; i <= CERTS_ONLY_MAX; i++)
		buf_adds(&large, "\n");
	c = NULL;
	assert_refused(certs_only_read(large.text, large.len, &c, &plain, UNIT_ERR), ERR_AUTHORITY,
		"larger than 1048576 bytes");
}

static struct certs *
certs_of(X509 *const *all)
{
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX);
	struct certs *c = NULL;
	bool plain;

	der_of(all, &der);
	assert_ok(certs_only_read(der.text, der.len, &c, &plain, UNIT_ERR));
	return c;
}

static void
the_certificate_is_the_one_of_our_key(void **state)
{
	AUTO(X509)
	X509 *again = certificate_make(&(struct spec){
		.subject = "leaf", .key = our_key, .issuer = inter, .issuer_key = inter_key});
	AUTO(certs) struct certs *one = certs_of((X509 *const[]){root, inter, leaf, NULL});
	AUTO(certs) struct certs *two = certs_of((X509 *const[]){again, leaf, NULL});
	X509 *found;

	(void)state;
	assert_ok(certs_of_key(one, our_key, &found, UNIT_ERR));
	assert_int_equal(X509_cmp(found, leaf), 0);
	assert_refused(certs_of_key(one, other_key, &found, UNIT_ERR), ERR_AUTHORITY,
		"no certificate for the key of the request");
	assert_refused(certs_of_key(two, our_key, &found, UNIT_ERR), ERR_AUTHORITY,
		"several certificates for our key");
}

static void
same_chain(X509 *from, const struct certs *c, const struct certs *more, X509 *const *wanted)
{
	AUTO(char) char *pem = NULL, *expected = certificate_pem(wanted);

	assert_ok(certs_chain(from, c, more, &pem, UNIT_ERR));
	assert_string_equal(pem, expected);
}

static void
issuers_are_put_in_order_and_the_root_stays_out(void **state)
{
	AUTO(certs) struct certs *all = certs_of((X509 *const[]){root, leaf, inter, NULL});
	AUTO(certs) struct certs *alone = certs_of((X509 *const[]){leaf, NULL});
	AUTO(certs) struct certs *anchors = certs_of((X509 *const[]){root, inter, NULL});

	(void)state;
	same_chain(leaf, all, NULL, (X509 *const[]){leaf, inter, NULL});
	same_chain(leaf, alone, NULL, (X509 *const[]){leaf, NULL});
	same_chain(leaf, alone, anchors, (X509 *const[]){leaf, inter, NULL});
	/* The same name, another key: not its issuer. */
	AUTO(X509)
	X509 *false_inter = certificate_make(&(struct spec){.subject = "intermediate",
		.key = other_key,
		.issuer = root,
		.issuer_key = root_key,
		.constraints = "critical,CA:TRUE"});
	AUTO(certs) struct certs *lies = certs_of((X509 *const[]){false_inter, leaf, NULL});
	same_chain(leaf, lies, NULL, (X509 *const[]){leaf, NULL});
	same_chain(leaf, lies, anchors, (X509 *const[]){leaf, inter, NULL});
}

static void
a_ring_of_issuers_has_an_end(void **state)
{
	struct spec s = {.subject = "a", .key = root_key, .constraints = "critical,CA:TRUE"};
	AUTO(X509) X509 *a = certificate_make(&s), *a_by_b = NULL, *b_by_a = NULL;
	AUTO(char) char *pem = NULL;

	(void)state;
	b_by_a = certificate_make(&(struct spec){.subject = "b",
		.key = inter_key,
		.issuer = a,
		.issuer_key = root_key,
		.constraints = "critical,CA:TRUE"});
	s.issuer = b_by_a;
	s.issuer_key = inter_key;
	a_by_b = certificate_make(&s);
	AUTO(certs) struct certs *ring = certs_of((X509 *const[]){a_by_b, b_by_a, NULL});
	AUTO(chain) struct chain *c = NULL;
	assert_ok(certs_chain(a_by_b, ring, ring, &pem, UNIT_ERR));
	assert_ok(chain_parse(pem, strlen(pem), &c, UNIT_ERR));
	assert_int_equal(chain_count(c), CHAIN_COUNT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_base64_is_read),
		cmocka_unit_test(what_servers_send_instead_is_read_too),
		cmocka_unit_test(what_is_no_message_is_named),
		cmocka_unit_test(there_are_ceilings),
		cmocka_unit_test(the_certificate_is_the_one_of_our_key),
		cmocka_unit_test(issuers_are_put_in_order_and_the_root_stays_out),
		cmocka_unit_test(a_ring_of_issuers_has_an_end),
	};
	return cmocka_run_group_tests_name("certs_only", tests, make_all, free_all);
}
