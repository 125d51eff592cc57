/*
 * JSON Web Signatures in the flattened form that ACME uses (RFC 7515, RFC 8555 6.2), and the
 * account key as a JWK with its thumbprint (RFC 7517, RFC 7638). The key signs in the token.
 */
#ifndef KEYSTAY_CA_JWS_H
#define KEYSTAY_CA_JWS_H

#include "keystay/base/err.h"

#include <openssl/types.h>

/* The `alg` of a key: ES256, ES384 or RS256; NULL for a key that has none. */
const char *jws_algorithm(EVP_PKEY *public);

/* The JWK of a public key, members in the order of RFC 7638, coordinates padded. Caller frees. */
int jwk_make(EVP_PKEY *public, char **ret, struct err *e) MUST_USE;

/* base64url of the SHA-256 of a JWK from jwk_make. Caller frees. */
int jwk_thumbprint(const char *jwk, char **ret, struct err *e) MUST_USE;

/*
 * Signs `payload` ("" for POST-as-GET) under a protected header. `key_member` is the member that
 * names the key: "\"jwk\":{...}" or "\"kid\":\"...\"". `nonce` may be NULL: a JWS within another
 * one has none (RFC 8555 7.3.5). Stores the whole JWS as JSON; caller frees.
 * ECDSA signatures are the fixed-width r||s of RFC 7518 3.4.
 */
int jws_sign(EVP_PKEY *key, EVP_PKEY *public, const char *key_member, const char *nonce,
	const char *url, const char *payload, char **ret, struct err *e) MUST_USE;

/* The raw signature of `len` bytes, as jws_sign makes it; at most 512 bytes. */
int jws_signature(EVP_PKEY *key, EVP_PKEY *public, const void *data, size_t len,
	unsigned char signature[512], size_t *ret_len, struct err *e) MUST_USE;

#endif
