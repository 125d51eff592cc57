#include "keystay/x509/weak.h"

#include "keystay/x509/ossl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

/* As much as libcrypto itself computes with; more only costs time. */
#define RSA_BITS_MAX 16384
#define FERMAT_ROUNDS 100

AUTO_DEFINE(BIGNUM, BN_free)
AUTO_DEFINE(BN_CTX, BN_CTX_free)

const char *
weakness_word(enum weakness weakness)
{
	static const char *const words[WEAKNESSES] = {
		[WEAK_ROCA] = "roca",
		[WEAK_CLOSE_PRIMES] = "close_primes",
		[WEAK_EXPONENT] = "small_exponent",
		[WEAK_SIZE] = "small_size",
	};
	return words[weakness];
}

/*
 * The primes of the faulty library are k * M + (65537^a mod M), where M is the product of the first
 * primes. So the modulus is a power of 65537 modulo each of them. All 38 odd primes below 168 say
 * so of one key in 2^27 that is sound.
 */
static bool
has_roca_fingerprint(const BIGNUM *n)
{
	static const unsigned char primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47,
		53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
		149, 151, 157, 163, 167};

	for (size_t i = 0; i < COUNT(primes); i++) {
		BN_ULONG rest = BN_mod_word(n, primes[i]);
		unsigned step = 65537 % primes[i], power = 1;
		bool found = false;
		do {
			found = found || power == rest;
			power = power * step % primes[i];
		} while (power > 1);
		if (!found)
			return false;
	}
	return true;
}

/* The root of `n`, rounded down, by Newton's method from above. */
static bool
square_root(BIGNUM *root, const BIGNUM *n, BN_CTX *ctx)
{
	AUTO(BIGNUM) BIGNUM *next = BN_new();

	BN_zero(root);
	if (!next || BN_is_zero(n))
		return next != NULL;
	if (!BN_set_bit(root, (BN_num_bits(n) + 1) / 2))
		return false;
	for (;;) {
		if (!BN_div(next, NULL, n, root, ctx) || !BN_add(next, next, root) ||
			!BN_rshift1(next, next))
			return false;
		if (BN_cmp(next, root) >= 0)
			return true;
		BN_swap(next, root);
	}
}

/* Squares leave few rests; only one number in 43 is worth a root. */
static bool
may_be_square(const BIGNUM *n)
{
	static const unsigned char modulus[] = {63, 65, 11};

	for (size_t i = 0; i < COUNT(modulus); i++) {
		BN_ULONG rest = BN_mod_word(n, modulus[i]);
		bool found = false;
		for (unsigned r = 0; r < modulus[i]; r++)
			found = found || r * r % modulus[i] == rest;
		if (!found)
			return false;
	}
	return true;
}

static bool
is_square(const BIGNUM *n, BIGNUM *scratch, BN_CTX *ctx)
{
	AUTO(BIGNUM) BIGNUM *square = BN_new();

	return may_be_square(n) && square && square_root(scratch, n, ctx) &&
	       BN_sqr(square, scratch, ctx) && BN_cmp(square, n) == 0;
}

/* n = a^2 - b^2 = (a - b)(a + b), tried from the least a on. */
static bool
has_close_primes(const BIGNUM *n)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *a = BN_new(), *square = BN_new(), *scratch = BN_new();

	if (!ctx || !a || !square || !scratch || !square_root(a, n, ctx) || !BN_sqr(square, a, ctx))
		return false;
	if (BN_cmp(square, n) < 0 && !BN_add_word(a, 1))
		return false;
	for (int round = 0; round < FERMAT_ROUNDS; round++) {
		if (!BN_sqr(square, a, ctx) || !BN_sub(square, square, n))
			return false;
		if (is_square(square, scratch, ctx))
			return true;
		if (!BN_add_word(a, 1))
			return false;
	}
	return false;
}

static bool
has_weak_exponent(const BIGNUM *exponent)
{
	return !BN_is_odd(exponent) || BN_num_bits(exponent) > 256 ||
	       (BN_num_bits(exponent) <= 16) /* below 65536, and that is even */;
}

static void
look_at_rsa(const EVP_PKEY *public, struct weak *ret)
{
	AUTO(BIGNUM) BIGNUM *n = NULL, *exponent = NULL;

	if (EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
		EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 ||
		BN_is_zero(n)) {
		ret->found[WEAK_SIZE] = true;
		return;
	}
	int bits = BN_num_bits(n);
	ret->found[WEAK_SIZE] = bits < 2048 || bits % 8 != 0 || bits > RSA_BITS_MAX;
	ret->found[WEAK_EXPONENT] = has_weak_exponent(exponent);
	if (bits > RSA_BITS_MAX)
		return;
	ret->found[WEAK_ROCA] = has_roca_fingerprint(n);
	ret->found[WEAK_CLOSE_PRIMES] = has_close_primes(n);
}

struct weak
weak_of(const EVP_PKEY *public)
{
	struct weak weak = {{false}};
	int type = public ? EVP_PKEY_get_base_id(public) : EVP_PKEY_NONE;

	if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS)
		look_at_rsa(public, &weak);
	else if (type == EVP_PKEY_EC)
		weak.found[WEAK_SIZE] = EVP_PKEY_get_bits(public) < 256;
	else
		weak.found[WEAK_SIZE] = type == EVP_PKEY_NONE;
	ERR_clear_error();
	return weak;
}
