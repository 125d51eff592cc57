/* The rule distrust: issuers whose certificates browsers refuse from a day on. */
#include "kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

/* Keys are compared in lower case. */
static int
read_issuer(struct yaml *y, void *slot, struct err *e)
{
	struct distrusted *d = slot;
	unsigned char digest[32];

	if (yaml_text(y, &d->issuer, e) < 0)
		return -1;
	if (*d->issuer == '\0')
		return yaml_fail(y, e, "the issuer is empty");
	if (strlen(d->issuer) == 2 * sizeof digest &&
		hex_decode(d->issuer, digest, sizeof digest) == (int)sizeof digest)
		hex_encode(digest, sizeof digest, d->issuer);
	return 0;
}

/* A day is meant with all its hours: refused is what comes after its last second. */
static int
read_after(struct yaml *y, void *slot, struct err *e)
{
	struct distrusted *d = slot;
	bool day;

	if (read_when(y, &d->after, &day, e) < 0)
		return -1;
	d->after += day ? DAY - 1 : 0;
	return 0;
}

static const struct yaml_key distrust_keys[] = {
	{"issuer", read_issuer, 0, YAML_REQUIRED},
	{"after", read_after, 0, YAML_REQUIRED},
	{"authority", yaml_text, offsetof(struct distrusted, authority), 0},
	{"source", yaml_text, offsetof(struct distrusted, source), 0},
};

static int
read_distrusted(struct yaml *y, void *slot, struct err *e)
{
	struct distrust *all = slot;
	struct distrusted *d = read_one_more(y, &all->item, &all->count, sizeof *d, e);

	if (!d)
		return -1;
	return yaml_mapping(y, "an issuer", distrust_keys, COUNT(distrust_keys), d, e);
}

static void
clear_distrust(void *slot)
{
	struct distrust *all = slot;

	for (size_t i = 0; i < all->count; i++) {
		free(all->item[i].issuer);
		free(all->item[i].authority);
		free(all->item[i].source);
	}
	free(all->item);
	*all = (struct distrust){0};
}

static int
read_distrust(struct yaml *y, void *slot, struct err *e)
{
	struct distrust *all = slot;

	clear_distrust(all);
	if (yaml_each_item(y, "a list of issuers", read_distrusted, all, e) < 0)
		return -1;
	return all->count ? 0 : yaml_fail(y, e, "the list is empty");
}

static const char *
show_after(const struct distrusted *d, char text[WHEN_TEXT])
{
	if (d->after % DAY == DAY - 1)
		return when_format_day(d->after, text);
	return when_format(d->after, text);
}

static void
show_distrust(const struct distrust *all, char *value, size_t size)
{
	AUTO(list) struct list parts = {0};
	char part[300], after[WHEN_TEXT];

	for (size_t i = 0; i < all->count; i++) {
		snprintf(part, sizeof part, "%.200s after %s", all->item[i].issuer,
			show_after(&all->item[i], after));
		(void)list_add(&parts, part);
	}
	list_join(&parts, value, size);
}

static bool
was_refused(const struct distrusted *d, const struct chain_traits *t)
{
	return t->issued_at > d->after &&
	       (list_has(&t->issuers, d->issuer) || list_has(&t->keys, d->issuer));
}

/* What an authority would issue now is judged by what it issued last, or by its name. */
static bool
will_be_refused(const struct distrusted *d, const struct policy_facts *f)
{
	if (f->now <= d->after)
		return false;
	return (d->authority && f->authority && text_same(d->authority, f->authority)) ||
	       (f->authority_issuers && list_has(f->authority_issuers, d->issuer));
}

/* Why an entry refuses it; false when it does not. */
static bool
refuses(const struct distrusted *d, const struct policy_facts *f, struct judgement *j)
{
	char day[WHEN_TEXT], after[WHEN_TEXT], who[200];

	if (f->issued && was_refused(d, f->issued))
		snprintf(who, sizeof who, "it was issued on %s",
			when_format_day(f->issued->issued_at, day));
	else if (will_be_refused(d, f))
		snprintf(who, sizeof who, "the authority '%s' issues",
			f->authority ? f->authority : "-");
	else
		return false;
	snprintf(j->text, sizeof j->text, "%s by '%.120s', which is distrusted after %s%s%s", who,
		d->issuer, show_after(d, after), d->source ? " by " : "",
		d->source ? d->source : "");
	return true;
}

static enum verdict
judge_distrust(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	const struct distrust *all = &p->distrust;

	show_distrust(all, j->value, sizeof j->value);
	for (size_t i = 0; i < all->count; i++)
		if (refuses(&all->item[i], f, j))
			return VERDICT_REFUSED;
	if (f->issued || f->authority_issuers)
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "nothing of the authority is known yet");
	return VERDICT_OPEN;
}

const struct rule_kind kind_distrust = {.word = "distrust",
	.read = read_distrust,
	.clear = clear_distrust,
	RULE_SLOT(distrust),
	.judge = judge_distrust};
