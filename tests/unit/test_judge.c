/*
 * Where a policy has its say in an attempt (agent/life/judge.h): a weak key, a key of software or
 * of unknown origin is refused before a request is signed with it; warnings are told once, and a
 * waiver is journaled.
 */
#include "../../agent/life/judge.h"
#include "support/still.h"
#include "support/unit.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/state/journal.h"
#include "keystay/x509/ossl.h"

AUTO_DEFINE(BIGNUM, BN_free)
AUTO_DEFINE(BN_CTX, BN_CTX_free)

#define NOW ((when_t)1790000000)
#define KEY_ID "00112233445566778899aabbccddeeff"

static struct life life;
static struct work work;
static int warnings;

static void
count_warning(void *ctx, const struct err *why)
{
	(void)ctx;
	(void)why;
	warnings++;
}

static void
end(void)
{
	db_close(life.db);
	config_free((struct config *)life.config);
	life = (struct life){.config = NULL};
	work = (struct work){.conf = NULL};
	warnings = 0;
}

/* A certificate under the policy "own", and a key of which the token said `evidence`. */
static void
begin(const char *policy, const char *evidence)
{
	static int number;
	char text[2000], name[40];
	struct config *config = NULL;

	end();
	snprintf(text, sizeof text,
		"state: %s/judge-%d\ntokens:\n  - {name: t, module: /x.so, label: t, pin: prompt}\n"
		"authorities:\n  - {name: a, protocol: acme, url: \"https://127.0.0.1:1/\", "
		"account_key: {token: t}}\ncertificates:\n  - {name: shop, names: [a.example], "
		"token: t, authority: a, policy: own, challenge: {type: http-01, webroot: /w}}\n",
		unit_folder(), number);
	snprintf(name, sizeof name, "judge-%d.yaml", number);
	const char *path = unit_file(name, text);
	snprintf(text, sizeof text, "%s/policies", unit_folder());
	assert_ok(folder_make(text, 0755, UNIT_ERR));
	unit_file("policies/own.yaml", policy);
	assert_ok(config_read(path, &config, UNIT_ERR));
	snprintf(name, sizeof name, "judge-%d.db", number++);
	snprintf(text, sizeof text, "%s/%s", unit_folder(), name);
	life.config = config;
	still.now = NOW;
	life.services = still_services();
	life.conf.watcher.warning = count_warning;
	assert_ok(db_open(text, &life.db, UNIT_ERR));
	work.conf = &config->certificate[0];
	work.policy = policy_find(config->policies, "own");
	text_copy(work.attempt.authority, sizeof work.attempt.authority, "a");
	struct key_row key = {.id = KEY_ID, .created_at = NOW};
	text_copy(key.label, sizeof key.label, "shop-1");
	text_copy(key.token, sizeof key.token, "t");
	text_copy(key.type, sizeof key.type, "rsa-2048");
	text_copy(key.purpose, sizeof key.purpose, "certificate");
	text_copy(key.owner, sizeof key.owner, "shop");
	assert_ok(key_reserve(life.db, &key, UNIT_ERR));
	if (evidence)
		assert_ok(key_set_made(life.db, KEY_ID, "00", "pkcs11:", evidence, NOW, UNIT_ERR));
}

static EVP_PKEY *
rsa_of(const BIGNUM *n)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, 65537);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* 65537 to a power, modulo all primes below 168, and a multiple of those on top: ROCA's shape. */
static EVP_PKEY *
roca_key(void)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *n = BN_new(), *m = BN_new(), *power = BN_new(), *step = BN_new();

	BN_set_word(m, 2);
	for (unsigned p = 3; p < 168; p += 2) {
		bool prime = true;
		for (unsigned d = 3; d * d <= p; d += 2)
			prime = prime && p % d;
		if (prime)
			BN_mul_word(m, p);
	}
	BN_set_word(n, 65537);
	BN_set_word(power, 987654321);
	BN_mod_exp(n, n, power, m, ctx);
	BN_set_bit(step, 2047);
	BN_set_bit(step, 2046);
	BN_div(step, NULL, step, m, ctx);
	BN_mul(step, step, m, ctx);
	BN_add(n, n, step);
	assert_int_equal(BN_num_bits(n), 2048);
	return rsa_of(n);
}

static EVP_PKEY *
close_key(void)
{
	AUTO(BN_CTX) BN_CTX *ctx = BN_CTX_new();
	AUTO(BIGNUM) BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new();

	BN_set_bit(q, 1023);
	BN_set_bit(q, 1022);
	BN_add_word(q, 12345678);
	assert_int_equal(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL), 1);
	BN_copy(q, p);
	do
		BN_add_word(q, 2);
	while (BN_check_prime(q, ctx, NULL) != 1);
	BN_mul(n, p, q, ctx);
	return rsa_of(n);
}

static const char local[] = "{\"token_class\": \"software\", \"local\": true, \"sensitive\": true, "
			    "\"always_sensitive\": null, \"extractable\": false}";

static void
a_weak_key_signs_no_request(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *roca = roca_key(), *near = close_key(), *sound = EVP_RSA_gen(2048);
	AUTO(EVP_PKEY) EVP_PKEY *small = EVP_RSA_gen(1024);

	(void)state;
	begin("policy: own\nextends: web-public\nrules: {}\n", local);
	assert_ok(judge_key(&life, &work, KEY_ID, sound, UNIT_ERR));
	assert_refused(judge_key(&life, &work, KEY_ID, roca, UNIT_ERR), ERR_POLICY,
		"the public key is weak: roca");
	assert_string_equal(unit_err.hint, "see 'keystay policy explain shop'");
	assert_refused(judge_key(&life, &work, KEY_ID, near, UNIT_ERR), ERR_POLICY,
		"the public key is weak: close_primes");
	assert_refused(judge_key(&life, &work, KEY_ID, small, UNIT_ERR), ERR_POLICY,
		"the public key is weak: small_size");
	begin("policy: own\nrules: {weak_keys: [close_primes]}\n", local);
	assert_ok(judge_key(&life, &work, KEY_ID, roca, UNIT_ERR));
}

static void
what_the_token_said_of_a_key_counts(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)state;
	begin("policy: own\nrules: {token_class: hardware}\n", local);
	assert_refused(judge_key(&life, &work, KEY_ID, key, UNIT_ERR), ERR_POLICY, "'software'");
	begin("policy: own\nrules: {token_class: hardware}\n", "{\"local\": true}");
	assert_refused(judge_key(&life, &work, KEY_ID, key, UNIT_ERR), ERR_POLICY, "'unknown'");
	begin("policy: own\nrules: {token_class: hardware}\n", "{\"token_class\": \"tpm\"}");
	assert_ok(judge_key(&life, &work, KEY_ID, key, UNIT_ERR));
	begin("policy: own\nrules: {key_origin: [local, sensitive, not_extractable]}\n", local);
	assert_ok(judge_key(&life, &work, KEY_ID, key, UNIT_ERR));
	/* What it does not say is not there. */
	begin("policy: own\nrules: {key_origin: [always_sensitive, never_extractable, local]}\n",
		local);
	assert_refused(judge_key(&life, &work, KEY_ID, key, UNIT_ERR), ERR_POLICY,
		"does not say of the key: always_sensitive, never_extractable");
}

static void
all_broken_rules_are_told(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *small = EVP_RSA_gen(1024);

	(void)state;
	begin("policy: own\nrules: {owner: required, names: {deny: [a.example]}, "
	      "token_class: hardware, weak_keys: [small_size]}\n",
		local);
	assert_refused(judge_key(&life, &work, KEY_ID, small, UNIT_ERR), ERR_POLICY,
		"policy 'own' refuses it: token_class (hardware): the key is in a token of the "
		"class 'software'; names (deny a.example): 'a.example' is denied; weak_keys "
		"(small_size): the public key is weak: small_size; owner (required): it has no "
		"'owner'");
}

static int
count_event(void *ctx, const struct event *v, struct err *e)
{
	(void)e;
	*(int *)ctx += text_same(v->kind, "waived");
	return 0;
}

static void
warnings_are_told_and_waivers_journaled_once(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	int waived = 0;

	(void)state;
	begin("policy: own\nrules: {owner: {value: required, effect: warn}, token_class: hardware}\n"
	      "waivers:\n  - {rule: token_class, certificate: shop, owner: A, reason: no HSM yet, "
	      "until: 2026-12-31}\n",
		local);
	for (int i = 0; i < 3; i++)
		assert_ok(judge_key(&life, &work, KEY_ID, key, UNIT_ERR));
	assert_int_equal(warnings, 1);
	assert_ok(journal_each(life.db, NULL, count_event, &waived, UNIT_ERR));
	assert_int_equal(waived, 1);
}

static int
tear_down(void **state)
{
	(void)state;
	end();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_weak_key_signs_no_request),
		cmocka_unit_test(what_the_token_said_of_a_key_counts),
		cmocka_unit_test(all_broken_rules_are_told),
		cmocka_unit_test(warnings_are_told_and_waivers_journaled_once),
	};
	return cmocka_run_group_tests_name("judge", tests, NULL, tear_down);
}
