/*
 * The signing road: how a key in a token becomes an EVP_PKEY that signs. This one is the OpenSSL 3
 * provider `pkcs11` in a private library context, configured in memory and without any PIN: the
 * raw session has logged in, and the provider finds the token logged in.
 */
#ifndef KEYSTAY_TOKEN_ROAD_H
#define KEYSTAY_TOKEN_ROAD_H

#include "keystay/base/err.h"

#include <openssl/types.h>

struct module;
struct road;

/* Opens the road for a loaded module; ERR_CONFIG when there is no provider. Caller: road_close. */
int road_open(const struct module *m, struct road **ret, struct err *e) MUST_USE;

/* Frees the context; its keys must be freed before. NULL does nothing. */
void road_close(struct road *r);

/* The library context that the keys live in; borrowed. */
OSSL_LIB_CTX *road_context(const struct road *r);

/*
 * The private key of a PKCS#11 URI (RFC 7512, with type=private and no PIN). The caller frees
 * *ret with EVP_PKEY_free before road_close. ERR_TOKEN when there is none, or more than one.
 */
int road_key(struct road *r, const char *uri, EVP_PKEY **ret, struct err *e) MUST_USE;

#endif
