/* Times in which nothing is renewed that can wait: what is frozen, and when what is due begins. */
#include "support/unit.h"

#include <string.h>

#include "support/policies.h"

static when_t
at(const char *text)
{
	when_t when = 0;
	bool day;

	if (!when_parse(text, &when, &day))
		fail_msg("no moment: %s", text);
	return when;
}

static void
same_moment(when_t got, const char *wanted, size_t row)
{
	char text[WHEN_TEXT];

	if (got != at(wanted))
		fail_msg("row %zu: got %s, not %s", row, when_format(got, text), wanted);
}

/* 2026-12-18 is a Friday. */
static const char rules[] =
	"{freeze: [{from: 2026-12-20, to: 2027-01-04}, {weekly: \"fri 18:00 - mon 08:00\"}, "
	"{from: \"2026-11-03T12:00:00Z\", to: \"2026-11-03T14:00:00+01:00\"}]}";

static void
what_is_frozen_and_until_when(void **state)
{
	static const struct {
		const char *at, *until; /* NULL = it is not frozen */
	} rows[] = {
		{"2026-12-09T12:00:00Z", NULL},
		{"2026-12-11T17:59:59Z", NULL},
		{"2026-12-11T18:00:00Z", "2026-12-14T08:00:00Z"},
		{"2026-12-13T23:59:59Z", "2026-12-14T08:00:00Z"},
		{"2026-12-14T00:00:00Z", "2026-12-14T08:00:00Z"},
		{"2026-12-14T07:59:59Z", "2026-12-14T08:00:00Z"},
		{"2026-12-14T08:00:00Z", NULL},
		/* The weekend runs into the holidays, and those, to the end of a Monday, cover
		 * two more weekends. */
		{"2026-12-18T17:59:59Z", NULL},
		{"2026-12-18T18:00:00Z", "2027-01-05T00:00:00Z"},
		{"2026-12-20T00:00:00Z", "2027-01-05T00:00:00Z"},
		{"2026-12-28T12:00:00Z", "2027-01-05T00:00:00Z"},
		{"2027-01-04T23:59:59Z", "2027-01-05T00:00:00Z"},
		{"2027-01-05T00:00:00Z", NULL},
		{"2026-11-03T11:59:59Z", NULL},
		{"2026-11-03T12:00:00Z", "2026-11-03T13:00:00Z"},
		{"2026-11-03T13:00:00Z", NULL},
		/* Long before: a week is a week. */
		{"1970-01-02T18:00:00Z", "1970-01-05T08:00:00Z"},
	};
	AUTO(policies) struct policies *all = NULL, *none = NULL;
	when_t until = 7;

	(void)state;
	const struct policy *p = policy_of_rules(rules, &all);
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool frozen = policy_frozen(p, at(rows[i].at), &until);
		if (frozen != (rows[i].until != NULL))
			fail_msg("row %zu: frozen %d", i, frozen);
		if (frozen)
			same_moment(until, rows[i].until, i);
	}
	until = 7;
	assert_false(policy_frozen(NULL, NOW, &until));
	assert_false(policy_frozen(policy_of_rules("{owner: required}", &none), NOW, &until));
	assert_int_equal(until, 7);
}

static void
when_what_is_due_begins(void **state)
{
	static const struct {
		const char *now, *due, *deadline, *begins;
	} rows[] = {
		/* due in no freeze: then */
		{"2026-12-01T00:00:00Z", "2026-12-09T12:00:00Z", "2027-02-01",
			"2026-12-09T12:00:00Z"},
		{"2026-12-10T00:00:00Z", "2026-12-09T12:00:00Z", "2027-02-01",
			"2026-12-09T12:00:00Z"},
		/* due on a Saturday: a day before the freeze */
		{"2026-12-01T00:00:00Z", "2026-12-12T12:00:00Z", "2027-02-01",
			"2026-12-10T18:00:00Z"},
		/* that is past, and the freeze has not begun: now */
		{"2026-12-11T09:00:00Z", "2026-12-12T12:00:00Z", "2027-02-01",
			"2026-12-11T09:00:00Z"},
		{"2026-12-11T17:59:59Z", "2026-12-12T12:00:00Z", "2027-02-01",
			"2026-12-11T17:59:59Z"},
		/* it has begun: afterwards */
		{"2026-12-11T18:00:00Z", "2026-12-12T12:00:00Z", "2027-02-01",
			"2026-12-14T08:00:00Z"},
		{"2026-12-13T00:00:00Z", "2026-12-12T12:00:00Z", "2027-02-01",
			"2026-12-14T08:00:00Z"},
		/* overdue, and a freeze that it was not due in is on */
		{"2026-12-13T00:00:00Z", "2026-12-10T00:00:00Z", "2027-02-01",
			"2026-12-14T08:00:00Z"},
		/* the weekend before, the holidays and the one after are one */
		{"2026-12-01T00:00:00Z", "2027-01-02T00:00:00Z", "2027-02-01",
			"2026-12-17T18:00:00Z"},
		{"2026-12-21T00:00:00Z", "2027-01-02T00:00:00Z", "2027-02-01",
			"2027-01-05T00:00:00Z"},
		/* never later than the deadline, and earlier where the freeze is */
		{"2026-12-21T00:00:00Z", "2027-01-02T00:00:00Z", "2027-01-03",
			"2027-01-03T00:00:00Z"},
		{"2026-12-21T00:00:00Z", "2026-12-20T00:00:00Z", "2026-12-20",
			"2026-12-20T00:00:00Z"},
		{"2026-12-01T00:00:00Z", "2027-01-02T00:00:00Z", "2027-01-03",
			"2026-12-17T18:00:00Z"},
	};
	AUTO(policies) struct policies *all = NULL;

	(void)state;
	const struct policy *p = policy_of_rules(rules, &all);
	for (size_t i = 0; i < COUNT(rows); i++)
		same_moment(policy_thaw(p, at(rows[i].now), at(rows[i].due), at(rows[i].deadline)),
			rows[i].begins, i);
	assert_int_equal(policy_thaw(NULL, NOW, NOW + 5, NOW + 9), NOW + 5);
	assert_int_equal(policy_thaw(NULL, NOW, NOW + 9, NOW + 5), NOW + 5);
}

/* Two freezes with half a day between them: there, not before both. */
static void
a_short_time_between_two_freezes_is_taken(void **state)
{
	AUTO(policies) struct policies *all = NULL;

	(void)state;
	const struct policy *p =
		policy_of_rules("{freeze: [{from: 2026-11-01, to: 2026-11-09}, "
				"{from: \"2026-11-10T12:00:00Z\", to: 2026-11-20}]}",
			&all);
	when_t due = at("2026-11-15"), deadline = at("2027-01-01");
	same_moment(policy_thaw(p, at("2026-10-01"), due, deadline), "2026-11-10", 0);
	same_moment(policy_thaw(p, at("2026-11-05"), due, deadline), "2026-11-10", 1);
	same_moment(policy_thaw(p, at("2026-11-10T03:00:00Z"), due, deadline),
		"2026-11-10T03:00:00Z", 2);
	same_moment(policy_thaw(p, at("2026-11-10T12:00:00Z"), due, deadline), "2026-11-21", 3);
}

/* Whenever it is: what begins then is not frozen, or it is the deadline. */
static void
nothing_begins_in_a_freeze_before_the_deadline(void **state)
{
	static const char *const sets[] = {rules,
		"{freeze: [{weekly: \"mon 00:00 - thu 12:00\"}, "
		"{weekly: \"thu 12:00 - sun 23:00\"}]}",
		"{freeze: [{weekly: \"sun 22:00 - sun 20:00\"}]}",
		"{freeze: [{weekly: \"tue 01:00 - tue 02:00\"}, {from: 2026-12-01, to: 2026-12-01}]}"};
	size_t cases = 0;

	(void)state;
	for (size_t s = 0; s < COUNT(sets); s++) {
		AUTO(policies) struct policies *all = NULL;
		const struct policy *p = policy_of_rules(sets[s], &all);
		when_t first = at("2026-11-20");
		for (when_t now = first; now < first + 50 * DAY; now += 11 * HOUR + 1)
			for (when_t due = now - 3 * DAY; due < now + 20 * DAY; due += 7 * HOUR) {
				when_t deadline = due + (due - first) % (30 * DAY), until;
				when_t begins = policy_thaw(p, now, due, deadline);
				assert_true(begins <= deadline);
				cases++;
				when_t moment = begins > now ? begins : now;
				if (begins != deadline)
					assert_false(policy_frozen(p, moment, &until));
			}
	}
	print_message("%zu moments\n", cases);
}

static void
a_freeze_refuses_no_certificate(void **state)
{
	const struct policy_facts f = {.now = at("2026-12-24T12:00:00Z")};

	(void)state;
	assert_int_equal(verdict_of(rules, RULE_FREEZE, &f), VERDICT_OK);
	assert_string_equal(policy_said.value,
		"2026-12-20 up to 2027-01-05, fri 18:00 - mon 08:00, 2026-11-03T12:00:00Z up to "
		"2026-11-03T13:00:00Z");
	assert_string_equal(
		policy_said.text, "renewals that can wait do, until 2027-01-05T00:00:00Z");
}

static void
what_is_no_freeze_is_refused(void **state)
{
	static const struct {
		const char *value, *words;
	} rows[] = {
		{"[]", "the list is empty"},
		{"weekends", "a list of times"},
		{"[{}]", "a freeze has 'from' and 'to', or 'weekly'"},
		{"[{from: 2026-12-20}]", "a freeze has 'from' and 'to'"},
		{"[{to: 2026-12-20}]", "a freeze has 'from' and 'to'"},
		{"[{from: 2026-12-20, to: 2026-12-19}]", "a freeze ends after it begins"},
		{"[{from: 2026-12-20, to: 2026-12-32}]", "not '2026-12-32'"},
		{"[{weekly: \"fri 18:00 - fri 18:00\"}]", "a part of the week"},
		{"[{weekly: \"fri 24:00 - sat 18:00\"}]", "a part of the week"},
		{"[{weekly: \"fri 18:60 - sat 18:00\"}]", "a part of the week"},
		{"[{weekly: \"Fri 18:00 - sat 18:00\"}]", "a part of the week"},
		{"[{weekly: \"fri 18:00-sat 18:00\"}]", "a part of the week"},
		{"[{weekly: \"fri 18:00 - sat 18:00 \"}]", "a part of the week"},
		{"[{weekly: \"\"}]", "a part of the week"},
		{"[{weekly: \"mon 00:00 - fri 00:00\"}, {weekly: \"thu 00:00 - mon 00:00\"}]",
			"no part of the week is left free"},
	};
	char text[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, "policy: own\nrules: {freeze: %s}\n", rows[i].value);
		assert_policy_refused(text, rows[i].words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_frozen_and_until_when),
		cmocka_unit_test(when_what_is_due_begins),
		cmocka_unit_test(a_short_time_between_two_freezes_is_taken),
		cmocka_unit_test(nothing_begins_in_a_freeze_before_the_deadline),
		cmocka_unit_test(a_freeze_refuses_no_certificate),
		cmocka_unit_test(what_is_no_freeze_is_refused),
	};
	return cmocka_run_group_tests_name("policy_freeze", tests, NULL, NULL);
}
