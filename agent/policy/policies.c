#include <string.h>

#include "keystay/base/guess.h"
#include "keystay/policy/policy.h"
#include "keystay/policy/shipped.h"
#include "rule.h"
#include "waiver.h"

struct policies {
	struct policy **item;
	size_t count;
};

static void
policy_free(struct policy *p)
{
	if (!p)
		return;
	for (int r = 0; r < RULES; r++)
		rule_clear(p, (enum rule)r);
	waivers_clear(p);
	free(p->name);
	free(p->extends);
	free(p);
}

static int
fail_unknown(struct yaml *y, const char *key, struct err *e)
{
	AUTO(list) struct list known = {0};
	struct guess g = {.wrong = key};
	char text[400];

	for (int r = 0; r < RULES; r++) {
		guess_try(&g, rule_word((enum rule)r));
		(void)list_add(&known, rule_word((enum rule)r));
	}
	yaml_fail(y, e, "unknown rule '%s'", key);
	return guess_hint(&g, e, "the rules are: %s", list_join(&known, text, sizeof text));
}

static int
read_rule(struct yaml *y, const char *key, void *policy, struct err *e)
{
	enum rule rule = rule_of(key);

	if (rule == RULES)
		return fail_unknown(y, key, e);
	return rule_read(y, policy, rule, e);
}

static int
read_rules(struct yaml *y, void *policy, struct err *e)
{
	return yaml_each_key(y, "'rules'", read_rule, policy, e);
}

static const struct yaml_key policy_keys[] = {
	{"policy", yaml_text, offsetof(struct policy, name), YAML_REQUIRED},
	{"extends", yaml_text, offsetof(struct policy, extends), 0},
	{"rules", read_rules, 0, YAML_REQUIRED},
	{"waivers", waivers_read, 0, 0},
};

static int
place_policy(struct policies *all, struct policy *p, struct err *e)
{
	for (size_t i = 0; i < all->count; i++)
		if (text_same(all->item[i]->name, p->name)) {
			policy_free(all->item[i]);
			all->item[i] = p;
			return 0;
		}
	struct policy **more = realloc(all->item, (all->count + 1) * sizeof(struct policy *));
	if (!more) {
		policy_free(p);
		return err_set(e, ERR_FAILED, "no memory for a policy");
	}
	all->item = more;
	all->item[all->count++] = p;
	return 0;
}

int
policies_add(struct policies *all, const char *file, const char *text, size_t len, struct err *e)
{
	AUTO(yaml) struct yaml *y = NULL;

	if (yaml_open(file, text, len, &y, e) < 0)
		return -1;
	struct policy *p = calloc(1, sizeof *p);
	if (!p)
		return err_set(e, ERR_FAILED, "no memory for a policy");
	p->at = yaml_mark(y);
	if (yaml_mapping(y, "a policy", policy_keys, COUNT(policy_keys), p, e) < 0 ||
		yaml_end(y, e) < 0) {
		policy_free(p);
		return -1;
	}
	return place_policy(all, p, e);
}

int
policies_new(struct policies **ret, struct err *e)
{
	AUTO(policies) struct policies *all = calloc(1, sizeof *all);

	if (!all)
		return err_set(e, ERR_FAILED, "no memory for policies");
	for (size_t i = 0; i < shipped_policies_count; i++)
		if (policies_add(all, shipped_policies[i].file, shipped_policies[i].text,
			    strlen(shipped_policies[i].text), e) < 0)
			return -1;
	*ret = take(&all);
	return 0;
}

void
policies_free(struct policies *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->count; i++)
		policy_free(all->item[i]);
	free(all->item);
	free(all);
}

/* Takes over, from all that it extends, the rules that `p` does not set itself. */
static int
inherit(const struct policies *all, struct policy *p, struct err *e)
{
	const char *next = p->extends;

	/* As many steps as there are policies: a longer way is a circle. */
	for (size_t steps = 0; next; steps++) {
		const struct policy *parent = policy_find(all, next);
		if (!parent)
			return mark_fail(&p->at, e, "policy '%s' extends '%s', which is not there",
				p->name, next);
		if (steps == all->count || parent == p)
			return mark_fail(&p->at, e, "policy '%s' extends itself", p->name);
		if (steps == 0)
			p->parent = parent;
		for (int r = 0; r < RULES; r++)
			rule_inherit(p, parent, (enum rule)r);
		next = parent->extends;
	}
	return 0;
}

int
policies_finish(struct policies *all, struct err *e)
{
	for (size_t i = 0; i < all->count; i++)
		if (inherit(all, all->item[i], e) < 0)
			return -1;
	for (size_t i = 0; i < all->count; i++)
		if (waivers_check(all->item[i], e) < 0)
			return -1;
	return 0;
}

const struct policy *
policy_find(const struct policies *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (text_same(all->item[i]->name, name))
			return all->item[i];
	return NULL;
}

const struct policy *
policy_at(const struct policies *all, size_t index)
{
	return index < all->count ? all->item[index] : NULL;
}
