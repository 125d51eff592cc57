/*
 * Public keys that are known to be weak (BR 6.1.1.3, 6.1.5, 6.1.6). Pure: only the public key is
 * looked at, and its size bounds the work.
 */
#ifndef KEYSTAY_X509_WEAK_H
#define KEYSTAY_X509_WEAK_H

#include <stdbool.h>

#include <openssl/types.h>

enum weakness {
	WEAK_ROCA,         /* the modulus has the fingerprint of CVE-2017-15361 */
	WEAK_CLOSE_PRIMES, /* Fermat's method factors it within 100 rounds */
	WEAK_EXPONENT,     /* even, below 65537, or 2^256 and more */
	WEAK_SIZE, /* RSA below 2048 or above 16384 bits, or not a multiple of 8; EC below 256 */
	WEAKNESSES
};

/* How it is written in a policy: "roca", "close_primes", "small_exponent", "small_size". */
const char *weakness_word(enum weakness weakness);

struct weak {
	bool found[WEAKNESSES];
};

/* What is weak about a public key; a key that cannot be read has a weak size. */
struct weak weak_of(const EVP_PKEY *public);

#endif
