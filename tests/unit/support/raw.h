/*
 * SoftHSM by raw calls beside the program's own: what is really on the token, whatever a module
 * before it says, and what another program may have put there. For test programs with one token
 * that is open and logged in meanwhile. Nothing of this is counted by the fault module, nor bent.
 */
#ifndef KEYSTAY_TESTS_RAW_H
#define KEYSTAY_TESTS_RAW_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "keystay/token/key_name.h"

/* How many objects of that class are there; of that name, or of any where it is NULL. */
size_t raw_count(CK_OBJECT_CLASS class, const struct key_name *name);

/* The bytes of an attribute of the one object of that class and name; their number. */
size_t raw_value(CK_OBJECT_CLASS class, const struct key_name *name, CK_ATTRIBUTE_TYPE type,
	void *value, size_t room);

/* The same of a CK_BBOOL. */
bool raw_bool(CK_OBJECT_CLASS class, const struct key_name *name, CK_ATTRIBUTE_TYPE type);

/* Destroys the one object of that class and name. */
void raw_destroy(CK_OBJECT_CLASS class, const struct key_name *name);

/* Gives the one object of that class and name the name `to`. */
void raw_rename(CK_OBJECT_CLASS class, const struct key_name *name, const struct key_name *to);

/* Makes a certificate object; its content is none. */
void raw_certificate(const struct key_name *name);

/* Makes a P-256 pair that is sensitive and extractable as told. */
void raw_ec_pair(const struct key_name *name, bool sensitive, bool extractable);

/* Makes an Ed25519 pair, which PKCS#11 2.40 does not know. */
void raw_ed25519_pair(const struct key_name *name);

#endif
