/* What a request says beside its key (x509/csr.h): all of a wish, and nothing more. */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"

static EVP_PKEY *p256, *p384, *rsa2048, *rsa3072;
static struct list names;
static char council[] = "Council", country[] = "DE", unit[] = "IT";

static int
make_all(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
	rsa2048 = EVP_RSA_gen(2048);
	rsa3072 = EVP_RSA_gen(3072);
	list_add(&names, "a.example");
	list_add(&names, "192.0.2.7");
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
	EVP_PKEY_free(rsa3072);
	list_free(&names);
	return 0;
}

/* The request of a wish, which is judged as it is made. */
static int
make(EVP_PKEY *key, const struct csr_wish *w, struct buf *ret)
{
	buf_clear(ret);
	return csr_make(NULL, key, key, w, ret, UNIT_ERR);
}

static int
judge(const struct buf *der, EVP_PKEY *key, const struct csr_wish *w)
{
	int rc = csr_judge(der->text, der->len, key, w, UNIT_ERR);

	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static X509_REQ *
read_again(const struct buf *der)
{
	const unsigned char *p = (const unsigned char *)buf_text(der);
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der->len);

	assert_non_null(req);
	return req;
}

static X509_EXTENSION *
extension(int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(x);
	return x;
}

/* Pairs of a kind and its value; 0 behind the last. */
static STACK_OF(X509_EXTENSION) *
	extensions(int nid1, const char *value1, int nid2, const char *value2)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();

	sk_X509_EXTENSION_push(all, extension(nid1, value1));
	if (nid2)
		sk_X509_EXTENSION_push(all, extension(nid2, value2));
	return all;
}

static void
extensions_free(STACK_OF(X509_EXTENSION) * all)
{
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
}

/* --- the subject */

static int
make_of_fields(const char *const *fields, struct buf *ret)
{
	AUTO(list) struct list all = {0};
	const struct csr_wish w = {.names = &names, .fields = &all};

	for (; *fields; fields++)
		list_add(&all, *fields);
	return make(p256, &w, ret);
}
#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* 250 names of every kind, and every field of a subject: they are read back as they were given. */
static void
names_of_every_kind_and_all_fields_are_in_the_request(void **state)
{
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	AUTO(list) struct list many = {0}, found = {0};
	static char locality[] = "Northbridge", region[] = "Yorkshire", number[] = "GB-LA-0042",
		    www[] = "n0.example.org";
	const struct subject s = {council, unit, locality, region, country, number, www};
	const struct csr_wish w = {.subject = &s, .names = &many};
	char name[256], line[400];

	(void)state;
	for (int i = 0; i < 246; i++) {
		snprintf(name, sizeof name, "n%d.example.org", i);
		assert_true(list_add(&many, name));
	}
	assert_true(list_add(&many, "2001:db8::1") && list_add(&many, "192.0.2.7") &&
		    list_add(&many, "Web.Team@example.org") &&
		    list_add(&many, "sip:pool@example.org"));
	assert_ok(make(rsa3072, &w, &der));
	assert_true(csr_has_names(der.text, der.len, &many));
	AUTO(X509_REQ) X509_REQ *req = read_again(&der);
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(san), 250);
	assert_true(san_names(san, &found));
	assert_string_equal(found.item[248], "Web.Team@example.org");
	assert_string_equal(found.item[249], "sip:pool@example.org");
	GENERAL_NAMES_free(san);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_NAME_oneline(X509_REQ_get_subject_name(req), line, sizeof line);
	assert_string_equal(line,
		"/C=DE/ST=Yorkshire/L=Northbridge/O=Council/OU=IT/serialNumber=GB-LA-0042"
		"/CN=n0.example.org");
	/* An e-mail address is no DNS name of the same letters. */
	free(many.item[249]);
	many.item[249] = strdup("pool.example.org");
	assert_false(csr_has_names(der.text, der.len, &many));
}

static void
a_field_that_does_not_fit_is_refused(void **state)
{
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	char cn[80] = "2.5.4.3=", oid[200] = "1.2";
	static const char *const bad[] = {"", "=", "=x", "x", "2.5.4.3",
		"2.5.4.3=", "nosuchfield=x", "9.9.9=x", "2.5.4.6=DEU", "2.5.4.6=D", "2.5.4.3=\xff",
		"2.5.4.3=\xc3", " 2.5.4.3=x"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (make_of_fields(FIELDS("2.5.4.10=Council", bad[i]), &der) == 0)
			fail_msg("taken for a field: '%s'", bad[i]);
		else
			assert_refused(-1, ERR_CONFIG, "a field of 'subject:' does not fit");
	memset(cn + 8, 'x', 65);
	assert_refused(make_of_fields(FIELDS(cn), &der), ERR_CONFIG, "does not fit a certificate");
	cn[8 + 64] = '\0';
	assert_ok(make_of_fields(FIELDS(cn), &der));
	while (strlen(oid) < 100)
		strncat(oid, ".3", 3);
	strncat(oid, "=x", 3);
	assert_refused(make_of_fields(FIELDS(oid), &der), ERR_CONFIG, "does not fit a certificate");
	assert_int_equal(der.len, 0);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
same_subject(const struct buf *der, const char *wanted)
{
	AUTO(X509_REQ) X509_REQ *req = read_again(der);
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	X509_NAME_print_ex(bio, X509_REQ_get_subject_name(req), 0,
		XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_FN_OID | ASN1_STRFLGS_ESC_QUOTE);
	long len = BIO_get_mem_data(bio, &text);
	if ((size_t)len != strlen(wanted) || (len && memcmp(text, wanted, (size_t)len) != 0))
		fail_msg("the subject is '%.*s', not '%s'", (int)len, len ? text : "", wanted);
}

static void
fields_stand_behind_the_subject_in_their_order(void **state)
{
	struct subject subject = {.organization = council, .country = country, .unit = unit};
	AUTO(list) struct list fields = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	struct csr_wish w = {.names = &names, .subject = &subject, .fields = &fields};

	(void)state;
	assert_ok(make(p256, &w, &der));
	same_subject(&der, "2.5.4.6=DE,2.5.4.10=Council,2.5.4.11=IT");
	list_add(&fields, "2.5.4.3=www.example.org");
	/* An OID that nothing has a name for, a second equals sign, and a unit beside the first. */
	list_add(&fields, "1.3.6.1.4.1.99999.7=a=b");
	list_add(&fields, "2.5.4.11=Web");
	assert_ok(make(p256, &w, &der));
	same_subject(&der, "2.5.4.6=DE,2.5.4.10=Council,2.5.4.11=IT,2.5.4.3=www.example.org,"
			   "1.3.6.1.4.1.99999.7=a=b,2.5.4.11=Web");
	w.subject = NULL;
	w.fields = NULL;
	assert_ok(make(p256, &w, &der));
	same_subject(&der, "");
}

/* --- what is judged */

static void
a_request_that_says_something_else_is_refused(void **state)
{
	STACK_OF(X509_EXTENSION) *usage = extensions(
		NID_key_usage, "critical,digitalSignature", NID_ext_key_usage, "serverAuth");
	STACK_OF(X509_EXTENSION) *turned = extensions(
		NID_ext_key_usage, "serverAuth", NID_key_usage, "critical,digitalSignature");
	STACK_OF(X509_EXTENSION) *other = extensions(
		NID_key_usage, "critical,digitalSignature", NID_ext_key_usage, "clientAuth");
	STACK_OF(X509_EXTENSION) *milder =
		extensions(NID_key_usage, "digitalSignature", NID_ext_key_usage, "serverAuth");
	STACK_OF(X509_EXTENSION) *fewer =
		extensions(NID_key_usage, "critical,digitalSignature", 0, NULL);
	struct subject subject = {.organization = council}, another = {.organization = unit};
	AUTO(list) struct list fields = {0}, more_fields = {0}, more = {0}, less = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	const struct csr_wish made = {.subject = &subject,
		.fields = &fields,
		.names = &names,
		.extensions = usage,
		.challenge = "dGxzLXVuaXF1ZQ=="};
	struct csr_wish w;

	(void)state;
	list_add(&fields, "2.5.4.3=a.example");
	list_add(&more_fields, "2.5.4.3=a.example");
	list_add(&more_fields, "2.5.4.3=b.example");
	for (size_t i = 0; i < names.count; i++)
		list_add(&more, names.item[i]);
	list_add(&more, "c.example");
	list_add(&less, names.item[0]);
	assert_ok(make(p256, &made, &der));
	assert_ok(judge(&der, p256, &made));
#define REFUSED(change, words) \
	w = made;              \
	change;                \
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, words)
	REFUSED(w.challenge = "dGxzLXVuaXF1ZQ=", "asks for more, or for less");
	REFUSED(w.challenge = "dGxzLXVuaXF1ZQ===", "asks for more, or for less");
	REFUSED(w.challenge = "dGxzLXVuaXF1ZQ=A", "asks for more, or for less");
	REFUSED(w.challenge = "", "asks for more, or for less");
	REFUSED(w.challenge = NULL, "asks for more, or for less");
	REFUSED(w.extensions = turned, "asks for more, or for less");
	REFUSED(w.extensions = other, "asks for more, or for less");
	REFUSED(w.extensions = milder, "asks for more, or for less");
	REFUSED(w.extensions = fewer, "asks for more, or for less");
	REFUSED(w.extensions = NULL, "asks for more, or for less");
	REFUSED(w.subject = &another, "another subject");
	REFUSED(w.subject = NULL, "another subject");
	REFUSED(w.fields = NULL, "another subject");
	REFUSED(w.fields = &more_fields, "another subject");
	REFUSED(w.names = &more, "for other names");
	REFUSED(w.names = &less, "for other names");
	assert_refused(judge(&der, p384, &made), ERR_TOKEN, "for another key");
	/* The other way around: it lacks what the wish has. */
	w = made;
	w.challenge = NULL;
	assert_ok(make(p256, &w, &der));
	assert_refused(judge(&der, p256, &made), ERR_TOKEN, "asks for more, or for less");
	w = made;
	w.extensions = fewer;
	assert_ok(make(p256, &w, &der));
	assert_refused(judge(&der, p256, &made), ERR_TOKEN, "asks for more, or for less");
	extensions_free(usage);
	extensions_free(turned);
	extensions_free(other);
	extensions_free(milder);
	extensions_free(fewer);
}

static void
bytes_that_are_no_request_are_refused(void **state)
{
	const struct csr_wish w = {.names = &names};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	assert_ok(make(p256, &w, &der));
	assert_refused(csr_judge(der.text, der.len - 1, p256, &w, UNIT_ERR), ERR_TOKEN,
		"not one DER structure");
	assert_refused(csr_judge(der.text, 0, p256, &w, UNIT_ERR), ERR_TOKEN, "not one DER");
	/* The last byte is of the signature. */
	der.text[der.len - 1] ^= 1;
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, "signature of the request does not");
	der.text[der.len - 1] ^= 1;
	buf_add(&der, "", 1);
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, "not one DER structure");
}

/* The request that csr_make makes for the names. */
static X509_REQ *
plain_request(void)
{
	const struct csr_wish w = {.names = &names};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	assert_ok(make(p256, &w, &der));
	return read_again(&der);
}

/* Its DER, signed anew. */
static void
sign_again(X509_REQ *req, struct buf *ret)
{
	unsigned char *out = NULL;

	assert_true(X509_REQ_sign(req, p256, EVP_sha256()) > 0);
	int len = i2d_X509_REQ(req, &out);
	assert_true(len > 0);
	buf_add(ret, out, (size_t)len);
	OPENSSL_free(out);
}

/* With one attribute more, made without csr_make. */
static void
make_with_attribute(int nid, const char *value, struct buf *ret)
{
	AUTO(X509_REQ) X509_REQ *req = plain_request();

	assert_int_equal(
		X509_REQ_add1_attr_by_NID(req, nid, MBSTRING_ASC, (const unsigned char *)value, -1),
		1);
	sign_again(req, ret);
}

static void
an_attribute_that_was_not_wished_for_is_refused(void **state)
{
	AUTO(buf) struct buf named = BUF(CSR_MAX), challenged = BUF(CSR_MAX);
	struct csr_wish w = {.names = &names};

	(void)state;
	make_with_attribute(NID_pkcs9_unstructuredName, "secret", &named);
	assert_refused(judge(&named, p256, &w), ERR_TOKEN, "asks for more, or for less");
	/* As many attributes as are wished for, and the other one. */
	w.challenge = "secret";
	assert_refused(judge(&named, p256, &w), ERR_TOKEN, "asks for more, or for less");
	make_with_attribute(NID_pkcs9_challengePassword, "secret", &challenged);
	assert_ok(judge(&challenged, p256, &w));
	w.challenge = "Secret";
	assert_refused(judge(&challenged, p256, &w), ERR_TOKEN, "asks for more, or for less");
	w.challenge = NULL;
	assert_refused(judge(&challenged, p256, &w), ERR_TOKEN, "asks for more, or for less");
}

static void
an_attribute_with_two_values_is_refused(void **state)
{
	/* A second list of extensions: another name. */
	static const unsigned char more[] = "\x30\x15\x30\x13\x06\x03\x55\x1d\x11\x04\x0c"
					    "\x30\x0a\x82\x08"
					    "evil.exa";
	AUTO(buf) struct buf challenged = BUF(CSR_MAX), extended = BUF(CSR_MAX);
	AUTO(X509_REQ) X509_REQ *one = plain_request(), *other = plain_request();
	struct csr_wish w = {.names = &names};

	(void)state;
	X509_ATTRIBUTE *two = X509_ATTRIBUTE_create_by_NID(
		NULL, NID_pkcs9_challengePassword, V_ASN1_PRINTABLESTRING, "secret", 6);
	assert_int_equal(X509_ATTRIBUTE_set1_data(two, V_ASN1_PRINTABLESTRING, "second!", 7), 1);
	assert_int_equal(X509_ATTRIBUTE_count(two), 2);
	assert_int_equal(X509_REQ_add1_attr(one, two), 1);
	X509_ATTRIBUTE_free(two);
	sign_again(one, &challenged);
	w.challenge = "secret";
	assert_refused(judge(&challenged, p256, &w), ERR_TOKEN, "asks for more, or for less");
	w.challenge = "second!";
	assert_refused(judge(&challenged, p256, &w), ERR_TOKEN, "asks for more, or for less");
	two = X509_REQ_get_attr(other, 0);
	assert_int_equal(
		X509_ATTRIBUTE_set1_data(two, V_ASN1_SEQUENCE, more, (int)sizeof more - 1), 1);
	assert_int_equal(X509_ATTRIBUTE_count(two), 2);
	sign_again(other, &extended);
	w.challenge = NULL;
	assert_int_equal(judge(&extended, p256, &w), -1);
	assert_int_equal(unit_err.kind, ERR_TOKEN);
}

/* --- challengePassword */

static void
a_challenge_is_in_the_request_as_a_string(void **state)
{
	static const char *const texts[] = {"x", "dGxzLXVuaXF1ZQ==",
		"0123456789+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct csr_wish w = {.names = &names, .challenge = texts[i]};
		assert_ok(make(p256, &w, &der));
		AUTO(X509_REQ) X509_REQ *req = read_again(&der);
		int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);
		X509_ATTRIBUTE *a = X509_REQ_get_attr(req, at);
		assert_non_null(a);
		assert_int_equal(X509_ATTRIBUTE_count(a), 1);
		const ASN1_TYPE *t = X509_ATTRIBUTE_get0_type(a, 0);
		/* RFC 2985 5.4.1 has a DirectoryString. */
		assert_true(t->type == V_ASN1_PRINTABLESTRING || t->type == V_ASN1_UTF8STRING);
		const ASN1_STRING *s = t->value.asn1_string;
		assert_int_equal(ASN1_STRING_length(s), strlen(texts[i]));
		assert_memory_equal(ASN1_STRING_get0_data(s), texts[i], strlen(texts[i]));
	}
	const struct csr_wish empty = {.names = &names, .challenge = ""};
	assert_int_equal(make(p256, &empty, &der), -1);
	assert_int_equal(der.len, 0);
	assert_int_equal(ERR_peek_error(), 0);
}

/* --- the digest */

static void
signed_with(EVP_PKEY *key, int digest, int wanted)
{
	const struct csr_wish w = {.names = &names, .digest = digest};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	assert_ok(make(key, &w, &der));
	AUTO(X509_REQ) X509_REQ *req = read_again(&der);
	assert_string_equal(OBJ_nid2sn(X509_REQ_get_signature_nid(req)), OBJ_nid2sn(wanted));
	/* Any digest will do for who reads it. */
	const struct csr_wish any = {.names = &names};
	assert_ok(judge(&der, key, &any));
}

static void
a_request_is_signed_with_the_digest_that_is_wished_for(void **state)
{
	(void)state;
	signed_with(p256, NID_undef, NID_ecdsa_with_SHA256);
	signed_with(p256, NID_sha256, NID_ecdsa_with_SHA256);
	signed_with(p256, NID_sha384, NID_ecdsa_with_SHA384);
	signed_with(p256, NID_sha512, NID_ecdsa_with_SHA512);
	signed_with(p384, NID_undef, NID_ecdsa_with_SHA384);
	signed_with(p384, NID_sha256, NID_ecdsa_with_SHA256);
	signed_with(rsa2048, NID_undef, NID_sha256WithRSAEncryption);
	signed_with(rsa2048, NID_sha384, NID_sha384WithRSAEncryption);
	signed_with(rsa2048, NID_sha512, NID_sha512WithRSAEncryption);
	signed_with(rsa3072, NID_undef, NID_sha256WithRSAEncryption);
}

static void
a_digest_that_there_is_not_is_refused(void **state)
{
	static const int numbers[] = {NID_commonName, NID_ecdsa_with_SHA256, 999999};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		const struct csr_wish w = {.names = &names, .digest = numbers[i]};
		assert_refused(make(p256, &w, &der), ERR_CONFIG, "there is no digest");
		assert_int_equal(der.len, 0);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

/* --- extensions */

static void
same_bytes(const X509_EXTENSION *a, const X509_EXTENSION *b)
{
	unsigned char *der_a = NULL, *der_b = NULL;
	int len = i2d_X509_EXTENSION((X509_EXTENSION *)a, &der_a);

	assert_int_equal(i2d_X509_EXTENSION((X509_EXTENSION *)b, &der_b), len);
	assert_memory_equal(der_a, der_b, (size_t)len);
	OPENSSL_free(der_a);
	OPENSSL_free(der_b);
}

static void
extensions_are_kept_behind_the_names_in_order_and_byte_for_byte(void **state)
{
	STACK_OF(X509_EXTENSION) *all = extensions(NID_ext_key_usage, "clientAuth,1.2.3.4.5",
		NID_key_usage, "critical,digitalSignature,keyEncipherment");
	struct csr_wish w = {.names = &names, .extensions = all};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	/* A KeyUsage with bits too many behind it, as no DER has it, and one that nobody knows. */
	ASN1_OCTET_STRING *odd = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.8", 1);

	(void)state;
	ASN1_OCTET_STRING_set(odd, (const unsigned char *)"\x03\x02\x00\xa0", 4);
	sk_X509_EXTENSION_push(all, X509_EXTENSION_create_by_OBJ(NULL, oid, 1, odd));
	ASN1_OCTET_STRING_set(odd, NULL, 0);
	sk_X509_EXTENSION_push(
		all, X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, odd));
	assert_ok(make(p256, &w, &der));
	AUTO(X509_REQ) X509_REQ *req = read_again(&der);
	STACK_OF(X509_EXTENSION) *there = X509_REQ_get_extensions(req);
	assert_int_equal(sk_X509_EXTENSION_num(there), 1 + sk_X509_EXTENSION_num(all));
	X509_EXTENSION *first = sk_X509_EXTENSION_value(there, 0);
	assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(first)), NID_subject_alt_name);
	for (int i = 0; i < sk_X509_EXTENSION_num(all); i++)
		same_bytes(sk_X509_EXTENSION_value(there, i + 1), sk_X509_EXTENSION_value(all, i));
	extensions_free(there);
	extensions_free(all);
	ASN1_OCTET_STRING_free(odd);
	ASN1_OBJECT_free(oid);
}

/* --- the certificate that it renews */

/* With a subject that nobody would write so today: two values in one part, old string types. */
static X509 *
odd_certificate(const char *san)
{
	X509 *x = certificate_make(&(struct spec){.subject = "x", .key = p384, .names = san});
	AUTO(X509_NAME) X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_T61STRING,
				 (const unsigned char *)"A.Example ", -1, -1, 0),
		1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_BMPSTRING,
				 (const unsigned char *)"\0C\0o", 4, -1, 0),
		1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "serialNumber", V_ASN1_PRINTABLESTRING,
				 (const unsigned char *)"7", -1, -1, -1),
		1);
	X509_set_subject_name(x, name);
	return x;
}

static void
renews_as_it_stands(const char *san)
{
	AUTO(X509) X509 *old = odd_certificate(san);
	struct subject subject = {.organization = council};
	AUTO(list) struct list fields = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	const struct csr_wish w = {
		.names = &names, .renews = old, .subject = &subject, .fields = &fields};
	const unsigned char *ours, *theirs;
	size_t our_len, their_len;

	list_add(&fields, "2.5.4.3=nor.this");
	assert_ok(make(p256, &w, &der));
	AUTO(X509_REQ) X509_REQ *req = read_again(&der);
	assert_int_equal(X509_NAME_get0_der(X509_REQ_get_subject_name(req), &ours, &our_len), 1);
	assert_int_equal(X509_NAME_get0_der(X509_get_subject_name(old), &theirs, &their_len), 1);
	assert_int_equal(our_len, their_len);
	assert_memory_equal(ours, theirs, our_len);
	STACK_OF(X509_EXTENSION) *there = X509_REQ_get_extensions(req);
	assert_int_equal(sk_X509_EXTENSION_num(there), 1);
	same_bytes(sk_X509_EXTENSION_value(there, 0),
		X509_get_ext(old, X509_get_ext_by_NID(old, NID_subject_alt_name, -1)));
	extensions_free(there);
}

static void
a_renewal_has_subject_and_names_as_they_stand_there(void **state)
{
	(void)state;
	renews_as_it_stands("DNS:a.example,IP:192.0.2.7,DNS:b.example");
	renews_as_it_stands("critical,DNS:a.example,IP:192.0.2.7,DNS:b.example");
	renews_as_it_stands("critical,IP:192.0.2.7,DNS:B.Example,DNS:b.example,DNS:A.EXAMPLE");
}

static void
a_renewal_for_other_names_is_refused(void **state)
{
	static const char *const san[] = {"DNS:a.example,IP:192.0.2.7",
		"DNS:a.example,IP:192.0.2.7,DNS:c.example",
		"DNS:a.example,IP:192.0.2.7,DNS:b.example,DNS:c.example",
		"DNS:a.example,DNS:192.0.2.7,DNS:b.example",
		"DNS:a.example,IP:192.0.2.7,DNS:b.example,email:x@a.example"};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(san); i++) {
		AUTO(X509) X509 *old = odd_certificate(san[i]);
		const struct csr_wish w = {.names = &names, .renews = old};
		assert_refused(make(p256, &w, &der), ERR_TOKEN, "for other names");
		assert_int_equal(der.len, 0);
	}
	AUTO(X509) X509 *nameless = odd_certificate(NULL);
	const struct csr_wish w = {.names = &names, .renews = nameless};
	assert_refused(make(p256, &w, &der), ERR_FAILED, "cannot make a request of these names");
	assert_int_equal(csr_room(p256, &w), 0);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
a_renewal_is_judged_by_what_it_renews(void **state)
{
	AUTO(X509) X509 *old = odd_certificate("DNS:a.example,IP:192.0.2.7,DNS:b.example");
	AUTO(X509) X509 *critical = X509_dup(old);
	AUTO(X509)
	X509 *plain = certificate_make(&(struct spec){.subject = "plain",
		.key = p384,
		.names = "DNS:a.example,IP:192.0.2.7,DNS:b.example"});
	struct csr_wish w = {.names = &names, .renews = old};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	assert_ok(make(p256, &w, &der));
	X509_EXTENSION_set_critical(
		X509_get_ext(critical, X509_get_ext_by_NID(critical, NID_subject_alt_name, -1)), 1);
	w.renews = critical;
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, "asks for more, or for less");
	w.renews = plain;
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, "another subject");
	w.renews = NULL;
	assert_refused(judge(&der, p256, &w), ERR_TOKEN, "another subject");
}

/* --- its size */

/* A hundred names, the longest first. */
static void
many_names(struct list *ret)
{
	char name[260];

	for (int i = 0; i < 100; i++) {
		size_t len = 0;
		while (len < 180)
			len += (size_t)snprintf(
				name + len, sizeof name - len, "label-of-name-%d.", i);
		snprintf(name + len, sizeof name - len, "example");
		list_add(ret, name);
	}
}

static void
no_signature_makes_a_request_larger_than_its_room(void **state)
{
	EVP_PKEY *const keys[] = {p256, p384, rsa2048, rsa3072};
	AUTO(list) struct list many = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	many_names(&many);
	for (size_t i = 0; i < COUNT(keys) * 4; i++) {
		EVP_PKEY *key = keys[i / 4];
		const struct csr_wish w = {.names = i & 1 ? &many : &names,
			.challenge = i & 2 ? "dGxzLXVuaXF1ZQ==" : NULL};
		size_t room = csr_room(key, &w), largest = 0;
		/* One name list in one wish is enough for fifty signatures of a slow key. */
		for (int n = 0; n < 50; n++) {
			assert_ok(make(key, &w, &der));
			largest = der.len > largest ? der.len : largest;
		}
		if (largest > room || room - largest > 128)
			fail_msg("key %zu, wish %zu: %zu bytes, room for %zu", i / 4, i % 4,
				largest, room);
	}
}

static void
there_is_no_room_for_what_cannot_be_made(void **state)
{
	AUTO(list) struct list fields = {0};
	const struct csr_wish w = {.names = &names, .fields = &fields};

	(void)state;
	assert_true(csr_room(p256, &w) > 0);
	list_add(&fields, "nosuchfield=x");
	assert_int_equal(csr_room(p256, &w), 0);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
a_request_that_is_larger_than_its_buffer_is_refused(void **state)
{
	const struct csr_wish w = {.names = &names};
	AUTO(buf) struct buf der = BUF(100);

	(void)state;
	assert_refused(make(p256, &w, &der), ERR_CONFIG, "larger than 100 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_every_kind_and_all_fields_are_in_the_request),
		cmocka_unit_test(a_field_that_does_not_fit_is_refused),
		cmocka_unit_test(fields_stand_behind_the_subject_in_their_order),
		cmocka_unit_test(a_request_that_says_something_else_is_refused),
		cmocka_unit_test(bytes_that_are_no_request_are_refused),
		cmocka_unit_test(an_attribute_that_was_not_wished_for_is_refused),
		cmocka_unit_test(an_attribute_with_two_values_is_refused),
		cmocka_unit_test(a_challenge_is_in_the_request_as_a_string),
		cmocka_unit_test(a_request_is_signed_with_the_digest_that_is_wished_for),
		cmocka_unit_test(a_digest_that_there_is_not_is_refused),
		cmocka_unit_test(extensions_are_kept_behind_the_names_in_order_and_byte_for_byte),
		cmocka_unit_test(a_renewal_has_subject_and_names_as_they_stand_there),
		cmocka_unit_test(a_renewal_for_other_names_is_refused),
		cmocka_unit_test(a_renewal_is_judged_by_what_it_renews),
		cmocka_unit_test(no_signature_makes_a_request_larger_than_its_room),
		cmocka_unit_test(there_is_no_room_for_what_cannot_be_made),
		cmocka_unit_test(a_request_that_is_larger_than_its_buffer_is_refused),
	};
	return cmocka_run_group_tests_name("csr", tests, make_all, free_all);
}
