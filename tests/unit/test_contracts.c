/* `contracts:`, `validations:` and `rate_limits:`: what is read, and every complaint's place. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/config/config.h"

static const char head[] =
	"tokens:\n"
	"  - {name: web, module: /usr/lib/softhsm/libsofthsm2.so, label: web, pin: \"file:/p\"}\n"
	"authorities:\n"
	"  - {name: portal, protocol: acme, url: \"https://a/\", account_key: {token: web}}\n"
	"  - {name: other, protocol: acme, url: \"https://b/\", account_key: {token: web}}\n";

/* After the head, whose lines are 5. */
static int
read_tail(const char *tail, struct config **ret)
{
	AUTO(buf) struct buf text = BUF(1024 * 1024);

	buf_adds(&text, head);
	buf_adds(&text, tail);
	assert_false(text.full);
	*ret = NULL;
	return config_read(unit_file("contracts.yaml", buf_text(&text)), ret, UNIT_ERR);
}

static void
what_is_written_is_read(void **state)
{
	AUTO(config) struct config *c = NULL;
	(void)state;

	assert_ok(
		read_tail("contracts:\n"
			  "  - {name: ca-2026, authority: portal, owner: web@example.org, ends: "
			  "2027-09-11, units: 72, units_used: 70, notes: call them}\n"
			  "  - {name: key, kind: credential, authority: other, owner: o, ends: "
			  "2027-09-11T18:00:00+02:00}\n"
			  "  - {name: us, kind: account, authority: other, owner: o, ends: "
			  "2028-01-01}\n"
			  "validations:\n"
			  "  - {kind: organisation, subject: Example Council, authority: portal, "
			  "owner: o, ends: 2027-01-02}\n"
			  "  - {kind: domain, subject: EXAMPLE.org., authority: portal, owner: o, "
			  "ends: 2027-01-02}\n",
			&c));
	assert_int_equal(c->contracts, 3);
	assert_int_equal(c->validations, 2);
	const struct contract_conf *a = &c->contract[0];
	assert_string_equal(a->name, "ca-2026");
	assert_int_equal(a->kind, CONTRACT_CONTRACT);
	assert_string_equal(a->authority, "portal");
	assert_string_equal(a->owner, "web@example.org");
	/* The day with all its hours. */
	assert_int_equal(a->ends, when_from_utc(2027, 9, 11, 23, 59, 59));
	assert_int_equal(a->units, 72);
	assert_int_equal(a->units_used, 70);
	assert_string_equal(a->notes, "call them");
	assert_int_equal(a->at.line, 7);
	assert_int_equal(c->contract[1].kind, CONTRACT_CREDENTIAL);
	assert_int_equal(c->contract[1].ends, when_from_utc(2027, 9, 11, 16, 0, 0));
	assert_int_equal(c->contract[1].units, 0);
	assert_int_equal(c->contract[2].kind, CONTRACT_ACCOUNT);
	assert_int_equal(c->validation[0].kind, VALIDATION_ORGANISATION);
	assert_string_equal(c->validation[0].subject, "Example Council");
	assert_int_equal(c->validation[1].kind, VALIDATION_DOMAIN);
	assert_string_equal(c->validation[1].subject, "example.org");
	for (int i = 0; i < CONTRACT_KINDS; i++)
		assert_true(*contract_word((enum contract_kind)i));
	assert_string_equal(validation_word(VALIDATION_DOMAIN), "domain");
}

/* Refused at that line, with those words. */
static void
refuse(const char *tail, int line, const char *words)
{
	struct config *c;
	char place[64];

	if (read_tail(tail, &c) == 0) {
		config_free(c);
		fail_msg("taken: %s", tail);
	}
	snprintf(place, sizeof place, "contracts.yaml:%d:", line);
	if (!strstr(unit_err.text, place) || !strstr(unit_err.text, words))
		fail_msg("said '%s', not '%s' and '%s'", unit_err.text, place, words);
	assert_string_equal(err_word(unit_err.kind), "config");
}

#define CONTRACT "contracts:\n  - {name: a, authority: portal, owner: o, ends: 2027-01-02"
#define VALIDATION "validations:\n  - {subject: example.org, authority: portal, ends: 2027-01-02"

static void
every_complaint_has_its_place(void **state)
{
	(void)state;

	refuse("contracts: {}\n", 6, "a list of contracts");
	refuse("contracts:\n  - {name: a, authority: portal, ends: 2027-01-02}\n", 7, "owner");
	refuse("contracts:\n  - {name: a, authority: portal, owner: o}\n", 7, "ends");
	refuse("contracts:\n  - {name: a, owner: o, ends: 2027-01-02}\n", 7, "authority");
	refuse("contracts:\n  - {authority: portal, owner: o, ends: 2027-01-02}\n", 7, "name");
	refuse("contracts:\n  - {name: a b, authority: portal, owner: o, ends: 2027-01-02}\n", 7,
		"is not a name");
	refuse("contracts:\n  - {name: a, authority: portal, owner: \"\", ends: 2027-01-02}\n", 7,
		"may not be empty");
	refuse("contracts:\n  - {name: a, authority: portal, owner: o, ends: soon}\n", 7,
		"not 'soon'");
	refuse("contracts:\n  - {name: a, authority: portal, owner: o, ends: 2027-02-30}\n", 7,
		"not '2027-02-30'");
	refuse("contracts:\n  - {name: a, authority: nobody, owner: o, ends: 2027-01-02}\n", 7,
		"no authority 'nobody'");
	refuse(CONTRACT ", kind: lease}\n", 7,
		"'contract', 'account' or 'credential', not 'lease'");
	refuse(CONTRACT ", units: -1}\n", 7, "a whole number");
	refuse(CONTRACT ", units: 3000000000}\n", 7, "units are at most");
	refuse(CONTRACT ", units: many}\n", 7, "many");
	refuse(CONTRACT ", units_used: 3}\n", 7, "'units_used' is nothing without 'units'");
	refuse(CONTRACT ", price: 3}\n", 7, "price");
	refuse(CONTRACT "}\n  - {name: a, authority: other, owner: o, ends: 2028-01-02}\n", 8,
		"is there twice");
	refuse(VALIDATION ", owner: o}\n", 7, "kind");
	refuse(VALIDATION ", kind: domain}\n", 7, "owner");
	refuse(VALIDATION ", owner: o, kind: person}\n", 7,
		"'organisation' or 'domain', not 'person'");
	refuse("validations:\n  - {kind: domain, subject: \"*.example.org\", authority: portal, "
	       "owner: o, ends: 2027-01-02}\n",
		7, "of a domain, not of '*.example.org'");
	refuse("validations:\n  - {kind: domain, subject: 192.0.2.1, authority: portal, owner: o, "
	       "ends: 2027-01-02}\n",
		7, "of a domain, not of '192.0.2.1'");
	refuse("validations:\n  - {kind: domain, subject: \"a b\", authority: portal, owner: o, "
	       "ends: 2027-01-02}\n",
		7, "a b");
	refuse("validations:\n  - {kind: domain, subject: a.example, authority: nobody, owner: o, "
	       "ends: 2027-01-02}\n",
		7, "no authority 'nobody'");
	refuse(VALIDATION ", owner: o, kind: domain}\n"
			  "  - {kind: domain, subject: Example.ORG, authority: portal, owner: p, "
			  "ends: 2028-01-02}\n",
		8, "is there twice");
}

/* The same subject of another kind, or by another authority, is another validation. */
static void
one_subject_may_be_validated_by_several(void **state)
{
	AUTO(config) struct config *c = NULL;
	(void)state;

	assert_ok(read_tail(VALIDATION ", owner: o, kind: domain}\n"
				       "  - {kind: domain, subject: example.org, authority: other, "
				       "owner: o, ends: 2027-01-02}\n"
				       "  - {kind: organisation, subject: example.org, authority: "
				       "portal, owner: o, ends: 2027-01-02}\n",
		&c));
	assert_int_equal(c->validations, 3);
}

static void
their_number_has_a_ceiling(void **state)
{
	AUTO(buf) struct buf text = BUF(1024 * 1024);
	(void)state;

	buf_adds(&text, "contracts:\n");
	for (int i = 0; i < 2001; i++)
		buf_addf(&text, "  - {name: n%d, authority: portal, owner: o, ends: 2027-01-02}\n",
			i);
	refuse(buf_text(&text), 6 + 2001, "more than 2000 contracts");
}

static void
limits_of_an_authority(void **state)
{
	static const char with[] = "  - {name: third, protocol: acme, url: \"https://c/\", "
				   "account_key: {token: web}, rate_limits: %s}\n";
	AUTO(config) struct config *c = NULL;
	char text[512];
	(void)state;

	snprintf(text, sizeof text, with,
		"[{certificates: 50, per: 7d}, {certificates: 300, per: 3h}]");
	assert_ok(read_tail(text, &c));
	const struct authority_conf *a = config_authority(c, "third");
	assert_int_equal(a->rate_limits, 2);
	assert_int_equal(a->rate_limit[0].certificates, 50);
	assert_int_equal(a->rate_limit[0].per, 7 * DAY);
	assert_int_equal(a->rate_limit[1].per, 3 * HOUR);
	assert_int_equal(config_authority(c, "portal")->rate_limits, 0);
	snprintf(text, sizeof text, with, "[{certificates: 0, per: 7d}]");
	refuse(text, 6, "at least one certificate");
	snprintf(text, sizeof text, with, "[{certificates: 5, per: 7s}]");
	refuse(text, 6, "in at least 1m");
	snprintf(text, sizeof text, with, "[{certificates: 5}]");
	refuse(text, 6, "per");
	snprintf(text, sizeof text, with, "{certificates: 5, per: 1d}");
	refuse(text, 6, "a list of limits");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_complaint_has_its_place),
		cmocka_unit_test(one_subject_may_be_validated_by_several),
		cmocka_unit_test(their_number_has_a_ceiling),
		cmocka_unit_test(limits_of_an_authority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
