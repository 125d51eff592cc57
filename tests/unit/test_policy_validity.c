/*
 * How long a certificate may live, by the day on which it was issued: to the second on both sides
 * of every step, and against the text of the Baseline Requirements, said anew.
 */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "support/policies.h"

static struct policies *shipped;

static int
open_shipped(void **state)
{
	(void)state;
	assert_ok(policies_new(&shipped, UNIT_ERR));
	assert_ok(policies_finish(shipped, UNIT_ERR));
	return 0;
}

static int
close_shipped(void **state)
{
	(void)state;
	policies_free(shipped);
	return 0;
}

/* `seconds` counts both ends, as RFC 5280 does. */
static bool
fits(const struct policy *p, when_t not_before, when_t issued_at, when_t seconds)
{
	const struct chain_traits t = {.not_before = not_before,
		.not_after = not_before + seconds - 1,
		.issued_at = issued_at};
	const struct policy_facts f = {.now = issued_at, .issued = &t};
	struct judgement j[RULES];

	policy_judge(p, &f, j);
	assert_true(j[RULE_MAX_VALIDITY].verdict == VERDICT_OK ||
		    j[RULE_MAX_VALIDITY].verdict == VERDICT_REFUSED);
	policy_said = j[RULE_MAX_VALIDITY];
	return j[RULE_MAX_VALIDITY].verdict == VERDICT_OK;
}

/* Plain dates, and the seconds from one to the other as written out by hand. */
static const struct {
	int year, month, day;
	when_t longest; /* issued and valid from the first second of that day */
} steps[] = {
	/* 60 months from 2012-07-01 end on 2017-07-01: with the leap day of 2016 */
	{2012, 7, 1, (5 * 365 + 1) * DAY},
	/* 39 months from 2015-04-01 end on 2018-07-01, with that leap day too */
	{2015, 4, 1, (3 * 365 + 91 + 1) * DAY},
	{2018, 3, 1, 825 * DAY},
	{2020, 9, 1, 398 * DAY},
	{2026, 3, 15, 200 * DAY},
	{2027, 3, 15, 100 * DAY},
	{2029, 3, 15, 47 * DAY},
};

static void
every_step_by_length_and_by_issue_date(void **state)
{
	static const char *const names[] = {"web-public", "strict"};
	size_t cases = 0;

	(void)state;
	for (size_t n = 0; n < COUNT(names); n++) {
		const struct policy *p = policy_find(shipped, names[n]);
		for (size_t i = 0; i < COUNT(steps); i++) {
			when_t from =
				when_from_utc(steps[i].year, steps[i].month, steps[i].day, 0, 0, 0);
			when_t longest = steps[i].longest;
			/* By length: the last second, and one more. */
			assert_true(fits(p, from, from, longest));
			assert_false(fits(p, from, from, longest + 1));
			assert_true(fits(p, from, from, 1));
			cases += 3;
			/* By issue date: one second before the step the rule before it holds. */
			when_t before = i ? steps[i - 1].longest - 3 * DAY : 10000 * DAY;
			assert_true(fits(p, from - 1, from - 1, before));
			assert_false(fits(p, from, from, before));
			/* What counts is when it was issued, not from when on it is valid. */
			assert_true(fits(p, from, from - 1, before));
			assert_false(fits(p, from - 1, from, before));
			cases += 4;
		}
	}
	print_message("%zu boundary cases of %zu steps\n", cases, COUNT(steps));
}

static void
a_certificate_of_before_all_steps_may_live_for_ever(void **state)
{
	const struct policy *p = policy_find(shipped, "web-public");
	when_t at = when_from_utc(2012, 6, 30, 23, 59, 59);

	(void)state;
	assert_true(fits(p, at, at, 36500 * DAY));
}

/* A fraction of a day is a whole one (BR 6.3.2). */
static void
the_usual_mistake_of_one_second(void **state)
{
	const struct policy *p = policy_find(shipped, "web-public");
	when_t from = when_from_utc(2026, 4, 1, 12, 30, 0);

	(void)state;
	/* notAfter = notBefore + 200 days is 200 days and one second: 201 days. */
	const struct chain_traits t = {
		.not_before = from, .not_after = from + 200 * DAY, .issued_at = from};
	const struct policy_facts f = {.now = from, .issued = &t};
	struct judgement j[RULES];
	assert_int_equal(policy_judge(p, &f, j), VERDICT_REFUSED);
	assert_string_equal(j[RULE_MAX_VALIDITY].text,
		"it was issued on 2026-04-01 for 201 days (17280001 s), and 200d is the limit by "
		"ballot SC-081v3");
}

/* --- the Baseline Requirements, said anew: civil dates by counting days one by one. */

struct civil {
	int year, month, day;
};

static int
length_of(int year, int month)
{
	if (month == 2)
		return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static struct civil
civil_of(when_t day)
{
	struct civil c = {1970, 1, 1};

	while (day >= length_of(c.year, c.month)) {
		day -= length_of(c.year, c.month);
		if (++c.month > 12) {
			c.month = 1;
			c.year++;
		}
	}
	c.day = (int)day + 1;
	return c;
}

static bool
on_or_after(struct civil a, int year, int month, int day)
{
	if (a.year != year)
		return a.year > year;
	return a.month != month ? a.month > month : a.day >= day;
}

/* So many months later, in days: the days of each month on the way, and the day of the month, or
 * the last there is. */
static when_t
days_of_months(struct civil from, int months)
{
	when_t days = 0;
	struct civil c = from;

	for (int i = 0; i < months; i++) {
		days += length_of(c.year, c.month);
		if (++c.month > 12) {
			c.month = 1;
			c.year++;
		}
	}
	int last = length_of(c.year, c.month);
	return days + (from.day <= last ? 0 : last - from.day);
}

/*
 * "Subscriber Certificates issued on or after [date] MUST NOT have a Validity Period greater than
 * [n] days. [...] For the purpose of calculations, a day is measured as 86,400 seconds. Any amount
 * of time greater than this, including fractional seconds and/or leap seconds, shall represent an
 * additional day." Months are the calendar's. Before 2012-07-01 there is no such text.
 */
static bool
text_allows(when_t not_before, when_t issued_at, when_t seconds)
{
	struct civil issued = civil_of(issued_at / DAY), from = civil_of(not_before / DAY);
	when_t begun_days = seconds / DAY + (seconds % DAY ? 1 : 0);

	if (on_or_after(issued, 2029, 3, 15))
		return begun_days <= 47;
	if (on_or_after(issued, 2027, 3, 15))
		return begun_days <= 100;
	if (on_or_after(issued, 2026, 3, 15))
		return begun_days <= 200;
	if (on_or_after(issued, 2020, 9, 1))
		return begun_days <= 398;
	if (on_or_after(issued, 2018, 3, 1))
		return begun_days <= 825;
	if (on_or_after(issued, 2015, 4, 1))
		return begun_days <= days_of_months(from, 39);
	if (on_or_after(issued, 2012, 7, 1))
		return begun_days <= days_of_months(from, 60);
	return true;
}

static when_t
random_below(when_t limit)
{
	return (when_t)(((uint64_t)random() << 31 ^ (uint64_t)random()) % (uint64_t)limit);
}

static void
the_table_says_what_the_text_says(void **state)
{
	static const when_t near[] = {47, 100, 200, 398, 825, 1187, 1188, 1826, 1827};
	const struct policy *p = policy_find(shipped, "web-public");
	const when_t first = when_from_utc(2011, 1, 1, 0, 0, 0),
		     last = when_from_utc(2036, 1, 1, 0, 0, 0);
	size_t cases = 0, refused = 0;

	(void)state;
	srandom(20261121);
	for (int i = 0; i < 40000; i++) {
		when_t not_before = first + random_below(last - first);
		if (i % 4 == 0) /* by a step, to the second */
			not_before = when_from_utc(steps[i / 4 % COUNT(steps)].year,
					     steps[i / 4 % COUNT(steps)].month,
					     steps[i / 4 % COUNT(steps)].day, 0, 0, 0) +
				     random_below(5) - 2;
		when_t issued_at = not_before + (i % 3 ? 0 : random_below(3 * DAY));
		when_t seconds = i % 2 ? 1 + random_below(2000 * DAY)
				       : near[i / 2 % COUNT(near)] * DAY + random_below(5) - 2;
		bool wanted = text_allows(not_before, issued_at, seconds);
		if (fits(p, not_before, issued_at, seconds) != wanted)
			fail_msg("from %lld, issued %lld, %lld s: wanted %d", (long long)not_before,
				(long long)issued_at, (long long)seconds, wanted);
		cases++;
		refused += !wanted;
	}
	assert_in_range(refused, cases / 4, cases * 3 / 4);
	print_message("%zu random certificates, %zu of them refused\n", cases, refused);
}

static void
own_tables(void **state)
{
	struct chain_traits t = {.not_before = NOW, .not_after = NOW + 90 * DAY - 1};
	struct policy_facts f = {.now = NOW, .issued = &t};

	(void)state;
	t.issued_at = NOW;
	assert_int_equal(verdict_of("{max_validity: 90d}", RULE_MAX_VALIDITY, &f), VERDICT_OK);
	assert_string_equal(policy_said.value, "90d");
	assert_int_equal(
		verdict_of("{max_validity: 89d23h}", RULE_MAX_VALIDITY, &f), VERDICT_REFUSED);
	assert_int_equal(
		verdict_of("{max_validity: {value: 3months, source: ours}}", RULE_MAX_VALIDITY, &f),
		VERDICT_OK);
	assert_int_equal(
		verdict_of("{max_validity: {value: 2months, effect: warn}}", RULE_MAX_VALIDITY, &f),
		VERDICT_WARN);
	/* NOW is 2026-09-21T14:13:20Z. */
	static const char table[] = "{max_validity: [{from: \"2026-09-21T14:13:20Z\", max: 10d}]}";
	assert_int_equal(verdict_of(table, RULE_MAX_VALIDITY, &f), VERDICT_REFUSED);
	assert_string_equal(policy_said.value, "10d from 2026-09-21T14:13:20Z");
	t.issued_at--;
	assert_int_equal(verdict_of(table, RULE_MAX_VALIDITY, &f), VERDICT_OK);
	f.issued = NULL;
	assert_int_equal(verdict_of(table, RULE_MAX_VALIDITY, &f), VERDICT_OPEN);
	/* The last day of a month stays one: 31 January and one month end with February. */
	t.not_before = t.issued_at = when_from_utc(2027, 1, 31, 0, 0, 0);
	t.not_after = when_from_utc(2027, 2, 27, 23, 59, 59);
	f.issued = &t;
	assert_int_equal(verdict_of("{max_validity: 1months}", RULE_MAX_VALIDITY, &f), VERDICT_OK);
	t.not_after++;
	assert_int_equal(
		verdict_of("{max_validity: 1months}", RULE_MAX_VALIDITY, &f), VERDICT_REFUSED);
}

static void
what_is_no_table_is_refused(void **state)
{
	static const struct {
		const char *value, *words;
	} rows[] = {
		{"[]", "the list is empty"},
		{"0d", "a duration such as 398d"},
		{"0months", "a duration such as 398d"},
		{"1201months", "months such as 39months (1 to 1200)"},
		{"months", "a duration such as 398d"},
		{"39month", "a duration such as 398d"},
		{"-1d", "a duration such as 398d"},
		{"[398d]", "a limit is a mapping"},
		{"[{from: 2026-03-15}]", "a limit has no 'max'"},
		{"[{max: 200d}]", "a limit has no 'from'"},
		{"[{from: 2026-3-15, max: 200d}]", "not '2026-3-15'"},
		{"[{from: 2026-03-15 00:00, max: 200d}]", "own.yaml:2:"},
		{"[{from: 2027-03-15, max: 100d}, {from: 2026-03-15, max: 200d}]",
			"the dates of 'from' must rise"},
		{"[{from: 2027-03-15, max: 100d}, {from: 2027-03-15, max: 47d}]", "must rise"},
		{"[{from: 2027-03-15, max: 100d, min: 1d}]", "unknown key 'min' in a limit"},
	};
	char text[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, "policy: own\nrules: {max_validity: %s}\n",
			rows[i].value);
		assert_policy_refused(text, rows[i].words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_by_length_and_by_issue_date),
		cmocka_unit_test(a_certificate_of_before_all_steps_may_live_for_ever),
		cmocka_unit_test(the_usual_mistake_of_one_second),
		cmocka_unit_test(the_table_says_what_the_text_says),
		cmocka_unit_test(own_tables),
		cmocka_unit_test(what_is_no_table_is_refused),
	};
	return cmocka_run_group_tests_name("policy_validity", tests, open_shipped, close_shipped);
}
