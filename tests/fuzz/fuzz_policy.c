/* Policy files (policy/policy.h): read, and what they say of facts that are there and are not. */
#include "fuzz.h"
#include "keystay/policy/policy.h"

#define NOW ((when_t)1795282774)

static void
judge(const struct policy *p)
{
	static const char *const types[] = {"ec-p256", "rsa-2048"};
	static char *names[] = {(char *)"a.example", (char *)"*.example.org", (char *)"192.0.2.1"};
	const struct list list = {.item = names, .count = COUNT(names)};
	const struct subject subject = {.organization = (char *)"A"};
	const struct weak weak = {{true, true, true, true}};
	const struct chain_traits issued = {.not_before = NOW,
		.not_after = NOW + 300 * DAY,
		.issued_at = NOW,
		.issuers = list,
		.signatures = list};
	const struct policy_facts none = {.now = NOW};
	const struct policy_facts facts = {.now = NOW,
		.certificate = "a",
		.key_type = types,
		.key_types = COUNT(types),
		.names = &list,
		.subject = &subject,
		.authority = "b",
		.authority_issuers = &list,
		.key_made_at = 1700000000,
		.validity = 90 * DAY,
		.signatures = 5000,
		.token_class = "software",
		.origin = {.known = true},
		.weak = &weak,
		.issued = &issued};
	struct judgement judged[RULES], other[RULES];
	const char *reason = NULL;

	enum verdict some = policy_judge(p, &facts, judged);
	enum verdict open = policy_judge(p, &none, other);
	for (int r = 0; r < RULES; r++) {
		MUST(judged[r].verdict <= VERDICT_REFUSED && *judged[r].value);
		MUST(judged[r].verdict <= VERDICT_OPEN || *judged[r].text);
		MUST(p->rule[r].set || judged[r].verdict == VERDICT_OK);
	}
	MUST(policy_worse(judged, other) == (some > open ? some : open));
	(void)policy_wants_new_key(p, facts.key_made_at, facts.validity, NOW);
	(void)policy_renew_at(p, NOW, NOW + 90 * DAY, facts.key_made_at, &reason);
	MUST(reason);
	when_t deadline = policy_deadline(p, NOW, NOW + 90 * DAY);
	MUST(deadline > NOW && deadline <= NOW + 90 * DAY);
	(void)policy_budget_spent(p, facts.signatures);
	MUST(policy_hard_limit(p, true, true) >= policy_hard_limit(p, true, false));
	MUST(policy_min_rotation(p) >= 0 && policy_rate_alarm(p) >= 2);
	MUST(!p->limits.soft || !p->limits.hard || p->limits.soft <= p->limits.hard);
}

/* The end of a freeze is not frozen, and nothing begins later than its deadline. */
static void
freeze(const struct policy *p)
{
	for (when_t now = NOW - 9 * DAY; now < NOW + 9 * DAY; now += 17 * HOUR + 1) {
		when_t until, again;
		if (policy_frozen(p, now, &until))
			MUST(until > now && !policy_frozen(p, until, &again));
		MUST(policy_thaw(p, now, NOW, NOW + 5 * DAY) <= NOW + 5 * DAY);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);
	AUTO(policies) struct policies *all = NULL;
	struct err e = {0};

	if (policies_new(&all, &e) < 0)
		BUG("the shipped policies cannot be read");
	if (policies_add(all, "fuzz.yaml", text, size, &e) < 0 || policies_finish(all, &e) < 0) {
		MUST(e.kind == ERR_CONFIG && e.text[0]);
		return 0;
	}
	for (size_t i = 0; policy_at(all, i); i++) {
		judge(policy_at(all, i));
		freeze(policy_at(all, i));
	}
	return 0;
}
