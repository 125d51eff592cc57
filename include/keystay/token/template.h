/*
 * What a new key is asked to be, attribute by attribute. Some of it no module may refuse (private,
 * sensitive, not extractable, may sign, id and label): without these no key is made. The rest is
 * asked for, and left out one by one where a module refuses it; what was left out is known, told
 * and read back.
 */
#ifndef KEYSTAY_TOKEN_TEMPLATE_H
#define KEYSTAY_TOKEN_TEMPLATE_H

#include "keystay/token/key_type.h"

#include <p11-kit/pkcs11.h>

/* The part that may be left out, in the order in which it is: what matters least goes first. */
enum template_extra {
	EXTRA_PUBLIC,       /* of the public key: CKA_VERIFY=true, CKA_ENCRYPT and CKA_WRAP=false */
	EXTRA_MECHANISMS,   /* CKA_ALLOWED_MECHANISMS */
	EXTRA_COPYABLE,     /* CKA_COPYABLE=false */
	EXTRA_SIGN_RECOVER, /* CKA_SIGN_RECOVER=false */
	EXTRA_DERIVE,       /* CKA_DERIVE=false */
	EXTRA_UNWRAP,       /* CKA_UNWRAP=false */
	EXTRA_DECRYPT,      /* CKA_DECRYPT=false */
	EXTRAS
};
#define EXTRAS_ALL ((1u << EXTRAS) - 1)

/* "CKA_COPYABLE"; "usages of the public key". */
const char *template_extra_word(enum template_extra extra);

#define TEMPLATE_MAX 16

struct key_template {
	CK_MECHANISM mechanism;
	CK_ATTRIBUTE public_key[TEMPLATE_MAX], private_key[TEMPLATE_MAX];
	CK_ULONG publics, privates;
	CK_ULONG bits; /* CKA_MODULUS_BITS points here */
};

/*
 * Fills *ret for C_GenerateKeyPair. `id` (16 bytes) and `label` are borrowed. `refused` is a set
 * of extras (1u << extra) to leave out; `raw_rsa` adds CKM_RSA_X_509 to an RSA key's mechanisms.
 */
void template_make(struct key_template *ret, enum key_type type, const unsigned char *id,
	const char *label, unsigned refused, bool raw_rsa);

/* The mechanisms that a key of a family may be used with; borrowed, *ret has so many. */
size_t template_mechanisms(enum key_family family, bool raw_rsa, const CK_MECHANISM_TYPE **ret);

#endif
