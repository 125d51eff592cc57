/*
 * When a certificate is due, and by what (agent/life/due.h): pure cases of one part, then a
 * database with several.
 */
#include "../../agent/life/due.h"

#include <string.h>

#include "../../agent/life/wish.h"
#include "keystay/config/config.h"
#include "keystay/state/inventory.h"
#include "support/policies.h"
#include "support/unit.h"

#define SAME "names a.example"

static struct policies *policies;

/* Ninety days of life, sixty of them over; made, installed and asked for at its begin. */
static struct due_row
row(void)
{
	return (struct due_row){.certificate = "a",
		.renew_reason = "",
		.cause = "",
		.wish = SAME,
		.key_type = "ec-p256",
		.authority = "ca",
		.not_before = NOW - 60 * DAY,
		.not_after = NOW + 30 * DAY,
		.installed_at = NOW - 60 * DAY,
		.key_made_at = NOW - 60 * DAY,
		.key_state = KEY_ACTIVE,
		.ari_id = ""};
}

static struct due
due_by(const char *rules, const struct due_row *r, const char *wish)
{
	const struct policy *p;
	struct due d;

	policies_free(policies);
	policies = NULL;
	p = policy_of_rules(rules, &policies);
	due_of(p, r, wish, NOW, &d);
	return d;
}

#define assert_due(d, moment, why)                            \
	do {                                                  \
		assert_int_equal((d).at - NOW, (moment)-NOW); \
		assert_string_equal((d).reason, why);         \
	} while (0)

static void
a_share_of_the_lifetime_is_left(void **state)
{
	struct due_row r = row();
	(void)state;

	assert_due(
		due_by("{renew_at: 20%}", &r, SAME), r.not_after - 18 * DAY, "share of lifetime");
	assert_due(
		due_by("{renew_at: 50%}", &r, SAME), r.not_after - 45 * DAY, "share of lifetime");
	/* Without the rule a third; of less than ten days half, whatever the rule. */
	struct due d = due_by("{}", &r, SAME);
	assert_int_equal(d.at, r.not_after - 90 * DAY * 33 / 100);
	r.not_before = r.not_after - 6 * DAY;
	assert_due(due_by("{renew_at: 20%}", &r, SAME), r.not_after - 3 * DAY, "share of lifetime");
}

static void
what_was_issued_together_is_spread_over_a_hundredth(void **state)
{
	struct due_row r = row();
	when_t share = r.not_after - 18 * DAY;
	(void)state;

	r.jitter = 999;
	struct due d = due_by("{renew_at: 20%}", &r, SAME);
	assert_true(d.at < share && d.at >= share - 90 * DAY / 100);
	r.jitter = 1;
	d = due_by("{renew_at: 20%}", &r, SAME);
	assert_true(d.at < share && d.at >= share - 90 * DAY / 1000);
}

static void
a_window_comes_before_the_share_but_not_after_time_presses(void **state)
{
	struct due_row r = row();
	(void)state;

	r.jitter = 999;
	r.chosen_at = NOW - 5 * DAY;
	assert_due(due_by("{renew_at: 20%}", &r, SAME), r.chosen_at,
		"renewal window of the authority");
	/* Later than the share, within the time for trying. */
	struct due d = due_by("{renew_at: 20%}", &r, SAME);
	r.chosen_at = d.press_at;
	assert_due(due_by("{renew_at: 20%}", &r, SAME), r.chosen_at,
		"renewal window of the authority");
	r.chosen_at = d.press_at + 1;
	assert_due(due_by("{renew_at: 20%}", &r, SAME), d.press_at, "share of lifetime");
	r.chosen_at = r.not_after + 1000 * DAY;
	assert_due(due_by("{renew_at: 20%}", &r, SAME), d.press_at, "share of lifetime");
	assert_true(d.press_at > r.not_after - 18 * DAY && d.press_at < r.not_after);
}

static void
rotation_and_age_come_before_the_share(void **state)
{
	struct due_row r = row();
	(void)state;

	assert_due(due_by("{renew_at: 20%, rotate: 30d}", &r, SAME), NOW - 30 * DAY,
		"rotation interval");
	assert_due(due_by("{renew_at: 20%, rotate: 365d}", &r, SAME), r.not_after - 18 * DAY,
		"share of lifetime");
	assert_due(due_by("{renew_at: 20%, max_key_age: 65d}", &r, SAME), NOW + 5 * DAY,
		"age of the key");
	assert_due(due_by("{renew_at: 20%, rotate: every_renewal}", &r, SAME),
		r.not_after - 18 * DAY, "share of lifetime");
}

static void
a_changed_wish_is_due_at_the_moment_when_it_was_seen(void **state)
{
	static char a[] = "a.example", b[] = "b.example", web[] = "web", other[] = "other";
	static char *names[] = {a, b, NULL};
	static char org_word[] = "Example";
	enum key_type types[] = {KEY_EC_P256, KEY_RSA_3072};
	struct certificate_conf c = {.names = {names, 1}, .token = web, .keys = 1};
	char was[WISH_TEXT], is[WISH_TEXT];
	struct due_row r = row();
	(void)state;

	memcpy(c.key, types, sizeof types);
	wish_text(&c, was);
	r.wish = was;
	assert_due(due_by("{renew_at: 20%}", &r, was), r.not_after - 18 * DAY, "share of lifetime");
	c.names.count = 2;
	wish_text(&c, is);
	assert_due(due_by("{}", &r, is), NOW, "names changed in the configuration");
	/* The order in the file means nothing. */
	r.wish = is;
	names[0] = b;
	names[1] = a;
	wish_text(&c, was);
	assert_null(wish_differs(is, was));
	r.wish = was;
	c.keys = 2;
	wish_text(&c, is);
	assert_due(due_by("{}", &r, is), NOW, "key types changed in the configuration");
	c.keys = 1;
	c.token = other;
	wish_text(&c, is);
	assert_due(due_by("{}", &r, is), NOW, "token changed in the configuration");
	c.token = web;
	c.subject.organization = org_word;
	wish_text(&c, is);
	assert_due(due_by("{}", &r, is), NOW, "subject changed in the configuration");
	/* Seen yesterday, and stored. */
	r.renew_at = NOW - DAY;
	r.renew_reason = "subject changed in the configuration";
	assert_due(due_by("{}", &r, is), NOW - DAY, "subject changed in the configuration");
	/* What one of schema 3 was made for is not known, so nothing differs. */
	r.wish = "";
	assert_string_equal(due_by("{renew_at: 20%}", &r, is).reason, "share of lifetime");
}

static void
what_happened_is_due_then(void **state)
{
	struct due_row r = row();
	(void)state;

	r.cause_at = NOW - HOUR;
	r.cause = CAUSE_SIGNATURES;
	struct due d = due_by("{renew_at: 20%}", &r, SAME);
	assert_due(d, NOW - HOUR, CAUSE_SIGNATURES);
	assert_false(d.urgent);
	/* Not urgent, and later than what was due anyway. */
	r.not_after = NOW + DAY;
	d = due_by("{renew_at: 20%}", &r, SAME);
	assert_string_equal(d.reason, "share of lifetime");
	static const char *const causes[] = {
		CAUSE_REVOKED, CAUSE_COMPROMISED, CAUSE_KEY_GONE, CAUSE_FILES_GONE};
	for (size_t i = 0; i < COUNT(causes); i++) {
		r.cause = causes[i];
		d = due_by("{renew_at: 20%}", &r, SAME);
		assert_due(d, NOW - HOUR, causes[i]);
		assert_true(d.urgent);
		assert_true(cause_is_urgent(causes[i]));
	}
	/* Of a clock that was ahead. */
	r.cause_at = NOW + 100 * DAY;
	assert_due(due_by("{}", &r, SAME), NOW, CAUSE_FILES_GONE);
}

static void
the_state_of_the_key_counts_whatever_is_stored(void **state)
{
	struct due_row r = row();
	(void)state;

	r.key_state = KEY_COMPROMISED;
	struct due d = due_by("{}", &r, SAME);
	assert_due(d, NOW, CAUSE_COMPROMISED);
	assert_true(d.urgent);
	r.renew_at = NOW - 2 * HOUR;
	r.renew_reason = CAUSE_COMPROMISED;
	assert_due(due_by("{}", &r, SAME), NOW - 2 * HOUR, CAUSE_COMPROMISED);
	/* Stored by a clock that was ahead. */
	r.renew_at = NOW + DAY;
	assert_due(due_by("{}", &r, SAME), NOW, CAUSE_COMPROMISED);
	r.key_state = KEY_DESTROYED;
	assert_due(due_by("{}", &r, SAME), NOW, CAUSE_KEY_GONE);
}

/* What falls due on a weekend is done before it, and no freeze lets a certificate come near its
 * end. */
static void
a_freeze_moves_it_earlier_and_never_past_the_time_that_presses(void **state)
{
	struct due_row r = row();
	(void)state;

	/* Saturday, 3 October 2026, 14:13. */
	assert_due(due_by("{renew_at: 20%}", &r, SAME), when_from_utc(2026, 10, 3, 14, 13, 20),
		"share of lifetime");
	assert_due(
		due_by("{renew_at: 20%, freeze: [{weekly: \"fri 18:00 - mon 08:00\"}]}", &r, SAME),
		when_from_utc(2026, 10, 1, 18, 0, 0), "share of lifetime, moved by a freeze");
	/* One that has begun: after it, but when half of the time for trying is over at the latest.
	 */
	assert_due(
		due_by("{renew_at: 20%, freeze: [{from: 2026-09-20, to: 2026-10-05}]}", &r, SAME),
		when_from_utc(2026, 10, 6, 0, 0, 0), "share of lifetime, moved by a freeze");
	struct due d =
		due_by("{renew_at: 20%, freeze: [{from: 2026-09-20, to: 2026-10-19}]}", &r, SAME);
	assert_int_equal(d.at, r.not_after - 9 * DAY);
	assert_int_equal(d.at, d.press_at);
	/* A key that anybody may have waits for nothing. */
	r.cause = CAUSE_COMPROMISED;
	r.cause_at = NOW - 1;
	assert_due(
		due_by("{renew_at: 20%, freeze: [{from: 2026-09-20, to: 2026-10-19}]}", &r, SAME),
		NOW - 1, CAUSE_COMPROMISED);
}

/* Six days are renewed after three: what comes on Thursday evening is due on Sunday. */
static void
what_came_just_before_a_freeze_does_not_come_again_before_it(void **state)
{
	static const char weekends[] = "{freeze: [{weekly: \"fri 18:00 - mon 08:00\"}]}";
	struct due_row r = row();
	(void)state;

	/* Thursday, 17 September 2026, 18:05; NOW is the Monday after it, in the afternoon. */
	r.not_before = r.installed_at = r.key_made_at = when_from_utc(2026, 9, 17, 18, 5, 0);
	r.not_after = r.not_before + 6 * DAY;
	policies_free(policies);
	const struct policy *p = policy_of_rules(weekends, &policies);
	for (when_t now = r.installed_at; now < when_from_utc(2026, 9, 21, 8, 0, 0); now += HOUR) {
		struct due d;
		due_of(p, &r, SAME, now, &d);
		assert_int_equal(d.at, when_from_utc(2026, 9, 21, 8, 0, 0));
	}
	/* One that came before it is renewed for the freeze. */
	r.not_before = r.installed_at = r.key_made_at = when_from_utc(2026, 9, 17, 0, 0, 0);
	r.not_after = r.not_before + 6 * DAY;
	struct due d;
	due_of(p, &r, SAME, r.installed_at, &d);
	assert_int_equal(d.at, when_from_utc(2026, 9, 17, 18, 0, 0));
	/* A freeze that is longer than it lives does not let it end. */
	policies_free(policies);
	p = policy_of_rules("{freeze: [{from: 2026-09-18, to: 2026-10-10}]}", &policies);
	r.not_before = r.installed_at = r.key_made_at = when_from_utc(2026, 9, 17, 18, 5, 0);
	r.not_after = r.not_before + 6 * DAY;
	due_of(p, &r, SAME, r.installed_at + MINUTE, &d);
	assert_int_equal(d.at, d.press_at);
}

static void
one_that_is_due_as_soon_as_it_is_there_rests(void **state)
{
	struct due_row r = row();
	(void)state;

	/* Backdated: its share is over when it comes. */
	r.not_after = NOW + 4 * DAY;
	r.installed_at = NOW - HOUR;
	assert_due(due_by("{}", &r, SAME), NOW + 5 * HOUR, "share of lifetime");
	/* A window that is over, of a certificate of an hour ago. */
	r.not_after = NOW + 90 * DAY;
	r.chosen_at = NOW - DAY;
	assert_due(due_by("{}", &r, SAME), NOW + 5 * HOUR, "renewal window of the authority");
	/* A short life leaves a short rest. */
	r.not_before = NOW - HOUR;
	r.not_after = NOW + 3 * HOUR;
	assert_due(due_by("{}", &r, SAME), NOW, "renewal window of the authority");
	/* What is urgent has no rest, nor what a person changed. */
	r = row();
	r.installed_at = NOW - MINUTE;
	r.key_state = KEY_COMPROMISED;
	assert_int_equal(due_by("{}", &r, SAME).at, NOW);
	r.key_state = KEY_ACTIVE;
	assert_int_equal(due_by("{}", &r, "names b.example").at, NOW);
	/* Installed in the future, by a clock that was ahead: not put off by that. */
	r.installed_at = NOW + 50 * DAY;
	r.not_after = NOW + DAY;
	assert_true(due_by("{}", &r, SAME).at < NOW);
}

/* --- several parts, and what is stored */

static struct config *config;
static struct db *db;

static void
begin(void)
{
	static int number;
	char name[64], text[2048];

	db_close(db);
	db = NULL;
	config_free(config);
	config = NULL;
	snprintf(name, sizeof name, "due-%d.yaml", ++number);
	snprintf(text, sizeof text,
		"state: %s/due\ntokens:\n  - {name: web, module: /m.so, label: w, pin: 'file:/p'}\n"
		"authorities:\n  - {name: ca, protocol: acme, url: 'https://ca/', account_key: {token: "
		"web}}\ncertificates:\n"
		"  - {name: a, names: [a.example], token: web, authority: ca, policy: lab, keys: "
		"[ec-p256, rsa-3072], challenge: {type: http-01, webroot: /w}}\n"
		"  - {name: b, names: [b.example], token: web, authority: ca, policy: lab, challenge: "
		"{type: http-01, webroot: /w}}\n",
		unit_folder());
	assert_ok(config_read(unit_file(name, text), &config, UNIT_ERR));
	snprintf(text, sizeof text, "%s/due-%d.db", unit_folder(), number);
	assert_ok(db_open(text, &db, UNIT_ERR));
}

/* A part of a live version, with a key of that state. */
static void
add_version(const char *certificate, const char *type, const char *key_state, when_t not_before,
	when_t not_after)
{
	static int number;
	struct key_row key = {.purpose = "certificate", .token = "web"};
	struct version_row v = {.number = 1, .installed_at = not_before};

	snprintf(key.id, sizeof key.id, "%032d", ++number);
	snprintf(key.label, sizeof key.label, "label-%d", number);
	text_copy(key.type, sizeof key.type, type);
	text_copy(key.owner, sizeof key.owner, certificate);
	key.created_at = not_before;
	assert_ok(key_reserve(db, &key, UNIT_ERR));
	assert_ok(key_set_state(db, key.id, key_state, not_before, UNIT_ERR));
	text_copy(v.certificate, sizeof v.certificate, certificate);
	text_copy(v.key_type, sizeof v.key_type, type);
	text_copy(v.key_id, sizeof v.key_id, key.id);
	text_copy(v.authority, sizeof v.authority, "ca");
	v.not_before = not_before;
	v.not_after = not_after;
	assert_ok(version_save(db, &v, UNIT_ERR));
}

static void
add_certificate(const char *name, const char *wish)
{
	struct certificate_row c = {.live_version = 1, .last_version = 1};

	text_copy(c.name, sizeof c.name, name);
	text_copy(c.wish, sizeof c.wish, wish);
	assert_ok(certificate_save(db, &c, UNIT_ERR));
}

static struct due
look(size_t i)
{
	AUTO(char) char *freed = NULL;
	struct due *due;

	assert_ok(due_look(db, config, NOW, true, &due, UNIT_ERR));
	freed = (char *)due;
	return due[i];
}

static void
of_several_key_types_the_first_counts_and_what_presses(void **state)
{
	(void)state;
	begin();
	add_certificate("a", "");
	add_version("a", "ec-p256", KEY_ACTIVE, NOW - 10 * DAY, NOW + 80 * DAY);
	add_version("a", "rsa-3072", KEY_ACTIVE, NOW - 10 * DAY, NOW + 20 * DAY);
	struct due d = look(0);
	assert_int_equal(d.at, NOW + 20 * DAY - 30 * DAY * 33 / 100);
	assert_int_equal(d.not_after, NOW + 20 * DAY);
	assert_false(d.urgent);
	assert_int_equal(look(1).at, 0);
	/* The second part's key is compromised, and the first is due since long: still urgent. */
	begin();
	add_certificate("a", "");
	add_version("a", "ec-p256", KEY_ACTIVE, NOW - 89 * DAY, NOW + DAY);
	add_version("a", "rsa-3072", KEY_COMPROMISED, NOW - 10 * DAY, NOW + 80 * DAY);
	d = look(0);
	assert_true(d.at < NOW);
	assert_true(d.urgent);
	/* Due first by its state; the other one ends sooner, and presses. */
	begin();
	add_certificate("a", "");
	add_version("a", "ec-p256", KEY_DESTROYED, NOW - 10 * DAY, NOW + 80 * DAY);
	add_version("a", "rsa-3072", KEY_ACTIVE, NOW - 10 * DAY, NOW + 20 * DAY);
	d = look(0);
	assert_due(d, NOW, CAUSE_KEY_GONE);
	assert_int_equal(d.not_after, NOW + 20 * DAY);
	assert_true(d.press_at < NOW + 20 * DAY);
}

static void
what_is_worked_out_is_stored_once(void **state)
{
	char wish[WISH_TEXT];
	struct certificate_row c;
	(void)state;

	begin();
	/* Of schema 3: what it was made for is taken as it is now, and is not due for that. */
	add_certificate("b", "");
	add_version("b", "ec-p256", KEY_ACTIVE, NOW - 10 * DAY, NOW + 80 * DAY);
	struct due d = look(1);
	assert_true(d.news);
	assert_int_equal(d.at, NOW + 80 * DAY - 90 * DAY * 33 / 100);
	assert_ok(certificate_get(db, "b", &c, UNIT_ERR));
	wish_text(&config->certificate[1], wish);
	assert_string_equal(c.wish, wish);
	assert_int_equal(c.renew_at, d.at);
	assert_string_equal(c.renew_reason, "share of lifetime");
	assert_false(look(1).news);
	/* And from then on it is held against the configuration. */
	assert_ok(due_save(db, "b", d.at, d.reason, "names c.example", UNIT_ERR));
	d = look(1);
	assert_true(d.news);
	assert_int_equal(d.at, NOW);
	assert_false(look(1).news);
	assert_int_equal(look(1).at, NOW);
	assert_ok(certificate_get(db, "b", &c, UNIT_ERR));
	assert_string_equal(c.wish, "names c.example");
}

static void
the_earliest_cause_stays(void **state)
{
	bool news;
	(void)state;

	begin();
	add_certificate("b", "");
	assert_ok(due_cause(db, "b", NOW, CAUSE_SIGNATURES, "", &news, UNIT_ERR));
	assert_true(news);
	assert_ok(due_cause(db, "b", NOW + 1, CAUSE_REVOKED, "", &news, UNIT_ERR));
	assert_false(news);
	assert_ok(due_cause(db, "b", NOW - 1, CAUSE_REVOKED, "", &news, UNIT_ERR));
	assert_true(news);
	/* But one that is named gives way. */
	assert_ok(due_cause(db, "b", NOW + 5, CAUSE_KEY_GONE, CAUSE_SIGNATURES, &news, UNIT_ERR));
	assert_false(news);
	assert_ok(due_cause(db, "b", NOW + 5, CAUSE_KEY_GONE, CAUSE_REVOKED, &news, UNIT_ERR));
	assert_true(news);
	/* One without a live version is left alone. */
	struct certificate_row c = {.name = "a"};
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	assert_ok(due_cause(db, "a", NOW, CAUSE_REVOKED, "", &news, UNIT_ERR));
	assert_false(news);
	db_close(db);
	db = NULL;
	config_free(config);
	config = NULL;
	policies_free(policies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_of_the_lifetime_is_left),
		cmocka_unit_test(what_was_issued_together_is_spread_over_a_hundredth),
		cmocka_unit_test(a_window_comes_before_the_share_but_not_after_time_presses),
		cmocka_unit_test(rotation_and_age_come_before_the_share),
		cmocka_unit_test(a_changed_wish_is_due_at_the_moment_when_it_was_seen),
		cmocka_unit_test(what_happened_is_due_then),
		cmocka_unit_test(the_state_of_the_key_counts_whatever_is_stored),
		cmocka_unit_test(a_freeze_moves_it_earlier_and_never_past_the_time_that_presses),
		cmocka_unit_test(what_came_just_before_a_freeze_does_not_come_again_before_it),
		cmocka_unit_test(one_that_is_due_as_soon_as_it_is_there_rests),
		cmocka_unit_test(of_several_key_types_the_first_counts_and_what_presses),
		cmocka_unit_test(what_is_worked_out_is_stored_once),
		cmocka_unit_test(the_earliest_cause_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
