/* The rule names: which names a certificate may have. */
#include "kind.h"

#include <stdio.h>
#include <string.h>

#include "keystay/x509/names.h"
#include "read.h"

static int
read_pattern(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	char name[NAME_TEXT];
	struct err why;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (name_normal(text, name, &why) < 0) {
		yaml_fail(y, e, "%s", why.text);
		return err_hint(e, "a pattern is 'example.org', that name alone, or "
				   "'*.example.org', every name below it");
	}
	if (((struct list *)slot)->count >= VALUES_MAX)
		return yaml_fail(y, e, "more than %d of them", VALUES_MAX);
	return list_add(slot, name) ? 0 : err_set(e, ERR_FAILED, "no memory for a policy");
}

static int
read_patterns(struct yaml *y, void *slot, struct err *e)
{
	struct list *patterns = slot;

	list_free(patterns);
	if (yaml_each_item(y, "a list of names", read_pattern, patterns, e) < 0)
		return -1;
	return patterns->count ? 0 : yaml_fail(y, e, "the list is empty");
}

static const char *const leave_words[] = {"allow", "deny"};

static int
read_leave(struct yaml *y, void *slot, struct err *e)
{
	size_t word;

	if (read_word(y, leave_words, COUNT(leave_words), &word, e) < 0)
		return -1;
	*(enum leave *)slot = word == 0 ? LEAVE_ALLOW : LEAVE_DENY;
	return 0;
}

static const struct yaml_key name_keys[] = {
	{"allow", read_patterns, offsetof(struct name_rules, allow), 0},
	{"deny", read_patterns, offsetof(struct name_rules, deny), 0},
	{"wildcard", read_leave, offsetof(struct name_rules, wildcard), 0},
	{"max", yaml_number, offsetof(struct name_rules, max), 0},
	{"ip", read_leave, offsetof(struct name_rules, ip), 0},
};

static int
sane_names(struct yaml *y, const void *slot, struct err *e)
{
	const struct name_rules *n = slot;

	if (n->allow.count || n->deny.count || n->wildcard || n->ip || n->max)
		return 0;
	return yaml_fail(y, e, "a rule about names has 'allow', 'deny', 'wildcard', 'ip' or 'max'");
}

static int
read_names(struct yaml *y, void *slot, struct err *e)
{
	if (yaml_mapping(y, "'names'", name_keys, COUNT(name_keys), slot, e) < 0)
		return -1;
	return sane_names(y, slot, e);
}

static void
clear_names(void *slot)
{
	struct name_rules *n = slot;

	list_free(&n->allow);
	list_free(&n->deny);
}

/* True when `name` is below `parent`, at any depth. */
static bool
is_below(const char *name, const char *parent)
{
	size_t len = strlen(name), tail = strlen(parent);

	return len > tail + 1 && name[len - tail - 1] == '.' &&
	       text_same(name + len - tail, parent);
}

static bool
fits(const char *name, const char *pattern)
{
	if (text_same(name, pattern))
		return true;
	return name_is_wildcard(pattern) && !name_is_ip(name) && is_below(name, pattern + 2);
}

/* A wildcard stands for the names one label below: one that is denied is denied to it as well. */
static bool
covers(const char *name, const char *pattern)
{
	if (!name_is_wildcard(name) || name_is_wildcard(pattern))
		return false;
	const char *dot = strchr(pattern, '.');
	return dot && text_same(dot + 1, name + 2);
}

static bool
is_denied(const struct name_rules *n, const char *name)
{
	for (size_t i = 0; i < n->deny.count; i++)
		if (fits(name, n->deny.item[i]) || covers(name, n->deny.item[i]))
			return true;
	return false;
}

static bool
is_allowed(const struct name_rules *n, const char *name)
{
	if (n->allow.count == 0 || (n->ip == LEAVE_ALLOW && name_is_ip(name)))
		return true;
	for (size_t i = 0; i < n->allow.count; i++)
		if (fits(name, n->allow.item[i]))
			return true;
	return false;
}

/* Why a name is not allowed; NULL when it is. */
static const char *
objection(const struct name_rules *n, const char *name)
{
	if (is_denied(n, name))
		return "is denied";
	if (n->wildcard == LEAVE_DENY && name_is_wildcard(name))
		return "is a wildcard";
	if (n->ip == LEAVE_DENY && name_is_ip(name))
		return "is an address";
	return is_allowed(n, name) ? NULL : "is not among the names that are allowed";
}

static void
show_names(const struct name_rules *n, char *value, size_t size)
{
	static const char *const said[] = {
		[LEAVE_NOT_SAID] = "", [LEAVE_ALLOW] = "allow", [LEAVE_DENY] = "deny"};
	AUTO(list) struct list parts = {0};
	char list[200], part[240];

	if (n->allow.count) {
		snprintf(part, sizeof part, "allow %s", list_join(&n->allow, list, sizeof list));
		(void)list_add(&parts, part);
	}
	if (n->deny.count) {
		snprintf(part, sizeof part, "deny %s", list_join(&n->deny, list, sizeof list));
		(void)list_add(&parts, part);
	}
	if (n->wildcard) {
		snprintf(part, sizeof part, "%s wildcards", said[n->wildcard]);
		(void)list_add(&parts, part);
	}
	if (n->ip) {
		snprintf(part, sizeof part, "%s addresses", said[n->ip]);
		(void)list_add(&parts, part);
	}
	if (n->max) {
		snprintf(part, sizeof part, "at most %lld", (long long)n->max);
		(void)list_add(&parts, part);
	}
	list_join(&parts, value, size);
}

static enum verdict
judge_names(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	AUTO(list) struct list broken = {0};
	char text[NAME_TEXT + 60];

	show_names(&p->names, j->value, sizeof j->value);
	if (!f->names)
		return VERDICT_OPEN;
	if (p->names.max && f->names->count > (size_t)p->names.max) {
		snprintf(text, sizeof text, "there are %zu names", f->names->count);
		(void)list_add(&broken, text);
	}
	for (size_t i = 0; i < f->names->count; i++) {
		const char *why = objection(&p->names, f->names->item[i]);
		if (!why)
			continue;
		snprintf(text, sizeof text, "'%s' %s", f->names->item[i], why);
		(void)list_add(&broken, text);
	}
	list_join(&broken, j->text, sizeof j->text);
	return broken.count ? VERDICT_REFUSED : VERDICT_OK;
}

const struct rule_kind kind_names = {.word = "names",
	.read = read_names,
	.keys = name_keys,
	.key_count = COUNT(name_keys),
	.sane = sane_names,
	.clear = clear_names,
	RULE_SLOT(names),
	.judge = judge_names};
