/* Contracts and validations (keystay/life/dated.h): who needs them, and what goes down with them.
 */
#include "keystay/life/dated.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"
#include "keystay/state/db.h"
#include "keystay/state/watched.h"
#include "support/policies.h"
#include "support/unit.h"

static const char head[] =
	"tokens:\n"
	"  - {name: web, module: /usr/lib/softhsm/libsofthsm2.so, label: web, pin: \"file:/p\"}\n"
	"authorities:\n"
	"  - {name: portal, protocol: acme, url: \"https://a/\", account_key: {token: web}, "
	"rate_limits: [{certificates: 3, per: 10d}]}\n"
	"  - {name: other, protocol: acme, url: \"https://b/\", account_key: {token: web}}\n"
	"certificates:\n";

static struct config *config;
static struct db *db;
static struct estate estate;
static struct dates dates;
static struct buf text = BUF(65536);

static void
begin(void)
{
	static int number;
	char path[512];

	snprintf(path, sizeof path, "%s/dated-%d.db", unit_folder(), ++number);
	assert_ok(db_open(path, &db, UNIT_ERR));
	buf_clear(&text);
	buf_adds(&text, head);
}

static void
add_certificate(const char *name, const char *names, const char *authority, const char *more)
{
	buf_addf(&text,
		"  - {name: %s, names: [%s], token: web, authority: %s, policy: lab, challenge: "
		"{type: http-01, webroot: /w}%s}\n",
		name, names, authority, more);
}

/* A live version; a third of its life is left when it is renewed, by the policy. */
static void
add_version(const char *name, when_t not_before, when_t not_after)
{
	static int number;
	struct key_row key = {.purpose = "certificate", .token = "web", .type = "ec-p256"};
	struct version_row v = {.number = 1, .key_type = "ec-p256", .authority = "portal"};
	struct certificate_row row = {.live_version = 1, .last_version = 1};

	snprintf(key.id, sizeof key.id, "%032d", ++number);
	snprintf(key.label, sizeof key.label, "label-%d", number);
	text_copy(key.owner, sizeof key.owner, name);
	key.created_at = not_before;
	assert_ok(key_reserve(db, &key, UNIT_ERR));
	assert_ok(key_set_state(db, key.id, KEY_ACTIVE, not_before, UNIT_ERR));
	text_copy(v.certificate, sizeof v.certificate, name);
	text_copy(v.key_id, sizeof v.key_id, key.id);
	v.not_before = not_before;
	v.installed_at = not_before;
	v.not_after = not_after;
	text_copy(row.name, sizeof row.name, name);
	assert_ok(certificate_save(db, &row, UNIT_ERR));
	assert_ok(version_save(db, &v, UNIT_ERR));
}

static void
look(bool watched)
{
	assert_false(text.full);
	assert_ok(config_read(unit_file("dated.yaml", buf_text(&text)), &config, UNIT_ERR));
	assert_ok(estate_read(config, db, NOW, watched, &estate, UNIT_ERR));
	assert_ok(dates_look(config, &estate, NOW, &dates, UNIT_ERR));
}

static int
clear(void **state)
{
	(void)state;
	dates_free(&dates);
	estate_free(&estate);
	config_free(config);
	config = NULL;
	db_close(db);
	db = NULL;
	buf_free(&text);
	return 0;
}

static const struct dated *
dated(const char *name)
{
	for (size_t i = 0; i < dates.count; i++)
		if (text_same(dates.item[i].name, name))
			return &dates.item[i];
	fail_msg("there is no '%s'", name);
	return NULL;
}

/* NOW is 2026-09-21. */
static void
a_contract_takes_down_what_has_no_other_authority(void **state)
{
	char said[400];
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", "");
	add_certificate("b", "b.example", "[portal, other]", "");
	add_certificate("c", "c.example", "other", "");
	add_certificate("d", "d.example", "portal", "");
	buf_adds(&text,
		"contracts:\n"
		"  - {name: far, authority: portal, kind: account, owner: o, ends: 2028-06-01}\n"
		"  - {name: ca, authority: portal, owner: o, ends: 2026-12-31}\n");
	add_version("a", NOW - 50 * DAY, NOW + 50 * DAY);
	add_version("b", NOW - 10 * DAY, NOW + 80 * DAY);
	look(false);
	assert_int_equal(dates.count, 2);
	/* In the order of their ends. */
	assert_string_equal(dates.item[0].name, "ca");
	const struct dated *d = dated("ca");
	assert_int_equal(d->days_left, 101);
	assert_int_equal(d->issued, 2);
	assert_int_equal(d->units_left, -1);
	assert_int_equal(d->losses, 3);
	assert_int_equal(d->lost, 2);
	/* Those that go to another come last. */
	assert_string_equal(d->loss[2].certificate->name, "b");
	assert_string_equal(d->loss[2].goes_to, "other");
	assert_null(d->loss[0].goes_to);
	for (size_t i = 0; i < d->losses; i++) {
		/* The one before was renewed while the contract held. */
		assert_true(d->loss[i].renewal_at > d->ends);
		assert_true(d->loss[i].not_after > d->loss[i].renewal_at);
		assert_true(d->loss[i].not_after <= d->ends + 100 * DAY);
	}
	/* The first of 100 days, two thirds of them after its next renewal, and so on. */
	when_t first = NOW - 50 * DAY + (when_t)(100 * DAY) * 67 / 100;
	when_t each = 100 * DAY * 67 / 100 - 100 * DAY * FORECAST_JITTER / 100000;
	const struct dated_loss *a =
		text_same(d->loss[0].certificate->name, "a") ? &d->loss[0] : &d->loss[1];
	while (first <= d->ends)
		first += each;
	assert_int_equal(a->renewal_at - NOW, first - NOW);
	dated_losses_text(d, said, sizeof said);
	assert_non_null(strstr(said, "2 certificates ("));
	assert_non_null(strstr(said, "not renewed from 2027-0"));
	assert_non_null(strstr(said, "1 would go to another authority, the first to 'other'"));
	assert_int_equal(dated("far")->losses, 3);
}

static void
what_is_over_takes_down_the_next_renewal(void **state)
{
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", "");
	buf_adds(&text, "contracts:\n"
			"  - {name: ca, authority: portal, owner: o, ends: 2026-09-19}\n"
			"  - {name: now, kind: account, authority: portal, owner: o, ends: "
			"\"2026-09-21T14:13:19Z\"}\n");
	add_version("a", NOW - 50 * DAY, NOW + 50 * DAY);
	look(false);
	assert_int_equal(dated("ca")->days_left, -2);
	assert_int_equal(dated("now")->days_left, -1);
	assert_int_equal(dated("ca")->losses, 1);
	assert_int_equal(dated("ca")->loss[0].not_after, NOW + 50 * DAY);
	assert_int_equal(dated("ca")->loss[0].renewal_at, NOW + 17 * DAY);
}

static void
one_that_lasts_longer_takes_its_place(void **state)
{
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", "");
	add_certificate("c", "c.example", "other", "");
	buf_adds(&text,
		"contracts:\n"
		"  - {name: old, authority: portal, owner: o, ends: 2026-12-31}\n"
		"  - {name: new, authority: portal, owner: o, ends: 2027-12-31}\n"
		"  - {name: key, kind: credential, authority: portal, owner: o, ends: 2026-12-31}\n"
		"  - {name: theirs, authority: other, owner: o, ends: 2029-12-31}\n");
	look(false);
	assert_true(dated("old")->goes_on);
	assert_int_equal(dated("old")->losses, 0);
	assert_false(dated("new")->goes_on);
	assert_int_equal(dated("new")->losses, 1);
	/* Of another kind, or of another authority, none does. */
	assert_int_equal(dated("key")->losses, 1);
	assert_int_equal(dated("theirs")->losses, 1);
}

static void
a_domain_holds_the_names_at_and_below_it(void **state)
{
	(void)state;

	assert_true(dated_covers("example.org", "example.org"));
	assert_true(dated_covers("example.org", "www.example.org"));
	assert_true(dated_covers("example.org", "*.example.org"));
	assert_true(dated_covers("example.org", "a.b.example.org"));
	assert_false(dated_covers("example.org", "badexample.org"));
	assert_false(dated_covers("example.org", "example.com"));
	assert_false(dated_covers("www.example.org", "example.org"));
	assert_false(dated_covers("1", "192.0.2.1"));

	begin();
	add_certificate("a", "www.example.org, x.example.net", "portal", "");
	add_certificate("b", "example.org", "portal", "");
	add_certificate("c", "api.example.org", "portal", "");
	add_certificate("d", "www.example.org", "other", "");
	add_certificate("e", "badexample.org", "portal", "");
	buf_adds(&text,
		"validations:\n"
		"  - {kind: domain, subject: example.org, authority: portal, owner: o, ends: 2026-12-31}\n"
		"  - {kind: domain, subject: api.example.org, authority: portal, owner: o, ends: "
		"2027-12-31}\n"
		"  - {kind: domain, subject: www.api.example.org, authority: portal, owner: o, ends: "
		"2026-11-01}\n"
		"  - {kind: domain, subject: x.example.net, authority: portal, owner: o, ends: "
		"2026-11-01}\n");
	look(false);
	/* api.example.org is proven for longer by itself. */
	const struct dated *d = dated("example.org");
	assert_int_equal(d->losses, 2);
	assert_false(dated_binds(config, d, config_certificate(config, "c")));
	assert_false(dated_binds(config, d, config_certificate(config, "d")));
	assert_int_equal(dated("api.example.org")->losses, 1);
	assert_true(dated("www.api.example.org")->goes_on);
	assert_int_equal(dated("www.api.example.org")->losses, 0);
	assert_int_equal(dated("x.example.net")->losses, 1);
	assert_string_equal(dated("x.example.net")->loss[0].certificate->name, "a");
}

static void
an_organisation_is_that_of_the_subject(void **state)
{
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", ", subject: {organization: Example Council}");
	add_certificate("b", "b.example", "portal", "");
	add_certificate("c", "c.example", "portal", ", subject: {organization: Example}");
	buf_adds(&text,
		"validations:\n"
		"  - {kind: organisation, subject: Example Council, authority: portal, owner: "
		"o, ends: 2026-12-31}\n");
	look(false);
	assert_int_equal(dates.item[0].losses, 1);
	assert_string_equal(dates.item[0].loss[0].certificate->name, "a");
}

static void
units_are_used_up_in_the_order_of_renewals(void **state)
{
	when_t each = 100 * DAY * 67 / 100 - 100 * DAY * FORECAST_JITTER / 100000;
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", "");
	add_certificate("b", "b.example", "portal", "");
	add_certificate("c", "c.example", "other", "");
	buf_adds(&text, "contracts:\n"
			"  - {name: ca, authority: portal, owner: o, ends: 2028-12-31, units: 72, "
			"units_used: 69}\n");
	add_version("a", NOW - 50 * DAY, NOW + 50 * DAY);
	add_version("b", NOW - 40 * DAY, NOW + 60 * DAY);
	look(false);
	/* a, b and a; the second renewal of b has none. */
	const struct dated *d = dated("ca");
	assert_int_equal(d->units_left, 3);
	assert_int_equal(d->units_out, NOW + 27 * DAY + each);
	assert_string_equal(d->loss[0].certificate->name, "b");
	assert_int_equal(d->loss[0].renewal_at, d->units_out);
	assert_string_equal(d->loss[1].certificate->name, "a");
	assert_int_equal(d->loss[1].renewal_at, NOW + 17 * DAY + 2 * each);
}

/* Those of the contract that ends first go first, and end with it. */
static void
units_of_two_contracts_are_one_after_the_other(void **state)
{
	when_t each = 100 * DAY * 67 / 100 - 100 * DAY * FORECAST_JITTER / 100000;
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", ", keys: [ec-p256, rsa-3072]");
	buf_adds(&text, "contracts:\n"
			"  - {name: new, authority: portal, owner: o, ends: 2028-12-31, units: 5}\n"
			"  - {name: old, authority: portal, owner: o, ends: 2026-12-31, units: 10, "
			"units_used: 3}\n");
	add_version("a", NOW - 50 * DAY, NOW + 50 * DAY);
	look(false);
	/* Two at 17 days and two at 83 of the old seven, whose rest ends on day 101; then four of
	 * five. The last one is not enough for two. */
	assert_int_equal(dated("old")->units_left, 7);
	assert_int_equal(dated("old")->units_out, 0);
	assert_int_equal(dated("new")->units_out, NOW + 17 * DAY + 4 * each);
	assert_int_equal(dated("new")->loss[0].renewal_at, NOW + 17 * DAY + 4 * each);
	dates_free(&dates);
	/* More were used than there are: none is left, and the first renewal has none. */
	config->contract[0].units_used = 6;
	config->contract[1].units_used = 11;
	assert_ok(dates_look(config, &estate, NOW, &dates, UNIT_ERR));
	assert_int_equal(dated("new")->units_left, 0);
	assert_int_equal(dated("new")->units_out, NOW + 17 * DAY);
}

static void
save_watched(const char *name, const char *authority, when_t not_before, when_t not_after)
{
	AUTO(watched_row) struct watched_row w = {.source = WATCHED_FILE, .place = "/x.pem"};

	text_copy(w.name, sizeof w.name, name);
	text_copy(w.authority, sizeof w.authority, authority);
	w.not_before = not_before;
	w.not_after = not_after;
	assert_true(list_add(&w.names, "watched.example"));
	assert_ok(watched_save(db, &w, UNIT_ERR));
}

static void
the_estate_has_what_the_database_knows(void **state)
{
	(void)state;

	begin();
	add_certificate("a", "a.example", "portal", ", keys: [ec-p256, rsa-3072]");
	add_certificate("b", "b.example", "portal", "");
	add_certificate("c", "c.example", "other", "");
	add_version("a", NOW - 5 * DAY, NOW + 55 * DAY);
	save_watched("w1", "portal", NOW - DAY, NOW + 99 * DAY);
	save_watched("w2", "elsewhere", 0, NOW + 9 * DAY);
	save_watched("w3", "portal", NOW - 9 * DAY, NOW - DAY);
	save_watched("w4", "portal", 0, 0);
	save_watched("b", "portal", NOW - DAY, NOW + 99 * DAY);
	look(true);
	assert_int_equal(estate.items, 5);
	assert_int_equal(estate.ended, 1);
	assert_int_equal(estate.item[0].certificates, 2);
	assert_int_equal(estate.item[0].life, 60 * DAY);
	assert_int_equal(estate.item[0].not_after, NOW + 55 * DAY);
	/* Not there yet: it will live as the last one of its authority. */
	assert_int_equal(estate.item[1].due_at, 0);
	assert_int_equal(estate.item[1].life, 60 * DAY);
	assert_false(estate.item[1].assumed);
	/* Nothing came from there, and the policy has no limit. */
	assert_true(estate.item[2].assumed);
	assert_int_equal(estate.item[2].life, 90 * DAY);
	assert_string_equal(estate.item[3].name, "w1");
	assert_true(estate.item[3].watched);
	assert_int_equal(estate.item[3].authority, 0);
	assert_int_equal(estate.item[3].due_at, NOW + 66 * DAY);
	assert_string_equal(estate.item[4].name, "w2");
	assert_int_equal(estate.item[4].authority, ESTATE_NO_AUTHORITY(config));
	assert_true(estate.item[4].assumed);
	/* What was issued within the longest time of a limit. */
	assert_int_equal(estate.pasts, 1);
	assert_int_equal(estate.past[0].at, NOW - 5 * DAY);
	assert_int_equal(estate.issued[0], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_contract_takes_down_what_has_no_other_authority, clear),
		cmocka_unit_test_teardown(what_is_over_takes_down_the_next_renewal, clear),
		cmocka_unit_test_teardown(one_that_lasts_longer_takes_its_place, clear),
		cmocka_unit_test_teardown(a_domain_holds_the_names_at_and_below_it, clear),
		cmocka_unit_test_teardown(an_organisation_is_that_of_the_subject, clear),
		cmocka_unit_test_teardown(units_are_used_up_in_the_order_of_renewals, clear),
		cmocka_unit_test_teardown(units_of_two_contracts_are_one_after_the_other, clear),
		cmocka_unit_test_teardown(the_estate_has_what_the_database_knows, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
