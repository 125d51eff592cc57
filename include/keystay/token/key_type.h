/*
 * The types of keys that keystay makes, and the two families they belong to.
 */
#ifndef KEYSTAY_TOKEN_KEY_TYPE_H
#define KEYSTAY_TOKEN_KEY_TYPE_H

#include <openssl/types.h>
#include <stdbool.h>

enum key_type { KEY_EC_P256, KEY_EC_P384, KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096, KEY_TYPES };
enum key_family { FAMILY_EC, FAMILY_RSA, KEY_FAMILIES };

/* "ec-p256" ...; and back (false for a word that is none). */
const char *key_type_word(enum key_type type);
bool key_type_of(const char *word, enum key_type *ret);

enum key_family key_type_family(enum key_type type);
const char *key_family_word(enum key_family family); /* "ec", "rsa" */

/* The type that is made quickest in a family. */
enum key_type key_family_least(enum key_family family);

/* The bits of an RSA modulus or of a curve. */
unsigned long key_type_bits(enum key_type type);

/* The DER of CKA_EC_PARAMS (a named curve's OID), *ret_len bytes; NULL for RSA. */
const unsigned char *key_type_curve(enum key_type type, unsigned long *ret_len);

/* The type of a public key; false for one that is of none. */
bool key_type_of_public(EVP_PKEY *key, enum key_type *ret);

#endif
