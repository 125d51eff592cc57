#include "rule.h"

#include <stdlib.h>
#include <string.h>

static const struct rule_kind *const kinds[RULES] = {
	[RULE_KEY_TYPES] = &kind_key_types,
	[RULE_TOKEN_CLASS] = &kind_token_class,
	[RULE_KEY_ORIGIN] = &kind_key_origin,
	[RULE_ROTATE] = &kind_rotate,
	[RULE_MAX_KEY_AGE] = &kind_max_key_age,
	[RULE_RENEW_AT] = &kind_renew_at,
	[RULE_SUCCESSOR] = &kind_successor,
	[RULE_DRAIN] = &kind_drain,
	[RULE_DISABLE] = &kind_disable,
	[RULE_MAX_SIGNATURES] = &kind_max_signatures,
	[RULE_MIN_ROTATION] = &kind_min_rotation,
	[RULE_RATE_ALARM] = &kind_rate_alarm,
	[RULE_MAX_VALIDITY] = &kind_max_validity,
	[RULE_NAMES] = &kind_names,
	[RULE_SUBJECT] = &kind_subject,
	[RULE_AUTHORITIES] = &kind_authorities,
	[RULE_DISTRUST] = &kind_distrust,
	[RULE_SIGNATURE_ALGORITHMS] = &kind_signature_algorithms,
	[RULE_WEAK_KEYS] = &kind_weak_keys,
	[RULE_REQUIRED_EKU] = &kind_required_eku,
	[RULE_REQUIRED_KU] = &kind_required_ku,
	[RULE_FREEZE] = &kind_freeze,
	[RULE_OWNER] = &kind_owner,
};

/* value, source, effect; and the keys of the value that has most. */
#define RULE_KEYS 3
#define VALUE_KEYS_MAX 8

const struct rule_kind *
rule_kind(enum rule rule)
{
	return kinds[rule];
}

const char *
rule_word(enum rule rule)
{
	return kinds[rule]->word;
}

enum rule
rule_of(const char *word)
{
	int r = 0;

	while (r < RULES && !text_same(kinds[r]->word, word))
		r++;
	return (enum rule)r;
}

static int
read_effect(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!text_same(text, "refuse") && !text_same(text, "warn"))
		return yaml_fail(y, e, "an effect is 'refuse' or 'warn', not '%s'", text);
	*(enum effect *)slot = text_same(text, "warn") ? EFFECT_WARN : EFFECT_REFUSE;
	return 0;
}

int
rule_read(struct yaml *y, struct policy *p, enum rule rule, struct err *e)
{
	const struct rule_kind *k = kinds[rule];
	size_t rules = offsetof(struct policy, rule) + (size_t)rule * sizeof p->rule[0];
	struct yaml_key keys[RULE_KEYS + VALUE_KEYS_MAX] = {
		{"value", k->read, k->offset, k->keys ? 0 : YAML_REQUIRED},
		{"source", yaml_text, rules + offsetof(struct policy_rule, source), 0},
		{"effect", read_effect, rules + offsetof(struct policy_rule, effect), 0},
	};

	if (k->key_count > VALUE_KEYS_MAX)
		BUG("a rule with too many keys");
	p->rule[rule].set = true;
	/* A bare value means {value: ...}. */
	if (!yaml_next_is_mapping(y))
		return k->read(y, (char *)p + k->offset, e);
	for (size_t i = 0; i < k->key_count; i++) {
		keys[RULE_KEYS + i] = k->keys[i];
		keys[RULE_KEYS + i].offset += k->offset;
	}
	if (yaml_mapping(y, "a rule", keys, RULE_KEYS + k->key_count, p, e) < 0)
		return -1;
	return k->sane ? k->sane(y, (char *)p + k->offset, e) : 0;
}

void
rule_inherit(struct policy *p, const struct policy *parent, enum rule rule)
{
	const struct policy_rule *theirs = &parent->rule[rule];
	const struct rule_kind *k = kinds[rule];

	if (p->rule[rule].set || !theirs->set)
		return;
	p->rule[rule] = *theirs;
	if (!theirs->from)
		p->rule[rule].from = parent->name;
	memcpy((char *)p + k->offset, (const char *)parent + k->offset, k->bytes);
}

void
rule_clear(struct policy *p, enum rule rule)
{
	const struct rule_kind *k = kinds[rule];

	if (!p->rule[rule].set || p->rule[rule].from)
		return;
	free(p->rule[rule].source);
	if (k->clear)
		k->clear((char *)p + k->offset);
}
