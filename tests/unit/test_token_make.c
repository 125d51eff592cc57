/*
 * Making a key with modules that refuse or do not honour parts of its template: what is left out is
 * known, what keeps the key in its token never is, and a failure leaves nothing.
 */
#include "support/fault.h"
#include "support/raw.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include <limits.h>
#include <unistd.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/template.h"
#include "keystay/token/token.h"

static const char pin[] = "48151623";
static struct token_conf *conf;
static struct token *token;
static const char *fault_module;

static struct key_name
next_name(void)
{
	static int n;
	struct key_name k;

	snprintf(k.id, sizeof k.id, "%032x", ++n);
	snprintf(k.label, sizeof k.label, "make %d", n);
	return k;
}

/* What a module refuses is remembered for its path, so this gives it another one. */
static void
open_anew(void)
{
	static char path[PATH_MAX];
	static int n;

	token_close(token);
	token = NULL;
	fault_rules("");
	snprintf(path, sizeof path, "%s/module-%d.so", unit_folder(), n++);
	assert_int_equal(symlink(fault_module, path), 0);
	free(conf->module);
	conf->module = strdup(path);
	token = softhsm_open(conf, pin);
	fault_log_clear();
}

static size_t
objects(void)
{
	return raw_count(CKO_PRIVATE_KEY, NULL) + raw_count(CKO_PUBLIC_KEY, NULL);
}

/* Makes a key with these rules, and asserts what it was made without. */
static struct key_name
make_with(const char *rules, enum key_type type, unsigned wanted)
{
	struct key_name k = next_name();
	struct key_facts facts;
	unsigned refused = ~0u;

	fault_rules(rules);
	assert_ok(key_make(token, &k, type, UNIT_ERR));
	assert_true(token_refused(token, key_type_family(type), &refused));
	if (refused != wanted)
		fail_msg("'%s': made without 0x%x, not 0x%x", rules, refused, wanted);
	assert_ok(key_find(token, &k, &facts, NULL, UNIT_ERR));
	assert_int_equal(facts.presence, KEY_WHOLE);
	assert_int_equal(facts.refused, wanted);
	assert_int_equal(raw_count(CKO_PRIVATE_KEY, &k), 1);
	assert_int_equal(raw_count(CKO_PUBLIC_KEY, &k), 1);
	assert_true(raw_bool(CKO_PRIVATE_KEY, &k, CKA_SENSITIVE));
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_EXTRACTABLE));
	return k;
}

static void
judge(const struct key_name *k, const char *words)
{
	struct key_facts facts;

	assert_ok(key_find(token, k, &facts, NULL, UNIT_ERR));
	if (words)
		assert_refused(key_judge(&facts, k, UNIT_ERR), ERR_POLICY, words);
	else
		assert_ok(key_judge(&facts, k, UNIT_ERR));
}

static void
what_keeps_a_key_in_its_token_is_never_left_out(void **state)
{
	static const char *const mandatory[] = {"CKA_SENSITIVE", "CKA_EXTRACTABLE", "CKA_PRIVATE",
		"CKA_SIGN", "CKA_TOKEN", "CKA_ID", "CKA_LABEL"};
	static const char *const answers[] = {"CKR_ATTRIBUTE_TYPE_INVALID",
		"CKR_TEMPLATE_INCONSISTENT", "CKR_ATTRIBUTE_READ_ONLY"};
	struct key_name k = next_name();
	size_t before = objects();
	unsigned refused;
	char rule[100];

	(void)state;
	for (size_t i = 0; i < COUNT(mandatory); i++)
		for (size_t a = 0; a < COUNT(answers); a++) {
			snprintf(rule, sizeof rule, "refuse %s %s\n", mandatory[i], answers[a]);
			fault_rules(rule);
			fault_log_clear();
			assert_refused(
				key_make(token, &k, KEY_EC_P256, UNIT_ERR), ERR_TOKEN, answers[a]);
			assert_int_equal(fault_calls("C_GenerateKeyPair"), EXTRAS + 1);
			assert_int_equal(objects(), before);
			assert_false(token_refused(token, FAMILY_EC, &refused));
		}
	/* Nothing wrong was learned of it. */
	k = make_with("", KEY_EC_P256, 0);
	judge(&k, NULL);
}

static void
a_full_token_is_asked_once_and_said_to_be_full(void **state)
{
	static const char *const answers[] = {
		"CKR_DEVICE_MEMORY", "CKR_HOST_MEMORY", "CKR_TOKEN_RESOURCE_EXCEEDED"};
	struct key_name k = next_name();
	unsigned refused;
	char rule[100];

	(void)state;
	for (int known = 0; known < 2; known++) {
		size_t before = objects();
		for (size_t i = 0; i < COUNT(answers); i++) {
			snprintf(rule, sizeof rule, "fail C_GenerateKeyPair %s\n", answers[i]);
			fault_rules(rule);
			fault_log_clear();
			assert_refused(
				key_make(token, &k, KEY_EC_P256, UNIT_ERR), ERR_TOKEN, answers[i]);
			assert_non_null(strstr(unit_err.hint, "the token is full"));
			assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
			assert_int_equal(objects(), before);
			assert_int_equal(token_refused(token, FAMILY_EC, &refused), known);
		}
		make_with("", KEY_EC_P256, 0);
	}
}

static void
a_token_that_fills_up_between_trials_is_no_token_that_refuses(void **state)
{
	struct key_name k = next_name();
	size_t before = objects();
	unsigned refused;
	char rules[200];

	(void)state;
	/*
	 * Three refused, one made and removed, two extras tried again, and the key: when the token
	 * or its module goes after the fourth, nothing is concluded from that.
	 */
	static const struct {
		const char *answer;
		enum err_kind kind;
	} rows[] = {{"CKR_DEVICE_MEMORY", ERR_TOKEN}, {"CKR_DEVICE_REMOVED", ERR_LOST}};
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int after = 4; after < 7; after++) {
			snprintf(rules, sizeof rules,
				"refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n"
				"fail C_GenerateKeyPair %s after=%d times=1\n",
				rows[i].answer, after);
			fault_rules(rules);
			fault_log_clear();
			assert_refused(key_make(token, &k, KEY_EC_P256, UNIT_ERR), rows[i].kind,
				rows[i].answer);
			assert_int_equal(fault_calls("C_GenerateKeyPair"), after + 1);
			assert_int_equal(objects(), before);
			assert_false(token_refused(token, FAMILY_EC, &refused));
		}
	make_with("refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n", KEY_EC_P256,
		1u << EXTRA_COPYABLE);
}

static void
a_type_that_the_token_does_not_make_is_asked_once(void **state)
{
	static const char *const answers[] = {"CKR_MECHANISM_INVALID", "CKR_KEY_SIZE_RANGE",
		"CKR_DOMAIN_PARAMS_INVALID", "CKR_CURVE_NOT_SUPPORTED"};
	struct key_name k = next_name();
	size_t before = objects();
	unsigned refused;
	char rule[100];

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		snprintf(rule, sizeof rule, "fail C_GenerateKeyPair %s\n", answers[i]);
		fault_rules(rule);
		fault_log_clear();
		assert_refused(key_make(token, &k, KEY_RSA_2048, UNIT_ERR), ERR_TOKEN,
			"cannot make an rsa-2048 key");
		assert_non_null(strstr(unit_err.text, answers[i]));
		assert_non_null(strstr(unit_err.hint, "choose another in 'keys:'"));
		assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
		assert_int_equal(objects(), before);
		assert_false(token_refused(token, FAMILY_RSA, &refused));
	}
}

static void
a_module_that_was_cut_off_is_not_asked_again(void **state)
{
	static const char *const answers[] = {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_REMOVED",
		"CKR_USER_NOT_LOGGED_IN", "CKR_CRYPTOKI_NOT_INITIALIZED"};
	struct key_name k = next_name();
	char rule[100];

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		snprintf(rule, sizeof rule, "fail C_GenerateKeyPair %s\n", answers[i]);
		fault_rules(rule);
		fault_log_clear();
		assert_refused(key_make(token, &k, KEY_EC_P256, UNIT_ERR), ERR_LOST, answers[i]);
		assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
	}
}

static void
a_hiccup_costs_no_attribute(void **state)
{
	struct key_name k = next_name();
	size_t before = objects();
	unsigned refused = 1;

	(void)state;
	fault_rules("fail C_GenerateKeyPair CKR_GENERAL_ERROR\n");
	for (unsigned round = 0; round < 3; round++) {
		fault_log_clear();
		assert_refused(
			key_make(token, &k, KEY_EC_P256, UNIT_ERR), ERR_LOST, "CKR_GENERAL_ERROR");
		assert_int_equal(fault_calls("C_GenerateKeyPair"), EXTRAS + 1);
		assert_int_equal(objects(), before);
	}
	fault_rules("");
	assert_ok(key_make(token, &k, KEY_EC_P256, UNIT_ERR));
	assert_true(token_refused(token, FAMILY_EC, &refused));
	assert_int_equal(refused, 0);
}

static void
one_refused_extra_is_left_out_alone(void **state)
{
	/* SoftHSM takes CKA_DECRYPT and CKA_UNWRAP for true where nothing is said. */
	static const struct {
		const char *rule;
		unsigned left_out;
		const char *judged;
	} rows[] = {
		{"refuse CKA_VERIFY CKR_ATTRIBUTE_READ_ONLY\n", 1u << EXTRA_PUBLIC, NULL},
		{"refuse CKA_ENCRYPT CKR_TEMPLATE_INCONSISTENT\n", 1u << EXTRA_PUBLIC, NULL},
		{"refuse CKA_WRAP=false CKR_ARGUMENTS_BAD\n", 1u << EXTRA_PUBLIC, NULL},
		{"refuse CKA_ALLOWED_MECHANISMS CKR_ATTRIBUTE_TYPE_INVALID\n",
			1u << EXTRA_MECHANISMS, NULL},
		{"refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n", 1u << EXTRA_COPYABLE, NULL},
		{"refuse CKA_SIGN_RECOVER CKR_GENERAL_ERROR\n", 1u << EXTRA_SIGN_RECOVER, NULL},
		{"refuse CKA_DERIVE CKR_FUNCTION_FAILED\n", 1u << EXTRA_DERIVE, NULL},
		{"refuse CKA_UNWRAP CKR_ATTRIBUTE_VALUE_INVALID\n", 1u << EXTRA_UNWRAP,
			"CKA_UNWRAP"},
		{"refuse CKA_DECRYPT CKR_TEMPLATE_INCONSISTENT\n", 1u << EXTRA_DECRYPT,
			"CKA_DECRYPT"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		open_anew();
		size_t before = objects();
		struct key_name k = make_with(rows[i].rule, KEY_EC_P256, rows[i].left_out);
		judge(&k, rows[i].judged);
		assert_int_equal(objects(), before + 2);
		/* Known now: the next key is one call, and without it too. */
		fault_log_clear();
		make_with(rows[i].rule, KEY_EC_P384, rows[i].left_out);
		assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
	}
}

static void
two_refused_extras_are_left_out_and_those_between_are_not(void **state)
{
	static const char rules[] = "refuse CKA_ALLOWED_MECHANISMS CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_DERIVE CKR_ATTRIBUTE_VALUE_INVALID\n";
	size_t before = objects();

	(void)state;
	struct key_name k =
		make_with(rules, KEY_EC_P256, (1u << EXTRA_MECHANISMS) | (1u << EXTRA_DERIVE));
	judge(&k, NULL);
	assert_int_equal(objects(), before + 2);
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_COPYABLE));
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_DECRYPT));
	assert_false(raw_bool(CKO_PUBLIC_KEY, &k, CKA_ENCRYPT));
}

static void
all_extras_refused_still_make_a_key_and_it_is_judged(void **state)
{
	static const char rules[] = "refuse CKA_VERIFY CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_ALLOWED_MECHANISMS CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_SIGN_RECOVER CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_DERIVE CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_UNWRAP CKR_ATTRIBUTE_TYPE_INVALID\n"
				    "refuse CKA_DECRYPT CKR_ATTRIBUTE_TYPE_INVALID\n";
	size_t before = objects();

	(void)state;
	struct key_name k = make_with(rules, KEY_EC_P256, EXTRAS_ALL);
	judge(&k, "CKA_DECRYPT");
	assert_int_equal(objects(), before + 2);
}

static void
what_one_family_is_refused_the_other_is_asked(void **state)
{
	unsigned refused;

	(void)state;
	make_with("refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n", KEY_EC_P256,
		1u << EXTRA_COPYABLE);
	assert_false(token_refused(token, FAMILY_RSA, &refused));
	struct key_name k = make_with("", KEY_RSA_2048, 0);
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_COPYABLE));
}

static void
what_is_known_of_a_token_is_left_out_from_the_first_key_on(void **state)
{
	(void)state;
	token_set_refused(token, FAMILY_EC, 1u << EXTRA_COPYABLE | 1u << 30);
	make_with("refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n", KEY_EC_P256,
		1u << EXTRA_COPYABLE);
	assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
}

static void
a_usage_that_was_silently_given_is_taken_away(void **state)
{
	(void)state;
	struct key_name k = make_with("ignore CKA_DECRYPT\nignore CKA_UNWRAP\n", KEY_RSA_2048, 0);
	assert_int_equal(fault_calls("C_SetAttributeValue"), 2);
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_DECRYPT));
	assert_false(raw_bool(CKO_PRIVATE_KEY, &k, CKA_UNWRAP));
	judge(&k, NULL);
}

static void
a_usage_that_cannot_be_taken_away_makes_the_key_refused(void **state)
{
	(void)state;
	struct key_name k = make_with("ignore CKA_DECRYPT\n"
				      "fail C_SetAttributeValue CKR_ACTION_PROHIBITED\n",
		KEY_RSA_2048, 0);
	assert_int_equal(fault_calls("C_SetAttributeValue"), 1);
	assert_true(raw_bool(CKO_PRIVATE_KEY, &k, CKA_DECRYPT));
	judge(&k, "it may decrypt (CKA_DECRYPT)");
	/* A module that only says that it did it is seen through. */
	k = make_with("ignore CKA_UNWRAP\nfail C_SetAttributeValue CKR_OK\n", KEY_RSA_2048, 0);
	judge(&k, "it may unwrap (CKA_UNWRAP)");
}

static void
a_key_of_which_the_module_says_that_it_can_leave_is_refused(void **state)
{
	static const struct {
		const char *rule, *words;
	} rows[] = {
		{"lie CKA_EXTRACTABLE=true\n", "it is extractable (CKA_EXTRACTABLE)"},
		{"lie CKA_SENSITIVE=false\n", "it is not sensitive (CKA_SENSITIVE)"},
		{"lie CKA_ALWAYS_SENSITIVE=false\n", "CKA_ALWAYS_SENSITIVE"},
		{"lie CKA_NEVER_EXTRACTABLE=false\n", "CKA_NEVER_EXTRACTABLE"},
		{"lie CKA_DERIVE=true\n", "CKA_DERIVE"},
		{"lie CKA_SIGN=false\n", "CKA_SIGN"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct key_name k = make_with(rows[i].rule, KEY_EC_P256, 0);
		judge(&k, rows[i].words);
	}
}

static int
begin(void **state)
{
	(void)state;
	open_anew();
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	conf = softhsm_token("make", pin);
	fault_module = fault_set_up();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	token_close(token);
	softhsm_conf_free(conf);
	return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(what_keeps_a_key_in_its_token_is_never_left_out),
		TEST(a_full_token_is_asked_once_and_said_to_be_full),
		TEST(a_token_that_fills_up_between_trials_is_no_token_that_refuses),
		TEST(a_type_that_the_token_does_not_make_is_asked_once),
		TEST(a_module_that_was_cut_off_is_not_asked_again),
		TEST(a_hiccup_costs_no_attribute),
		TEST(one_refused_extra_is_left_out_alone),
		TEST(two_refused_extras_are_left_out_and_those_between_are_not),
		TEST(all_extras_refused_still_make_a_key_and_it_is_judged),
		TEST(what_one_family_is_refused_the_other_is_asked),
		TEST(what_is_known_of_a_token_is_left_out_from_the_first_key_on),
		TEST(a_usage_that_was_silently_given_is_taken_away),
		TEST(a_usage_that_cannot_be_taken_away_makes_the_key_refused),
		TEST(a_key_of_which_the_module_says_that_it_can_leave_is_refused),
	};
	return cmocka_run_group_tests_name("token make", tests, set_up, tear_down);
}
