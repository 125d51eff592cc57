/* What a policy looks at in a chain: dates, timestamps of logs, issuers, signatures, usages. */
#include "support/certificate.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "keystay/x509/ossl.h"
#include "keystay/x509/traits.h"

#include <openssl/ct.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

static EVP_PKEY *ec_key, *rsa_key;

static int
make_keys(void **state)
{
	(void)state;
	ec_key = EVP_EC_gen("P-256");
	rsa_key = EVP_RSA_gen(2048);
	return ec_key && rsa_key ? 0 : -1;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(ec_key);
	EVP_PKEY_free(rsa_key);
	return 0;
}

struct traits_spec {
	const char *subject, *organization, *issuer, *issuer_organization;
	EVP_PKEY *key, *signer;
	const EVP_MD *hash;
	bool pss;
	const char *ku, *eku, *constraints;
	const uint64_t *sct; /* milliseconds, 0 behind the last */
};

static X509_NAME *
name_of(const char *cn, const char *organization)
{
	X509_NAME *name = X509_NAME_new();

	if (organization)
		X509_NAME_add_entry_by_txt(
			name, "O", MBSTRING_UTF8, (const unsigned char *)organization, -1, -1, 0);
	if (cn)
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	return name;
}

static void
add_scts(X509 *x, const uint64_t *timestamps)
{
	STACK_OF(SCT) *scts = sk_SCT_new_null();
	unsigned char log[32] = {7}, signature[] = {0x30, 6, 2, 1, 1, 2, 1, 1};

	for (; *timestamps; timestamps++) {
		SCT *sct = SCT_new();
		assert_int_equal(SCT_set_version(sct, SCT_VERSION_V1), 1);
		assert_int_equal(SCT_set1_log_id(sct, log, sizeof log), 1);
		SCT_set_timestamp(sct, *timestamps);
		assert_int_equal(SCT_set_signature_nid(sct, NID_ecdsa_with_SHA256), 1);
		assert_int_equal(SCT_set1_signature(sct, signature, sizeof signature), 1);
		sk_SCT_push(scts, sct);
	}
	assert_int_equal(X509_add1_ext_i2d(x, NID_ct_precert_scts, scts, 0, 0), 1);
	SCT_LIST_free(scts);
}

static X509 *
make(const struct traits_spec *s)
{
	static long serial = 0x2000;
	AUTO(X509_NAME) X509_NAME *subject = name_of(s->subject, s->organization);
	AUTO(X509_NAME) X509_NAME *issuer = name_of(s->issuer, s->issuer_organization);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *sign;
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_set_subject_name(x, subject);
	X509_set_issuer_name(x, issuer);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)NOW);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(NOW + 90 * DAY - 1));
	X509_set_pubkey(x, s->key);
	certificate_extend(x, NID_basic_constraints, s->constraints);
	certificate_extend(x, NID_key_usage, s->ku);
	certificate_extend(x, NID_ext_key_usage, s->eku);
	if (s->sct)
		add_scts(x, s->sct);
	assert_int_equal(EVP_DigestSignInit(md, &sign, s->hash, NULL, s->signer), 1);
	if (s->pss)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(sign, RSA_PKCS1_PSS_PADDING) == 1 &&
			    EVP_PKEY_CTX_set_rsa_pss_saltlen(sign, -1) == 1);
	assert_true(X509_sign_ctx(x, md) > 0);
	EVP_MD_CTX_free(md);
	return x;
}

/* The traits of up to three certificates; their DER goes into FOLDER/name for fuzzing. */
static void
traits_of(const char *name, X509 *const *certificates, struct chain_traits *ret)
{
	AUTO(BIO) BIO *pem = BIO_new(BIO_s_mem());
	AUTO(chain) struct chain *c = NULL;
	const char *folder = getenv("SEEDS_WRITE");
	char path[300], *text;

	snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
	AUTO(BIO) BIO *seed = folder ? BIO_new_file(path, "w") : NULL;
	for (; *certificates; certificates++) {
		assert_int_equal(PEM_write_bio_X509(pem, *certificates), 1);
		if (seed)
			assert_int_equal(i2d_X509_bio(seed, *certificates), 1);
	}
	long len = BIO_get_mem_data(pem, &text);
	assert_ok(chain_parse(text, (size_t)len, &c, UNIT_ERR));
	assert_ok(chain_traits(c, ret, UNIT_ERR));
}

static void
same_list(const struct list *l, const char *wanted)
{
	char text[1000];
	assert_string_equal(list_join(l, text, sizeof text), wanted);
}

static void
a_chain_of_three(void **state)
{
	static const uint64_t sct[] = {
		(uint64_t)(NOW + 3600) * 1000 + 999, (uint64_t)(NOW + 1800) * 1000 + 1, 0};
	AUTO(X509)
	X509 *leaf = make(&(struct traits_spec){.organization = "A Customer",
		.issuer = "Issuing CA 1",
		.issuer_organization = "Trust, Inc.",
		.key = ec_key,
		.signer = rsa_key,
		.hash = EVP_sha384(),
		.pss = true,
		.ku = "critical,digitalSignature,keyAgreement",
		.eku = "serverAuth,clientAuth,1.3.6.1.4.1.311.10.3.4",
		.sct = sct});
	AUTO(X509)
	X509 *issuing = make(&(struct traits_spec){.subject = "Issuing CA 1",
		.organization = "Trust, Inc.",
		.issuer = "Root",
		.issuer_organization = "Root Org",
		.key = rsa_key,
		.signer = ec_key,
		.hash = EVP_sha256(),
		.constraints = "critical,CA:TRUE"});
	AUTO(X509)
	X509 *root = make(&(struct traits_spec){.subject = "Root",
		.organization = "Root Org",
		.issuer = "Root",
		.issuer_organization = "Root Org",
		.key = ec_key,
		.signer = ec_key,
		.hash = EVP_sha1(),
		.constraints = "critical,CA:TRUE"});
	X509 *const all[] = {leaf, issuing, root, NULL};
	AUTO(chain_traits) struct chain_traits t = {0};

	(void)state;
	traits_of("three", all, &t);
	assert_int_equal(t.not_before, NOW);
	assert_int_equal(t.not_after, NOW + 90 * DAY - 1);
	assert_int_equal(t.scts, 2);
	assert_int_equal(t.first_sct, NOW + 1800);
	/* The earliest timestamp is later than notBefore. */
	assert_int_equal(t.issued_at, NOW + 1800);
	/* Not the customer's name: it is not who issued it. */
	same_list(&t.issuers, "Issuing CA 1, Trust, Inc., Root, Root Org");
	assert_int_equal(t.keys.count, 3);
	/* Not the root's own signature. */
	same_list(&t.signatures, "rsa-pss-sha384, ecdsa-sha256");
	assert_true(t.has_ku && t.has_eku);
	same_list(&t.ku, "digitalSignature, keyAgreement");
	same_list(&t.eku, "serverAuth, clientAuth, 1.3.6.1.4.1.311.10.3.4");
	for (int i = 0; i < WEAKNESSES; i++)
		assert_false(t.weak.found[i]);
}

static void
a_leaf_alone_without_anything(void **state)
{
	AUTO(X509)
	X509 *leaf = make(&(struct traits_spec){
		.issuer = "Old CA", .key = rsa_key, .signer = rsa_key, .hash = EVP_sha1()});
	X509 *const all[] = {leaf, NULL};
	AUTO(chain_traits) struct chain_traits t = {0};

	(void)state;
	traits_of("plain", all, &t);
	assert_int_equal(t.issued_at, NOW);
	assert_int_equal(t.scts + (size_t)t.first_sct, 0);
	same_list(&t.issuers, "Old CA");
	same_list(&t.signatures, "rsa-sha1");
	assert_false(t.has_ku || t.has_eku);
	assert_int_equal(t.ku.count + t.eku.count, 0);
	assert_string_equal(t.keys.item[0] + 64, "");
}

static void
timestamps_before_the_certificate_and_beyond_all_time(void **state)
{
	static const uint64_t early[] = {(uint64_t)(NOW - 1800) * 1000, 0};
	static const uint64_t late[] = {UINT64_MAX, UINT64_MAX - 1, 0};
	struct traits_spec s = {
		.issuer = "CA", .key = ec_key, .signer = ec_key, .hash = EVP_sha256()};

	(void)state;
	s.sct = early;
	AUTO(X509) X509 *first = make(&s);
	s.sct = late;
	AUTO(X509) X509 *second = make(&s);
	AUTO(chain_traits) struct chain_traits t = {0}, far = {0};
	traits_of("early", (X509 *const[]){first, NULL}, &t);
	assert_int_equal(t.first_sct, NOW - 1800);
	assert_int_equal(t.issued_at, NOW);
	traits_of("late", (X509 *const[]){second, NULL}, &far);
	assert_int_equal(far.scts, 2);
	assert_int_equal(far.issued_at, when_from_utc(9999, 12, 31, 23, 59, 59));
}

/* A list of timestamps that cannot be read is none; usages that cannot be read allow nothing. */
static void
extensions_that_cannot_be_read(void **state)
{
	static const int nids[] = {NID_ct_precert_scts, NID_key_usage, NID_ext_key_usage};
	struct traits_spec s = {
		.issuer = "CA", .key = ec_key, .signer = ec_key, .hash = EVP_sha256()};
	unsigned char junk[] = {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0};
	AUTO(X509) X509 *x = make(&s);
	ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();

	(void)state;
	ASN1_OCTET_STRING_set(data, junk, sizeof junk);
	for (size_t i = 0; i < COUNT(nids); i++) {
		X509_EXTENSION *ext = X509_EXTENSION_create_by_NID(NULL, nids[i], 0, data);
		assert_int_equal(X509_add_ext(x, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
	ASN1_OCTET_STRING_free(data);
	assert_true(X509_sign(x, ec_key, EVP_sha256()) > 0);
	AUTO(chain_traits) struct chain_traits t = {0};
	traits_of("junk", (X509 *const[]){x, NULL}, &t);
	assert_int_equal(t.scts, 0);
	assert_true(t.has_ku && t.has_eku);
	assert_int_equal(t.ku.count + t.eku.count, 0);
}

static void
names_that_are_many_long_or_strange(void **state)
{
	AUTO(X509_NAME) X509_NAME *issuer = X509_NAME_new();
	struct traits_spec s = {
		.issuer = "CA", .key = ec_key, .signer = ec_key, .hash = EVP_sha256()};
	AUTO(X509) X509 *x = make(&s);
	unsigned char wide[400];
	char text[40];

	(void)state;
	memset(wide, 'w', sizeof wide);
	X509_NAME_add_entry_by_NID(issuer, NID_organizationName, V_ASN1_UTF8STRING,
		(const unsigned char *)"Trust, Inc.\0.evil", 17, -1, 0);
	X509_NAME_add_entry_by_NID(
		issuer, NID_organizationName, V_ASN1_UTF8STRING, wide, sizeof wide, -1, 0);
	X509_NAME_add_entry_by_NID(issuer, NID_organizationName, V_ASN1_BMPSTRING,
		(const unsigned char *)"\0T\0r\0u\0s\0t", 10, -1, 0);
	X509_NAME_add_entry_by_NID(issuer, NID_organizationName, V_ASN1_UTF8STRING,
		(const unsigned char *)"a\033[2Jb", 6, -1, 0);
	for (int i = 0; i < 150; i++) {
		snprintf(text, sizeof text, "unit %d", i);
		X509_NAME_add_entry_by_NID(issuer, NID_commonName, V_ASN1_UTF8STRING,
			(const unsigned char *)text, -1, -1, 0);
	}
	X509_set_issuer_name(x, issuer);
	assert_true(X509_sign(x, ec_key, EVP_sha256()) > 0);
	AUTO(chain_traits) struct chain_traits t = {0};
	traits_of("names", (X509 *const[]){x, NULL}, &t);
	assert_int_equal(t.issuers.count, TRAITS_MAX);
	assert_false(list_has(&t.issuers, "Trust, Inc."));
}

static void
words(void **state)
{
	(void)state;
	assert_true(signature_word_known("ecdsa-sha256") && signature_word_known("rsa-pss-sha512"));
	assert_false(signature_word_known("") || signature_word_known("sha256WithRSAEncryption"));
	assert_true(ku_word_known("digitalSignature") && !ku_word_known("DigitalSignature"));
	assert_true(eku_word_known("serverAuth") && eku_word_known("1.3.6.1"));
	assert_false(eku_word_known("") || eku_word_known("server") || eku_word_known("13"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_of_three),
		cmocka_unit_test(a_leaf_alone_without_anything),
		cmocka_unit_test(timestamps_before_the_certificate_and_beyond_all_time),
		cmocka_unit_test(extensions_that_cannot_be_read),
		cmocka_unit_test(names_that_are_many_long_or_strange),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests_name("traits", tests, make_keys, free_keys);
}
