#include "waiver.h"

#include <stdlib.h>

#include "read.h"
#include "rule.h"

static int
read_rule(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *word = NULL;
	struct waiver *w = slot;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	w->rule = rule_of(word);
	if (w->rule == RULES)
		return yaml_fail(y, e, "unknown rule '%s'", word);
	if (rule_kind(w->rule)->quiet)
		return yaml_fail(y, e, "the rule '%s' refuses nothing that could be waived", word);
	return 0;
}

/* A day is meant with all its hours. */
static int
read_until(struct yaml *y, void *slot, struct err *e)
{
	struct waiver *w = slot;
	bool day;

	if (yaml_text(y, &w->until_text, e) < 0)
		return -1;
	if (!when_parse(w->until_text, &w->until, &day))
		return yaml_fail(y, e,
			"a day such as 2026-12-20 or a moment such as 2026-12-20T18:00:00Z is "
			"expected here, not '%s'",
			w->until_text);
	w->until += day ? DAY : 0;
	return 0;
}

static int
read_said(struct yaml *y, void *slot, struct err *e)
{
	char **text = slot;

	if (yaml_text(y, text, e) < 0)
		return -1;
	return **text ? 0 : yaml_fail(y, e, "this may not be empty");
}

static const struct yaml_key waiver_keys[] = {
	{"rule", read_rule, 0, YAML_REQUIRED},
	{"certificate", read_said, offsetof(struct waiver, certificate), YAML_REQUIRED},
	{"owner", read_said, offsetof(struct waiver, owner), YAML_REQUIRED},
	{"reason", read_said, offsetof(struct waiver, reason), YAML_REQUIRED},
	{"until", read_until, 0, YAML_REQUIRED},
};

static int
read_waiver(struct yaml *y, void *policy, struct err *e)
{
	struct policy *p = policy;
	struct waiver *w = read_one_more(y, &p->waiver, &p->waivers, sizeof *w, e);

	if (!w)
		return -1;
	(void)yaml_next_is_mapping(y);
	w->at = yaml_mark(y);
	return yaml_mapping(y, "a waiver", waiver_keys, COUNT(waiver_keys), w, e);
}

int
waivers_read(struct yaml *y, void *policy, struct err *e)
{
	return yaml_each_item(y, "a list of waivers", read_waiver, policy, e);
}

void
waivers_clear(struct policy *p)
{
	for (size_t i = 0; i < p->waivers; i++) {
		free(p->waiver[i].certificate);
		free(p->waiver[i].owner);
		free(p->waiver[i].reason);
		free(p->waiver[i].until_text);
	}
	free(p->waiver);
}

int
waivers_check(const struct policy *p, struct err *e)
{
	for (size_t i = 0; i < p->waivers; i++)
		if (!p->rule[p->waiver[i].rule].set)
			return mark_fail(&p->waiver[i].at, e,
				"a waiver for '%s', which policy '%s' does not set",
				rule_word(p->waiver[i].rule), p->name);
	return 0;
}

const struct waiver *
waiver_find(const struct policy *p, enum rule rule, const char *certificate)
{
	const struct waiver *found = NULL;

	for (; p && certificate; p = p->parent)
		for (size_t i = 0; i < p->waivers; i++) {
			const struct waiver *w = &p->waiver[i];
			if (w->rule == rule && text_same(w->certificate, certificate) &&
				(!found || w->until > found->until))
				found = w;
		}
	return found;
}
