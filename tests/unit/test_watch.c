/*
 * What nobody asked for and the agent looks at all the same (agent/life/watch.h): what servers
 * show, every six hours. A real SoftHSM and database, a clock and handshakes that the test moves.
 */
#include "support/double_ca.h"
#include "support/softhsm.h"
#include "support/still.h"
#include "support/unit.h"

#include <sys/stat.h>

#include "keystay/config/config.h"
#include "keystay/life/life.h"
#include "keystay/state/attempts.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"

#define LOOK_EVERY (6 * HOUR)

static struct config *config;
static int told, over;

static void
note_alert(void *ctx, const struct alert *a)
{
	(void)ctx;
	if (!text_same(a->kind, "not-served"))
		return;
	assert_string_equal(a->subject, "a");
	told += !a->over;
	over += a->over;
}

/* A certificate "a" that is live, and shown by its server. */
static void
begin(void)
{
	static int number;
	char text[2048], name[64];

	config_free(config);
	config = NULL;
	snprintf(name, sizeof name, "watch-%d.yaml", ++number);
	snprintf(text, sizeof text,
		"state: %s/state-%d\n"
		"tokens:\n"
		"  - {name: web, module: " SOFTHSM_MODULE ", label: watch, pin: 'file:%s'}\n"
		"authorities:\n"
		"  - {name: ca, protocol: acme, url: 'https://ca.example/', account_key: {token: web}}\n"
		"certificates:\n"
		"  - {name: a, names: [a.example], token: web, authority: ca, policy: lab, "
		"challenge: {type: http-01, webroot: /nowhere}, install: [{target: nginx, test: [test], "
		"reload: [reload], endpoints: ['127.0.0.1:1']}]}\n",
		unit_folder(), number, unit_file("pin", "1234\n"));
	chmod(unit_file("pin", "1234\n"), 0600);
	assert_ok(config_read(unit_file(name, text), &config, UNIT_ERR));
	config->authority[0].ops = &double_ca_ops;
	double_ca = (struct double_ca){.lifetime = 90 * DAY};
	still = (struct still){
		.now = when_from_utc(2026, 11, 21, 12, 0, 0), .state = config->state, .shown = "a"};
	told = over = 0;
}

static struct life *
open_life(void)
{
	const struct life_conf conf = {.config = config,
		.services = still_services(),
		.command = "test",
		.watcher = {.alert = note_alert},
		.unattended = true};
	struct life *l;

	assert_ok(life_open(&conf, &l, UNIT_ERR));
	return l;
}

static enum life_state
get(const char *reason)
{
	const struct wish wish = {.issue = true, .reason = reason};
	struct life *l = open_life();
	bool started;

	assert_ok(life_want(l, &config->certificate[0], &wish, &started, UNIT_ERR));
	assert_ok(life_go(l, 0, UNIT_ERR));
	enum life_state state = started ? life_result_at(l, 0)->state : LIFE_DONE;
	life_close(l);
	return state;
}

/* A pass so much later. */
static void
look(when_t later)
{
	still.now += later;
	struct life *l = open_life();
	assert_ok(life_look_ahead(l, UNIT_ERR));
	life_close(l);
}

static void
what_misses_a_reload_gets_another(void **state)
{
	(void)state;
	begin();
	assert_int_equal(get("test"), LIFE_DONE);
	still.reloads = 0;
	look(LOOK_EVERY);
	still.shown = NULL;
	look(HOUR);
	assert_int_equal(still.reloads, 0); /* it was looked at an hour ago */
	look(LOOK_EVERY);
	assert_int_equal(still.reloads, 0); /* once may be by chance */
	still.reload = "a";
	look(MINUTE);
	assert_int_equal(still.reloads, 1);
	assert_int_equal(told, 0);
	assert_int_equal(double_ca.orders, 1);
}

static void
what_a_reload_does_not_mend_is_told_and_not_tried_for_ever(void **state)
{
	(void)state;
	begin();
	assert_int_equal(get("test"), LIFE_DONE);
	still.shown = NULL;
	still.reloads = 0;
	look(LOOK_EVERY);
	look(MINUTE);
	assert_int_equal(told, 1);
	assert_int_equal(still.reloads, 1);
	for (int i = 0; i < 4; i++)
		look(LOOK_EVERY);
	assert_int_equal(still.reloads, 1);
	still.shown = "a";
	look(LOOK_EVERY);
	assert_int_equal(over, 1);
	assert_int_equal(double_ca.orders, 1);
}

static void
it_is_looked_at_while_a_renewal_waits(void **state)
{
	const struct wish wish = {.reason = "test"};
	bool started;

	(void)state;
	begin();
	assert_int_equal(get("test"), LIFE_DONE);
	double_ca.waits = 1;
	double_ca.wait = 30 * DAY;
	struct life *l = open_life();
	assert_ok(life_want(l, &config->certificate[0], &wish, &started, UNIT_ERR));
	assert_ok(life_go(l, 0, UNIT_ERR));
	assert_int_equal(life_result_at(l, 0)->state, LIFE_WAITING);
	life_close(l);
	still.shown = NULL;
	still.reload = "a";
	still.reloads = 0;
	look(LOOK_EVERY);
	look(MINUTE);
	assert_int_equal(still.reloads, 1);
	assert_string_equal(still.shown, "a");
	assert_int_equal(told, 0);
}

/* What is put in place is the business of its own steps: the version before is not put back. */
static void
it_is_not_looked_at_while_a_version_is_put_in_place(void **state)
{
	AUTO(attempt) struct attempt a = {0};
	struct db *db;
	bool found;

	(void)state;
	begin();
	still.shown = NULL;
	assert_int_equal(get("test"), LIFE_WAITING);
	assert_ok(life_open_state(config, &db, UNIT_ERR));
	assert_ok(attempt_load(db, "a", &a, &found, UNIT_ERR));
	assert_true(found);
	db_close(db);
	still.reloads = 0;
	look(LOOK_EVERY);
	look(MINUTE);
	assert_int_equal(still.reloads, 0);
}

static int
set_up(void **state)
{
	(void)state;
	softhsm_conf_free(softhsm_token("watch", "1234"));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_misses_a_reload_gets_another),
		cmocka_unit_test(what_a_reload_does_not_mend_is_told_and_not_tried_for_ever),
		cmocka_unit_test(it_is_looked_at_while_a_renewal_waits),
		cmocka_unit_test(it_is_not_looked_at_while_a_version_is_put_in_place),
	};
	return cmocka_run_group_tests_name("watch", tests, set_up, tear_down);
}
