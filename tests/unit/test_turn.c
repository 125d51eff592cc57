/*
 * Two authorities of one certificate (agent/life/turn.h), and certificates of six days through a
 * month: a real SoftHSM and database, doubles for the authorities, a clock that the test moves.
 */
#include "support/double_ca.h"
#include "support/softhsm.h"
#include "support/still.h"
#include "support/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "keystay/config/config.h"
#include "keystay/life/life.h"
#include "keystay/run/system.h"
#include "keystay/state/attempts.h"
#include "keystay/state/db.h"
#include "keystay/state/journal.h"

#define START ((when_t)1790000000)

static struct config *config;

static void
begin(void)
{
	static int number;
	char text[2048], name[64];

	config_free(config);
	config = NULL;
	still.now = START;
	snprintf(name, sizeof name, "turn-%d.yaml", ++number);
	snprintf(text, sizeof text,
		"state: %s/state-%d\n"
		"tokens:\n"
		"  - {name: web, module: " SOFTHSM_MODULE ", label: turn, pin: 'file:%s'}\n"
		"authorities:\n"
		"  - {name: a, protocol: acme, url: 'https://a/', account_key: {token: web}}\n"
		"  - {name: b, protocol: acme, url: 'https://b/', account_key: {token: web}}\n"
		"certificates:\n"
		"  - {name: c, names: [c.example], token: web, authority: [a, b], policy: lab, "
		"challenge: {type: http-01, webroot: /nowhere}}\n",
		unit_folder(), number, unit_file("pin", "1234\n"));
	chmod(unit_file("pin", "1234\n"), 0600);
	assert_ok(config_read(unit_file(name, text), &config, UNIT_ERR));
	config->authority[0].ops = config->authority[1].ops = &double_ca_ops;
	double_ca = (struct double_ca){.lifetime = 90 * DAY};
}

/* One pass; LIFE_DONE where there was nothing to do. */
static enum life_state
run(const struct wish *wish)
{
	const struct life_conf conf = {
		.config = config, .services = still_services(), .command = "test"};
	enum life_state state = LIFE_DONE;
	struct life *l;
	bool started;

	assert_ok(life_open(&conf, &l, UNIT_ERR));
	assert_ok(life_want(l, &config->certificate[0], wish, &started, UNIT_ERR));
	assert_ok(life_go(l, 0, UNIT_ERR));
	if (started)
		state = life_result_at(l, 0)->state;
	life_close(l);
	return state;
}

static enum life_state
renew(void)
{
	static const struct wish wish = {.reason = "test"};

	return run(&wish);
}

static struct attempt
attempt(bool *ret_found)
{
	AUTO(db) struct db *db = NULL;
	struct attempt a;

	assert_ok(life_open_state(config, &db, UNIT_ERR));
	assert_ok(attempt_load(db, "c", &a, ret_found, UNIT_ERR));
	struct attempt copy = a;
	attempt_free(&a);
	copy.parts = 0;
	return copy;
}

static int
count_next(void *ctx, const struct event *v, struct err *e)
{
	(void)e;
	*(int *)ctx += text_same(v->kind, "authority-next");
	return 0;
}

static int
turns(void)
{
	AUTO(db) struct db *db = NULL;
	int count = 0;

	assert_ok(life_open_state(config, &db, UNIT_ERR));
	assert_ok(journal_each(db, "c", count_next, &count, UNIT_ERR));
	return count;
}

static void
let_fail(enum err_kind kind, const char *at)
{
	double_ca.fails = kind;
	double_ca.fails_at = at;
}

static void
nothing_is_there_so_the_next_has_its_turn_at_once(void **state)
{
	(void)state;
	begin();
	let_fail(ERR_NETWORK, "a");
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "b order, b issue, b settle");
	assert_int_equal(turns(), 1);
	/* The next renewal begins with the first again. */
	let_fail(ERR_NONE, NULL);
	double_ca.story[0] = '\0';
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "a order, a issue, a settle");
	assert_int_equal(turns(), 1);
}

static void
with_time_left_the_first_has_three_tries_and_what_it_began_is_settled_once(void **state)
{
	bool found;

	(void)state;
	begin();
	assert_int_equal(renew(), LIFE_DONE);
	double_ca.story[0] = '\0';
	double_ca.waits = 1;
	double_ca.wait = 100;
	assert_int_equal(renew(), LIFE_WAITING);
	still.now += 100;
	let_fail(ERR_NETWORK, "a");
	assert_int_equal(renew(), LIFE_FAILED);
	assert_int_equal(renew(), LIFE_FAILED);
	assert_int_equal(turns(), 0);
	assert_string_equal(attempt(&found).authority, "a");
	assert_string_equal(double_ca.story, "a order");
	double_ca.waits = 0;
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "a order, a settle, b order, b issue, b settle");
	assert_int_equal(turns(), 1);
}

static void
an_authority_that_says_when_to_come_back_keeps_its_order(void **state)
{
	bool found;

	(void)state;
	begin();
	assert_int_equal(renew(), LIFE_DONE);
	double_ca.story[0] = '\0';
	double_ca.waits = 1;
	double_ca.wait = 100;
	assert_int_equal(renew(), LIFE_WAITING);
	let_fail(ERR_BUSY, "a");
	for (int i = 0; i < 9; i++) {
		still.now += 100;
		double_ca.retry_at = still.now + 100;
		assert_int_equal(renew(), LIFE_FAILED);
	}
	assert_int_equal(turns(), 0);
	/* Three days of that: but when time presses it is the next one's turn. */
	still.now = START + 85 * DAY;
	double_ca.retry_at = still.now + 100;
	double_ca.waits = 0;
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "a order, a settle, b order, b issue, b settle");
	assert_false((attempt(&found), found));
}

static void
a_busy_one_that_is_back_goes_on_with_the_same_order(void **state)
{
	(void)state;
	begin();
	assert_int_equal(renew(), LIFE_DONE);
	double_ca.story[0] = '\0';
	double_ca.waits = 1;
	double_ca.wait = 100;
	assert_int_equal(renew(), LIFE_WAITING);
	let_fail(ERR_BUSY, "a");
	for (int i = 0; i < 5; i++) {
		still.now += 100;
		double_ca.retry_at = still.now + 100;
		assert_int_equal(renew(), LIFE_FAILED);
	}
	still.now += 100;
	let_fail(ERR_NONE, NULL);
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "a order, a issue, a settle");
	assert_int_equal(turns(), 0);
}

static void
where_both_refuse_it_goes_back_to_the_first_with_growing_pauses(void **state)
{
	when_t pause = 0;
	bool found;

	(void)state;
	begin();
	assert_int_equal(renew(), LIFE_DONE);
	let_fail(ERR_NETWORK, NULL);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(renew(), LIFE_FAILED);
		struct attempt a = attempt(&found);
		assert_true(found);
		assert_true(a.not_before - still.now >= pause || i == 3);
		pause = a.not_before - still.now;
	}
	assert_int_equal(turns(), 2);
	assert_string_equal(attempt(&found).authority, "a");
	assert_true(pause >= 100 * MINUTE);
	/* And no order was made twice for nothing. */
	double_ca.story[0] = '\0';
	let_fail(ERR_NONE, NULL);
	assert_int_equal(renew(), LIFE_DONE);
	assert_string_equal(double_ca.story, "a order, a issue, a settle");
}

static void
what_is_our_own_trouble_is_no_reason_to_go_over(void **state)
{
	(void)state;
	begin();
	assert_int_equal(renew(), LIFE_DONE);
	let_fail(ERR_TOKEN, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(renew(), LIFE_FAILED);
	assert_int_equal(turns(), 0);
}

static void
six_days_are_renewed_at_half_and_not_oftener(void **state)
{
	static const struct wish due = {.due = true, .reason = "due"};

	(void)state;
	begin();
	double_ca.lifetime = 6 * DAY;
	assert_int_equal(renew(), LIFE_DONE);
	/* The double backdates by an hour. A pass every three hours, for 30 days. */
	for (; still.now <= START + 30 * DAY; still.now += 3 * HOUR)
		assert_int_equal(run(&due), LIFE_DONE);
	assert_int_equal(double_ca.orders, 1 + 10);
	config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_there_so_the_next_has_its_turn_at_once),
		cmocka_unit_test(
			with_time_left_the_first_has_three_tries_and_what_it_began_is_settled_once),
		cmocka_unit_test(an_authority_that_says_when_to_come_back_keeps_its_order),
		cmocka_unit_test(a_busy_one_that_is_back_goes_on_with_the_same_order),
		cmocka_unit_test(where_both_refuse_it_goes_back_to_the_first_with_growing_pauses),
		cmocka_unit_test(what_is_our_own_trouble_is_no_reason_to_go_over),
		cmocka_unit_test(six_days_are_renewed_at_half_and_not_oftener),
	};

	softhsm_conf_free(softhsm_token("turn", "1234"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
