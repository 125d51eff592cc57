/* The account key as a JWK, and signatures of keys in software. */
#include "support/unit.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include "keystay/base/json.h"
#include "keystay/base/text.h"
#include "keystay/ca/jws.h"
#include "keystay/x509/ossl.h"

/* RFC 7638 3.1 */
static const char rfc_n[] =
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
	"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
	"FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
	"bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
static const char rfc_thumbprint[] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

static EVP_PKEY *
rsa_public(const char *n64, unsigned long exponent)
{
	unsigned char n[512];
	EVP_PKEY *key = NULL;

	int len = base64url_decode(n64, n, sizeof n);
	assert_true(len > 0);
	BIGNUM *bn = BN_bin2bn(n, len, NULL), *be = BN_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	assert_int_equal(BN_set_word(be, exponent), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn);
	BN_free(be);
	return key;
}

static EVP_PKEY *
ec_key(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	assert_non_null(key);
	return key;
}

/* Verifies r||s or a PKCS#1 signature. */
static bool
verifies(EVP_PKEY *key, const void *data, size_t len, const unsigned char *signature, size_t n)
{
	unsigned char *der = NULL;
	const char *digest = n == 96 ? "SHA384" : "SHA256";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ec = EVP_PKEY_is_a(key, "EC");

	if (ec) {
		ECDSA_SIG *sig = ECDSA_SIG_new();
		BIGNUM *r = BN_bin2bn(signature, (int)n / 2, NULL);
		BIGNUM *s = BN_bin2bn(signature + n / 2, (int)n / 2, NULL);
		assert_int_equal(ECDSA_SIG_set0(sig, r, s), 1);
		n = (size_t)i2d_ECDSA_SIG(sig, &der);
		ECDSA_SIG_free(sig);
		signature = der;
	}
	bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		  EVP_DigestVerify(ctx, signature, n, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return ok;
}

static void
a_key_of_another_kind_has_no_algorithm_and_no_jwk(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	AUTO(EVP_PKEY) EVP_PKEY *p521 = ec_key("P-521");
	char *jwk = NULL;

	(void)state;
	assert_null(jws_algorithm(ed));
	assert_null(jws_algorithm(p521));
	assert_refused(jwk_make(ed, &jwk, UNIT_ERR), ERR_CONFIG, "an account key is");
	assert_refused(jwk_make(p521, &jwk, UNIT_ERR), ERR_CONFIG, "an account key is");
	assert_null(jwk);
}

static void
the_rsa_key_of_rfc_7638_has_its_jwk_and_thumbprint(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = rsa_public(rfc_n, 65537);
	AUTO(char) char *jwk = NULL;
	AUTO(char) char *thumbprint = NULL;
	char wanted[1024];

	(void)state;
	assert_string_equal(jws_algorithm(key), "RS256");
	assert_ok(jwk_make(key, &jwk, UNIT_ERR));
	snprintf(wanted, sizeof wanted, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%s\"}", rfc_n);
	assert_string_equal(jwk, wanted);
	assert_ok(jwk_thumbprint(jwk, &thumbprint, UNIT_ERR));
	assert_string_equal(thumbprint, rfc_thumbprint);
}

/* Decodes a coordinate and compares it with the key's own. */
static void
coordinate_matches(
	const json_t *jwk, const char *member, EVP_PKEY *key, const char *param, int size)
{
	unsigned char ours[64], theirs[64];
	BIGNUM *n = NULL;

	const char *text = json_text_at(jwk, member);
	assert_int_equal(strlen(text), (size * 8 + 5) / 6);
	assert_int_equal(base64url_decode(text, ours, sizeof ours), size);
	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
	assert_int_equal(BN_bn2binpad(n, theirs, size), size);
	BN_free(n);
	assert_memory_equal(ours, theirs, (size_t)size);
}

static void
ec_coordinates_keep_their_leading_zeros(void **state)
{
	int short_ones = 0;

	(void)state;
	/* One key in 128 has a coordinate that begins with a zero byte. */
	for (int i = 0; i < 20000 && short_ones < 3; i++) {
		AUTO(EVP_PKEY) EVP_PKEY *key = ec_key("P-256");
		BIGNUM *x = NULL, *y = NULL;
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x);
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
		bool is_short = BN_num_bytes(x) < 32 || BN_num_bytes(y) < 32;
		BN_free(x);
		BN_free(y);
		if (!is_short)
			continue;
		AUTO(char) char *text = NULL;
		AUTO(json_t) json_t *jwk = NULL;
		assert_ok(jwk_make(key, &text, UNIT_ERR));
		assert_ok(json_read(text, strlen(text), &jwk, UNIT_ERR));
		coordinate_matches(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
		coordinate_matches(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
		short_ones++;
	}
	assert_int_equal(short_ones, 3);
}

static void
an_ec_jwk_has_its_members_in_the_order_of_rfc_7638(void **state)
{
	static const struct {
		const char *curve;
		const char *algorithm;
		int size;
	} rows[] = {{"P-256", "ES256", 32}, {"P-384", "ES384", 48}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(EVP_PKEY) EVP_PKEY *key = ec_key(rows[i].curve);
		AUTO(char) char *text = NULL;
		AUTO(json_t) json_t *jwk = NULL;
		char start[64];
		assert_string_equal(jws_algorithm(key), rows[i].algorithm);
		assert_ok(jwk_make(key, &text, UNIT_ERR));
		snprintf(start, sizeof start, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"",
			rows[i].curve);
		assert_true(text_starts(text, start));
		assert_true(strstr(text, "\",\"y\":\"") > strstr(text, "\"x\":"));
		assert_null(strstr(text, "\"d\""));
		assert_ok(json_read(text, strlen(text), &jwk, UNIT_ERR));
		coordinate_matches(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, rows[i].size);
		coordinate_matches(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, rows[i].size);
	}
}

static void
sign_many(const char *curve, size_t wanted, int times)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = ec_key(curve);
	unsigned char signature[512];
	char data[32];
	int padded = 0;

	for (int i = 0; i < times; i++) {
		size_t len = 0;
		snprintf(data, sizeof data, "message %d", i);
		assert_ok(jws_signature(key, key, data, strlen(data), signature, &len, UNIT_ERR));
		assert_int_equal(len, wanted);
		assert_true(verifies(key, data, strlen(data), signature, len));
		padded += signature[0] == 0 || signature[wanted / 2] == 0;
	}
	/* Else nothing was tried that this test is for; that happens once in six million runs. */
	if (times >= 2000)
		assert_true(padded > 0);
}

static void
p256_signatures_are_always_64_bytes_and_verify(void **state)
{
	(void)state;
	sign_many("P-256", 64, 2000);
}

static void
p384_signatures_are_always_96_bytes_and_verify(void **state)
{
	(void)state;
	sign_many("P-384", 96, 300);
}

/* Takes a JWS apart as an authority would: *ret_header is the protected one. */
static void
open_jws(const char *text, EVP_PKEY *key, json_t **ret_header, char *payload, size_t room)
{
	AUTO(json_t) json_t *jws = NULL;
	AUTO(char) char *input = NULL;
	unsigned char signature[512], decoded[8192];

	assert_ok(json_read(text, strlen(text), &jws, UNIT_ERR));
	assert_int_equal(json_object_size(jws), 3);
	const char *header64 = json_text_at(jws, "protected");
	const char *payload64 = json_text_at(jws, "payload");
	assert_true(asprintf(&input, "%s.%s", header64, payload64) > 0);
	int n = base64url_decode(json_text_at(jws, "signature"), signature, sizeof signature);
	assert_true(n > 0);
	assert_true(verifies(key, input, strlen(input), signature, (size_t)n));
	input[0] ^= 1;
	assert_false(verifies(key, input, strlen(input), signature, (size_t)n));
	n = base64url_decode(header64, decoded, sizeof decoded);
	assert_true(n > 0);
	assert_ok(json_read((char *)decoded, (size_t)n, ret_header, UNIT_ERR));
	n = base64url_decode(payload64, payload, room - 1);
	assert_true(n >= 0);
	payload[n] = '\0';
}

static void
a_whole_jws_decodes_and_verifies(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *p256 = ec_key("P-256");
	AUTO(EVP_PKEY) EVP_PKEY *p384 = ec_key("P-384");
	AUTO(EVP_PKEY) EVP_PKEY *rsa = EVP_RSA_gen(2048);
	EVP_PKEY *keys[] = {p256, p384, rsa};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		AUTO(char) char *jwk = NULL;
		AUTO(char) char *member = NULL;
		AUTO(char) char *text = NULL;
		AUTO(json_t) json_t *header = NULL;
		char payload[256];
		assert_ok(jwk_make(keys[i], &jwk, UNIT_ERR));
		assert_true(asprintf(&member, "\"jwk\":%s", jwk) > 0);
		assert_ok(
			jws_sign(keys[i], keys[i], member, "nonce-1", "https://a.example/new-acct",
				"{\"termsOfServiceAgreed\":true}", &text, UNIT_ERR));
		open_jws(text, keys[i], &header, payload, sizeof payload);
		assert_string_equal(payload, "{\"termsOfServiceAgreed\":true}");
		assert_string_equal(json_text_at(header, "alg"), jws_algorithm(keys[i]));
		assert_string_equal(json_text_at(header, "nonce"), "nonce-1");
		assert_string_equal(json_text_at(header, "url"), "https://a.example/new-acct");
		json_t *own = json_object_at(header, "jwk");
		assert_non_null(own);
		AUTO(json_t) json_t *wanted = json_loads(jwk, 0, NULL);
		assert_true(json_equal(own, wanted));
		assert_int_equal(json_object_size(header), 4);
	}
}

static void
a_post_as_get_has_an_empty_payload_and_a_hostile_nonce_stays_text(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = ec_key("P-256");
	AUTO(char) char *text = NULL;
	AUTO(json_t) json_t *header = NULL;
	char payload[16];

	(void)state;
	assert_ok(jws_sign(key, key, "\"kid\":\"https://a.example/acct/1\"", "x\",\"alg\":\"none\\",
		"https://a.example/\n\"", "", &text, UNIT_ERR));
	assert_non_null(strstr(text, "\"payload\":\"\""));
	open_jws(text, key, &header, payload, sizeof payload);
	assert_string_equal(payload, "");
	assert_string_equal(json_text_at(header, "alg"), "ES256");
	assert_string_equal(json_text_at(header, "nonce"), "x\",\"alg\":\"none\\");
	assert_string_equal(json_text_at(header, "url"), "https://a.example/\n\"");
	assert_string_equal(json_text_at(header, "kid"), "https://a.example/acct/1");
	char *none = NULL;
	assert_refused(jws_sign(key, key, "\"kid\":\"x\"", "\xff\xfe", "https://a.example/", "",
			       &none, UNIT_ERR),
		ERR_AUTHORITY, "is not text");
	assert_null(none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_another_kind_has_no_algorithm_and_no_jwk),
		cmocka_unit_test(the_rsa_key_of_rfc_7638_has_its_jwk_and_thumbprint),
		cmocka_unit_test(ec_coordinates_keep_their_leading_zeros),
		cmocka_unit_test(an_ec_jwk_has_its_members_in_the_order_of_rfc_7638),
		cmocka_unit_test(p256_signatures_are_always_64_bytes_and_verify),
		cmocka_unit_test(p384_signatures_are_always_96_bytes_and_verify),
		cmocka_unit_test(a_whole_jws_decodes_and_verifies),
		cmocka_unit_test(a_post_as_get_has_an_empty_payload_and_a_hostile_nonce_stays_text),
	};
	return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
