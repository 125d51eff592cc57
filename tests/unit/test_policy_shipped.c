/*
 * The shipped policies, as they judge one certificate that is good and one that is bad: a change of
 * what is shipped, or of what a rule says, shows in tests/golden/policy-NAME.txt.
 *
 *	GOLDEN_WRITE=1 build/release/unit/test_policy_shipped	writes them anew, from the top
 *folder
 */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/file.h"
#include "support/policies.h"

#define TEXT_MAX ((size_t)64 * 1024)

/* 90 days of an EC key in an HSM, of today. */
static struct policy_facts
good_facts(void)
{
	static const char *const types[] = {"ec-p256"};
	static const struct weak sound = {{false}};
	static struct subject subject;
	static struct chain_traits issued;

	issued = (struct chain_traits){.not_before = NOW - DAY,
		.not_after = NOW + 89 * DAY - 1,
		.issued_at = NOW - DAY,
		.issuers = *TEXTS("YE1", "Let's Encrypt"),
		.keys = *TEXTS("00"),
		.signatures = *TEXTS("ecdsa-sha384"),
		.eku = *TEXTS("serverAuth"),
		.ku = *TEXTS("digitalSignature")};
	return (struct policy_facts){.now = NOW,
		.certificate = "shop",
		.key_type = types,
		.key_types = COUNT(types),
		.names = TEXTS("shop.example.org"),
		.subject = &subject,
		.owner = "web team",
		.authority = "public",
		.authority_issuers = &issued.issuers,
		.key_made_at = NOW - DAY,
		.signatures = 1000,
		.token_class = "hsm-claimed",
		.origin = {.known = true, .said = {true, true, true, true, true}},
		.weak = &sound,
		.issued = &issued};
}

/* 398 days of a weak RSA key in a software token, by an issuer that is trusted no more. */
static struct policy_facts
bad_facts(void)
{
	static const char *const types[] = {"rsa-1024"};
	static const struct weak weak = {{true, true, true, true}};
	static struct subject subject;
	static struct chain_traits issued;

	issued = (struct chain_traits){.not_before = NOW - DAY,
		.not_after = NOW + 398 * DAY,
		.issued_at = NOW - DAY,
		.issuers = *TEXTS("Entrust Certification Authority - L1K", "Entrust, Inc."),
		.keys = *TEXTS("00"),
		.signatures = *TEXTS("rsa-sha1"),
		.weak = weak};
	return (struct policy_facts){.now = NOW,
		.certificate = "shop",
		.key_type = types,
		.key_types = COUNT(types),
		.names = TEXTS("*.example.org"),
		.subject = &subject,
		.authority = "public",
		.key_made_at = NOW - 800 * DAY,
		.signatures = 60000000,
		.token_class = "software",
		.origin = {.known = true},
		.weak = &weak,
		.issued = &issued};
}

static void
render(struct buf *b, const struct policy *p, const char *title, const struct policy_facts *facts)
{
	struct judgement j[RULES];

	buf_addf(b, "\n%s: %s\n", title, verdict_word(policy_judge(p, facts, j)));
	for (int r = 0; r < RULES; r++)
		if (p->rule[r].set)
			buf_addf(b, "  %-8s %s%s%s\n", verdict_word(j[r].verdict),
				rule_word((enum rule)r), *j[r].text ? ": " : "", j[r].text);
}

static void
render_policy(struct buf *b, const struct policy *p)
{
	const struct policy_facts good = good_facts(), bad = bad_facts(), none = {.now = NOW};
	struct judgement j[RULES];

	buf_addf(b, "policy %s extends %s\n\n", p->name, p->extends ? p->extends : "-");
	policy_judge(p, &none, j);
	for (int r = 0; r < RULES; r++) {
		const struct policy_rule *rule = &p->rule[r];
		if (!rule->set) {
			buf_addf(b, "%s: -\n", rule_word((enum rule)r));
			continue;
		}
		buf_addf(b, "%s: %s\n  %s%s%s; %s\n", rule_word((enum rule)r), j[r].value,
			rule->effect == EFFECT_WARN ? "warn" : "refuse",
			rule->from ? ", from " : "", rule->from ? rule->from : "",
			rule->source ? rule->source : "-");
	}
	render(b, p, "nothing is known", &none);
	render(b, p, "a good certificate", &good);
	render(b, p, "a bad certificate", &bad);
}

static void
the_shipped_policies_are_what_they_were(void **state)
{
	static const char *const names[] = {"lab", "strict", "web-internal", "web-public"};
	AUTO(policies) struct policies *all = NULL;

	(void)state;
	assert_ok(policies_new(&all, UNIT_ERR));
	assert_ok(policies_finish(all, UNIT_ERR));
	for (size_t i = 0; policy_at(all, i); i++) {
		AUTO(buf) struct buf is = BUF(TEXT_MAX), was = BUF(TEXT_MAX);
		const struct policy *p = policy_at(all, i);
		char path[100];
		assert_in_range(i, 0, COUNT(names) - 1);
		assert_string_equal(p->name, names[i]);
		render_policy(&is, p);
		assert_false(is.full);
		snprintf(path, sizeof path, "tests/golden/policy-%s.txt", p->name);
		if (getenv("GOLDEN_WRITE"))
			assert_ok(file_replace(path, buf_text(&is), is.len, 0644, FILE_SAME_OWNER,
				FILE_SAME_GROUP, UNIT_ERR));
		assert_ok(file_read(path, &was, UNIT_ERR));
		assert_string_equal(buf_text(&is), buf_text(&was));
	}
}

/* Every rule that refuses has its source, so that a person can look it up. */
static void
every_rule_says_where_it_comes_from(void **state)
{
	AUTO(policies) struct policies *all = NULL;

	(void)state;
	assert_ok(policies_new(&all, UNIT_ERR));
	assert_ok(policies_finish(all, UNIT_ERR));
	for (size_t i = 0; policy_at(all, i); i++)
		for (int r = 0; r < RULES; r++) {
			const struct policy *p = policy_at(all, i);
			if (p->rule[r].set && !p->rule[r].source)
				fail_msg("%s: %s", p->name, rule_word((enum rule)r));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_policies_are_what_they_were),
		cmocka_unit_test(every_rule_says_where_it_comes_from),
	};
	return cmocka_run_group_tests_name("policy_shipped", tests, NULL, NULL);
}
