/*
 * What a request to an EST server says (agent/ca/est_request.h), and which certificates are shown
 * to it (agent/ca/est_identity.h).
 */
#include "../../agent/ca/est_request.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "../../agent/ca/est_identity.h"
#include "support/certificate.h"
#include "support/unit.h"

static EVP_PKEY *p256, *p384, *rsa2048;
static struct list names;
static struct subject subject;
static char council[] = "Example Council", country[] = "DE";

static int
make_all(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
	rsa2048 = EVP_RSA_gen(2048);
	list_add(&names, "a.example");
	list_add(&names, "b.example");
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa2048);
	list_free(&names);
	return 0;
}

static struct ca_order
order_of(EVP_PKEY *public)
{
	subject = (struct subject){.organization = council, .country = country};
	return (struct ca_order){
		.certificate = "web", .names = &names, .subject = &subject, .public = public};
}

/* The request that these attributes make; the caller frees. */
static int
make(const struct csr_attrs *a, EVP_PKEY *public, struct est_request *ret)
{
	const struct ca_order o = order_of(public);
	int rc = est_request_make(a, &o, false, ret, UNIT_ERR);

	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void
is_made(const struct csr_attrs *a, EVP_PKEY *public)
{
	AUTO(est_request) struct est_request r = {0};

	assert_ok(make(a, public, &r));
	assert_ptr_equal(r.wish.names, &names);
	assert_ptr_equal(r.wish.subject, &subject);
	assert_ptr_equal(r.wish.fields, &r.fields);
	assert_null(r.wish.renews);
	assert_null(r.wish.challenge);
	assert_int_equal(r.wish.digest, a->digest);
}

static void
is_refused(const struct csr_attrs *a, EVP_PKEY *public, const char *why, const char *hint)
{
	AUTO(est_request) struct est_request r = {0};

	assert_refused(make(a, public, &r), ERR_POLICY, why);
	assert_non_null(strstr(unit_err.hint, hint));
}

/* --- the key */

static void
a_key_of_another_kind_is_refused(void **state)
{
	struct csr_attrs a;

	(void)state;
#define REFUSED_KEY(key_, why, ...)          \
	a = (struct csr_attrs){__VA_ARGS__}; \
	is_refused(&a, key_, why, "write under 'keys:'")
	REFUSED_KEY(p256, "(rsaEncryption), and this one is prime256v1", .key = NID_rsaEncryption);
	REFUSED_KEY(p256, "(RSA of 3072 bits), and this one is prime256v1",
		.key = NID_rsaEncryption, .rsa_bits = 3072);
	REFUSED_KEY(p256, "(RSA of 256 bits), and this one is prime256v1", .key = NID_rsaEncryption,
		.rsa_bits = 256);
	REFUSED_KEY(p256, "(secp384r1), and this one is prime256v1",
		.key = NID_X9_62_id_ecPublicKey, .curve = NID_secp384r1);
	REFUSED_KEY(p384, "(prime256v1), and this one is secp384r1",
		.key = NID_X9_62_id_ecPublicKey, .curve = NID_X9_62_prime256v1);
	REFUSED_KEY(p256, "(brainpoolP256r1), and this one is prime256v1",
		.key = NID_X9_62_id_ecPublicKey, .curve = NID_brainpoolP256r1);
	REFUSED_KEY(rsa2048, "(id-ecPublicKey), and this one is RSA of 2048 bits",
		.key = NID_X9_62_id_ecPublicKey);
	REFUSED_KEY(rsa2048, "(secp384r1), and this one is RSA of 2048 bits",
		.key = NID_X9_62_id_ecPublicKey, .curve = NID_secp384r1);
	REFUSED_KEY(rsa2048, "(RSA of 3072 bits), and this one is RSA of 2048 bits",
		.key = NID_rsaEncryption, .rsa_bits = 3072);
	REFUSED_KEY(rsa2048, "(RSA of 1024 bits), and this one is RSA of 2048 bits",
		.key = NID_rsaEncryption, .rsa_bits = 1024);
	REFUSED_KEY(p256, "(ED25519), and this one is prime256v1", .key = NID_ED25519);
	REFUSED_KEY(rsa2048, "(RSASSA-PSS), and this one is", .key = NID_rsassaPss);
}

static void
a_key_as_it_is_wanted_is_taken(void **state)
{
	(void)state;
	is_made(&(struct csr_attrs){0}, p256);
	is_made(&(struct csr_attrs){0}, rsa2048);
	is_made(&(struct csr_attrs){.key = NID_X9_62_id_ecPublicKey}, p256);
	is_made(&(struct csr_attrs){.key = NID_X9_62_id_ecPublicKey, .curve = NID_X9_62_prime256v1},
		p256);
	is_made(&(struct csr_attrs){.key = NID_X9_62_id_ecPublicKey, .curve = NID_secp384r1}, p384);
	is_made(&(struct csr_attrs){.key = NID_rsaEncryption}, rsa2048);
	is_made(&(struct csr_attrs){.key = NID_rsaEncryption, .rsa_bits = 2048}, rsa2048);
}

/* --- the digest */

static void
a_weak_digest_is_refused_and_a_strong_one_is_obeyed(void **state)
{
	(void)state;
	is_refused(&(struct csr_attrs){.digest = NID_sha1}, p256,
		"it wants a signature with SHA1, which is not made", "");
	is_refused(&(struct csr_attrs){.digest = NID_md5}, p256, "a signature with MD5", "");
	is_refused(&(struct csr_attrs){.digest = NID_sha224}, p256, "a signature with SHA224", "");
	is_refused(&(struct csr_attrs){.digest = NID_sha3_256}, p256, "with SHA3-256", "");
	is_made(&(struct csr_attrs){.digest = NID_sha256}, p256);
	is_made(&(struct csr_attrs){.digest = NID_sha384}, p256);
	is_made(&(struct csr_attrs){.digest = NID_sha512}, p256);
	is_made(&(struct csr_attrs){.digest = NID_sha512}, rsa2048);
}

/* --- the subject */

/* A template's subject; NULL behind the last. */
static struct csr_attrs
template_of(const char *const *fields)
{
	struct csr_attrs a = {.template = true};

	for (; *fields; fields++)
		list_add(&a.subject, *fields);
	return a;
}
#define TEMPLATE(...) template_of((const char *const[]){__VA_ARGS__, NULL})

static void
subject_is_refused(struct csr_attrs a, const char *why, const char *hint)
{
	is_refused(&a, p256, why, hint);
	csr_attrs_free(&a);
}

static void
a_field_that_the_configuration_has_otherwise_is_refused(void **state)
{
	(void)state;
	subject_is_refused(TEMPLATE("2.5.4.10=Other Council"),
		"it wants the organization 'Other Council', and the configuration has "
		"'Example Council'",
		"mend 'subject:'");
	subject_is_refused(TEMPLATE("2.5.4.10="),
		"it wants the organization '', and the configuration has 'Example Council'",
		"mend 'subject:'");
	subject_is_refused(
		TEMPLATE("2.5.4.10=example council"), "the organization 'example", "mend");
	subject_is_refused(TEMPLATE("2.5.4.6=FR"), "it wants the country 'FR', and", "mend");
	/* The right one before does not help. */
	subject_is_refused(TEMPLATE("2.5.4.10=Example Council", "2.5.4.10=Other"),
		"the organization 'Other'", "mend");
}

static void
a_field_without_a_value_that_the_configuration_lacks_is_refused(void **state)
{
	(void)state;
	subject_is_refused(TEMPLATE("2.5.4.11"),
		"it wants the unit in the subject, and the configuration has none",
		"write it under 'subject:'");
	subject_is_refused(TEMPLATE("2.5.4.7"), "it wants the locality in the", "write it");
	subject_is_refused(TEMPLATE("2.5.4.8"), "it wants the state in the", "write it");
	subject_is_refused(
		TEMPLATE("2.5.4.12"), "it wants the field 2.5.4.12 in the subject", "write it");
	subject_is_refused(
		TEMPLATE("1.3.6.1.4.1.99999.7"), "the field 1.3.6.1.4.1.99999.7 in", "write it");
	/* Not the common name, although its OID begins so. */
	subject_is_refused(TEMPLATE("2.5.4.33"), "it wants the field 2.5.4.33", "write it");
}

static void
fields_are(struct csr_attrs a, const char *wanted)
{
	AUTO(est_request) struct est_request r = {0};
	char text[500];

	assert_ok(make(&a, p256, &r));
	assert_string_equal(list_join(&r.fields, text, sizeof text), wanted);
	csr_attrs_free(&a);
}

static void
fields_that_the_configuration_leaves_open_are_as_the_server_has_them(void **state)
{
	(void)state;
	/* What the configuration has too stands in its own part already. */
	fields_are(
		TEMPLATE("2.5.4.10=Example Council", "2.5.4.6=DE", "2.5.4.6"), "2.5.4.3=a.example");
	fields_are(TEMPLATE("2.5.4.11=Web", "2.5.4.5=7", "1.3.6.1.4.1.99999.7=x=y"),
		"2.5.4.11=Web, 2.5.4.5=7, 1.3.6.1.4.1.99999.7=x=y, 2.5.4.3=a.example");
}

static void
the_common_name_is_the_servers_or_the_first_name(void **state)
{
	(void)state;
	fields_are((struct csr_attrs){0}, "2.5.4.3=a.example");
	fields_are(TEMPLATE("2.5.4.3"), "2.5.4.3=a.example");
	fields_are(TEMPLATE("2.5.4.3", "2.5.4.11=Web"), "2.5.4.11=Web, 2.5.4.3=a.example");
	fields_are(TEMPLATE("2.5.4.3=b.example"), "2.5.4.3=b.example");
	fields_are(TEMPLATE("2.5.4.3=b.example", "2.5.4.3"), "2.5.4.3=b.example");
	fields_are(TEMPLATE("2.5.4.33=x"), "2.5.4.33=x, 2.5.4.3=a.example");
}

static void
a_common_name_that_is_none_of_our_names_is_refused(void **state)
{
	AUTO(list) struct list long_names = {0};
	char wanted[80] = "2.5.4.3=";
	struct ca_order o = order_of(p256);

	(void)state;
	subject_is_refused(TEMPLATE("2.5.4.3=evil.example"),
		"it wants the common name 'evil.example', which is none of the names", "");
	subject_is_refused(TEMPLATE("2.5.4.3="), "it wants the common name ''", "");
	subject_is_refused(TEMPLATE("2.5.4.3=a.example."), "the common name 'a.example.'", "");
	subject_is_refused(TEMPLATE("2.5.4.3=a.example=b.example"), "it wants the common name", "");
	subject_is_refused(
		TEMPLATE("2.5.4.3=a.example", "2.5.4.3=evil.example"), "name 'evil.example'", "");
	/* One of the names, and yet too long: 'subject:' is not to blame, and the token not asked.
	 */
	memset(wanted + 8, 'x', 65);
	list_add(&long_names, wanted + 8);
	o.names = &long_names;
	AUTO(csr_attrs) struct csr_attrs a = TEMPLATE(wanted);
	AUTO(est_request) struct est_request r = {0}, fits = {0};
	assert_refused(est_request_make(&a, &o, false, &r, UNIT_ERR), ERR_POLICY,
		"it wants the common name 'xxxx");
	assert_null(strstr(unit_err.text, "'subject:'"));
	a.subject.item[0][8 + 64] = '\0';
	long_names.item[0][64] = '\0';
	assert_ok(est_request_make(&a, &o, false, &fits, UNIT_ERR));
	assert_string_equal(fits.fields.item[0], a.subject.item[0]);
}

static void
a_name_too_long_for_a_common_name_is_passed_over(void **state)
{
	AUTO(list) struct list long_names = {0};
	char name[66];
	struct csr_attrs none = {0};
	struct ca_order o = order_of(p256);

	(void)state;
	memset(name, 'x', 65);
	name[65] = '\0';
	list_add(&long_names, name);
	o.names = &long_names;
	for (int i = 0; i < 2; i++) {
		AUTO(est_request) struct est_request r = {0};
		assert_ok(est_request_make(&none, &o, false, &r, UNIT_ERR));
		assert_int_equal(r.fields.count, i);
		if (i)
			assert_string_equal(r.fields.item[0] + 8, name);
		name[64] = '\0';
		list_add(&long_names, name);
	}
}

static void
a_renewal_leaves_the_subject_alone(void **state)
{
	AUTO(X509)
	X509 *old = certificate_make(&(struct spec){.subject = "a.example", .key = p256});
	const struct http_identity live = {.certificate = old};
	struct csr_attrs a = TEMPLATE("2.5.4.10=Other Council", "2.5.4.11", "2.5.4.3=x");
	struct ca_order o = order_of(p256);
	AUTO(est_request) struct est_request r = {0}, refused = {0};

	(void)state;
	o.live = &live;
	a.digest = NID_sha384;
	assert_ok(est_request_make(&a, &o, true, &r, UNIT_ERR));
	assert_ptr_equal(r.wish.renews, old);
	assert_null(r.wish.subject);
	assert_null(r.wish.fields);
	assert_int_equal(r.fields.count, 0);
	assert_ptr_equal(r.wish.names, &names);
	assert_int_equal(r.wish.digest, NID_sha384);
	/* All else counts as before. */
	a.key = NID_rsaEncryption;
	assert_refused(est_request_make(&a, &o, true, &refused, UNIT_ERR), ERR_POLICY,
		"a key of another kind");
	csr_attrs_free(&a);
}

/* --- extensions */

/* One more of them, by its DER or as openssl.cnf writes it. */
static void
add_extension(struct csr_attrs *a, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(x);
	assert_non_null(X509v3_add_ext(&a->extensions, x, -1));
	X509_EXTENSION_free(x);
}

static void
add_bytes(struct csr_attrs *a, int nid, const char *bytes, int len)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	ASN1_OCTET_STRING_set(value, (const unsigned char *)bytes, len);
	X509_EXTENSION *x = X509_EXTENSION_create_by_NID(NULL, nid, 1, value);
	assert_non_null(X509v3_add_ext(&a->extensions, x, -1));
	X509_EXTENSION_free(x);
	ASN1_OCTET_STRING_free(value);
}

static void
extension_is_refused(int nid, const char *value, const char *name)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	char why[100];

	snprintf(why, sizeof why, "it wants the extension %s as a CA has it", name);
	add_extension(&a, NID_ext_key_usage, "serverAuth");
	add_extension(&a, nid, value);
	is_refused(&a, p256, why, "");
}

static void
bytes_are_refused(int nid, const char *bytes, int len, const char *name)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};

	add_bytes(&a, nid, bytes, len);
	is_refused(&a, p256, name, "");
}

static void
to_be_a_ca_is_refused(void **state)
{
	(void)state;
	extension_is_refused(NID_basic_constraints, "CA:TRUE", "basicConstraints");
	extension_is_refused(
		NID_basic_constraints, "critical,CA:TRUE,pathlen:0", "basicConstraints");
	extension_is_refused(NID_key_usage, "keyCertSign", "keyUsage");
	extension_is_refused(NID_key_usage, "critical,digitalSignature,cRLSign", "keyUsage");
	extension_is_refused(NID_key_usage, "digitalSignature,keyCertSign", "keyUsage");
	extension_is_refused(NID_name_constraints, "permitted;DNS:example.org", "nameConstraints");
	extension_is_refused(
		NID_policy_constraints, "requireExplicitPolicy:0", "policyConstraints");
	extension_is_refused(NID_inhibit_any_policy, "0", "inhibitAnyPolicy");
	/* Whatever of these cannot be read may be anything. */
	bytes_are_refused(NID_basic_constraints, "\x30\x05\x01\x01", 4, "basicConstraints");
	bytes_are_refused(NID_basic_constraints, "", 0, "basicConstraints");
	bytes_are_refused(NID_key_usage, "\x03\x01", 2, "keyUsage");
	bytes_are_refused(NID_key_usage, "\x04\x02\x07\x80", 4, "keyUsage");
	/* A BOOLEAN of BER: anything but zero is true. */
	bytes_are_refused(NID_basic_constraints, "\x30\x03\x01\x01\x01", 5, "basicConstraints");
}

static void
all_other_extensions_are_kept_as_they_are_but_for_the_names(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	AUTO(est_request) struct est_request r = {0};
	static const int kept[] = {NID_ext_key_usage, NID_basic_constraints, NID_key_usage,
		NID_tlsfeature, NID_netscape_comment};

	(void)state;
	add_extension(&a, NID_ext_key_usage, "clientAuth,serverAuth");
	add_extension(&a, NID_subject_alt_name, "DNS:evil.example");
	add_extension(&a, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(
		&a, NID_key_usage, "critical,digitalSignature,keyEncipherment,nonRepudiation");
	add_extension(&a, NID_tlsfeature, "status_request");
	add_bytes(&a, NID_netscape_comment, "no DER", 6);
	assert_ok(make(&a, p256, &r));
	assert_int_equal(sk_X509_EXTENSION_num(r.wish.extensions), COUNT(kept));
	for (int i = 0, k = 0; i < sk_X509_EXTENSION_num(a.extensions); i++) {
		X509_EXTENSION *wanted = sk_X509_EXTENSION_value(a.extensions, i);
		if (OBJ_obj2nid(X509_EXTENSION_get_object(wanted)) == NID_subject_alt_name)
			continue;
		X509_EXTENSION *x = sk_X509_EXTENSION_value(r.wish.extensions, k);
		assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(x)), kept[k++]);
		assert_int_equal(
			X509_EXTENSION_get_critical(x), X509_EXTENSION_get_critical(wanted));
		assert_int_equal(ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(x),
					 X509_EXTENSION_get_data(wanted)),
			0);
	}
}

static void
names_alone_leave_no_extensions(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	AUTO(est_request) struct est_request r = {0};

	(void)state;
	add_extension(&a, NID_subject_alt_name, "critical,DNS:evil.example");
	list_add(&a.asked, "2.5.29.37");
	assert_ok(make(&a, p256, &r));
	assert_true(sk_X509_EXTENSION_num(r.wish.extensions) <= 0);
}

/* What was made of it is a request that csr_make makes and csr_judge takes. */
static void
a_request_with_all_of_it_can_be_made(void **state)
{
	struct csr_attrs a =
		TEMPLATE("2.5.4.6=DE", "2.5.4.10", "2.5.4.11=Web", "2.5.4.3=b.example");
	AUTO(est_request) struct est_request r = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	add_extension(&a, NID_ext_key_usage, "clientAuth,serverAuth");
	add_extension(&a, NID_subject_alt_name, "DNS:evil.example");
	a.digest = NID_sha512;
	assert_ok(make(&a, p256, &r));
	csr_attrs_free(&a);
	assert_ok(csr_make(NULL, p256, p256, &r.wish, &der, UNIT_ERR));
	assert_true(csr_has_names(der.text, der.len, &names));
}

/* --- who is shown to a server */

static struct spec
client_spec(void)
{
	return (struct spec){.subject = "client",
		.key = p256,
		.constraints = "critical,CA:FALSE",
		.usage = "critical,digitalSignature",
		.purpose = "clientAuth"};
}

/* What is wrong with it; "" where nothing is. */
static const char *
wrong_with(const struct spec *s, when_t now)
{
	static char why[IDENTITY_WHY];
	AUTO(X509) X509 *x = certificate_make(s);

	memset(why, 'x', sizeof why);
	bool suits = identity_suits(x, now, why);
	assert_int_equal(suits, !*why);
	assert_int_equal(ERR_peek_error(), 0);
	return why;
}

static void
a_certificate_that_no_server_takes_is_named(void **state)
{
	struct spec s = client_spec();

	(void)state;
	s.from = NOW + 1;
	assert_string_equal(wrong_with(&s, NOW), "is not valid before 2026-09-21T14:13:21Z");
	s = client_spec();
	s.until = NOW;
	assert_string_equal(wrong_with(&s, NOW), "expired at 2026-09-21T14:13:20Z");
	assert_string_equal(wrong_with(&s, NOW + 1), "expired at 2026-09-21T14:13:20Z");
	s = client_spec();
	s.purpose = "serverAuth";
	assert_string_equal(wrong_with(&s, NOW), "is not for TLS clients (it lacks clientAuth)");
	s.purpose = "codeSigning,emailProtection";
	assert_string_equal(wrong_with(&s, NOW), "is not for TLS clients (it lacks clientAuth)");
	s = client_spec();
	s.usage = "critical,keyEncipherment";
	assert_string_equal(wrong_with(&s, NOW),
		"is not for TLS clients (its key usage lacks digitalSignature)");
	s.purpose = NULL;
	s.usage = "nonRepudiation";
	assert_string_equal(wrong_with(&s, NOW),
		"is not for TLS clients (its key usage lacks digitalSignature)");
	/* Where it lacks both, the purpose is what it was made for. */
	s.purpose = "serverAuth";
	assert_string_equal(wrong_with(&s, NOW), "is not for TLS clients (it lacks clientAuth)");
}

static void
a_certificate_without_dates_that_can_be_read_is_named(void **state)
{
	const struct spec s = client_spec();
	char why[IDENTITY_WHY];

	(void)state;
	for (int end = 0; end < 2; end++) {
		AUTO(X509) X509 *x = certificate_make(&s);
		ASN1_STRING_set(end ? X509_getm_notAfter(x) : X509_getm_notBefore(x), "junk", 4);
		assert_false(identity_suits(x, NOW, why));
		assert_string_equal(why, "has no dates that can be read");
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void
a_certificate_that_servers_take_suits(void **state)
{
	struct spec s = client_spec();

	(void)state;
	assert_string_equal(wrong_with(&s, NOW), "");
	s.from = NOW;
	s.until = NOW + 1;
	assert_string_equal(wrong_with(&s, NOW), "");
	s = client_spec();
	s.purpose = "serverAuth,clientAuth";
	assert_string_equal(wrong_with(&s, NOW), "");
	s.purpose = NULL;
	assert_string_equal(wrong_with(&s, NOW), "");
	s.usage = NULL;
	s.constraints = NULL;
	assert_string_equal(wrong_with(&s, NOW), "");
	s.usage = "critical,digitalSignature,keyEncipherment";
	assert_string_equal(wrong_with(&s, NOW), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_another_kind_is_refused),
		cmocka_unit_test(a_key_as_it_is_wanted_is_taken),
		cmocka_unit_test(a_weak_digest_is_refused_and_a_strong_one_is_obeyed),
		cmocka_unit_test(a_field_that_the_configuration_has_otherwise_is_refused),
		cmocka_unit_test(a_field_without_a_value_that_the_configuration_lacks_is_refused),
		cmocka_unit_test(
			fields_that_the_configuration_leaves_open_are_as_the_server_has_them),
		cmocka_unit_test(the_common_name_is_the_servers_or_the_first_name),
		cmocka_unit_test(a_common_name_that_is_none_of_our_names_is_refused),
		cmocka_unit_test(a_name_too_long_for_a_common_name_is_passed_over),
		cmocka_unit_test(a_renewal_leaves_the_subject_alone),
		cmocka_unit_test(to_be_a_ca_is_refused),
		cmocka_unit_test(all_other_extensions_are_kept_as_they_are_but_for_the_names),
		cmocka_unit_test(names_alone_leave_no_extensions),
		cmocka_unit_test(a_request_with_all_of_it_can_be_made),
		cmocka_unit_test(a_certificate_that_no_server_takes_is_named),
		cmocka_unit_test(a_certificate_without_dates_that_can_be_read_is_named),
		cmocka_unit_test(a_certificate_that_servers_take_suits),
	};
	return cmocka_run_group_tests_name("est_request", tests, make_all, free_all);
}
