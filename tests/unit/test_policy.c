/* What is allowed: reading policies, their verdicts, and when a certificate is due. */
#include "support/unit.h"

#include "support/policies.h"

static int
add(struct policies *all, const char *text)
{
	return policies_add(all, "own.yaml", text, strlen(text), UNIT_ERR);
}

static void
a_policy_that_is_wrong_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{"", "own.yaml:1:1: a policy has no 'policy'"},
		{"policy: own\n", "a policy has no 'rules'"},
		{"policy: own\nrules:\n  colour: red\n", "own.yaml:3:3: unknown rule 'colour'"},
		{"policy: own\nrules:\n  rotate: 30d\n  rotate: 31d\n",
			"own.yaml:4:3: the key 'rotate' stands twice in 'rules'"},
		{"policy: own\nname: x\nrules: {}\n", "own.yaml:2:1: unknown key 'name'"},
		{"policy: own\nrules: [rotate]\n", "'rules' is a mapping"},
		{"policy: own\nrules: {}\n---\npolicy: two\nrules: {}\n", "only one YAML document"},
		{"policy: own\nrules:\n  key_types: []\n", "no type of key is allowed"},
		{"policy: own\nrules:\n  key_types: [dsa-1024]\n", "'dsa-1024' is not a type"},
		{"policy: own\nrules:\n  key_types: ec-p256\n", "own.yaml:3:14: a list such as"},
		{"policy: own\nrules:\n  rotate: 23h\n", "at least 1d, not '23h'"},
		{"policy: own\nrules:\n  rotate: never\n", "not 'never'"},
		{"policy: own\nrules:\n  max_signatures: {}\n", "'soft' or 'hard', at least 1"},
		{"policy: own\nrules:\n  max_signatures: {soft: 0}\n", "at least 1"},
		{"policy: own\nrules:\n  max_signatures: {soft: 9, hard: 8}\n",
			"the hard limit is below the soft one"},
		{"policy: own\nrules:\n  max_signatures: {hard: 8, hard_when: often}\n",
			"'successor_live', 'always' or 'never', not 'often'"},
		{"policy: own\nrules:\n  max_signatures: {soft: many}\n", "own.yaml:3:26: "},
		{"policy: own\nrules:\n  max_signatures: {limit: 8}\n", "unknown key 'limit'"},
		{"policy: own\nrules:\n  max_signatures: 8\n", "own.yaml:3:19: "},
		{"policy: own\nrules:\n  min_rotation_interval: often\n", "not 'often'"},
		{"policy: own\nrules:\n  rate_alarm: 1\n", "2 to 1000000"},
		{"policy: own\nrules:\n  max_key_age: 398\n", "a duration such as 30d"},
		{"policy: own\nrules:\n  renew_at: 33\n", "a share such as 33%"},
		{"policy: own\nrules:\n  renew_at: \"%\"\n", "a share such as 33%"},
		{"policy: own\nrules:\n  renew_at: 0%\n", "a share is 1% to 95%"},
		{"policy: own\nrules:\n  renew_at: 96%\n", "a share is 1% to 95%"},
		{"policy: own\nrules:\n  renew_at: 33.3%\n", "a share is 1% to 95%"},
		{"policy: own\nrules:\n  successor: yes\n", "'keep' or 'none', not 'yes'"},
		{"policy: own\nrules:\n  successor: Keep\n", "'keep' or 'none', not 'Keep'"},
		{"policy: own\nrules:\n  successor: [keep]\n", "own.yaml:3:14: "},
		{"policy: own\nrules:\n  drain: never\n", "a duration such as 30d"},
		{"policy: own\nrules:\n  drain: -1d\n", "own.yaml:3:10: a duration such as"},
		{"policy: own\nrules:\n  drain: 0\n", "a duration such as 30d or 12h"},
		{"policy: own\nrules:\n  drain: 3661d\n", "a duration such as 30d"},
		{"policy: own\nrules:\n  disable: \"\"\n", "a duration such as 30d"},
		{"policy: own\nrules:\n  disable: 1w\n", "a duration such as 30d"},
		{"policy: own\nrules:\n  disable: {source: x}\n", "a rule has no 'value'"},
		{"policy: own\nrules:\n  rotate: {source: x}\n", "a rule has no 'value'"},
		{"policy: own\nrules:\n  rotate: {value: 30d, effect: ask}\n",
			"an effect is 'refuse' or 'warn', not 'ask'"},
		{"policy: own\nrules:\n  rotate: {value: 30d, why: x}\n", "unknown key 'why'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(policies) struct policies *all = NULL;
		assert_ok(policies_new(&all, UNIT_ERR));
		assert_refused(add(all, rows[i].text), ERR_CONFIG, rows[i].words);
		assert_null(policy_find(all, "own"));
	}
	AUTO(policies) struct policies *all = NULL;
	assert_ok(policies_new(&all, UNIT_ERR));
	assert_int_equal(add(all, "policy: own\nrules:\n  colour: red\n"), -1);
	assert_non_null(strstr(unit_err.hint, "key_types, token_class, key_origin, rotate, "
					      "max_key_age, renew_at"));
}

static void
a_circle_and_a_missing_parent_are_refused(void **state)
{
	static const struct {
		const char *text[3];
		const char *words;
	} rows[] = {
		{{"policy: own\nextends: own\nrules: {}\n"}, "policy 'own' extends itself"},
		{{"policy: own\nextends: two\nrules: {}\n",
			 "policy: two\nextends: own\nrules: {}\n"},
			"policy 'own' extends itself"},
		{{"policy: own\nextends: two\nrules: {}\n",
			 "policy: two\nextends: three\nrules: {}\n",
			 "policy: three\nextends: two\nrules: {}\n"},
			"extends itself"},
		{{"policy: own\nextends: nowhere\nrules: {}\n"},
			"own.yaml:1:1: policy 'own' extends 'nowhere', which is not there"},
		{{"policy: own\nextends: \"\"\nrules: {}\n"}, "extends '', which is not there"},
		{{"policy: lab\nextends: lab\nrules: {}\n"}, "policy 'lab' extends itself"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(policies) struct policies *all = NULL;
		assert_ok(policies_new(&all, UNIT_ERR));
		for (size_t k = 0; k < 3 && rows[i].text[k]; k++)
			assert_ok(add(all, rows[i].text[k]));
		assert_refused(policies_finish(all, UNIT_ERR), ERR_CONFIG, rows[i].words);
	}
}

static void
a_policy_inherits_what_it_does_not_set_and_says_from_where(void **state)
{
	AUTO(policies) struct policies *all = NULL;

	(void)state;
	assert_ok(policies_new(&all, UNIT_ERR));
	/* The child comes first, and the grandparent last. */
	assert_ok(add(all, "policy: child\nextends: parent\nrules:\n  rotate: 90d\n"));
	assert_ok(add(all, "policy: parent\nextends: grand\nrules:\n"
			   "  renew_at: {value: 40%, source: ours, effect: warn}\n"
			   "  rotate: every_renewal\n"));
	assert_ok(add(all, "policy: grand\nrules:\n  renew_at: 10%\n"
			   "  key_types: {value: [ec-p384, rsa-4096], source: BR 6.1.5}\n"));
	assert_ok(policies_finish(all, UNIT_ERR));
	const struct policy *p = policy_find(all, "child");
	assert_int_equal(p->rotate, 90 * DAY);
	assert_null(p->rule[RULE_ROTATE].from);
	assert_int_equal(p->renew_at, 40);
	assert_string_equal(p->rule[RULE_RENEW_AT].from, "parent");
	assert_string_equal(p->rule[RULE_RENEW_AT].source, "ours");
	assert_int_equal(p->rule[RULE_RENEW_AT].effect, EFFECT_WARN);
	assert_int_equal(p->key_types.count, 2);
	assert_string_equal(p->key_types.item[1], "rsa-4096");
	assert_string_equal(p->rule[RULE_KEY_TYPES].from, "grand");
	assert_string_equal(p->rule[RULE_KEY_TYPES].source, "BR 6.1.5");
	assert_false(p->rule[RULE_MAX_KEY_AGE].set);
	/* The parents are as they were. */
	assert_int_equal(policy_find(all, "grand")->renew_at, 10);
	assert_int_equal(policy_find(all, "parent")->rotate, 0);
}

static void
how_a_replaced_key_ends_is_inherited_and_may_be_at_once(void **state)
{
	AUTO(policies) struct policies *all = NULL;
	struct policy_facts facts = {.now = NOW};
	struct judgement j[RULES];

	(void)state;
	assert_ok(policies_new(&all, UNIT_ERR));
	assert_ok(add(all, "policy: child\nextends: parent\nrules:\n  drain: 0s\n"));
	assert_ok(add(all, "policy: parent\nextends: web-public\nrules:\n  successor: keep\n"
			   "  drain: 2h\n  disable: {value: 7d, source: ours}\n"));
	assert_ok(add(all, "policy: without\nextends: parent\nrules:\n  successor: none\n"
			   "  disable: 0s\n"));
	assert_ok(add(all, "policy: silent\nrules: {}\n"));
	assert_ok(policies_finish(all, UNIT_ERR));
	const struct policy *child = policy_find(all, "child");
	assert_true(policy_keeps_successor(child));
	assert_int_equal(policy_drain(child), 0);
	assert_int_equal(policy_disable(child), 7 * DAY);
	assert_null(child->rule[RULE_DRAIN].from);
	assert_string_equal(child->rule[RULE_DISABLE].from, "parent");
	assert_string_equal(child->rule[RULE_DISABLE].source, "ours");
	assert_string_equal(child->rule[RULE_SUCCESSOR].from, "parent");
	policy_judge(child, &facts, j);
	assert_string_equal(j[RULE_SUCCESSOR].value, "keep");
	assert_string_equal(j[RULE_DRAIN].value, "0d");
	assert_string_equal(j[RULE_DISABLE].value, "7d");
	const struct policy *without = policy_find(all, "without");
	assert_false(policy_keeps_successor(without));
	assert_int_equal(policy_drain(without), 2 * HOUR);
	assert_int_equal(policy_disable(without), 0);
	/* Not said, and no policy at all: a day each, and no key ahead. */
	const struct policy *silent[] = {policy_find(all, "silent"), NULL};
	for (size_t i = 0; i < COUNT(silent); i++) {
		assert_false(policy_keeps_successor(silent[i]));
		assert_int_equal(policy_drain(silent[i]), DAY);
		assert_int_equal(policy_disable(silent[i]), DAY);
	}
}

static void
a_policy_of_a_shipped_name_stands_in_its_place(void **state)
{
	AUTO(policies) struct policies *all = NULL;
	size_t count = 0;

	(void)state;
	assert_ok(policies_new(&all, UNIT_ERR));
	assert_ok(add(all, "policy: lab\nextends: web-public\nrules:\n  key_types: [ec-p384]\n"));
	assert_ok(policies_finish(all, UNIT_ERR));
	while (policy_at(all, count))
		count++;
	assert_int_equal(count, 4);
	assert_int_equal(policy_find(all, "lab")->key_types.count, 1);
	assert_int_equal(policy_find(all, "lab")->max_key_age, 398 * DAY);
	assert_int_equal(policy_find(all, "web-public")->key_types.count, 5);
	assert_null(policy_at(all, 1000));
	assert_null(policy_find(all, "LAB"));
}

static void
every_rule_accepts_and_refuses(void **state)
{
	AUTO(policies) struct policies *all = NULL;
	static const char *const good[] = {"ec-p256", "rsa-3072"};
	static const char *const bad[] = {"ec-p256", "rsa-2048"};
	struct policy_facts facts = {
		.key_type = good, .key_types = 2, .key_made_at = NOW - 10 * DAY + 1, .now = NOW};
	struct judgement j[RULES];

	(void)state;
	const struct policy *p = policy_of("policy: own\nrules:\n  key_types: [ec-p256, rsa-3072]\n"
					   "  rotate: 5d\n  max_key_age: 10d\n  renew_at: 50%\n",
		&all);
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_OK);
	for (int r = 0; r < RULES; r++) {
		assert_int_equal(j[r].verdict, VERDICT_OK);
		assert_string_equal(j[r].text, "");
	}
	assert_string_equal(j[RULE_KEY_TYPES].value, "ec-p256, rsa-3072");
	assert_string_equal(j[RULE_ROTATE].value, "5d");
	assert_string_equal(j[RULE_MAX_KEY_AGE].value, "10d");
	assert_string_equal(j[RULE_RENEW_AT].value, "50% left");
	facts.key_type = bad;
	facts.key_made_at = NOW - 10 * DAY;
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_REFUSED);
	/* All broken rules are reported. */
	assert_int_equal(j[RULE_KEY_TYPES].verdict, VERDICT_REFUSED);
	assert_string_equal(j[RULE_KEY_TYPES].text, "a key of type rsa-2048 is wanted");
	assert_int_equal(j[RULE_MAX_KEY_AGE].verdict, VERDICT_REFUSED);
	assert_string_equal(j[RULE_MAX_KEY_AGE].text, "the key was made on 2026-09-11");
	assert_int_equal(j[RULE_ROTATE].verdict, VERDICT_OK);
	/* No key yet, or a new one: no age. */
	facts = (struct policy_facts){.key_type = good, .key_types = 2, .now = NOW};
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_OK);
}

static void
a_warning_is_worse_than_ok_and_better_than_a_refusal(void **state)
{
	AUTO(policies) struct policies *all = NULL;
	static const char *const rsa[] = {"rsa-2048"};
	struct policy_facts facts = {
		.key_type = rsa, .key_types = 1, .key_made_at = NOW - DAY, .now = NOW};
	struct judgement j[RULES];

	(void)state;
	const struct policy *p = policy_of("policy: own\nrules:\n  max_key_age: 1d\n"
					   "  key_types: {value: [ec-p256], effect: warn}\n",
		&all);
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_REFUSED);
	assert_int_equal(j[RULE_KEY_TYPES].verdict, VERDICT_WARN);
	assert_int_equal(j[RULE_MAX_KEY_AGE].verdict, VERDICT_REFUSED);
	facts.now--;
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_WARN);
	/* A rule that the policy does not have judges nothing. */
	assert_string_equal(j[RULE_RENEW_AT].value, "-");
	assert_string_equal(verdict_word(VERDICT_OK), "ok");
	assert_string_equal(verdict_word(VERDICT_WARN), "warn");
	assert_string_equal(verdict_word(VERDICT_REFUSED), "refused");
}

static void
a_new_key_is_wanted_from_the_very_second(void **state)
{
	AUTO(policies) struct policies *none = NULL;
	AUTO(policies) struct policies *every = NULL;
	AUTO(policies) struct policies *both = NULL;
	AUTO(policies) struct policies *age = NULL;

	(void)state;
	const struct policy *p = policy_of("policy: own\nrules: {}\n", &none);
	assert_true(policy_wants_new_key(p, NOW, 0, NOW));
	p = policy_of("policy: own\nrules:\n  rotate: every_renewal\n", &every);
	assert_true(policy_wants_new_key(p, NOW, 0, NOW));
	p = policy_of("policy: own\nrules:\n  rotate: 90d\n  max_key_age: 398d\n", &both);
	assert_false(policy_wants_new_key(p, NOW, 0, NOW));
	assert_false(policy_wants_new_key(p, NOW, 0, NOW + 90 * DAY - 1));
	assert_true(policy_wants_new_key(p, NOW, 0, NOW + 90 * DAY));
	/* A clock that went back gives no new key. */
	assert_false(policy_wants_new_key(p, NOW, 0, NOW - DAY));
	p = policy_of("policy: own\nrules:\n  rotate: 90d\n  max_key_age: 30d\n", &age);
	assert_false(policy_wants_new_key(p, NOW, 0, NOW + 30 * DAY - 1));
	assert_true(policy_wants_new_key(p, NOW, 0, NOW + 30 * DAY));
}

static void
a_certificate_is_due_by_the_earliest_reason(void **state)
{
	static const struct {
		const char *rules;
		when_t life, key_age; /* the age when the certificate begins */
		when_t due;           /* after it begins */
		const char *reason;
	} rows[] = {
		{"{renew_at: 33%}", 90 * DAY, 0, 90 * DAY - 90 * DAY * 33 / 100,
			"share of lifetime"},
		{"{}", 100 * DAY, 0, 67 * DAY, "share of lifetime"},
		{"{renew_at: 95%}", 100 * DAY, 0, 5 * DAY, "share of lifetime"},
		{"{renew_at: 1%}", 100 * DAY, 0, 99 * DAY, "share of lifetime"},
		/* short-lived: half its life, unless the policy wants more to be left */
		{"{renew_at: 33%}", 6 * DAY, 0, 3 * DAY, "share of lifetime"},
		{"{renew_at: 33%}", 10 * DAY - 2, 0, 5 * DAY - 1, "share of lifetime"},
		{"{renew_at: 33%}", 10 * DAY, 0, 10 * DAY - 285120, "share of lifetime"},
		{"{renew_at: 80%}", 5 * DAY, 0, DAY, "share of lifetime"},
		{"{}", HOUR, 0, HOUR / 2, "share of lifetime"},
		/* the key's interval, only where it comes first */
		{"{renew_at: 50%, rotate: 30d}", 90 * DAY, 0, 30 * DAY, "rotation interval"},
		{"{renew_at: 50%, rotate: 30d}", 60 * DAY, 0, 30 * DAY, "share of lifetime"},
		{"{renew_at: 50%, rotate: 30d}", 60 * DAY, 1, 30 * DAY - 1, "rotation interval"},
		{"{renew_at: 50%, rotate: every_renewal}", 60 * DAY, 50 * DAY, 30 * DAY,
			"share of lifetime"},
		/* the age of the key, across renewals */
		{"{renew_at: 50%, max_key_age: 40d}", 60 * DAY, 30 * DAY, 10 * DAY,
			"age of the key"},
		{"{renew_at: 50%, rotate: 35d, max_key_age: 40d}", 60 * DAY, 30 * DAY, 5 * DAY,
			"rotation interval"},
		{"{renew_at: 50%, rotate: 40d, max_key_age: 35d}", 60 * DAY, 30 * DAY, 5 * DAY,
			"age of the key"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(policies) struct policies *all = NULL;
		const char *reason = NULL;
		snprintf(text, sizeof text, "policy: own\nrules: %s\n", rows[i].rules);
		const struct policy *p = policy_of(text, &all);
		when_t due =
			policy_renew_at(p, NOW, NOW + rows[i].life, NOW - rows[i].key_age, &reason);
		if (due - NOW != rows[i].due || !text_same(reason, rows[i].reason))
			fail_msg("row %zu: due after %lld by '%s'", i, (long long)(due - NOW),
				reason);
	}
}

static void
limits_of_signatures(void **state)
{
	AUTO(policies) struct policies *all = NULL, *none = NULL, *hard = NULL, *wrapped = NULL;
	struct policy_facts facts = {.now = NOW, .signatures = 999};
	struct judgement j[RULES];

	(void)state;
	const struct policy *p = policy_of("policy: own\nrules:\n  max_signatures: {soft: 1000, "
					   "hard: 1200}\n  min_rotation_interval: 3d\n"
					   "  rate_alarm: 4\n",
		&all);
	assert_false(policy_budget_spent(p, 999));
	assert_true(policy_budget_spent(p, 1000));
	/* A TLS key's hard limit waits for its successor; another key's does not. */
	assert_int_equal(policy_hard_limit(p, true, false), 0);
	assert_int_equal(policy_hard_limit(p, true, true), 1200);
	assert_int_equal(policy_hard_limit(p, false, false), 1200);
	assert_int_equal(policy_min_rotation(p), 3 * DAY);
	assert_int_equal(policy_rate_alarm(p), 4);
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_OK);
	assert_string_equal(j[RULE_MAX_SIGNATURES].value, "soft 1000, hard 1200 (successor_live)");
	facts.signatures = 1000;
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_REFUSED);
	assert_string_equal(j[RULE_MAX_SIGNATURES].text, "the key made 1000 signatures");

	p = policy_of("policy: own\nrules: {rotate: 30d}\n", &none);
	assert_false(policy_budget_spent(p, INT64_MAX));
	assert_int_equal(policy_hard_limit(p, false, true), 0);
	assert_int_equal(policy_min_rotation(p), 2 * DAY);
	assert_int_equal(policy_min_rotation(NULL), 2 * DAY);
	assert_int_equal(policy_rate_alarm(NULL), 10);
	assert_false(policy_budget_spent(NULL, 1));

	/* A hard limit alone is a budget too; 'always' arms it at once, 'never' not at all. */
	p = policy_of("policy: own\nrules:\n  max_signatures: {hard: 5, hard_when: always, "
		      "source: ours, effect: warn}\n",
		&hard);
	assert_true(policy_budget_spent(p, 5));
	assert_int_equal(policy_hard_limit(p, true, false), 5);
	facts.signatures = 5;
	assert_int_equal(policy_judge(p, &facts, j), VERDICT_WARN);
	assert_string_equal(p->rule[RULE_MAX_SIGNATURES].source, "ours");

	p = policy_of("policy: own\nrules:\n  max_signatures:\n    value: {soft: 7, hard: 9, "
		      "hard_when: never}\n    source: x\n",
		&wrapped);
	assert_int_equal(p->limits.soft, 7);
	assert_int_equal(policy_hard_limit(p, false, true), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(a_circle_and_a_missing_parent_are_refused),
		cmocka_unit_test(a_policy_inherits_what_it_does_not_set_and_says_from_where),
		cmocka_unit_test(how_a_replaced_key_ends_is_inherited_and_may_be_at_once),
		cmocka_unit_test(a_policy_of_a_shipped_name_stands_in_its_place),
		cmocka_unit_test(every_rule_accepts_and_refuses),
		cmocka_unit_test(a_warning_is_worse_than_ok_and_better_than_a_refusal),
		cmocka_unit_test(a_new_key_is_wanted_from_the_very_second),
		cmocka_unit_test(a_certificate_is_due_by_the_earliest_reason),
		cmocka_unit_test(limits_of_signatures),
	};
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
