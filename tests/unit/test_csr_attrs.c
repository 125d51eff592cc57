/* What EST servers want to see in a request (x509/csr_attrs.h), in the old form and as a template.
 */
#include "support/seed.h"
#include "support/unit.h"

#include <openssl/asn1.h>
#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "keystay/base/buf.h"
#include "keystay/x509/base64.h"
#include "keystay/x509/csr_attrs.h"
#include "keystay/x509/ossl.h"

/* DER of what ASN1_generate_nconf(3) makes of "[attrs]" in a configuration; caller frees. */
static struct buf
der_of(const char *sections)
{
	CONF *conf = NCONF_new(NULL);
	AUTO(BIO) BIO *bio = BIO_new_mem_buf(sections, -1);
	struct buf der = BUF(CSR_ATTRS_MAX);
	unsigned char *out = NULL;
	long line = 0;

	assert_int_equal(NCONF_load_bio(conf, bio, &line), 1);
	ASN1_TYPE *t = ASN1_generate_nconf("SEQUENCE:attrs", conf);
	assert_non_null(t);
	/* A SEQUENCE is kept as its encoding. */
	int len = i2d_ASN1_TYPE(t, &out);
	assert_true(len > 0);
	buf_add(&der, out, (size_t)len);
	OPENSSL_free(out);
	ASN1_TYPE_free(t);
	NCONF_free(conf);
	return der;
}

/* Read in base64, as servers send it. */
static void
read_as(const char *name, const char *sections, struct csr_attrs *ret)
{
	AUTO(buf) struct buf der = der_of(sections), text = BUF(2 * CSR_ATTRS_MAX);
	AUTO(csr_attrs) struct csr_attrs bare = {0};

	seed_keep(name, &der);
	assert_true(base64_write(der.text, der.len, &text));
	assert_ok(csr_attrs_read(text.text, text.len, ret, UNIT_ERR));
	assert_ok(csr_attrs_read(der.text, der.len, &bare, UNIT_ERR));
	assert_int_equal(bare.challenge_password, ret->challenge_password);
	assert_int_equal(bare.key, ret->key);
}

static void
refused_as(const char *name, const char *sections, const char *why)
{
	AUTO(buf) struct buf der = der_of(sections);
	struct csr_attrs a;

	seed_keep(name, &der);
	assert_refused(csr_attrs_read(der.text, der.len, &a, UNIT_ERR), ERR_AUTHORITY, why);
	csr_attrs_free(&a);
}

static void
same_list(const struct list *l, const char *wanted)
{
	char text[1000];
	assert_string_equal(list_join(l, text, sizeof text), wanted);
}

static void
nothing_is_wanted(const char *text)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};

	assert_ok(csr_attrs_read(text, strlen(text), &a, UNIT_ERR));
	assert_false(a.challenge_password || a.template);
	assert_int_equal(a.key, NID_undef);
	assert_int_equal(a.digest, NID_undef);
	assert_null(a.extensions);
}

static void
an_empty_answer_wants_nothing(void **state)
{
	(void)state;
	nothing_is_wanted("");
	nothing_is_wanted("\r\n");
	nothing_is_wanted("MAA=");
	nothing_is_wanted("MAA=\n");
}

static void
the_example_of_rfc_7030_is_read(void **state)
{
	static const char text[] =
		"MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJ"
		"BgcrBgEBAQEWBggqhkjOPQQDAw==";
	AUTO(csr_attrs) struct csr_attrs a = {0};

	(void)state;
	assert_ok(csr_attrs_read(text, strlen(text), &a, UNIT_ERR));
	assert_true(a.challenge_password);
	assert_false(a.template);
	assert_int_equal(a.key, NID_X9_62_id_ecPublicKey);
	assert_int_equal(a.curve, NID_secp384r1);
	assert_int_equal(a.digest, NID_sha384);
	same_list(&a.asked, "1.3.6.1.1.1.1.22");
	same_list(&a.ignored, "");
}

#define EXTENSION_REQUEST                                                         \
	"[req]\nt=OID:1.2.840.113549.1.9.14\nv=SET:req_set\n"                     \
	"[req_set]\nv=SEQUENCE:list\n[list]\na=SEQUENCE:ku\nb=SEQUENCE:other\n"   \
	"[ku]\nt=OID:2.5.29.15\nc=BOOL:true\nv=FORMAT:HEX,OCTETSTRING:030205A0\n" \
	"[other]\nt=OID:1.2.3.4\nv=FORMAT:HEX,OCTETSTRING:0500\n"

static void
extensions_come_with_their_values(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};

	(void)state;
	read_as("extensions",
		"[attrs]\na=SEQUENCE:req\nb=SEQUENCE:unknown\nc=OID:1.2.3.5\n" EXTENSION_REQUEST
		"[unknown]\nt=OID:1.2.3.6\nv=SET:none\n[none]\n",
		&a);
	assert_int_equal(sk_X509_EXTENSION_num(a.extensions), 2);
	X509_EXTENSION *ku = sk_X509_EXTENSION_value(a.extensions, 0);
	assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(ku)), NID_key_usage);
	assert_int_equal(X509_EXTENSION_get_critical(ku), 1);
	same_list(&a.ignored, "1.2.3.6, 1.2.3.5");
}

static void
an_rsa_key_is_of_so_many_bits(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};

	(void)state;
	read_as("rsa",
		"[attrs]\na=SEQUENCE:key\nb=OID:sha256WithRSAEncryption\n"
		"[key]\nt=OID:rsaEncryption\nv=SET:bits\n[bits]\nv=INTEGER:3072\n",
		&a);
	assert_int_equal(a.key, NID_rsaEncryption);
	assert_int_equal(a.rsa_bits, 3072);
	assert_int_equal(a.digest, NID_sha256);
}

#define TEMPLATE(parts)                                                               \
	"[attrs]\na=SEQUENCE:key\nb=SEQUENCE:template\n"                              \
	"[key]\nt=OID:rsaEncryption\nv=SET:bits\n[bits]\nv=INTEGER:2048\n"            \
	"[template]\nt=OID:1.2.840.113549.1.9.16.2.61\nv=SET:one\n[one]\nv=SEQUENCE:" \
	"request\n" parts
#define SUBJECT                                                                         \
	"[name]\na=SET:rdn1\nb=SET:rdn2\n[rdn1]\na=SEQUENCE:o\n[rdn2]\na=SEQUENCE:cn\n" \
	"[o]\nt=OID:2.5.4.10\nv=UTF8:Example Council\n[cn]\nt=OID:2.5.4.3\n"
#define ATTRIBUTES                                                                        \
	"[attributes]\na=SEQUENCE:pop\nb=SEQUENCE:ext\n"                                  \
	"[pop]\nt=OID:1.2.840.113549.1.9.7\nv=SET:none\n[none]\n"                         \
	"[ext]\nt=OID:1.2.840.113549.1.9.16.2.62\nv=SET:exts\n[exts]\nv=SEQUENCE:elist\n" \
	"[elist]\na=SEQUENCE:san\nb=SEQUENCE:eku\n[san]\nt=OID:2.5.29.17\nc=BOOL:true\n"  \
	"[eku]\nt=OID:2.5.29.37\nv=FORMAT:HEX,OCTETSTRING:300A06082B06010505070302\n"

static void
a_template_counts_alone(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};

	(void)state;
	read_as("template",
		TEMPLATE(
			"[request]\nv=INTEGER:0\ns=SEQUENCE:name\nk=IMPLICIT:0,SEQUENCE:ec\n"
			"a=IMPLICIT:1,SET:attributes\n"
			"[ec]\na=SEQUENCE:p384\n[p384]\na=OID:id-ecPublicKey\nb=OID:secp384r1\n" SUBJECT
				ATTRIBUTES),
		&a);
	assert_true(a.template);
	assert_true(a.challenge_password);
	assert_int_equal(a.key, NID_X9_62_id_ecPublicKey);
	assert_int_equal(a.curve, NID_secp384r1);
	assert_int_equal(a.rsa_bits, 0);
	same_list(&a.subject, "2.5.4.10=Example Council, 2.5.4.3");
	same_list(&a.asked, "2.5.29.17");
	assert_int_equal(sk_X509_EXTENSION_num(a.extensions), 1);
}

static void
a_placeholder_says_how_long_a_key_is(void **state)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	EVP_PKEY *key = EVP_RSA_gen(3072);
	unsigned char *der = NULL;
	char text[4000], hex[2000] = "";

	(void)state;
	int len = i2d_PublicKey(key, &der);
	assert_true(len > 0 && len < 900);
	for (int i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02X", der[i]);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	snprintf(text, sizeof text,
		TEMPLATE("[request]\nv=INTEGER:0\nk=IMPLICIT:0,SEQUENCE:rsa\n"
			 "a=IMPLICIT:1,SET:none\n[none]\n"
			 "[rsa]\na=SEQUENCE:alg\nb=FORMAT:HEX,BITSTRING:%s\n"
			 "[alg]\na=OID:rsaEncryption\nb=NULL\n"),
		hex);
	read_as("placeholder", text, &a);
	assert_int_equal(a.key, NID_rsaEncryption);
	assert_int_equal(a.rsa_bits, 3072);
}

static void
what_contradicts_itself_is_refused(void **state)
{
	(void)state;
	refused_as("two-keys", "[attrs]\na=OID:id-ecPublicKey\nb=OID:rsaEncryption\n",
		"two different keys");
	refused_as("two-curves",
		"[attrs]\na=SEQUENCE:one\nb=SEQUENCE:two\n[one]\nt=OID:id-ecPublicKey\nv=SET:c1\n"
		"[c1]\nv=OID:prime256v1\n[two]\nt=OID:id-ecPublicKey\nv=SET:c2\n[c2]\nv=OID:secp384r1\n",
		"two different keys");
	refused_as("long",
		"[attrs]\na=SEQUENCE:key\n[key]\nt=OID:rsaEncryption\nv=SET:bits\n[bits]\nv=INTEGER:"
		"0x7FFFFFFFFFFFFFFFFF\n",
		"no sane length");
	refused_as("two-digests", "[attrs]\na=OID:ecdsa-with-SHA256\nb=OID:ecdsa-with-SHA384\n",
		"two different digests");
	refused_as("twice", "[attrs]\na=SEQUENCE:req\nb=SEQUENCE:req\n" EXTENSION_REQUEST,
		"an extension twice");
}

/* A template that says nothing but of which key it is. */
#define KEY_TEMPLATE(algorithm)                                                                \
	"[attrs]\na=SEQUENCE:template\n"                                                       \
	"[template]\nt=OID:1.2.840.113549.1.9.16.2.61\nv=SET:one\n[one]\nv=SEQUENCE:request\n" \
	"[request]\nv=INTEGER:0\nk=IMPLICIT:0,SEQUENCE:key\na=IMPLICIT:1,SET:none\n[none]\n"   \
	"[key]\na=SEQUENCE:algorithm\n[algorithm]\n" algorithm

static void
a_key_that_nobody_knows_is_refused(void **state)
{
	(void)state;
	/* With a curve that is known, it is not taken for a key on that. */
	refused_as("unknown-algorithm", KEY_TEMPLATE("a=OID:1.2.3.4.5\nb=OID:secp384r1\n"),
		"a key of an algorithm that is not known");
	refused_as("unknown-algorithm-alone", KEY_TEMPLATE("a=OID:1.2.3.4.5\n"),
		"a key of an algorithm that is not known");
	refused_as("unknown-curve",
		"[attrs]\na=SEQUENCE:key\n[key]\nt=OID:id-ecPublicKey\nv=SET:c\n"
		"[c]\nv=OID:1.2.3.4.5\n",
		"a key on a curve that is not known (1.2.3.4.5)");
	refused_as("template-curve", KEY_TEMPLATE("a=OID:id-ecPublicKey\nb=OID:1.2.3.4.5\n"),
		"a key on a curve that is not known (1.2.3.4.5)");
}

static void
text_is_refused(const char *text)
{
	struct csr_attrs a;

	assert_refused(csr_attrs_read(text, strlen(text), &a, UNIT_ERR), ERR_AUTHORITY,
		"no list of attributes");
}

static void
what_cannot_be_read_is_refused(void **state)
{
	(void)state;
	text_is_refused("<html>");
	text_is_refused("MEEG");
	text_is_refused("MAAA"); /* a byte behind it */
	text_is_refused("AgEA"); /* an INTEGER */
	refused_as("version", TEMPLATE("[request]\nv=INTEGER:1\na=IMPLICIT:1,SET:none\n[none]\n"),
		"template");
	refused_as("template-text",
		"[attrs]\na=SEQUENCE:t\n[t]\nt=OID:1.2.840.113549.1.9.16.2.61\nv=SET:s\n"
		"[s]\nv=UTF8:no template\n",
		"template");
	refused_as("subject-number",
		TEMPLATE(
			"[request]\nv=INTEGER:0\ns=SEQUENCE:name\na=IMPLICIT:1,SET:none\n[none]\n"
			"[name]\na=SET:rdn\n[rdn]\na=SEQUENCE:o\n[o]\nt=OID:2.5.4.10\nv=INTEGER:1\n"),
		"subject");
	refused_as("extensions-number",
		"[attrs]\na=SEQUENCE:req\n[req]\nt=OID:1.2.840.113549.1.9.14\nv=SET:s\n[s]\nv=INTEGER:1\n",
		"list of extensions");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_answer_wants_nothing),
		cmocka_unit_test(the_example_of_rfc_7030_is_read),
		cmocka_unit_test(extensions_come_with_their_values),
		cmocka_unit_test(an_rsa_key_is_of_so_many_bits),
		cmocka_unit_test(a_template_counts_alone),
		cmocka_unit_test(a_placeholder_says_how_long_a_key_is),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(a_key_that_nobody_knows_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_refused),
	};
	return cmocka_run_group_tests_name("csr_attrs", tests, NULL, NULL);
}
