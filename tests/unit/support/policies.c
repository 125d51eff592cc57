#include "policies.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

struct judgement policy_said;

const struct policy *
policy_of(const char *text, struct policies **ret)
{
	*ret = NULL;
	assert_ok(policies_new(ret, UNIT_ERR));
	assert_ok(policies_add(*ret, "own.yaml", text, strlen(text), UNIT_ERR));
	assert_ok(policies_finish(*ret, UNIT_ERR));
	const struct policy *p = policy_find(*ret, "own");
	assert_non_null(p);
	return p;
}

const struct policy *
policy_of_rules(const char *rules, struct policies **ret)
{
	char text[2048];

	assert_in_range(
		snprintf(text, sizeof text, "policy: own\nrules: %s\n", rules), 1, sizeof text - 1);
	return policy_of(text, ret);
}

enum verdict
verdict_of(const char *rules, enum rule rule, const struct policy_facts *facts)
{
	AUTO(policies) struct policies *all = NULL;
	struct judgement j[RULES];

	policy_judge(policy_of_rules(rules, &all), facts, j);
	policy_said = j[rule];
	return j[rule].verdict;
}

void
assert_policy_refused(const char *text, const char *words)
{
	AUTO(policies) struct policies *all = NULL;

	assert_ok(policies_new(&all, UNIT_ERR));
	int rc = policies_add(all, "own.yaml", text, strlen(text), UNIT_ERR);
	if (rc == 0)
		rc = policies_finish(all, UNIT_ERR);
	if (rc == 0)
		fail_msg("it was read: %s", text);
	assert_refused(rc, ERR_CONFIG, words);
}

const struct list *
texts(const char *const *text)
{
	static char *items[8][8];
	static struct list ring[8];
	static size_t next;
	size_t i = next++ % COUNT(ring), n = 0;

	for (; text[n] && n < COUNT(items[0]); n++)
		items[i][n] = (char *)text[n];
	ring[i] = (struct list){.item = items[i], .count = n};
	return &ring[i];
}
