/* Waivers: somebody answers for a broken rule, for one certificate and for a time. */
#include "support/unit.h"

#include <string.h>

#include "support/policies.h"

static const char text[] =
	"policy: own\nextends: parent\nrules:\n  names: {allow: [\"*.example.org\"]}\n"
	"waivers:\n"
	"  - {rule: names, certificate: shop, owner: A. Person, reason: moves in May, until: "
	"2026-12-31}\n"
	"  - {rule: owner, certificate: shop, owner: B, reason: new, until: "
	"\"2026-12-31T12:00:00+02:00\"}\n";
static const char parent[] =
	"policy: parent\nrules:\n  owner: required\n  max_key_age: {value: 1d, effect: warn}\n"
	"waivers:\n"
	"  - {rule: owner, certificate: shop, owner: C, reason: old, until: 2026-06-30}\n"
	"  - {rule: owner, certificate: mail, owner: C, reason: old, until: 2027-06-30}\n"
	"  - {rule: max_key_age, certificate: shop, owner: D, reason: slow, until: 2026-12-31}\n";

static enum verdict
judge(const char *certificate, when_t now, struct judgement j[RULES])
{
	AUTO(policies) struct policies *all = NULL;
	const struct policy_facts f = {.now = now,
		.certificate = certificate,
		.names = TEXTS("shop.example.net"),
		.key_made_at = now - 2 * DAY};

	assert_ok(policies_new(&all, UNIT_ERR));
	assert_ok(policies_add(all, "own.yaml", text, strlen(text), UNIT_ERR));
	assert_ok(policies_add(all, "parent.yaml", parent, strlen(parent), UNIT_ERR));
	assert_ok(policies_finish(all, UNIT_ERR));
	return policy_judge(policy_find(all, "own"), &f, j);
}

static void
a_waiver_holds_until_the_end_of_its_day(void **state)
{
	const when_t end = when_from_utc(2027, 1, 1, 0, 0, 0);
	struct judgement j[RULES];

	(void)state;
	judge("shop", end - 1, j);
	assert_int_equal(j[RULE_NAMES].verdict, VERDICT_WAIVED);
	assert_string_equal(j[RULE_NAMES].text,
		"'shop.example.net' is not among the names that are allowed (waived by A. Person "
		"until 2026-12-31: moves in May)");
	assert_string_equal(verdict_word(j[RULE_NAMES].verdict), "waived");
	/* A second later it is refused again, and told why. */
	assert_int_equal(judge("shop", end, j), VERDICT_REFUSED);
	assert_int_equal(j[RULE_NAMES].verdict, VERDICT_REFUSED);
	assert_string_equal(j[RULE_NAMES].text,
		"'shop.example.net' is not among the names that are allowed (the waiver of A. "
		"Person ended: 2026-12-31)");
}

static void
a_waiver_may_end_at_a_moment(void **state)
{
	const when_t end = when_from_utc(2026, 12, 31, 10, 0, 0);
	struct judgement j[RULES];

	(void)state;
	assert_int_equal(judge("shop", end - 1, j), VERDICT_WAIVED);
	assert_int_equal(j[RULE_OWNER].verdict, VERDICT_WAIVED);
	judge("shop", end, j);
	assert_int_equal(j[RULE_OWNER].verdict, VERDICT_REFUSED);
	assert_non_null(strstr(j[RULE_OWNER].text, "the waiver of B ended"));
}

static void
a_waiver_of_a_parent_holds_too_and_the_longer_one_counts(void **state)
{
	struct judgement j[RULES];

	(void)state;
	judge("mail", when_from_utc(2027, 6, 30, 23, 59, 59), j);
	assert_int_equal(j[RULE_OWNER].verdict, VERDICT_WAIVED);
	assert_non_null(strstr(j[RULE_OWNER].text, "waived by C until 2027-06-30: old"));
	assert_int_equal(j[RULE_NAMES].verdict, VERDICT_REFUSED);
	judge("shop", when_from_utc(2026, 6, 1, 0, 0, 0), j);
	assert_non_null(strstr(j[RULE_OWNER].text, "waived by B"));
	/* A warning is waived as a refusal is, and is a warning again afterwards. */
	assert_int_equal(j[RULE_MAX_KEY_AGE].verdict, VERDICT_WAIVED);
	judge("shop", when_from_utc(2027, 1, 1, 0, 0, 0), j);
	assert_int_equal(j[RULE_MAX_KEY_AGE].verdict, VERDICT_WARN);
}

static void
a_waiver_is_for_its_certificate_alone(void **state)
{
	struct judgement j[RULES];

	(void)state;
	judge("shop2", NOW, j);
	assert_int_equal(j[RULE_NAMES].verdict, VERDICT_REFUSED);
	assert_null(strstr(j[RULE_NAMES].text, "waive"));
	/* Nor for one that has no name yet. */
	judge(NULL, NOW, j);
	assert_int_equal(j[RULE_NAMES].verdict, VERDICT_REFUSED);
}

static void
what_is_no_waiver_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *waiver, *words;
	} rows[] = {
		{"{certificate: a, owner: b, reason: c, until: 2026-12-31}",
			"a waiver has no 'rule'"},
		{"{rule: owner, owner: b, reason: c, until: 2026-12-31}", "no 'certificate'"},
		{"{rule: owner, certificate: a, reason: c, until: 2026-12-31}", "no 'owner'"},
		{"{rule: owner, certificate: a, owner: b, until: 2026-12-31}", "no 'reason'"},
		{"{rule: owner, certificate: a, owner: b, reason: c}", "no 'until'"},
		{"{rule: owner, certificate: a, owner: \"\", reason: c, until: 2026-12-31}",
			"may not be empty"},
		{"{rule: owner, certificate: a, owner: b, reason: \"\", until: 2026-12-31}",
			"may not be empty"},
		{"{rule: owner, certificate: a, owner: b, reason: c, until: soon}", "not 'soon'"},
		{"{rule: owner, certificate: a, owner: b, reason: c, until: never}", "not 'never'"},
		{"{rule: colour, certificate: a, owner: b, reason: c, until: 2026-12-31}",
			"own.yaml:3:12: unknown rule 'colour'"},
		{"{rule: drain, certificate: a, owner: b, reason: c, until: 2026-12-31}",
			"'drain' refuses nothing"},
		{"{rule: freeze, certificate: a, owner: b, reason: c, until: 2026-12-31}",
			"'freeze' refuses nothing"},
		{"{rule: names, certificate: a, owner: b, reason: c, until: 2026-12-31}",
			"own.yaml:3:5: a waiver for 'names', which policy 'own' does not set"},
		{"{rule: owner, certificate: a, owner: b, reason: c, until: 2026-12-31, by: d}",
			"unknown key 'by' in a waiver"},
	};
	char all[400];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(all, sizeof all,
			"policy: own\nwaivers:\n  - %s\nrules: {owner: required}\n",
			rows[i].waiver);
		assert_policy_refused(all, rows[i].words);
	}
	assert_policy_refused("policy: own\nrules: {}\nwaivers: all\n", "a list of waivers");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_waiver_holds_until_the_end_of_its_day),
		cmocka_unit_test(a_waiver_may_end_at_a_moment),
		cmocka_unit_test(a_waiver_of_a_parent_holds_too_and_the_longer_one_counts),
		cmocka_unit_test(a_waiver_is_for_its_certificate_alone),
		cmocka_unit_test(what_is_no_waiver_is_refused_with_its_place),
	};
	return cmocka_run_group_tests_name("policy_waivers", tests, NULL, NULL);
}
