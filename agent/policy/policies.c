#include <string.h>

#include "keystay/policy/policy.h"
#include "keystay/policy/shipped.h"

struct policies {
	struct policy **item;
	size_t count;
};

/* What a reader of a rule's value gets. */
struct place {
	struct policy *policy;
	enum rule rule;
};

static void
policy_free(struct policy *p)
{
	if (!p)
		return;
	for (int r = 0; r < RULES; r++)
		free(p->rule[r].source);
	list_free(&p->key_types);
	free(p->name);
	free(p->extends);
	free(p);
}

static int
read_key_types(struct yaml *y, struct policy *p, struct err *e)
{
	static const char *const known[] = {
		"ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"};

	if (yaml_list(y, &p->key_types, e) < 0)
		return -1;
	for (size_t i = 0; i < p->key_types.count; i++) {
		bool found = false;
		for (size_t k = 0; k < COUNT(known); k++)
			found = found || text_same(known[k], p->key_types.item[i]);
		if (!found)
			return yaml_fail(y, e, "'%s' is not a type of key", p->key_types.item[i]);
	}
	if (p->key_types.count == 0)
		return yaml_fail(y, e, "no type of key is allowed");
	return 0;
}

static int
read_rotate(struct yaml *y, struct policy *p, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (text_same(text, "every_renewal"))
		p->rotate = 0;
	else if (!duration_parse(text, &p->rotate) || p->rotate < DAY)
		return yaml_fail(
			y, e, "'every_renewal' or a duration of at least 1d, not '%s'", text);
	return 0;
}

static int
read_key_age(struct yaml *y, struct policy *p, struct err *e)
{
	return yaml_duration(y, &p->max_key_age, e);
}

static int
read_renew_at(struct yaml *y, struct policy *p, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	size_t len = strlen(text);
	if (len < 2 || text[len - 1] != '%')
		return yaml_fail(y, e, "a share such as 33%% is expected here, not '%s'", text);
	text[len - 1] = '\0';
	if (!number_parse(text, 1, 95, &p->renew_at))
		return yaml_fail(y, e, "a share is 1%% to 95%%");
	return 0;
}

static int
read_successor(struct yaml *y, struct policy *p, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!text_same(text, "keep") && !text_same(text, "none"))
		return yaml_fail(y, e, "'keep' or 'none', not '%s'", text);
	p->successor = text_same(text, "keep");
	return 0;
}

static int
read_drain(struct yaml *y, struct policy *p, struct err *e)
{
	return yaml_duration(y, &p->drain, e);
}

static int
read_disable(struct yaml *y, struct policy *p, struct err *e)
{
	return yaml_duration(y, &p->disable, e);
}

static int (*const readers[RULES])(struct yaml *, struct policy *, struct err *) = {
	[RULE_KEY_TYPES] = read_key_types,
	[RULE_ROTATE] = read_rotate,
	[RULE_MAX_KEY_AGE] = read_key_age,
	[RULE_RENEW_AT] = read_renew_at,
	[RULE_SUCCESSOR] = read_successor,
	[RULE_DRAIN] = read_drain,
	[RULE_DISABLE] = read_disable,
};

static int
read_value(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	return readers[place->rule](y, place->policy, e);
}

static int
read_source(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	return yaml_text(y, &place->policy->rule[place->rule].source, e);
}

static int
read_effect(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!text_same(text, "refuse") && !text_same(text, "warn"))
		return yaml_fail(y, e, "an effect is 'refuse' or 'warn', not '%s'", text);
	place->policy->rule[place->rule].effect =
		text_same(text, "warn") ? EFFECT_WARN : EFFECT_REFUSE;
	return 0;
}

static const struct yaml_key rule_keys[] = {
	{"value", read_value, 0, YAML_REQUIRED},
	{"source", read_source, 0, 0},
	{"effect", read_effect, 0, 0},
};

static int
read_rule(struct yaml *y, const char *key, void *policy, struct err *e)
{
	struct place place = {policy, RULE_KEY_TYPES};
	AUTO(list) struct list known = {0};
	char text[256];

	for (int r = 0; r < RULES; r++) {
		if (!text_same(rule_word((enum rule)r), key)) {
			list_add(&known, rule_word((enum rule)r));
			continue;
		}
		place.rule = (enum rule)r;
		place.policy->rule[r].set = true;
		/* A bare value means {value: ...}. */
		if (yaml_next_is_mapping(y))
			return yaml_mapping(y, "a rule", rule_keys, COUNT(rule_keys), &place, e);
		return read_value(y, &place, e);
	}
	yaml_fail(y, e, "unknown rule '%s'", key);
	return err_hint(e, "the rules are: %s", list_join(&known, text, sizeof text));
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

/* Takes over the rules that `p` does not set itself. */
static int
inherit(struct policy *p, const struct policy *parent, struct err *e)
{
	for (int r = 0; r < RULES; r++) {
		const struct policy_rule *theirs = &parent->rule[r];
		struct policy_rule *ours = &p->rule[r];
		if (ours->set || !theirs->set)
			continue;
		*ours = *theirs;
		ours->from = theirs->from ? theirs->from : parent->name;
		ours->source = theirs->source ? strdup(theirs->source) : NULL;
		if (r == RULE_KEY_TYPES)
			for (size_t i = 0; i < parent->key_types.count; i++)
				if (!list_add(&p->key_types, parent->key_types.item[i]))
					return err_set(e, ERR_FAILED, "no memory for a policy");
		if (r == RULE_ROTATE)
			p->rotate = parent->rotate;
		if (r == RULE_MAX_KEY_AGE)
			p->max_key_age = parent->max_key_age;
		if (r == RULE_RENEW_AT)
			p->renew_at = parent->renew_at;
		if (r == RULE_SUCCESSOR)
			p->successor = parent->successor;
		if (r == RULE_DRAIN)
			p->drain = parent->drain;
		if (r == RULE_DISABLE)
			p->disable = parent->disable;
	}
	return 0;
}

int
policies_finish(struct policies *all, struct err *e)
{
	for (size_t i = 0; i < all->count; i++) {
		struct policy *p = all->item[i];
		const char *next = p->extends;
		/* As many steps as there are policies: a longer way is a circle. */
		for (size_t steps = 0; next; steps++) {
			const struct policy *parent = policy_find(all, next);
			if (!parent)
				return mark_fail(&p->at, e,
					"policy '%s' extends '%s', which is not there", p->name,
					next);
			if (steps == all->count || parent == p)
				return mark_fail(&p->at, e, "policy '%s' extends itself", p->name);
			if (inherit(p, parent, e) < 0)
				return -1;
			next = parent->extends;
		}
	}
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
