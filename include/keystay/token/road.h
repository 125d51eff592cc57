/*
 * The signing road: how a key in a token becomes an EVP_PKEY that signs. Two roads, never both on
 * one module at the same time in one process, since each of them breaks the other's sessions:
 *
 *	provider  the OpenSSL 3 provider `pkcs11` in a private library context, configured in memory
 *	          and without any PIN: the raw session has logged in, and it finds the token so
 *	libp11    PKCS11_get_private_key, for hosts without the provider. It closes all sessions of
 *	          a slot when it opens its first, so it does that before the raw session opens
 *
 * Neither is ever told the PIN.
 */
#ifndef KEYSTAY_TOKEN_ROAD_H
#define KEYSTAY_TOKEN_ROAD_H

#include "keystay/base/err.h"

#include <openssl/types.h>
#include <stdbool.h>

struct key_name;
struct module;
struct token;

enum road { ROAD_AUTO, ROAD_PROVIDER, ROAD_LIBP11, ROADS };

struct road_ops {
	enum road road;
	/* Before the raw session of a token opens; may be NULL. */
	int (*enter)(struct token *t, struct err *e);
	/*
	 * The private key of this name; exactly one must be there. The caller frees *ret with
	 * EVP_PKEY_free before `close`.
	 */
	int (*key)(struct token *t, const struct key_name *name, EVP_PKEY **ret, struct err *e);
	/* The library context that its keys live in; NULL is OpenSSL's default one. Borrowed. */
	OSSL_LIB_CTX *(*context)(const struct token *t);
	/* Before the raw session closes; its keys must have been freed. */
	void (*close)(struct token *t);
	/* Before the module is finalised, when no token of it is open; may be NULL. */
	void (*leave)(struct module *m);
	/* Signs RSA-PSS by CKM_RSA_X_509: keys that list their mechanisms must allow it. */
	bool raw_rsa;
};

#endif
