/* Weak public keys: the fingerprint of CVE-2017-15361, Fermat's factoring, exponents and sizes. */
#include "support/unit.h"

#include "keystay/x509/ossl.h"
#include "keystay/x509/weak.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

AUTO_DEFINE(BIGNUM, BN_free)
AUTO_DEFINE(BN_CTX, BN_CTX_free)

static EVP_PKEY *
rsa_of(const BIGNUM *n, const BIGNUM *exponent)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static struct weak
weak_of_numbers(const BIGNUM *n, const BIGNUM *exponent)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = rsa_of(n, exponent);
	return weak_of(key);
}

static BIGNUM *
number(uint64_t value)
{
	BIGNUM *n = BN_new();
	assert_int_equal(BN_set_word(n, value), 1);
	return n;
}

static struct weak
weak_of_modulus(const BIGNUM *n)
{
	AUTO(BIGNUM) BIGNUM *exponent = number(65537);
	return weak_of_numbers(n, exponent);
}

static void
only(struct weak weak, int wanted)
{
	for (int i = 0; i < WEAKNESSES; i++)
		if (weak.found[i] != (i == wanted))
			fail_msg("%s: %d", weakness_word((enum weakness)i), weak.found[i]);
}

static void
sound_keys_pass(void **state)
{
	static const struct {
		const char *curve;
		unsigned bits;
	} rows[] = {{"P-256", 0}, {"P-384", 0}, {"P-521", 0}, {NULL, 2048}, {NULL, 3072}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(EVP_PKEY)
		EVP_PKEY *key =
			rows[i].curve ? EVP_EC_gen(rows[i].curve) : EVP_RSA_gen(rows[i].bits);
		assert_non_null(key);
		only(weak_of(key), -1);
	}
}

static const unsigned char primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
	61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
	163, 167};

/* The product of them all. */
static BIGNUM *
all_primes(void)
{
	BIGNUM *m = number(1);

	for (size_t i = 0; i < COUNT(primes); i++)
		assert_int_equal(BN_mul_word(m, primes[i]), 1);
	return m;
}

/* `n` plus the least multiple of `step` that makes it 2048 bits long and odd. */
static void
lengthen(BIGNUM *n, const BIGNUM *step)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *times = BN_new(), *more = BN_new();

	BN_set_bit(times, 2047);
	BN_set_bit(times, 2046);
	BN_div(times, NULL, times, step, ctx);
	BN_mul(more, times, step, ctx);
	BN_add(n, n, more);
	if (!BN_is_odd(n))
		BN_add(n, n, step);
	assert_int_equal(BN_num_bits(n), 2048);
}

static void
a_modulus_with_the_fingerprint_is_found(void **state)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *m = all_primes(), *n = BN_new(), *power = number(65537), *c = BN_new();

	(void)state;
	for (unsigned i = 1; i < 1000000; i = i * 7 + 1) {
		BN_set_word(c, i);
		assert_int_equal(BN_mod_exp(n, power, c, m, ctx), 1);
		lengthen(n, m);
		only(weak_of_modulus(n), WEAK_ROCA);
		/* Not a power of 65537 modulo one of the primes: 0 is none. */
		BIGNUM *rest = number(BN_mod_word(n, 167));
		BN_sub(n, n, rest);
		BN_free(rest);
		assert_false(weak_of_modulus(n).found[WEAK_ROCA]);
	}
}

/*
 * The published fingerprint: for each prime the rests that a weak modulus may leave, a bit each
 * (the detector of CVE-2017-15361; those that fit into a word).
 */
static void
the_rests_are_those_of_the_published_detector(void **state)
{
	static const uint64_t prints[] = {6, 30, 126, 1026, 5658, 107286, 199410, 8388606,
		536870910, 2147483646, 67109890, 2199023255550, 8796093022206, 140737488355326,
		5310023542746834, 576460752303423486, 1455791217086302986};
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *m = all_primes(), *two = number(2);
	size_t cases = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(prints); i++) {
		AUTO(BIGNUM) BIGNUM *others = BN_dup(m), *step = BN_dup(m);
		BN_div_word(others, primes[i]);
		BN_mul(step, m, two, ctx);
		for (unsigned rest = 0; rest < primes[i]; rest++) {
			/* 1 modulo all the other primes, `rest` modulo this one. */
			AUTO(BIGNUM) BIGNUM *n = number(1);
			while (BN_mod_word(n, primes[i]) != rest)
				BN_add(n, n, others);
			if (!BN_is_odd(n))
				BN_add(n, n, m);
			lengthen(n, step);
			assert_int_equal(
				weak_of_modulus(n).found[WEAK_ROCA], prints[i] >> rest & 1);
			cases++;
		}
	}
	print_message("%zu rests of %zu primes\n", cases, COUNT(prints));
}

/* (a - b)(a + b) for an odd number near 2^1024 and a b that Fermat's method reaches, or not. */
static struct weak
weak_of_factors(int bits, uint64_t apart, unsigned shift)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *p = BN_new(), *q = NULL, *between = number(apart), *n = BN_new();

	BN_set_bit(p, bits - 1);
	BN_set_bit(p, bits - 2);
	BN_add_word(p, 0x1234567);
	BN_lshift(between, between, (int)shift);
	q = BN_dup(p);
	BN_add(q, q, between);
	BN_mul(n, p, q, ctx);
	return weak_of_modulus(n);
}

static void
factors_that_are_close_are_found(void **state)
{
	(void)state;
	assert_true(weak_of_factors(1024, 2, 0).found[WEAK_CLOSE_PRIMES]);
	assert_true(weak_of_factors(1024, 123456, 0).found[WEAK_CLOSE_PRIMES]);
	/* Half the distance squared is 2 * 2^1023.6 times the number of rounds. */
	assert_true(weak_of_factors(1024, 2, 500).found[WEAK_CLOSE_PRIMES]);
	assert_true(weak_of_factors(1024, 20, 512).found[WEAK_CLOSE_PRIMES]);
	assert_false(weak_of_factors(1024, 60, 512).found[WEAK_CLOSE_PRIMES]);
	assert_false(weak_of_factors(1024, 2, 600).found[WEAK_CLOSE_PRIMES]);
	/* A square is the closest of all. */
	assert_true(weak_of_factors(1024, 0, 0).found[WEAK_CLOSE_PRIMES]);
	assert_true(weak_of_factors(2048, 2, 0).found[WEAK_CLOSE_PRIMES]);
}

/* n = a^2 - b^2, where a is found in a round that is chosen: the hundredth is tried, the next not.
 */
static void
the_hundredth_round_is_the_last(void **state)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();

	(void)state;
	for (int round = 99; round <= 102; round++) {
		AUTO(BIGNUM) BIGNUM *b = BN_new(), *least = BN_new(), *a = BN_new(), *n = BN_new();
		AUTO(BIGNUM) BIGNUM *square = BN_new(), *word = BN_new();
		/* The root of n is b^2 / 2a below a. A little more than `round - 1`, so that the
		 * search begins just that far below: a is a little less than b^2 / 2(round - 1). */
		BN_set_bit(b, 515);
		BN_add_word(b, 1);
		BN_sqr(square, b, ctx);
		BN_set_word(word, (BN_ULONG)(2 * (round - 1)));
		BN_div(a, NULL, square, word, ctx);
		BN_sub_word(a, 2);
		if (BN_is_odd(a) == BN_is_odd(b))
			BN_add_word(a, 1);
		BN_sqr(n, a, ctx);
		BN_sub(n, n, square);
		assert_int_equal(weak_of_modulus(n).found[WEAK_CLOSE_PRIMES], round <= 100);
	}
}

static void
exponents(void **state)
{
	static const struct {
		const char *hex;
		bool weak;
	} rows[] = {
		{"03", true},
		{"11", true},
		{"FFFF", true},
		{"010000", true},
		{"010001", false},
		{"010002", true},
		{"010003", false},
		{"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", false},
		{"010000000000000000000000000000000000000000000000000000000000000001", true},
	};
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_RSA_gen(2048);
	AUTO(BIGNUM) BIGNUM *n = NULL;

	(void)state;
	EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(BIGNUM) BIGNUM *exponent = NULL;
		BN_hex2bn(&exponent, rows[i].hex);
		only(weak_of_numbers(n, exponent), rows[i].weak ? WEAK_EXPONENT : -1);
	}
}

static void
sizes(void **state)
{
	static const struct {
		int bits;
		bool weak;
	} rows[] = {{1024, true}, {2040, true}, {2047, true}, {2048, false}, {2049, true},
		{2056, false}, {4096, false}, {16384, false}, {16392, true}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(BIGNUM) BIGNUM *n = BN_new();
		BN_set_bit(n, rows[i].bits - 1);
		BN_set_bit(n, rows[i].bits / 3);
		BN_set_bit(n, 0);
		if (weak_of_modulus(n).found[WEAK_SIZE] != rows[i].weak)
			fail_msg("%d bits", rows[i].bits);
	}
	AUTO(EVP_PKEY) EVP_PKEY *small = EVP_EC_gen("P-224");
	only(weak_of(small), WEAK_SIZE);
	only(weak_of(NULL), WEAK_SIZE);
	AUTO(EVP_PKEY) EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	only(weak_of(edwards), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_keys_pass),
		cmocka_unit_test(a_modulus_with_the_fingerprint_is_found),
		cmocka_unit_test(the_rests_are_those_of_the_published_detector),
		cmocka_unit_test(factors_that_are_close_are_found),
		cmocka_unit_test(the_hundredth_round_is_the_last),
		cmocka_unit_test(exponents),
		cmocka_unit_test(sizes),
	};
	return cmocka_run_group_tests_name("weak", tests, NULL, NULL);
}
