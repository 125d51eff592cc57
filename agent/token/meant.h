/* A key's objects, found and known to be of the key that is meant, before anything is changed. */
#ifndef KEYSTAY_TOKEN_MEANT_H
#define KEYSTAY_TOKEN_MEANT_H

#include "object.h"

/*
 * The public key behind one object: of the public object, or of the private one where the module
 * keeps the public value there too. ERR_TOKEN when it is not the one of `public_hash`.
 */
int key_compare(struct token *t, const struct key_name *name, CK_OBJECT_HANDLE object,
	const char *public_hash, struct err *e) MUST_USE;

/*
 * What is there of a key, known to be the one meant. A private key whose public object is gone is
 * known only by a module that keeps the public value with it.
 */
int key_find_meant(struct token *t, const struct key_name *name, const char *public_hash,
	struct key_objects *ret, struct err *e) MUST_USE;

#endif
