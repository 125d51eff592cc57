/* The rule max_validity: how long a certificate may live, by the day on which it was issued. */
#include "kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

#define MONTHS_MAX 1200

/* "398d" or "39months". */
static int
read_max(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	struct validity_step *s = slot;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	size_t number = strspn(text, "0123456789");
	s->seconds = s->months = 0;
	bool months = text_same(text + number, "months");
	if (months)
		text[number] = '\0';
	if (months ? number_parse(text, 1, MONTHS_MAX, &s->months)
		   : duration_parse(text, &s->seconds) && s->seconds > 0)
		return 0;
	return yaml_fail(y, e,
		"a duration such as 398d, or months such as 39months (1 to %d), is expected here",
		MONTHS_MAX);
}

static int
read_from(struct yaml *y, void *slot, struct err *e)
{
	struct validity_step *s = slot;
	bool day;

	return read_when(y, &s->from, &day, e);
}

static const struct yaml_key step_keys[] = {
	{"from", read_from, 0, YAML_REQUIRED},
	{"max", read_max, 0, YAML_REQUIRED},
	{"source", yaml_text, offsetof(struct validity_step, source), 0},
};

static int
read_step(struct yaml *y, void *slot, struct err *e)
{
	struct validity_table *t = slot;
	struct validity_step *s = read_one_more(y, &t->step, &t->steps, sizeof *s, e);

	if (!s || yaml_mapping(y, "a limit", step_keys, COUNT(step_keys), s, e) < 0)
		return -1;
	if (t->steps > 1 && s->from <= s[-1].from)
		return yaml_fail(y, e, "the dates of 'from' must rise");
	return 0;
}

static void
clear_validity(void *slot)
{
	struct validity_table *t = slot;

	for (size_t i = 0; i < t->steps; i++)
		free(t->step[i].source);
	free(t->step);
	*t = (struct validity_table){0};
}

static int
read_validity(struct yaml *y, void *slot, struct err *e)
{
	struct validity_table *t = slot;

	clear_validity(t);
	if (!yaml_next_is_list(y)) {
		struct validity_step *s = read_one_more(y, &t->step, &t->steps, sizeof *s, e);
		return s ? read_max(y, s, e) : -1;
	}
	if (yaml_each_item(y, "a duration, or a list of limits", read_step, t, e) < 0)
		return -1;
	return t->steps ? 0 : yaml_fail(y, e, "the list is empty");
}

static const char *
show_max(const struct validity_step *s, char text[WHEN_TEXT])
{
	if (!s->months)
		return duration_format(s->seconds, text);
	snprintf(text, WHEN_TEXT, "%lld months", (long long)s->months);
	return text;
}

static void
show_table(const struct validity_table *t, char *value, size_t size)
{
	AUTO(list) struct list words = {0};
	char max[WHEN_TEXT], from[WHEN_TEXT], word[80];

	for (size_t i = 0; i < t->steps; i++) {
		const struct validity_step *s = &t->step[i];
		const char *at =
			s->from % DAY ? when_format(s->from, from) : when_format_day(s->from, from);
		snprintf(word, sizeof word, "%s%s%s", show_max(s, max), s->from ? " from " : "",
			s->from ? at : "");
		(void)list_add(&words, word);
	}
	list_join(&words, value, size);
}

/* The last step that began when the certificate was issued; NULL when none had. */
static const struct validity_step *
step_at(const struct validity_table *t, when_t issued_at)
{
	const struct validity_step *found = NULL;

	for (size_t i = 0; i < t->steps && t->step[i].from <= issued_at; i++)
		found = &t->step[i];
	return found;
}

/*
 * RFC 5280 4.1.2.5 counts both ends, so a certificate lives one second longer than the difference
 * of its dates. A day has 86,400 s, and a fraction of one is one more (BR 6.3.2): so a limit in
 * days is a limit in seconds.
 */
static bool
lives_too_long(const struct validity_step *s, const struct chain_traits *t)
{
	when_t end = t->not_after + 1;

	if (s->months)
		return end > when_add_months(t->not_before, s->months);
	return end - t->not_before > s->seconds;
}

static enum verdict
judge_validity(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	const struct chain_traits *t = f->issued;
	char day[WHEN_TEXT], max[WHEN_TEXT];

	show_table(&p->validity, j->value, sizeof j->value);
	if (!t) {
		snprintf(j->text, sizeof j->text, "it is not issued yet");
		return VERDICT_OPEN;
	}
	const struct validity_step *s = step_at(&p->validity, t->issued_at);
	if (!s || !lives_too_long(s, t))
		return VERDICT_OK;
	when_t life = t->not_after - t->not_before + 1;
	snprintf(j->text, sizeof j->text,
		"it was issued on %s for %lld days (%lld s), and %s is the limit%s%s",
		when_format_day(t->issued_at, day), (long long)((life + DAY - 1) / DAY),
		(long long)life, show_max(s, max), s->source ? " by " : "",
		s->source ? s->source : "");
	return VERDICT_REFUSED;
}

const struct rule_kind kind_max_validity = {.word = "max_validity",
	.read = read_validity,
	.clear = clear_validity,
	RULE_SLOT(validity),
	.judge = judge_validity};

when_t
policy_validity_max(const struct policy *p, when_t issued_at)
{
	const struct validity_step *s =
		p->rule[RULE_MAX_VALIDITY].set ? step_at(&p->validity, issued_at) : NULL;

	if (!s)
		return 0;
	/* Both ends count. */
	return (s->months ? when_add_months(issued_at, s->months) - issued_at : s->seconds) - 1;
}
