/*
 * A public key as the use ledger knows it (guard/ledger.h): its raw value and its curve or
 * exponent.
 */
#ifndef KEYSTAY_TOKEN_RAW_H
#define KEYSTAY_TOKEN_RAW_H

#include "keystay/base/err.h"
#include "keystay/guard/ledger.h"

#include <openssl/types.h>

/* id, label and serial are left empty. ERR_FAILED for a key that is too large, or no EC or RSA. */
int public_raw(const EVP_PKEY *public, struct ledger_key *ret, struct err *e) MUST_USE;

/* The other way: ERR_TOKEN when it is no valid key. The caller frees *ret. */
int public_of_raw(const struct ledger_key *k, EVP_PKEY **ret, struct err *e) MUST_USE;

#endif
