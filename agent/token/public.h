/* The public key of a token object, rebuilt outside the token from its raw attributes. */
#ifndef KEYSTAY_TOKEN_PUBLIC_H
#define KEYSTAY_TOKEN_PUBLIC_H

#include "internal.h"

#include <openssl/evp.h>

AUTO_DEFINE(EVP_PKEY, EVP_PKEY_free)

/* EC (CKA_EC_PARAMS, CKA_EC_POINT, wrapped in an OCTET STRING or not) or RSA. Caller frees *ret. */
int public_key_read(
	struct token *t, CK_OBJECT_HANDLE object, EVP_PKEY **ret, struct err *e) MUST_USE;

/* From the raw values themselves. */
int public_from_point(const unsigned char *params, size_t params_len, const unsigned char *value,
	size_t value_len, EVP_PKEY **ret, struct err *e) MUST_USE;
int public_from_modulus(const unsigned char *modulus, size_t modulus_len,
	const unsigned char *exponent, size_t exponent_len, EVP_PKEY **ret, struct err *e) MUST_USE;

#endif
