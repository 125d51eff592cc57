/* The signing road of libp11, for hosts without the provider: alone on its module in a process. */
#include "support/fault.h"
#include "support/raw.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include <openssl/evp.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/token/token.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"

static const char pin[] = "48151623";
static struct token_conf *conf;
static struct token *token;

#ifdef __SANITIZE_ADDRESS__
/* libp11 0.4.13 keeps a reference for ever to an RSA key that it was asked for twice. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	/* libcrypto between it and libp11 may have no frame pointers. */
	return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libp11.so\n";
}
#endif

static int
open_with(const char *text, enum road road, struct token **ret)
{
	AUTO(secret) struct secret *s = secret_new();
	struct pin_answer answer;

	assert_ok(secret_add(s, text, strlen(text), UNIT_ERR));
	return token_open(conf, road, s, ret, &answer, UNIT_ERR);
}

static struct key_name
next_name(void)
{
	static int n;
	struct key_name k;

	snprintf(k.id, sizeof k.id, "%032x", ++n);
	snprintf(k.label, sizeof k.label, "libp11 %d", n);
	return k;
}

static void
make(const struct key_name *k, enum key_type type, char hash[KEY_HASH_TEXT])
{
	struct key_facts facts;

	assert_ok(key_make(token, k, type, UNIT_ERR));
	assert_ok(key_find(token, k, &facts, NULL, UNIT_ERR));
	text_copy(hash, KEY_HASH_TEXT, facts.public_hash);
}

/* Loads it, and makes a request with it that verifies with the public key read by raw calls. */
static int
use(const struct key_name *k, const char *hash, struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL, *public = NULL;
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	struct subject subject = {0};
	struct key_facts facts;

	list_add(&names, "a.example");
	if (key_find(token, k, &facts, &public, e) < 0 || key_load(token, k, hash, &key, e) < 0)
		return -1;
	const struct csr_wish wish = {.subject = &subject, .names = &names};
	return csr_make(token_context(token), key, public, &wish, &der, e);
}

static void
keys_of_two_names_do_not_mix(void **state)
{
	struct key_name k[4] = {next_name(), next_name(), next_name(), next_name()};
	char hash[4][KEY_HASH_TEXT];

	(void)state;
	text_copy(k[1].id, sizeof k[1].id, k[0].id);
	text_copy(k[2].label, sizeof k[2].label, k[0].label);
	/* A label that begins like the other. */
	snprintf(k[3].label, sizeof k[3].label, "%s and more", k[0].label);
	for (size_t i = 0; i < COUNT(k); i++)
		make(&k[i], i == 1 ? KEY_RSA_2048 : KEY_EC_P256, hash[i]);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < COUNT(k); i++)
			for (size_t j = 0; j < COUNT(k); j++) {
				if (i == j)
					assert_ok(use(&k[i], hash[j], UNIT_ERR));
				else
					assert_refused(use(&k[i], hash[j], UNIT_ERR), ERR_TOKEN,
						"not the one that was made");
			}
}

/* libp11 looks for the public half of an EC key by its id alone. */
static void
of_two_ec_keys_of_one_id_none_is_taken_for_the_other(void **state)
{
	struct key_name k[2] = {next_name(), next_name()};
	char hash[2][KEY_HASH_TEXT];
	size_t refused = 0;
	bool found;

	(void)state;
	text_copy(k[1].id, sizeof k[1].id, k[0].id);
	for (size_t i = 0; i < COUNT(k); i++)
		make(&k[i], KEY_EC_P256, hash[i]);
	for (size_t i = 0; i < COUNT(k); i++)
		if (use(&k[i], hash[i], UNIT_ERR) < 0) {
			assert_string_equal(err_word(unit_err.kind), err_word(ERR_TOKEN));
			assert_non_null(strstr(unit_err.text, "not the one that was made"));
			refused++;
		}
	assert_true(refused <= 1);
	/* It is cured when the other one goes, and the module is begun anew. */
	assert_ok(key_destroy(token, &k[0], hash[0], &found, UNIT_ERR));
	struct module *m = token_module(token);
	token_close(token);
	token = NULL;
	assert_ok(module_restart(m, UNIT_ERR));
	assert_ok(open_with(pin, ROAD_LIBP11, &token));
	assert_ok(use(&k[1], hash[1], UNIT_ERR));
}

static void
a_name_that_is_there_twice_or_not_at_all_is_refused(void **state)
{
	struct key_name twice = next_name(), absent = next_name();
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	char hash[KEY_HASH_TEXT];

	(void)state;
	make(&twice, KEY_EC_P256, hash);
	assert_ok(use(&twice, hash, UNIT_ERR));
	raw_ec_pair(&twice, true, false);
	assert_refused(key_load(token, &twice, hash, &key, UNIT_ERR), ERR_TOKEN,
		"holds 2 private keys 'libp11");
	assert_refused(key_load(token, &absent, hash, &key, UNIT_ERR), ERR_LOST,
		"finds no such private key");
	assert_null(key);
}

static void
a_key_of_an_unknown_type_hides_no_other(void **state)
{
	struct key_name before = next_name(), edwards = next_name(), after = next_name();
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	char hash[2][KEY_HASH_TEXT];

	(void)state;
	make(&before, KEY_EC_P256, hash[0]);
	raw_ed25519_pair(&edwards);
	make(&after, KEY_RSA_2048, hash[1]);
	assert_ok(use(&before, hash[0], UNIT_ERR));
	assert_ok(use(&after, hash[1], UNIT_ERR));
	assert_int_equal(key_load(token, &edwards, hash[0], &key, UNIT_ERR), -1);
	assert_null(key);
	assert_ok(use(&before, hash[0], UNIT_ERR));
	raw_destroy(CKO_PRIVATE_KEY, &edwards);
	raw_destroy(CKO_PUBLIC_KEY, &edwards);
}

static void
a_destroyed_key_signs_nothing(void **state)
{
	struct key_name k = next_name(), other = next_name();
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL, *key = NULL;
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	struct subject subject = {0};
	struct key_facts facts;
	char hash[2][KEY_HASH_TEXT];
	bool found;

	(void)state;
	list_add(&names, "a.example");
	make(&k, KEY_EC_P256, hash[0]);
	make(&other, KEY_EC_P256, hash[1]);
	assert_ok(use(&k, hash[0], UNIT_ERR));
	assert_ok(key_find(token, &k, &facts, &public, UNIT_ERR));
	assert_ok(key_destroy(token, &k, hash[0], &found, UNIT_ERR));
	const struct csr_wish wish = {.subject = &subject, .names = &names};
	/* libp11 may still know what it saw; the token does not. */
	if (key_load(token, &k, hash[0], &key, UNIT_ERR) == 0)
		assert_int_equal(
			csr_make(token_context(token), key, public, &wish, &der, UNIT_ERR), -1);
	assert_ok(use(&other, hash[1], UNIT_ERR));
}

static void
rsa_keys_of_this_road_allow_raw_rsa_and_sign(void **state)
{
	CK_MECHANISM_TYPE allowed[32];
	struct key_name k = next_name(), ec = next_name();
	char hash[KEY_HASH_TEXT];
	bool raw = false;

	(void)state;
	make(&k, KEY_RSA_2048, hash);
	size_t n = raw_value(CKO_PRIVATE_KEY, &k, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed);
	for (size_t i = 0; i < n / sizeof *allowed; i++)
		raw = raw || allowed[i] == CKM_RSA_X_509;
	assert_true(raw);
	assert_ok(use(&k, hash, UNIT_ERR));
	make(&ec, KEY_EC_P256, hash);
	n = raw_value(CKO_PRIVATE_KEY, &ec, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed);
	for (size_t i = 0; i < n / sizeof *allowed; i++)
		assert_int_not_equal(allowed[i], CKM_RSA_X_509);
}

static void
the_pin_is_given_once_and_by_the_raw_session(void **state)
{
	struct key_name k = next_name();
	char hash[KEY_HASH_TEXT];

	(void)state;
	make(&k, KEY_EC_P256, hash);
	struct module *m = token_module(token);
	token_close(token);
	token = NULL;
	assert_ok(module_restart(m, UNIT_ERR));
	fault_log_clear();
	assert_refused(open_with("00000000", ROAD_LIBP11, &token), ERR_PIN, "CKR_PIN_INCORRECT");
	assert_int_equal(fault_calls("C_Login"), 1);
	assert_ok(open_with(pin, ROAD_LIBP11, &token));
	assert_ok(use(&k, hash, UNIT_ERR));
	assert_int_equal(fault_calls("C_Login"), 2);
}

static void
a_signature_that_does_not_verify_is_no_request(void **state)
{
	struct key_name k = next_name();
	char hash[KEY_HASH_TEXT];

	(void)state;
	make(&k, KEY_EC_P256, hash);
	fault_rules("corrupt C_Sign\n");
	assert_refused(use(&k, hash, UNIT_ERR), ERR_TOKEN, "does not verify");
	fault_rules("");
	assert_ok(use(&k, hash, UNIT_ERR));
}

static void
lost_sessions_come_back_by_a_new_start_of_the_module(void **state)
{
	struct key_name k = next_name();
	char hash[KEY_HASH_TEXT];

	(void)state;
	make(&k, KEY_EC_P256, hash);
	struct module *m = token_module(token);
	for (int round = 0; round < 2; round++) {
		assert_ok(use(&k, hash, UNIT_ERR));
		fault_rules("lost\n");
		assert_false(token_alive(token));
		assert_refused(use(&k, hash, UNIT_ERR), ERR_LOST, "CKR_SESSION_HANDLE_INVALID");
		assert_refused(module_restart(m, UNIT_ERR), ERR_FAILED, "is in use");
		token_close(token);
		token = NULL;
		assert_ok(module_restart(m, UNIT_ERR));
		assert_ok(open_with(pin, ROAD_LIBP11, &token));
		assert_true(token_alive(token));
		assert_ok(use(&k, hash, UNIT_ERR));
	}
}

static void
the_road_is_changed_only_when_no_token_is_open(void **state)
{
	struct token *second = NULL;
	struct key_name k = next_name();
	char hash[KEY_HASH_TEXT];

	(void)state;
	make(&k, KEY_EC_P256, hash);
	struct module *m = token_module(token);
	assert_int_equal(token_road(token), ROAD_LIBP11);
	assert_refused(open_with(pin, ROAD_PROVIDER, &second), ERR_CONFIG,
		"is open by the road 'libp11' already");
	/* A second token of the module leaves the first one's sessions alone. */
	assert_ok(open_with(pin, ROAD_AUTO, &second));
	assert_int_equal(token_road(second), ROAD_LIBP11);
	assert_true(token_alive(token));
	token_close(second);
	assert_true(token_alive(token));
	assert_ok(use(&k, hash, UNIT_ERR));
	token_close(token);
	token = NULL;
	assert_ok(module_restart(m, UNIT_ERR));
	assert_ok(open_with(pin, ROAD_PROVIDER, &token));
	assert_int_equal(token_road(token), ROAD_PROVIDER);
	assert_ok(use(&k, hash, UNIT_ERR));
}

static int
begin(void **state)
{
	(void)state;
	fault_rules("");
	fault_log_clear();
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	conf = softhsm_token("libp11", pin);
	free(conf->module);
	conf->module = strdup(fault_set_up());
	assert_ok(open_with(pin, ROAD_LIBP11, &token));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fault_rules("");
	token_close(token);
	modules_finish();
	softhsm_conf_free(conf);
	return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(keys_of_two_names_do_not_mix),
		TEST(of_two_ec_keys_of_one_id_none_is_taken_for_the_other),
		TEST(a_name_that_is_there_twice_or_not_at_all_is_refused),
		TEST(a_key_of_an_unknown_type_hides_no_other),
		TEST(a_destroyed_key_signs_nothing),
		TEST(rsa_keys_of_this_road_allow_raw_rsa_and_sign),
		TEST(the_pin_is_given_once_and_by_the_raw_session),
		TEST(a_signature_that_does_not_verify_is_no_request),
		TEST(lost_sessions_come_back_by_a_new_start_of_the_module),
		TEST(the_road_is_changed_only_when_no_token_is_open),
	};
	return cmocka_run_group_tests_name("token libp11", tests, set_up, tear_down);
}
