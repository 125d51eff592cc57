#include "rule.h"

#include <string.h>

/* What a reader of a rule's value gets. */
struct place {
	struct policy *policy;
	enum rule rule;
};

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

static int
read_soft(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	return yaml_number(y, &place->policy->soft, e);
}

static int
read_hard(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	return yaml_number(y, &place->policy->hard, e);
}

static int
read_hard_when(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	for (int i = HARD_SUCCESSOR_LIVE; i <= HARD_NEVER; i++)
		if (text_same(hard_when_word((enum hard_when)i), text)) {
			place->policy->hard_when = (enum hard_when)i;
			return 0;
		}
	return yaml_fail(y, e, "'successor_live', 'always' or 'never', not '%s'", text);
}

static int
judge_limits(struct yaml *y, const struct policy *p, struct err *e)
{
	if (p->soft == 0 && p->hard == 0)
		return yaml_fail(y, e, "a limit has 'soft' or 'hard', at least 1");
	if (p->soft && p->hard && p->hard < p->soft)
		return yaml_fail(y, e,
			"the hard limit is below the soft one: the key would stop before it is "
			"replaced");
	return 0;
}

static const struct yaml_key limit_keys[] = {
	{"soft", read_soft, 0, 0},
	{"hard", read_hard, 0, 0},
	{"hard_when", read_hard_when, 0, 0},
};

static int
read_max_signatures(struct yaml *y, struct policy *p, struct err *e)
{
	struct place place = {p, RULE_MAX_SIGNATURES};

	if (yaml_mapping(y, "'max_signatures'", limit_keys, COUNT(limit_keys), &place, e) < 0)
		return -1;
	return judge_limits(y, p, e);
}

static int
read_min_rotation(struct yaml *y, struct policy *p, struct err *e)
{
	return yaml_duration(y, &p->min_rotation, e);
}

static int
read_rate_alarm(struct yaml *y, struct policy *p, struct err *e)
{
	if (yaml_number(y, &p->rate_alarm, e) < 0)
		return -1;
	if (p->rate_alarm < 2 || p->rate_alarm > 1000000)
		return yaml_fail(y, e, "a number from 2 to 1000000 is expected here");
	return 0;
}

/* Where a rule's value is in a policy; the list of key types is copied in its own way. */
#define FIELD(field) offsetof(struct policy, field), sizeof(((struct policy *)NULL)->field)

static const struct {
	int (*read)(struct yaml *, struct policy *, struct err *);
	struct {
		size_t offset, bytes;
	} value[3];
} rules[RULES] = {
	[RULE_KEY_TYPES] = {read_key_types, {{0, 0}}},
	[RULE_ROTATE] = {read_rotate, {{FIELD(rotate)}}},
	[RULE_MAX_KEY_AGE] = {read_key_age, {{FIELD(max_key_age)}}},
	[RULE_RENEW_AT] = {read_renew_at, {{FIELD(renew_at)}}},
	[RULE_SUCCESSOR] = {read_successor, {{FIELD(successor)}}},
	[RULE_DRAIN] = {read_drain, {{FIELD(drain)}}},
	[RULE_DISABLE] = {read_disable, {{FIELD(disable)}}},
	[RULE_MAX_SIGNATURES] = {read_max_signatures,
		{{FIELD(soft)}, {FIELD(hard)}, {FIELD(hard_when)}}},
	[RULE_MIN_ROTATION] = {read_min_rotation, {{FIELD(min_rotation)}}},
	[RULE_RATE_ALARM] = {read_rate_alarm, {{FIELD(rate_alarm)}}},
};

static int
read_value(struct yaml *y, void *slot, struct err *e)
{
	struct place *place = slot;
	return rules[place->rule].read(y, place->policy, e);
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

/* Limits may also stand beside source and effect: {soft: 1000, source: ...}. */
static const struct yaml_key limit_rule_keys[] = {
	{"value", read_value, 0, 0},
	{"soft", read_soft, 0, 0},
	{"hard", read_hard, 0, 0},
	{"hard_when", read_hard_when, 0, 0},
	{"source", read_source, 0, 0},
	{"effect", read_effect, 0, 0},
};

int
rule_read(struct yaml *y, struct policy *p, enum rule rule, struct err *e)
{
	struct place place = {p, rule};

	/* A bare value means {value: ...}. */
	if (!yaml_next_is_mapping(y))
		return read_value(y, &place, e);
	if (rule != RULE_MAX_SIGNATURES)
		return yaml_mapping(y, "a rule", rule_keys, COUNT(rule_keys), &place, e);
	if (yaml_mapping(y, "a rule", limit_rule_keys, COUNT(limit_rule_keys), &place, e) < 0)
		return -1;
	return judge_limits(y, p, e);
}

int
rule_inherit(struct policy *p, const struct policy *parent, enum rule rule, struct err *e)
{
	for (size_t i = 0; i < COUNT(rules[rule].value); i++)
		memcpy((char *)p + rules[rule].value[i].offset,
			(const char *)parent + rules[rule].value[i].offset,
			rules[rule].value[i].bytes);
	for (size_t i = 0; rule == RULE_KEY_TYPES && i < parent->key_types.count; i++)
		if (!list_add(&p->key_types, parent->key_types.item[i]))
			return err_set(e, ERR_FAILED, "no memory for a policy");
	return 0;
}
