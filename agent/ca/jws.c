#include "keystay/ca/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/json.h"
#include "keystay/base/text.h"
#include "keystay/x509/ossl.h"

#define SIGNATURE_MAX 512

/* Bytes of one EC coordinate: 32 or 48; 0 for another key. */
static int
coordinate_size(EVP_PKEY *public)
{
	char group[32];
	size_t len;

	if (!EVP_PKEY_is_a(public, "EC") ||
		EVP_PKEY_get_group_name(public, group, sizeof group, &len) != 1)
		return 0;
	int nid = OBJ_sn2nid(group);
	return nid == NID_X9_62_prime256v1 ? 32 : nid == NID_secp384r1 ? 48 : 0;
}

const char *
jws_algorithm(EVP_PKEY *public)
{
	switch (coordinate_size(public)) {
	case 32:
		return "ES256";
	case 48:
		return "ES384";
	default:
		return EVP_PKEY_is_a(public, "RSA") ? "RS256" : NULL;
	}
}

static int
ec_jwk(EVP_PKEY *public, int size, char **ret, struct err *e)
{
	unsigned char point[1 + 2 * 48];
	size_t len = 0;
	char text[512];

	/* Uncompressed, so both coordinates have the full width, leading zeros and all. */
	if (EVP_PKEY_get_octet_string_param(
		    public, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1 ||
		len != 1 + 2 * (size_t)size || point[0] != 4)
		return ossl_fail(e, ERR_TOKEN, "the account key's point cannot be read");
	AUTO(char) char *x = base64url(point + 1, (size_t)size);
	AUTO(char) char *y = base64url(point + 1 + size, (size_t)size);
	if (!x || !y)
		return err_set(e, ERR_FAILED, "no memory for a JWK");
	snprintf(text, sizeof text, "{\"crv\":\"P-%d\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
		size * 8, x, y);
	*ret = strdup(text);
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for a JWK");
}

static char *
number_base64url(EVP_PKEY *key, const char *param)
{
	BIGNUM *n = NULL;
	char *text = NULL;

	if (EVP_PKEY_get_bn_param(key, param, &n) == 1) {
		int len = BN_num_bytes(n);
		unsigned char *bytes = malloc((size_t)len + 1);
		if (bytes && BN_bn2bin(n, bytes) == len)
			text = base64url(bytes, (size_t)len);
		free(bytes);
	}
	BN_free(n);
	return text;
}

static int
rsa_jwk(EVP_PKEY *public, char **ret, struct err *e)
{
	AUTO(char) char *n = number_base64url(public, OSSL_PKEY_PARAM_RSA_N);
	AUTO(char) char *x = number_base64url(public, OSSL_PKEY_PARAM_RSA_E);
	char text[2048];

	if (!n || !x)
		return ossl_fail(e, ERR_TOKEN, "the account key's modulus cannot be read");
	int len = snprintf(text, sizeof text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", x, n);
	if (len < 0 || len >= (int)sizeof text || !(*ret = strdup(text)))
		return err_set(e, ERR_FAILED, "no memory for a JWK");
	return 0;
}

int
jwk_make(EVP_PKEY *public, char **ret, struct err *e)
{
	int size = coordinate_size(public);

	if (size)
		return ec_jwk(public, size, ret, e);
	if (EVP_PKEY_is_a(public, "RSA"))
		return rsa_jwk(public, ret, e);
	return err_set(e, ERR_CONFIG, "an account key is ec-p256, ec-p384 or an RSA key");
}

int
jwk_thumbprint(const char *jwk, char **ret, struct err *e)
{
	unsigned char digest[32];

	if (EVP_Digest(jwk, strlen(jwk), digest, NULL, EVP_sha256(), NULL) != 1 ||
		!(*ret = base64url(digest, sizeof digest)))
		return ossl_fail(e, ERR_FAILED, "no memory for a thumbprint");
	return 0;
}

/* DER ECDSA-Sig-Value to r||s, each padded to the size of a coordinate. */
static int
fixed_width(const unsigned char *der, size_t len, int size, unsigned char *out, struct err *e)
{
	const unsigned char *p = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, size) == size &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + size, size) == size;

	ECDSA_SIG_free(sig);
	return ok ? 0 : ossl_fail(e, ERR_TOKEN, "the token gave a malformed ECDSA signature");
}

int
jws_signature(EVP_PKEY *key, EVP_PKEY *public, const void *data, size_t len,
	unsigned char signature[SIGNATURE_MAX], size_t *ret_len, struct err *e)
{
	unsigned char raw[SIGNATURE_MAX];
	size_t raw_len = sizeof raw;
	int size = coordinate_size(public);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	bool ok = ctx &&
		  EVP_DigestSignInit_ex(ctx, NULL, size == 48 ? "SHA384" : "SHA256", NULL, NULL,
			  key, NULL) == 1 &&
		  EVP_DigestSign(ctx, raw, &raw_len, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return ossl_fail(e, ERR_LOST, "the token did not sign with the account key");
	if (size) {
		*ret_len = 2 * (size_t)size;
		return fixed_width(raw, raw_len, size, signature, e);
	}
	memcpy(signature, raw, raw_len);
	*ret_len = raw_len;
	return 0;
}

int
jws_sign(EVP_PKEY *key, EVP_PKEY *public, const char *key_member, const char *nonce,
	const char *url, const char *payload, char **ret, struct err *e)
{
	AUTO(json_t) json_t *strings = json_pack("[s, s]", nonce ? nonce : "", url);
	AUTO(buf) struct buf header = BUF(8192), input = BUF(512 * 1024), jws = BUF(512 * 1024);
	unsigned char signature[SIGNATURE_MAX];
	size_t len;

	if (!strings)
		return err_set(e, ERR_AUTHORITY, "the authority's nonce or URL is not text");
	AUTO(char) char *quoted_nonce = json_dumps(json_array_get(strings, 0), JSON_ENCODE_ANY);
	AUTO(char) char *quoted_url = json_dumps(json_array_get(strings, 1), JSON_ENCODE_ANY);
	if (!quoted_nonce || !quoted_url)
		return err_set(e, ERR_FAILED, "no memory for a JWS");
	buf_addf(&header, "{\"alg\":\"%s\",%s,%s%s%s\"url\":%s}", jws_algorithm(public), key_member,
		nonce ? "\"nonce\":" : "", nonce ? quoted_nonce : "", nonce ? "," : "", quoted_url);
	AUTO(char) char *protected64 = base64url(buf_text(&header), header.len);
	AUTO(char) char *payload64 = base64url(payload, strlen(payload));
	if (header.full || !protected64 || !payload64)
		return err_set(e, ERR_FAILED, "no memory for a JWS");
	buf_addf(&input, "%s.%s", protected64, payload64);
	if (jws_signature(key, public, buf_text(&input), input.len, signature, &len, e) < 0)
		return -1;
	AUTO(char) char *signature64 = base64url(signature, len);
	buf_addf(&jws, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
		protected64, payload64, signature64 ? signature64 : "");
	if (input.full || jws.full || !signature64 || !(*ret = buf_take(&jws)))
		return err_set(e, ERR_FAILED, "no memory for a JWS");
	return 0;
}
