/*
 * The nine steps with time held still: a real SoftHSM and database, a double for the authority, and
 * services whose clock only moves when the loop sleeps.
 */
#include "support/double_ca.h"
#include "support/softhsm.h"
#include "support/still.h"
#include "support/unit.h"

#include <sys/stat.h>

#include "keystay/base/file.h"
#include "keystay/base/lock.h"
#include "keystay/config/config.h"
#include "keystay/life/go_back.h"
#include "keystay/life/keys.h"
#include "keystay/life/life.h"
#include "keystay/life/reinstall.h"
#include "keystay/life/revoke.h"
#include "keystay/net/probe.h"
#include "keystay/run/system.h"
#include "keystay/state/attempts.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"
#include "keystay/x509/chain.h"

static struct config *config;

/* A fresh state folder and a configuration with these certificates. */
static void
begin(const char *certificates)
{
	static int number;
	char text[8192], name[64];

	config_free(config);
	config = NULL;
	snprintf(name, sizeof name, "keystay-%d.yaml", ++number);
	snprintf(text, sizeof text,
		"state: %s/state-%d\n"
		"tokens:\n"
		"  - {name: web, module: " SOFTHSM_MODULE ", label: life, pin: 'file:%s'}\n"
		"authorities:\n"
		"  - {name: ca, protocol: acme, url: 'https://ca.example/', account_key: {token: web}}\n"
		"certificates:\n%s",
		unit_folder(), number, unit_file("pin", "1234\n"), certificates);
	chmod(unit_file("pin", "1234\n"), 0600);
	assert_ok(config_read(unit_file(name, text), &config, UNIT_ERR));
	config->authority[0].ops = &double_ca_ops;
	double_ca = (struct double_ca){.lifetime = 90 * DAY};
	still.state = config->state;
	still.shown = NULL;
	still.reloads = 0;
}

#define PLAIN(name, names)                                                                  \
	"  - {name: " name ", names: [" names "], token: web, authority: ca, policy: lab, " \
	"challenge: {type: http-01, webroot: /nowhere}}\n"
#define SERVED(name, names)                                                                       \
	"  - {name: " name ", names: [" names "], token: web, authority: ca, policy: lab, "       \
	"challenge: {type: http-01, webroot: /nowhere}, install: [{target: nginx, test: [test], " \
	"reload: [reload], endpoints: ['127.0.0.1:1']}]}\n"

/* Runs all certificates with a wish; the results go into `result` (4 at most). */
static void
run(const struct wish *wish, when_t wait, struct life_result result[4])
{
	const struct life_conf conf = {
		.config = config, .services = still_services(), .command = "test"};
	struct life *l;
	bool started[4] = {false};

	assert_ok(life_open(&conf, &l, UNIT_ERR));
	for (size_t i = 0; i < config->certificates && i < 4; i++)
		assert_ok(life_want(l, &config->certificate[i], wish, &started[i], UNIT_ERR));
	assert_ok(life_go(l, wait, UNIT_ERR));
	memset(result, 0, 4 * sizeof *result);
	for (size_t i = 0, k = 0; i < 4; i++)
		if (started[i])
			result[i] = *life_result_at(l, k++);
	life_close(l);
}

static struct db *
open_state(void)
{
	struct db *db;
	assert_ok(life_open_state(config, &db, UNIT_ERR));
	assert_non_null(db);
	return db;
}

static int64_t
live_version(const char *name)
{
	AUTO(db) struct db *db = open_state();
	struct certificate_row row;

	assert_ok(certificate_get(db, name, &row, UNIT_ERR));
	return row.live_version;
}

static int
count_key(void *ctx, const struct key_row *k, struct err *e)
{
	(void)e;
	*(int *)ctx += text_same(k->purpose, "certificate");
	return 0;
}

static int
keys_of(const char *name)
{
	AUTO(db) struct db *db = open_state();
	int count = 0;

	assert_ok(keys_each(db, name, count_key, &count, UNIT_ERR));
	return count;
}

static const struct wish issue = {.issue = true, .reason = "test"};
static const struct wish renew = {.reason = "test"};

static void
orders_that_wait_wait_together(void **state)
{
	struct life_result r[4];
	when_t start = still.now;

	(void)state;
	begin(PLAIN("a", "a.example") PLAIN("b", "b.example") PLAIN("c", "c.example"));
	double_ca.waits = 2;
	double_ca.wait = 30;
	run(&issue, HOUR, r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(r[i].state, LIFE_DONE);
	assert_int_equal(still.now - start, 60);
	assert_int_equal(double_ca.orders, 3);
	assert_int_equal(double_ca.settled, 3);
	run(&issue, HOUR, r);
	assert_null(r[0].conf); /* there was nothing to do */
}

static void
what_waits_longer_than_the_command_is_continued_by_the_next(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	double_ca.waits = 1;
	double_ca.wait = HOUR;
	run(&issue, 10 * MINUTE, r);
	assert_int_equal(r[0].state, LIFE_WAITING);
	assert_int_equal(r[0].not_before, still.now + HOUR);
	run(&issue, 10 * MINUTE, r);
	assert_int_equal(r[0].state, LIFE_WAITING);
	still.now += HOUR;
	run(&issue, 10 * MINUTE, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(double_ca.orders, 1);
	assert_int_equal(keys_of("a"), 1);
}

static void
no_connection_parks_all_that_goes_to_that_authority(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example") PLAIN("b", "b.example"));
	double_ca.fails = ERR_NETWORK;
	run(&issue, HOUR, r);
	assert_int_equal(double_ca.advances, 1);
	assert_int_equal(r[0].state, LIFE_FAILED);
	assert_int_equal(r[1].state, LIFE_FAILED);
	assert_int_equal(r[1].err.kind, ERR_NETWORK);
	/* The schedule of an unattended pass: a minute, ten, a hundred, a day. */
	const struct wish due = {.due = true, .reason = "due"};
	static const when_t steps[] = {10 * MINUTE, 100 * MINUTE, DAY, DAY};
	for (size_t i = 0; i < COUNT(steps); i++) {
		still.now += i == 0 ? MINUTE : steps[i - 1];
		run(&due, 0, r);
		assert_int_equal(r[0].state, LIFE_FAILED);
		run(&due, 0, r);
		assert_int_equal(r[0].state, LIFE_WAITING);
		assert_int_equal(r[0].not_before, still.now + steps[i]);
	}
	double_ca.fails = ERR_NONE;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(r[1].state, LIFE_DONE);
	assert_int_equal(keys_of("a"), 1);
}

static void
what_the_authority_said_about_time_is_respected_by_people_too(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	double_ca.fails = ERR_BUSY;
	double_ca.retry_at = still.now + 5 * HOUR;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_BUSY);
	double_ca.fails = ERR_NONE;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].state, LIFE_WAITING);
	assert_int_equal(r[0].not_before, double_ca.retry_at);
	/* Also by one who asks for another key. */
	const struct wish other_key = {.key = KEY_NEW, .reason = "test"};
	run(&other_key, HOUR, r);
	assert_int_equal(r[0].state, LIFE_WAITING);
	still.now = double_ca.retry_at;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
}

static void
a_lying_authority_is_refused_and_a_new_order_is_made(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example, b.example"));
	double_ca.other_key = true;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_AUTHORITY);
	assert_non_null(strstr(r[0].err.text, "for another key than ours"));
	double_ca.other_key = false;
	double_ca.drop = "b.example";
	run(&issue, HOUR, r);
	assert_non_null(strstr(r[0].err.text, "lacks the name 'b.example'"));
	double_ca.drop = NULL;
	double_ca.lifetime = -DAY;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_AUTHORITY);
	assert_int_equal(live_version("a"), 0);
	double_ca.lifetime = 90 * DAY;
	run(&issue, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(double_ca.orders, 4);
	assert_int_equal(keys_of("a"), 1);
}

static void
a_server_that_shows_another_leaf_gets_the_old_version_back(void **state)
{
	struct life_result r[4];
	char path[4200], to[256] = "";

	(void)state;
	begin(SERVED("a", "a.example"));
	/* The first has nothing to go back to: it stays, and the state says so. */
	run(&issue, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_SERVED);
	assert_non_null(strstr(r[0].err.text, "no certificate before it"));
	still.shown = "a";
	run(&issue, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(live_version("a"), 1);
	still.shown = NULL;
	when_t start = still.now;
	run(&renew, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_SERVED);
	assert_non_null(strstr(r[0].err.text, "rolled back to version 1"));
	assert_in_range(still.now - start, 15, 30);
	snprintf(path, sizeof path, "%s/live/a", config->state);
	assert_true(readlink(path, to, sizeof to - 1) > 0);
	assert_non_null(strstr(to, "/0001"));
	/* The certificate that was issued is not thrown away. */
	still.shown = "a";
	int orders = double_ca.orders;
	run(&renew, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(double_ca.orders, orders);
	assert_int_equal(live_version("a"), 2);
}

static void
one_reload_serves_all_that_became_live_before_it(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(SERVED("a", "a.example") SERVED("b", "b.example") SERVED("c", "c.example"));
	still.shown = "a";
	run(&issue, 0, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(still.reloads, 1);
}

static void
renewals_come_by_share_of_life_and_rotation_by_the_policy(void **state)
{
	const struct wish due = {.due = true, .reason = "due"};
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	run(&issue, 0, r);
	/* A third of 90 days is left. */
	struct policy *policy = (struct policy *)policy_find(config->policies, "lab");
	policy->rotate = 80 * DAY;
	still.now += 55 * DAY;
	run(&due, 0, r);
	assert_null(r[0].conf); /* there was nothing to do */
	still.now += 5 * DAY + 8 * HOUR;
	run(&due, 0, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(keys_of("a"), 1); /* 60 days old: the key stays */
	/* It is due when the key is 80 days old, before its certificate is. */
	still.now += 19 * DAY;
	run(&due, 0, r);
	assert_null(r[0].conf); /* there was nothing to do */
	still.now += DAY;
	run(&due, 0, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(keys_of("a"), 2);
}

static void
a_changed_name_makes_a_new_request(void **state)
{
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	double_ca.waits = 1;
	double_ca.wait = HOUR;
	run(&issue, 0, r);
	assert_int_equal(r[0].state, LIFE_WAITING);
	assert_true(list_add(&config->certificate[0].names, "more.example"));
	still.now += HOUR;
	run(&issue, 2 * HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(double_ca.orders, 2);
	assert_int_equal(keys_of("a"), 1);
}

static void
a_lock_that_is_not_had_in_thirty_seconds_names_its_holder(void **state)
{
	struct life_conf conf = {.services = still_services(), .command = "test"};
	struct life_result r[4];
	char path[4200], holder[LOCK_TEXT];
	struct lock *other;
	struct life *l;
	bool held;

	(void)state;
	begin(PLAIN("a", "a.example"));
	run(&issue, 0, r);
	snprintf(path, sizeof path, "%s/lock", config->state);
	assert_ok(lock_try(path, "keystay renew, process 1, certificate 'z'", &other, &held, holder,
		UNIT_ERR));
	assert_true(held);
	when_t start = still.now;
	conf.config = config;
	assert_refused(life_open(&conf, &l, UNIT_ERR), ERR_WAIT,
		"in use by: keystay renew, process 1, certificate 'z'");
	assert_in_range(still.now - start, 30, 31);
	lock_release(other);
	run(&renew, 0, r);
	assert_int_equal(r[0].state, LIFE_DONE);
}

/* --- by hand */

static struct life *
open_life(void)
{
	const struct life_conf conf = {
		.config = config, .services = still_services(), .command = "test"};
	struct life *l;

	assert_ok(life_open(&conf, &l, UNIT_ERR));
	return l;
}

static void
renew_with_new_key(void)
{
	const struct wish new_key = {.key = KEY_NEW, .reason = "test"};
	struct life_result r[4];

	run(&new_key, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
}

static struct certificate_row
certificate(const char *name)
{
	AUTO(db) struct db *db = open_state();
	struct certificate_row row;

	assert_ok(certificate_get(db, name, &row, UNIT_ERR));
	return row;
}

static void
where_keystay_cannot_revoke_a_person_is_told_what_to_say(void **state)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	struct ca_ops manual = double_ca_ops;
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	run(&issue, 0, r);
	manual.revoke = NULL;
	config->authority[0].ops = &manual;
	struct life *l = open_life();
	assert_ok(life_revocation(l, "a", 0, REVOKE_SUPERSEDED, &v, UNIT_ERR));
	assert_int_equal(v.items, 1);
	assert_true(v.live);
	assert_refused(life_revoke(l, &v, UNIT_ERR), ERR_AUTHORITY, "cannot be told by keystay");
	assert_non_null(strstr(unit_err.hint, v.item[0].version.serial));
	assert_non_null(strstr(unit_err.hint, "issuer CN"));
	life_close(l);
	assert_int_equal(certificate("a").cause_at, 0);
	config->authority[0].ops = &double_ca_ops;
}

static void
an_exposed_key_is_refused_though_the_authority_is_out_of_reach(void **state)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	struct life_result r[4];
	struct key_row key;

	(void)state;
	begin(PLAIN("a", "a.example"));
	run(&issue, 0, r);
	double_ca.fails = ERR_NETWORK;
	struct life *l = open_life();
	assert_ok(life_revocation(l, "a", 0, REVOKE_KEY_COMPROMISE, &v, UNIT_ERR));
	assert_refused(life_revoke(l, &v, UNIT_ERR), ERR_NETWORK, "certificate 'a', version 1");
	assert_ok(key_get(life_db(l), v.item[0].version.key_id, &key, UNIT_ERR));
	assert_string_equal(key.state, KEY_COMPROMISED);
	assert_int_equal(v.item[0].version.revoked_at, 0);
	assert_int_equal(certificate("a").cause_at, still.now);
	/* The next one only asks. */
	double_ca.fails = ERR_NONE;
	assert_ok(life_revoke(l, &v, UNIT_ERR));
	assert_int_equal(double_ca.revoked, 1);
	assert_int_equal(double_ca.reason, REVOKE_KEY_COMPROMISE);
	assert_int_equal(v.item[0].version.revoked_at, still.now);
	assert_ok(life_revoke(l, &v, UNIT_ERR));
	assert_int_equal(double_ca.revoked, 1);
	life_close(l);
	const struct wish due = {.due = true, .reason = "due"};
	run(&due, 0, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(keys_of("a"), 2);
}

static void
a_certificate_that_ends_is_not_due_when_it_is_revoked(void **state)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	struct life_result r[4];

	(void)state;
	begin(PLAIN("a", "a.example"));
	run(&issue, 0, r);
	struct life *l = open_life();
	assert_ok(life_revocation(l, "a", 0, REVOKE_CESSATION_OF_OPERATION, &v, UNIT_ERR));
	assert_ok(life_revoke(l, &v, UNIT_ERR));
	life_close(l);
	assert_int_equal(double_ca.revoked, 1);
	assert_int_equal(certificate("a").cause_at, 0);
}

static void
what_is_installed_again_is_looked_for(void **state)
{
	struct reinstalled done;
	struct life_result r[4];

	(void)state;
	begin(SERVED("a", "a.example"));
	/* The first, which no handshake showed: its attempt goes on. */
	run(&issue, HOUR, r);
	assert_true(certificate("a").not_served);
	still.shown = "a";
	struct life *l = open_life();
	assert_ok(life_reinstall(l, &config->certificate[0], &done, UNIT_ERR));
	assert_int_equal(done.version, 1);
	life_close(l);
	assert_int_equal(live_version("a"), 1);
	assert_false(certificate("a").not_served);
	still.shown = NULL;
	when_t start = still.now;
	still.reloads = 0;
	l = open_life();
	assert_refused(life_reinstall(l, &config->certificate[0], &done, UNIT_ERR), ERR_SERVED,
		"shows another certificate");
	life_close(l);
	assert_in_range(still.now - start, 15, 30);
	assert_int_equal(still.reloads, 1);
	assert_int_equal(double_ca.orders, 1);
}

static int
note_key_id(void *ctx, const struct version_row *v, struct err *e)
{
	(void)e;
	snprintf(ctx, 33, "%s", v->key_id);
	return 0;
}

/* Of certificate "a". */
static const char *
key_of_version(struct db *db, int64_t number)
{
	static char id[33];

	assert_ok(version_each(db, "a", number, note_key_id, id, UNIT_ERR));
	return id;
}

/* As a kill between the switch and the end leaves it: version 1 is linked, its attempt is there. */
static void
cut_short_on_the_way_back(void)
{
	AUTO(db) struct db *db = open_state();
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	AUTO(attempt)
	struct attempt a = {.certificate = "a",
		.step = "served",
		.key_mode = "back",
		.authority = "ca",
		.version = 1,
		.started_at = still.now,
		.parts = 1};
	char path[4200];

	snprintf(path, sizeof path, "%s/versions/a/0001/fullchain.pem", config->state);
	assert_ok(file_read(path, &pem, UNIT_ERR));
	a.part[0].chain = buf_take(&pem);
	snprintf(a.part[0].key_type, sizeof a.part[0].key_type, "ec-p256");
	struct key_row key;
	assert_ok(key_get(db, key_of_version(db, 1), &key, UNIT_ERR));
	snprintf(a.part[0].key_id, sizeof a.part[0].key_id, "%s", key.id);
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	snprintf(path, sizeof path, "%s/live/a", config->state);
	assert_ok(file_link_switch(path, "../versions/a/0001", UNIT_ERR));
}

static void
a_way_back_that_was_cut_short_is_gone_to_its_end(void **state)
{
	const struct wish due = {.due = true, .reason = "due"};
	struct life_result r[4];

	(void)state;
	begin(SERVED("a", "a.example"));
	still.shown = "a";
	run(&issue, 0, r);
	renew_with_new_key();
	cut_short_on_the_way_back();
	/* No day is long enough for its key to be switched off meanwhile. */
	still.now += 10 * DAY;
	run(&due, HOUR, r);
	assert_int_equal(r[0].state, LIFE_DONE);
	assert_int_equal(live_version("a"), 1);
	assert_int_equal(double_ca.orders, 2);
}

static void
a_way_back_to_a_key_that_was_exposed_meanwhile_is_undone(void **state)
{
	AUTO(list) struct list names = {0};
	struct life_result r[4];
	char path[4200], to[256] = "";
	struct key_row key;
	bool staged;

	(void)state;
	begin(SERVED("a", "a.example"));
	still.shown = "a";
	run(&issue, 0, r);
	renew_with_new_key();
	cut_short_on_the_way_back();
	struct life *l = open_life();
	assert_ok(key_get(life_db(l), key_of_version(life_db(l), 1), &key, UNIT_ERR));
	assert_ok(life_key_compromise(l, &key, "test", &names, &staged, UNIT_ERR));
	life_close(l);
	run(&renew, HOUR, r);
	assert_int_equal(r[0].err.kind, ERR_POLICY);
	assert_non_null(strstr(r[0].err.text, "is compromised; rolled back to version 2"));
	assert_int_equal(live_version("a"), 2);
	snprintf(path, sizeof path, "%s/live/a", config->state);
	assert_true(readlink(path, to, sizeof to - 1) > 0);
	assert_non_null(strstr(to, "/0002"));
	/* It is not tried again. */
	l = open_life();
	struct went_back back;
	assert_refused(life_go_back(l, &config->certificate[0], 1, &back, UNIT_ERR), ERR_POLICY,
		"is compromised");
	life_close(l);
}

static int
set_up(void **state)
{
	(void)state;
	softhsm_conf_free(softhsm_token("life", "1234"));
	still.now = when_from_utc(2026, 11, 21, 12, 0, 0);
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
		cmocka_unit_test(orders_that_wait_wait_together),
		cmocka_unit_test(what_waits_longer_than_the_command_is_continued_by_the_next),
		cmocka_unit_test(no_connection_parks_all_that_goes_to_that_authority),
		cmocka_unit_test(what_the_authority_said_about_time_is_respected_by_people_too),
		cmocka_unit_test(a_lying_authority_is_refused_and_a_new_order_is_made),
		cmocka_unit_test(a_server_that_shows_another_leaf_gets_the_old_version_back),
		cmocka_unit_test(one_reload_serves_all_that_became_live_before_it),
		cmocka_unit_test(renewals_come_by_share_of_life_and_rotation_by_the_policy),
		cmocka_unit_test(a_changed_name_makes_a_new_request),
		cmocka_unit_test(where_keystay_cannot_revoke_a_person_is_told_what_to_say),
		cmocka_unit_test(an_exposed_key_is_refused_though_the_authority_is_out_of_reach),
		cmocka_unit_test(a_certificate_that_ends_is_not_due_when_it_is_revoked),
		cmocka_unit_test(what_is_installed_again_is_looked_for),
		cmocka_unit_test(a_way_back_that_was_cut_short_is_gone_to_its_end),
		cmocka_unit_test(a_way_back_to_a_key_that_was_exposed_meanwhile_is_undone),
		cmocka_unit_test(a_lock_that_is_not_had_in_thirty_seconds_names_its_holder),
	};
	return cmocka_run_group_tests_name("life", tests, set_up, tear_down);
}
