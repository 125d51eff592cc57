/*
 * A token that is cut off, comes back, or refuses the PIN; the signing road of the provider on it.
 * The road of libp11 has a program of its own: one road for a module in a process.
 */
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
static struct key_name name;
static char hash[KEY_HASH_TEXT];

static int
open_with(const char *text, struct pin_answer *ret)
{
	AUTO(secret) struct secret *s = secret_new();

	assert_ok(secret_add(s, text, strlen(text), UNIT_ERR));
	return token_open(conf, ROAD_PROVIDER, s, &token, ret, UNIT_ERR);
}

static void
open_token(void)
{
	struct pin_answer answer;

	assert_ok(open_with(pin, &answer));
	assert_false(answer.refused);
}

static void
close_token(void)
{
	token_close(token);
	token = NULL;
}

/* The key is found, loaded, and makes a request that verifies. */
static int
use(struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL, *public = NULL;
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	struct subject subject = {0};
	struct key_facts facts;

	list_add(&names, "a.example");
	if (key_find(token, &name, &facts, &public, e) < 0 ||
		key_load(token, &name, hash, &key, e) < 0)
		return -1;
	const struct csr_wish wish = {.subject = &subject, .names = &names};
	return csr_make(token_context(token), key, public, &wish, &der, e);
}

/* Nothing that is asked of the token is answered, or taken for an answer. */
static void
assert_cut_off(const char *words)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	struct key_name other = name;
	struct key_facts facts;
	enum sign_switch made;
	struct list ids = {0};
	bool found;

	assert_false(token_alive(token));
	assert_refused(key_find(token, &name, &facts, NULL, UNIT_ERR), ERR_LOST, words);
	assert_refused(key_list(token, &ids, UNIT_ERR), ERR_LOST, words);
	assert_refused(key_load(token, &name, hash, &key, UNIT_ERR), ERR_LOST, "token 'web'");
	assert_null(key);
	assert_refused(key_set_sign(token, &name, hash, false, &made, UNIT_ERR), ERR_LOST, words);
	assert_refused(key_destroy(token, &name, hash, &found, UNIT_ERR), ERR_LOST, words);
	text_copy(other.label, sizeof other.label, "another");
	assert_refused(key_make(token, &other, KEY_EC_P256, UNIT_ERR), ERR_LOST, words);
}

static void
restart_is_refused_while_a_token_is_open(void **state)
{
	struct module *m = token_module(token);

	(void)state;
	fault_log_clear();
	assert_refused(module_restart(m, UNIT_ERR), ERR_FAILED, "is in use");
	assert_int_equal(fault_calls("C_Finalize"), 0);
	assert_true(token_alive(token));
	/* Each of two open tokens stands in the way. */
	struct token *first = token;
	open_token();
	close_token();
	token = first;
	assert_refused(module_restart(m, UNIT_ERR), ERR_FAILED, "is in use");
	assert_ok(use(UNIT_ERR));
	close_token();
	assert_ok(module_restart(m, UNIT_ERR));
	assert_int_equal(fault_calls("C_Finalize"), 1);
	open_token();
	assert_ok(use(UNIT_ERR));
}

static void
lost_sessions_come_back_by_a_new_start_of_the_module(void **state)
{
	struct module *m = token_module(token);

	(void)state;
	/* With a provider that has sessions of its own, and without. */
	for (int used = 0; used < 2; used++) {
		if (used)
			assert_ok(use(UNIT_ERR));
		assert_true(token_alive(token));
		fault_rules("lost\n");
		assert_cut_off("CKR_SESSION_HANDLE_INVALID");
		/* To open it once more is not enough. */
		close_token();
		struct pin_answer answer;
		assert_int_equal(open_with(pin, &answer), -1);
		assert_string_equal(err_word(unit_err.kind), err_word(ERR_LOST));
		assert_false(answer.refused);
		assert_ok(module_restart(m, UNIT_ERR));
		open_token();
		assert_true(token_alive(token));
		assert_ok(use(UNIT_ERR));
	}
}

static void
a_removed_device_comes_back_when_it_is_there_again(void **state)
{
	struct module *m = token_module(token);
	struct pin_answer answer;

	(void)state;
	assert_ok(use(UNIT_ERR));
	fault_rules("gone\n");
	assert_cut_off("CKR_DEVICE_REMOVED");
	close_token();
	/* A new start does not help while it is out. */
	assert_ok(module_restart(m, UNIT_ERR));
	fault_log_clear();
	assert_refused(open_with(pin, &answer), ERR_TOKEN, "no token with label 'lost'");
	assert_null(token);
	assert_int_equal(fault_calls("C_Login"), 0);
	fault_rules("");
	assert_ok(module_restart(m, UNIT_ERR));
	open_token();
	assert_ok(use(UNIT_ERR));
}

static void
a_module_that_does_not_start_again_is_started_by_the_next_who_opens(void **state)
{
	struct module *m = token_module(token);
	struct pin_answer answer;

	(void)state;
	close_token();
	fault_rules("fail C_Initialize CKR_DEVICE_ERROR\n");
	assert_refused(module_restart(m, UNIT_ERR), ERR_LOST, "does not start");
	assert_refused(open_with(pin, &answer), ERR_LOST, "does not start (CKR_DEVICE_ERROR)");
	fault_rules("");
	open_token();
	assert_ok(use(UNIT_ERR));
}

static void
a_signature_that_does_not_verify_is_no_request(void **state)
{
	(void)state;
	assert_ok(use(UNIT_ERR));
	fault_rules("corrupt C_Sign\n");
	assert_refused(use(UNIT_ERR), ERR_TOKEN, "does not verify");
	fault_rules("");
	assert_ok(use(UNIT_ERR));
}

static void
a_wrong_pin_is_tried_once(void **state)
{
	struct pin_answer answer;

	(void)state;
	/* The provider leaves its sessions to the module, and with them the login of the process.
	 */
	struct module *m = token_module(token);
	close_token();
	assert_ok(module_restart(m, UNIT_ERR));
	fault_log_clear();
	assert_refused(open_with("00000000", &answer), ERR_PIN,
		"token 'web': login refused (CKR_PIN_INCORRECT)");
	assert_int_equal(fault_calls("C_Login"), 1);
	assert_true(answer.refused);
	assert_null(token);
	assert_null(strstr(unit_err.text, "00000000"));
	assert_non_null(strstr(unit_err.hint, "'keystay token pin web --retry'"));
	/* The right one too, for all that is done with the token. */
	fault_log_clear();
	open_token();
	assert_ok(use(UNIT_ERR));
	assert_int_equal(fault_calls("C_Login"), 1);
}

static void
what_the_flags_say_of_a_refused_pin_is_told(void **state)
{
	static const struct {
		const char *rules, *flag, *text, *hint;
	} rows[] = {
		{"", "", "(CKR_PIN_INCORRECT)", "is not tried again until"},
		{"flags CKF_SO_PIN_LOCKED\n", "", "(CKR_PIN_INCORRECT)", "is not tried again"},
		{"flags CKF_USER_PIN_COUNT_LOW\n", "count-low", "; the token counts tries",
			"is not tried again"},
		{"flags CKF_USER_PIN_FINAL_TRY\n", "final-try", "; one try is left",
			"is not tried again"},
		{"flags CKF_USER_PIN_COUNT_LOW\nflags CKF_USER_PIN_FINAL_TRY\n", "final-try",
			"; one try is left", "is not tried again"},
		{"flags CKF_USER_PIN_FINAL_TRY\nflags CKF_USER_PIN_LOCKED\n", "locked",
			"; the PIN is locked", "is not tried again"},
		{"fail C_Login CKR_PIN_LOCKED\n", "locked", "(CKR_PIN_LOCKED)",
			"unblock it with the vendor's tool"},
		{"fail C_Login CKR_PIN_LOCKED\nflags CKF_USER_PIN_COUNT_LOW\n", "locked",
			"(CKR_PIN_LOCKED)", "--retry"},
		{"fail C_GetTokenInfo CKR_FUNCTION_FAILED after=1\n", "", "(CKR_PIN_INCORRECT)",
			"is not tried again"},
		{"fail C_Login CKR_PIN_EXPIRED\n", "", "(CKR_PIN_EXPIRED)", "is not tried again"},
	};
	char rules[200];

	(void)state;
	close_token();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pin_answer answer = {false, "none"};
		/* No wrong PIN reaches the token itself: that would set flags of its own. */
		bool own = strstr(rows[i].rules, "C_Login") != NULL;
		snprintf(rules, sizeof rules, "%s%s", rows[i].rules,
			own ? "" : "fail C_Login CKR_PIN_INCORRECT\n");
		fault_rules(rules);
		fault_log_clear();
		assert_refused(open_with(pin, &answer), ERR_PIN, rows[i].text);
		assert_int_equal(fault_calls("C_Login"), 1);
		assert_true(answer.refused);
		if (!text_same(answer.flag, rows[i].flag) || !strstr(unit_err.hint, rows[i].hint) ||
			(!rows[i].flag[0] && strchr(unit_err.text, ';')))
			fail_msg("row %zu: flag '%s', '%s', '%s'", i, answer.flag, unit_err.text,
				unit_err.hint);
		assert_null(token);
	}
}

static void
a_login_that_fails_for_another_reason_is_no_refused_pin(void **state)
{
	static const struct {
		const char *answer;
		enum err_kind kind;
		const char *hint;
	} rows[] = {{"CKR_DEVICE_ERROR", ERR_LOST, ""},
		{"CKR_SESSION_HANDLE_INVALID", ERR_LOST, ""},
		{"CKR_USER_PIN_NOT_INITIALIZED", ERR_TOKEN, "the token has no user PIN yet"},
		{"CKR_HOST_MEMORY", ERR_TOKEN, ""}};
	char rules[100];

	(void)state;
	close_token();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pin_answer answer = {true, "none"};
		snprintf(rules, sizeof rules, "fail C_Login %s\nflags CKF_USER_PIN_FINAL_TRY\n",
			rows[i].answer);
		fault_rules(rules);
		assert_refused(open_with(pin, &answer), rows[i].kind, rows[i].answer);
		assert_non_null(strstr(unit_err.hint, rows[i].hint));
		assert_false(answer.refused);
		assert_string_equal(answer.flag, "");
	}
	/* None of them left a session, or a token that counts as open. */
	fault_rules("fail C_Login CKR_USER_ALREADY_LOGGED_IN after=1\n");
	open_token();
	struct module *m = token_module(token);
	close_token();
	assert_ok(module_restart(m, UNIT_ERR));
}

static void
the_flags_are_told_of_an_open_token_too(void **state)
{
	(void)state;
	fault_rules("flags CKF_USER_PIN_FINAL_TRY\n");
	assert_string_equal(token_pin_flag(token), "final-try");
	fault_rules("fail C_GetTokenInfo CKR_DEVICE_ERROR\n");
	assert_string_equal(token_pin_flag(token), "");
}

static void
a_road_is_not_changed_while_its_module_is_open(void **state)
{
	AUTO(secret) struct secret *s = secret_new();
	struct pin_answer answer;
	struct token *second = NULL;

	(void)state;
	assert_ok(secret_add(s, pin, strlen(pin), UNIT_ERR));
	assert_refused(token_open(conf, ROAD_LIBP11, s, &second, &answer, UNIT_ERR), ERR_CONFIG,
		"is open by the road 'provider' already");
	assert_null(second);
	assert_ok(token_open(conf, ROAD_AUTO, s, &second, &answer, UNIT_ERR));
	assert_int_equal(token_road(second), ROAD_PROVIDER);
	token_close(second);
	assert_ok(use(UNIT_ERR));
}

static void
keys_of_this_road_allow_no_raw_rsa(void **state)
{
	CK_MECHANISM_TYPE allowed[32];
	struct key_name k = name;

	(void)state;
	text_copy(k.label, sizeof k.label, "rsa");
	assert_ok(key_make(token, &k, KEY_RSA_2048, UNIT_ERR));
	size_t n = raw_value(CKO_PRIVATE_KEY, &k, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed);
	assert_int_equal(n, 8 * sizeof *allowed);
	for (size_t i = 0; i < n / sizeof *allowed; i++)
		assert_int_not_equal(allowed[i], CKM_RSA_X_509);
}

static void
a_key_of_an_unknown_type_hides_no_other(void **state)
{
	struct key_name k = {.id = "000000000000000000000000000000ed", .label = "edwards"};
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	struct key_facts facts;
	AUTO(list) struct list ids = {0};

	(void)state;
	raw_ed25519_pair(&k);
	assert_ok(use(UNIT_ERR));
	assert_ok(key_list(token, &ids, UNIT_ERR));
	assert_true(list_has(&ids, k.id) && list_has(&ids, name.id));
	/* It is there, and none that is used. */
	assert_ok(key_find(token, &k, &facts, NULL, UNIT_ERR));
	assert_int_equal(facts.presence, KEY_HALF);
	assert_int_equal(key_load(token, &k, hash, &key, UNIT_ERR), -1);
	assert_null(key);
	raw_destroy(CKO_PRIVATE_KEY, &k);
	raw_destroy(CKO_PUBLIC_KEY, &k);
}

static int
begin(void **state)
{
	(void)state;
	fault_rules("");
	if (!token)
		open_token();
	return 0;
}

static int
set_up(void **state)
{
	struct key_facts facts;

	(void)state;
	conf = softhsm_token("lost", pin);
	free(conf->module);
	conf->module = strdup(fault_set_up());
	open_token();
	name = (struct key_name){
		.id = "000102030405060708090a0b0c0d0e0f", .label = "used again and again"};
	assert_ok(key_make(token, &name, KEY_EC_P256, UNIT_ERR));
	assert_ok(key_find(token, &name, &facts, NULL, UNIT_ERR));
	text_copy(hash, sizeof hash, facts.public_hash);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fault_rules("");
	token_close(token);
	softhsm_conf_free(conf);
	return 0;
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, begin)
	const struct CMUnitTest tests[] = {
		TEST(restart_is_refused_while_a_token_is_open),
		TEST(lost_sessions_come_back_by_a_new_start_of_the_module),
		TEST(a_removed_device_comes_back_when_it_is_there_again),
		TEST(a_module_that_does_not_start_again_is_started_by_the_next_who_opens),
		TEST(a_signature_that_does_not_verify_is_no_request),
		TEST(a_wrong_pin_is_tried_once),
		TEST(what_the_flags_say_of_a_refused_pin_is_told),
		TEST(a_login_that_fails_for_another_reason_is_no_refused_pin),
		TEST(the_flags_are_told_of_an_open_token_too),
		TEST(a_road_is_not_changed_while_its_module_is_open),
		TEST(keys_of_this_road_allow_no_raw_rsa),
		TEST(a_key_of_an_unknown_type_hides_no_other),
	};
	return cmocka_run_group_tests_name("token lost", tests, set_up, tear_down);
}
