/*
 * The forecast (keystay/life/forecast.h) against a simulation that steps through every hour, and
 * against what the agent itself says is due.
 */
#include "keystay/life/forecast.h"

#include <string.h>

#include "../../agent/life/due.h"
#include "support/policies.h"
#include "support/unit.h"

#define ITEMS_MAX 300
#define MONTHS_MAX 130
#define AUTHORITIES 3

/* --- a generator of its own, so that an estate is the same everywhere */

static uint64_t seed;

static int64_t
draw(int64_t least, int64_t most)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return least + (int64_t)((seed >> 33) % (uint64_t)(most - least + 1));
}

/* --- the oracle */

/* By SC-081v3 and what was before it; both ends count. */
static when_t
longest_public(when_t at)
{
	if (at >= when_from_utc(2029, 3, 15, 0, 0, 0))
		return 47 * DAY - 1;
	if (at >= when_from_utc(2027, 3, 15, 0, 0, 0))
		return 100 * DAY - 1;
	return 200 * DAY - 1;
}

/* A certificate of the simulation. */
struct lived {
	const struct policy *policy;
	bool public;
	int authority;
	when_t not_before, not_after, habit, key_made_at;
	when_t rotate; /* of the policy; 0 = at every renewal */
};

static int
digits(const char *text, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n = n * 10 + text[i] - '0';
	return n;
}

static int
month_of(when_t from, when_t at)
{
	char a[WHEN_TEXT], b[WHEN_TEXT];

	when_format(from, a);
	when_format(at, b);
	return (digits(b, 4) - digits(a, 4)) * 12 + digits(b + 5, 2) - digits(a + 5, 2);
}

static void
issue(struct lived *c, when_t at)
{
	when_t life = c->habit;

	if (c->public && longest_public(at) < life)
		life = longest_public(at);
	c->not_before = at;
	c->not_after = at + life;
	if (c->rotate == 0 || at - c->key_made_at >= c->rotate)
		c->key_made_at = at;
}

/* A clock that steps an hour; what falls due within the hour is renewed at its moment. */
static void
simulate(struct lived *all, size_t count, when_t from, when_t until,
	int64_t ret[MONTHS_MAX][AUTHORITIES])
{
	const char *reason;

	memset(ret, 0, sizeof(int64_t) * MONTHS_MAX * AUTHORITIES);
	for (when_t hour = from; hour < until; hour += HOUR)
		for (size_t i = 0; i < count; i++) {
			struct lived *c = &all[i];
			for (;;) {
				when_t due = policy_renew_at(c->policy, c->not_before, c->not_after,
					c->key_made_at, &reason);
				due = due < hour ? hour : due;
				if (due >= hour + HOUR || due >= until)
					break;
				ret[month_of(from, due)][c->authority]++;
				issue(c, due);
			}
		}
}

/* --- the same estate for both */

struct kind {
	const char *rules; /* NULL = those of the shipped policy */
	const char *shipped;
	when_t rotate;
};

static const struct kind kinds[] = {
	{NULL, "web-public", 0},
	{"{renew_at: 20%, rotate: 60d}", NULL, 60 * DAY},
	{"{renew_at: 50%}", NULL, 0},
	{"{rotate: 400d, max_key_age: 700d, renew_at: 33%}", NULL, 400 * DAY},
};

static struct policies *policies[COUNT(kinds)];

static const struct policy *
policy_of_kind(size_t i)
{
	const struct policy *p;

	if (policies[i])
		return policy_find(policies[i], kinds[i].shipped ? kinds[i].shipped : "own");
	p = policy_of_rules(kinds[i].rules ? kinds[i].rules : "{}", &policies[i]);
	return kinds[i].shipped ? policy_find(policies[i], kinds[i].shipped) : p;
}

static struct lived lived[ITEMS_MAX];
static struct forecast_item item[ITEMS_MAX];

static void
draw_estate(size_t count, when_t now)
{
	const char *reason;

	for (size_t i = 0; i < count; i++) {
		size_t kind = (size_t)draw(0, COUNT(kinds) - 1);
		struct lived *c = &lived[i];
		*c = (struct lived){.policy = policy_of_kind(kind),
			.public = kinds[kind].shipped != NULL,
			.authority = (int)draw(0, AUTHORITIES - 1),
			.habit = draw(20, 420) * DAY + draw(0, DAY),
			.rotate = kinds[kind].rotate};
		if (c->public && c->habit > 398 * DAY)
			c->habit = 398 * DAY - 1;
		/* A key that is older than its rule allows would be due at once in any case. */
		c->not_before = now - draw(0, c->habit);
		c->not_after = c->not_before + c->habit;
		c->key_made_at = c->not_before - (c->rotate ? draw(0, 30 * DAY) : 0);
		item[i] = (struct forecast_item){.name = "x",
			.policy = c->policy,
			.authority = (uint16_t)c->authority,
			.certificates = 1,
			.due_at = policy_renew_at(
				c->policy, c->not_before, c->not_after, c->key_made_at, &reason),
			.not_after = c->not_after,
			.life = c->habit,
			.key_made_at = c->key_made_at};
	}
}

static void
count(const struct forecast *f, when_t from, int64_t ret[MONTHS_MAX][AUTHORITIES])
{
	memset(ret, 0, sizeof(int64_t) * MONTHS_MAX * AUTHORITIES);
	for (size_t i = 0; i < f->events; i++)
		ret[month_of(from, f->event[i].at)][f->event[i].authority] +=
			f->event[i].certificates;
}

static void
equals_simulation(size_t items, uint64_t with, when_t now, when_t until)
{
	static int64_t wanted[MONTHS_MAX][AUTHORITIES], got[MONTHS_MAX][AUTHORITIES];
	AUTO(forecast) struct forecast f = {0};
	int64_t all = 0;

	seed = with;
	draw_estate(items, now);
	assert_ok(forecast_make(item, items, now, until, 0, &f, UNIT_ERR));
	count(&f, now, got);
	simulate(lived, items, now, until, wanted);
	for (int m = 0; m < MONTHS_MAX; m++)
		for (int a = 0; a < AUTHORITIES; a++) {
			all += wanted[m][a];
			if (wanted[m][a] != got[m][a])
				fail_msg("seed %llu, month %d, authority %d: %lld in the forecast, "
					 "%lld in the simulation",
					(unsigned long long)with, m, a, (long long)got[m][a],
					(long long)wanted[m][a]);
		}
	assert_true(all > (int64_t)items);
	assert_int_equal(all, f.events);
}

static void
every_month_is_that_of_the_simulation(void **state)
{
	(void)state;
	/* Over the limits of March 2027 and of March 2029. */
	for (uint64_t s = 1; s <= 8; s++)
		equals_simulation(
			60, s, NOW + (when_t)s * 12345, when_from_utc(2029, 12, 31, 0, 0, 0));
	equals_simulation(ITEMS_MAX, 99, when_from_utc(2027, 3, 14, 23, 59, 59),
		when_from_utc(2027, 9, 1, 0, 0, 0));
	equals_simulation(ITEMS_MAX, 100, when_from_utc(2029, 3, 14, 23, 59, 59),
		when_from_utc(2029, 7, 1, 0, 0, 0));
}

/* --- the figures of a council: 72 certificates in their steady state */

/* Renewed with exactly a third left: 33 %, and a third of a hundredth earlier. */
#define THIRD 333

static size_t
in_a_year(const char *rules, when_t habit, when_t life, int64_t jitter)
{
	AUTO(policies) struct policies *own = NULL;
	AUTO(forecast) struct forecast f = {0};
	const struct policy *p = policy_of_rules(rules, &own);
	struct forecast_item some[72];

	/* They come evenly. */
	for (int i = 0; i < 72; i++) {
		when_t due = NOW + (life < 10 * DAY ? life / 2 : life * 2 / 3) * i / 72;
		some[i] = (struct forecast_item){.policy = p,
			.certificates = 1,
			.due_at = due,
			.not_after = due + life / 3,
			.life = habit};
	}
	assert_ok(forecast_make(some, 72, NOW, NOW + 365 * DAY, jitter, &f, UNIT_ERR));
	return f.events;
}

#define assert_near(got, wanted) assert_in_range(got, (wanted)-1, (wanted) + 1)

static void
seventy_two_certificates_take_what_arithmetic_says(void **state)
{
	(void)state;
	assert_near(in_a_year("{renew_at: 33%}", 398 * DAY, 398 * DAY, THIRD), 99);
	assert_near(in_a_year("{renew_at: 33%}", 200 * DAY, 200 * DAY, THIRD), 197);
	assert_near(in_a_year("{renew_at: 33%}", 100 * DAY, 100 * DAY, THIRD), 394);
	assert_near(in_a_year("{renew_at: 33%}", 47 * DAY, 47 * DAY, THIRD), 839);
	/* The limit, not the habit: one of 398 days comes as one of 47. */
	assert_near(
		in_a_year("{renew_at: 33%, max_validity: 47d}", 398 * DAY, 47 * DAY, THIRD), 839);
	/* Six days are renewed with half of them left. */
	assert_near(in_a_year("{renew_at: 33%}", 6 * DAY, 6 * DAY, 0), 72 * 365 / 3);
	/* As the agent draws it, on average: half of a hundredth earlier than 33 %. */
	assert_near(in_a_year("{renew_at: 33%}", 100 * DAY, 100 * DAY, FORECAST_JITTER), 395);
}

/* --- as the agent works it out (life/due.c), freezes and rests too */

static void
the_next_renewal_is_when_the_agent_would_begin_it(void **state)
{
	static const char *const rules[] = {
		"{}",
		"{renew_at: 20%, rotate: 45d}",
		"{renew_at: 33%, freeze: [{weekly: \"fri 18:00 - mon 08:00\"}]}",
		"{renew_at: 40%, freeze: [{from: 2026-12-15, to: 2027-01-04}, {weekly: \"fri 18:00 - "
		"mon 08:00\"}]}",
		"{renew_at: 33%, max_validity: 10d, freeze: [{from: 2026-10-01, to: 2026-11-15}]}",
	};
	(void)state;

	seed = 7;
	for (size_t i = 0; i < COUNT(rules); i++) {
		AUTO(policies) struct policies *own = NULL;
		const struct policy *p = policy_of_rules(rules[i], &own);
		for (int k = 0; k < 400; k++) {
			when_t at = NOW + draw(0, 200 * DAY), life = draw(2 * DAY, 200 * DAY);
			int64_t jitter = draw(0, 999);
			const struct forecast_item one = {.policy = p,
				.certificates = 1,
				.due_at = at,
				.life = life,
				.key_made_at = at - 45 * DAY};
			struct forecast_walk w = forecast_begin(&one, NOW, jitter);
			forecast_next(&w);
			const struct due_row row = {.certificate = "a",
				.renew_reason = "",
				.cause = "",
				.wish = "names a",
				.jitter = jitter,
				.not_before = at,
				.not_after = w.not_after,
				.installed_at = at,
				.key_made_at = at,
				.key_state = "active",
				.ari_id = ""};
			struct due d;
			due_of(p, &row, "names a", at, &d);
			assert_int_equal(w.at - NOW, d.at - NOW);
		}
	}
}

/* --- what a walk begins and ends with */

static void
what_is_overdue_or_missing_is_issued_now(void **state)
{
	AUTO(policies) struct policies *own = NULL;
	AUTO(forecast) struct forecast f = {0};
	const struct policy *p = policy_of_rules("{}", &own);
	const struct forecast_item some[] = {
		{.policy = p, .certificates = 2, .due_at = NOW - 100 * DAY, .life = 90 * DAY},
		{.policy = p, .certificates = 1, .authority = 1, .due_at = 0, .life = 90 * DAY},
		{.policy = p, .certificates = 1, .due_at = NOW + 30 * DAY, .life = 90 * DAY},
	};
	(void)state;

	assert_ok(forecast_make(some, COUNT(some), NOW, NOW + 30 * DAY, 0, &f, UNIT_ERR));
	assert_int_equal(f.events, 2);
	assert_int_equal(f.event[0].at, NOW);
	assert_int_equal(f.event[0].item, 0);
	assert_int_equal(f.event[0].certificates, 2);
	assert_int_equal(f.event[1].at, NOW);
	assert_int_equal(f.event[1].authority, 1);
	/* The end is not in it; a second later it is. */
	forecast_free(&f);
	assert_ok(forecast_make(some, COUNT(some), NOW, NOW + 30 * DAY + 1, 0, &f, UNIT_ERR));
	assert_int_equal(f.events, 3);
	assert_int_equal(f.event[2].at, NOW + 30 * DAY);
}

/* A lifetime of a second, or of nothing, does not go on for ever; too many are refused. */
static void
a_walk_comes_to_its_end(void **state)
{
	AUTO(policies) struct policies *own = NULL;
	AUTO(forecast) struct forecast f = {0};
	struct forecast_item one = {.policy = policy_of_rules("{max_validity: 2s}", &own),
		.certificates = 1,
		.life = DAY};
	struct forecast_item *many = calloc(100, sizeof *many);
	(void)state;

	assert_ok(forecast_make(&one, 1, NOW, NOW + 10 * DAY, 999, &f, UNIT_ERR));
	assert_int_equal(f.events, 240);
	assert_non_null(many);
	for (int i = 0; i < 100; i++)
		many[i] = one;
	assert_refused(forecast_make(many, 100, NOW, NOW + 3650 * DAY, 0, &f, UNIT_ERR), ERR_USAGE,
		"more than 4000000 renewals");
	assert_non_null(strstr(unit_err.hint, "--until"));
	/* What was there before is left alone. */
	assert_int_equal(f.events, 240);
	free(many);
}

static void
months_are_those_of_the_calendar(void **state)
{
	(void)state;
	assert_int_equal(forecast_month(when_from_utc(2028, 2, 29, 23, 59, 59)),
		when_from_utc(2028, 2, 1, 0, 0, 0));
	assert_int_equal(forecast_month(when_from_utc(2027, 1, 1, 0, 0, 0)),
		when_from_utc(2027, 1, 1, 0, 0, 0));
	assert_int_equal(forecast_month(when_from_utc(2026, 12, 31, 23, 59, 59)),
		when_from_utc(2026, 12, 1, 0, 0, 0));
}

/* --- limits of an authority */

/* Every window that ends with a certificate, counted anew. */
static struct forecast_load
load_by_force(const struct forecast_event *v, size_t count, size_t pasts, uint16_t authority,
	const struct rate_limit *limit)
{
	struct forecast_load load = {0};

	for (size_t i = pasts; i < count; i++) {
		int64_t sum = 0;
		if (v[i].authority != authority)
			continue;
		for (size_t k = 0; k <= i; k++)
			if (v[k].authority == authority && v[k].at > v[i].at - limit->per)
				sum += v[k].certificates;
		if (sum > load.worst)
			load = (struct forecast_load){sum, v[i].at, load.first_at};
		if (sum > limit->certificates && !load.first_at)
			load.first_at = v[i].at;
	}
	return load;
}

static void
the_worst_window_is_found(void **state)
{
	static struct forecast_event all[400];
	int passed = 0, kept = 0;
	(void)state;

	for (uint64_t s = 1; s <= 40; s++) {
		seed = s;
		size_t count = (size_t)draw(1, COUNT(all)), pasts = (size_t)draw(0, (int64_t)count);
		when_t at = NOW;
		for (size_t i = 0; i < count; i++) {
			at += draw(0, 9) ? draw(0, DAY) : 0;
			all[i] = (struct forecast_event){.at = at,
				.authority = (uint16_t)draw(0, 1),
				.certificates = (uint16_t)draw(1, 3)};
		}
		const struct forecast f = {.event = all + pasts, .events = count - pasts};
		const struct rate_limit limit = {draw(5, 60), draw(1, 20) * DAY};
		struct forecast_load is = forecast_load(&f, all, pasts, 1, &limit);
		struct forecast_load wanted = load_by_force(all, count, pasts, 1, &limit);
		assert_int_equal(is.worst, wanted.worst);
		assert_int_equal(is.worst_at, wanted.worst_at);
		assert_int_equal(is.first_at, wanted.first_at);
		passed += is.first_at != 0;
		kept += is.first_at == 0;
	}
	assert_true(passed > 5 && kept > 5);
}

static void
a_window_is_as_long_as_the_limit_says(void **state)
{
	struct forecast_event v[] = {{NOW, 0, 0, 1}, {NOW + 7 * DAY, 1, 0, 1}};
	const struct forecast f = {v, 2};
	const struct rate_limit limit = {1, 7 * DAY};
	(void)state;

	/* A week later the first is forgotten; a second before that it is not. */
	assert_int_equal(forecast_load(&f, NULL, 0, 0, &limit).worst, 1);
	assert_int_equal(forecast_load(&f, NULL, 0, 0, &limit).first_at, 0);
	v[1].at--;
	assert_int_equal(forecast_load(&f, NULL, 0, 0, &limit).worst, 2);
	assert_int_equal(forecast_load(&f, NULL, 0, 0, &limit).first_at, v[1].at);
	/* What was issued before counts, and is itself nothing that could be mended. */
	const struct forecast rest = {v + 1, 1};
	assert_int_equal(forecast_load(&rest, v, 1, 0, &limit).first_at, v[1].at);
	const struct forecast none = {NULL, 0};
	assert_int_equal(forecast_load(&none, v, 2, 0, &limit).worst, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_month_is_that_of_the_simulation),
		cmocka_unit_test(seventy_two_certificates_take_what_arithmetic_says),
		cmocka_unit_test(the_next_renewal_is_when_the_agent_would_begin_it),
		cmocka_unit_test(what_is_overdue_or_missing_is_issued_now),
		cmocka_unit_test(a_walk_comes_to_its_end),
		cmocka_unit_test(months_are_those_of_the_calendar),
		cmocka_unit_test(the_worst_window_is_found),
		cmocka_unit_test(a_window_is_as_long_as_the_limit_says),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < COUNT(kinds); i++)
		policies_free(policies[i]);
	return failed;
}
