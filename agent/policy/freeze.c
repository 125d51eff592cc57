/* The rule freeze: times in which nothing is renewed that can wait. All in UTC. */
#include "kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

#define WEEK (7 * DAY)

/* What is due in a freeze begins so long before it: runs may be hours apart. */
#define LEAD DAY

static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int
read_from(struct yaml *y, void *slot, struct err *e)
{
	struct freeze_window *w = slot;
	bool day;

	return read_when(y, &w->from, &day, e);
}

/* A day is meant with all its hours. */
static int
read_to(struct yaml *y, void *slot, struct err *e)
{
	struct freeze_window *w = slot;
	bool day;

	if (read_when(y, &w->to, &day, e) < 0)
		return -1;
	w->to += day ? DAY : 0;
	return 0;
}

static bool
read_digits(const char *text, int *ret)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*ret = (text[0] - '0') * 10 + text[1] - '0';
	return true;
}

/* "fri 18:00": nine characters to seconds since Monday. */
static bool
weekday_moment(const char *text, when_t *ret)
{
	int hour, minute;

	for (size_t i = 0; i < COUNT(days); i++) {
		if (strncmp(text, days[i], 3) != 0)
			continue;
		if (text[3] != ' ' || !read_digits(text + 4, &hour) || text[6] != ':' ||
			!read_digits(text + 7, &minute) || hour > 23 || minute > 59)
			return false;
		*ret = (when_t)i * DAY + hour * HOUR + minute * MINUTE;
		return true;
	}
	return false;
}

static int
read_weekly(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	struct freeze_window *w = slot;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (strlen(text) != 21 || strncmp(text + 9, " - ", 3) != 0 ||
		!weekday_moment(text, &w->from) || !weekday_moment(text + 12, &w->to) ||
		w->from == w->to)
		return yaml_fail(y, e,
			"a part of the week such as 'fri 18:00 - mon 08:00' is expected here, not "
			"'%s'",
			text);
	w->weekly = true;
	return 0;
}

static const struct yaml_key window_keys[] = {
	{"from", read_from, 0, 0},
	{"to", read_to, 0, 0},
	{"weekly", read_weekly, 0, 0},
};

static int
read_window(struct yaml *y, void *slot, struct err *e)
{
	struct freeze_window from = {0}, *w;
	struct freeze *all = slot;

	if (yaml_mapping(y, "a freeze", window_keys, COUNT(window_keys), &from, e) < 0)
		return -1;
	if (!from.weekly && (!from.from || !from.to))
		return yaml_fail(y, e, "a freeze has 'from' and 'to', or 'weekly'");
	if (!from.weekly && from.to <= from.from)
		return yaml_fail(y, e, "a freeze ends after it begins");
	w = read_one_more(y, &all->window, &all->windows, sizeof *w, e);
	if (!w)
		return -1;
	*w = from;
	return 0;
}

static void
clear_freeze(void *slot)
{
	struct freeze *all = slot;

	free(all->window);
	*all = (struct freeze){0};
}

/* True when a window is on at that moment; the part of it around the moment. */
static bool
is_on(const struct freeze_window *w, when_t at, when_t *ret_from, when_t *ret_to)
{
	*ret_from = w->from;
	*ret_to = w->to;
	if (w->weekly) {
		when_t length = w->to > w->from ? w->to - w->from : w->to + WEEK - w->from;
		/* 1970-01-05 was a Monday. */
		when_t into = ((at - 4 * DAY - w->from) % WEEK + WEEK) % WEEK;
		*ret_from = at - into;
		*ret_to = *ret_from + length;
	}
	return at >= *ret_from && at < *ret_to;
}

/* How much further a freeze goes that goes on until `to`: the end of what is on then. */
static bool
goes_on(const struct freeze *all, when_t *to)
{
	when_t from, end, longest = *to;

	for (size_t i = 0; i < all->windows; i++)
		if (is_on(&all->window[i], *to, &from, &end) && end > longest)
			longest = end;
	bool more = longest > *to;
	*to = longest;
	return more;
}

static bool
began_before(const struct freeze *all, when_t *from)
{
	when_t begin, end, first = *from;

	for (size_t i = 0; i < all->windows; i++)
		if (is_on(&all->window[i], *from - 1, &begin, &end) && begin < first)
			first = begin;
	bool more = first < *from;
	*from = first;
	return more;
}

/* Weekly times that leave nothing of a week free would freeze for ever. */
static bool
leaves_time(const struct freeze *all)
{
	struct freeze weekly = {.window = calloc(all->windows, sizeof *weekly.window)};
	when_t to = 0;

	for (size_t i = 0; weekly.window && i < all->windows; i++)
		if (all->window[i].weekly)
			weekly.window[weekly.windows++] = all->window[i];
	while (to < 2 * WEEK && goes_on(&weekly, &to))
		;
	bool free_time = to < 2 * WEEK;
	free(weekly.window);
	return free_time;
}

static int
read_freeze(struct yaml *y, void *slot, struct err *e)
{
	struct freeze *all = slot;

	clear_freeze(all);
	if (yaml_each_item(y, "a list of times", read_window, all, e) < 0)
		return -1;
	if (all->windows == 0)
		return yaml_fail(y, e, "the list is empty");
	if (!leaves_time(all))
		return yaml_fail(y, e, "no part of the week is left free");
	return 0;
}

static bool
freeze_around(const struct policy *p, when_t at, when_t *ret_from, when_t *ret_to)
{
	when_t from = at, to = at;

	if (!p || !p->rule[RULE_FREEZE].set || !goes_on(&p->freeze, &to))
		return false;
	while (goes_on(&p->freeze, &to))
		;
	while (began_before(&p->freeze, &from))
		;
	*ret_from = from;
	*ret_to = to;
	return true;
}

bool
policy_frozen(const struct policy *p, when_t at, when_t *ret_until)
{
	when_t from;

	return freeze_around(p, at, &from, ret_until);
}

when_t
policy_thaw(const struct policy *p, when_t now, when_t due, when_t deadline)
{
	when_t at = due > now ? due : now, from, to, before;

	if (freeze_around(p, at, &from, &to)) {
		bool begun = from <= now;
		at = begun ? to : from - LEAD;
		if (!begun && at < now)
			at = now;
		if (!begun && policy_frozen(p, at, &before))
			at = before;
	} else {
		at = due;
	}
	return at < deadline ? at : deadline;
}

static const char *
show_moment(when_t when, char text[WHEN_TEXT])
{
	return when % DAY ? when_format(when, text) : when_format_day(when, text);
}

static const char *
show_weekly(when_t when, char text[WHEN_TEXT])
{
	snprintf(text, WHEN_TEXT, "%s %02d:%02d", days[when / DAY], (int)(when % DAY / HOUR),
		(int)(when % HOUR / MINUTE));
	return text;
}

/* Nothing is refused because of the date: what is due waits, and this only says so. */
static enum verdict
judge_freeze(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	AUTO(list) struct list parts = {0};
	char from[WHEN_TEXT], to[WHEN_TEXT], part[60];
	when_t until;

	for (size_t i = 0; i < p->freeze.windows; i++) {
		const struct freeze_window *w = &p->freeze.window[i];
		if (w->weekly)
			snprintf(part, sizeof part, "%s - %s", show_weekly(w->from, from),
				show_weekly(w->to, to));
		else
			snprintf(part, sizeof part, "%s up to %s", show_moment(w->from, from),
				show_moment(w->to, to));
		(void)list_add(&parts, part);
	}
	list_join(&parts, j->value, sizeof j->value);
	if (policy_frozen(p, f->now, &until))
		snprintf(j->text, sizeof j->text, "renewals that can wait do, until %s",
			when_format(until, to));
	return VERDICT_OK;
}

const struct rule_kind kind_freeze = {.word = "freeze",
	.read = read_freeze,
	.clear = clear_freeze,
	RULE_SLOT(freeze),
	.judge = judge_freeze,
	.quiet = true};
