#include "estate_calendar.h"

#include <stdio.h>
#include <string.h>

#include "columns.h"

#define WEEK (7 * DAY)
#define LINE_MAX_BYTES (256 * 1024)

when_t
week_begin(when_t when)
{
	/* 1970-01-01 was a Thursday. */
	when_t since = when + 3 * DAY, into = since % WEEK;

	return when - (into < 0 ? into + WEEK : into);
}

/* A week belongs to the year that has its Thursday. */
int
week_number(when_t when, int *ret_year)
{
	when_t thursday = week_begin(when) + 3 * DAY;
	char day[WHEN_TEXT];
	int64_t year = 1970;

	when_format(thursday, day);
	day[4] = '\0';
	(void)number_parse(day, 0, 9999, &year);
	*ret_year = (int)year;
	return (int)((thursday - when_from_utc((int)year, 1, 1, 0, 0, 0)) / WEEK) + 1;
}

/* One thing that comes: a renewal or an end. */
struct coming {
	when_t at;
	const struct estate_row *row;
	bool end;
};

struct calendar {
	struct coming *coming; /* in the order of time; renewals first in a week */
	size_t count;
	size_t over;    /* ended already */
	size_t missing; /* not there yet */
};

static int
compare(const void *a, const void *b)
{
	const struct coming *x = a, *y = b;
	when_t p = week_begin(x->at), q = week_begin(y->at);

	if (p != q)
		return p < q ? -1 : 1;
	if (x->end != y->end)
		return x->end ? 1 : -1;
	return x->at != y->at ? (x->at < y->at ? -1 : 1) : strcmp(x->row->name, y->row->name);
}

static void
collect(const struct estate_pick *p, when_t now, struct calendar *ret)
{
	*ret = (struct calendar){.coming = calloc(2 * p->count + 1, sizeof *ret->coming)};
	for (size_t i = 0; ret->coming && i < p->count; i++) {
		const struct estate_row *r = p->row[i];
		ret->missing += r->conf && !r->live_version;
		if (r->due_at)
			ret->coming[ret->count++] =
				(struct coming){.at = r->due_at > now ? r->due_at : now, .row = r};
		if (r->not_after > now)
			ret->coming[ret->count++] =
				(struct coming){.at = r->not_after, .row = r, .end = true};
		ret->over += r->not_after && r->not_after <= now;
	}
	if (ret->count)
		qsort(ret->coming, ret->count, sizeof *ret->coming, compare);
}

/* What is in one week begins at `from`; where the next week's begins. */
static size_t
end_of_week(const struct calendar *c, size_t from, size_t *ret_renewals)
{
	when_t week = week_begin(c->coming[from].at);
	size_t to = from;

	*ret_renewals = 0;
	for (; to < c->count && week_begin(c->coming[to].at) == week; to++)
		*ret_renewals += !c->coming[to].end;
	return to;
}

static void
add_names(const struct calendar *c, size_t from, size_t to, struct buf *b)
{
	for (size_t i = from; i < to; i++)
		buf_addf(b, "%s%s", i > from ? ", " : "", c->coming[i].row->name);
}

static void
say_week(const struct calendar *c, size_t from, size_t renewals, size_t to, size_t width,
	void (*line)(void *ctx, const char *text), void *ctx)
{
	AUTO(buf) struct buf text = BUF(LINE_MAX_BYTES), cut = BUF(LINE_MAX_BYTES + 4);
	when_t week = week_begin(c->coming[from].at);
	size_t ends = to - from - renewals;
	char monday[WHEN_TEXT];
	int year;

	buf_addf(&text, "%s  W%02d   %5zu  %4zu  ", when_format_day(week, monday),
		week_number(week, &year), renewals, ends);
	add_names(c, from, from + renewals, &text);
	if (ends) {
		buf_addf(&text, "%send: ", renewals ? "; " : "");
		add_names(c, from + renewals, to, &text);
	}
	columns_add(&cut, buf_text(&text), width ? width : SIZE_MAX);
	line(ctx, buf_text(&cut));
}

static void
say_quiet(when_t weeks, void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[64];

	if (weeks <= 0)
		return;
	snprintf(text, sizeof text, "%lld quiet week%s", (long long)weeks, weeks == 1 ? "" : "s");
	line(ctx, text);
}

/* What no week has. */
static void
say_rest(
	const struct calendar *c, size_t from, void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[160], monday[WHEN_TEXT];
	size_t renewals = 0;

	for (size_t i = from; i < c->count; i++)
		renewals += !c->coming[i].end;
	if (from < c->count) {
		snprintf(text, sizeof text, "later, from the week of %s: %zu renewals, %zu ends",
			when_format_day(week_begin(c->coming[from].at), monday), renewals,
			c->count - from - renewals);
		line(ctx, text);
	}
	if (c->over) {
		snprintf(text, sizeof text, "over already: %zu", c->over);
		line(ctx, text);
	}
	if (c->missing) {
		snprintf(text, sizeof text, "not there yet: %zu", c->missing);
		line(ctx, text);
	}
}

void
estate_calendar(const struct estate_pick *p, when_t now, int weeks, size_t width,
	void (*line)(void *ctx, const char *text), void *ctx)
{
	when_t week = week_begin(now), end = week + weeks * WEEK;
	struct calendar c;
	size_t from = 0, renewals;

	collect(p, now, &c);
	line(ctx, "MONDAY      WEEK  RENEW   END  NAMES");
	while (from < c.count && c.coming[from].at < end) {
		when_t at = week_begin(c.coming[from].at);
		size_t to = end_of_week(&c, from, &renewals);
		say_quiet((at - week) / WEEK, line, ctx);
		say_week(&c, from, renewals, to, width, line, ctx);
		week = at + WEEK;
		from = to;
	}
	/* Behind the last end there are none to tell of. */
	if (from < c.count)
		say_quiet((end - week) / WEEK, line, ctx);
	say_rest(&c, from, line, ctx);
	free(c.coming);
}

static json_t *
names_json(const struct calendar *c, size_t from, size_t to)
{
	json_t *names = json_array();

	for (size_t i = from; i < to; i++)
		json_array_append_new(names, json_string(c->coming[i].row->name));
	return names;
}

json_t *
estate_calendar_json(const struct estate_pick *p, when_t now, int weeks)
{
	when_t end = week_begin(now) + weeks * WEEK;
	json_t *array = json_array();
	struct calendar c;
	size_t from = 0, renewals;

	collect(p, now, &c);
	while (from < c.count && c.coming[from].at < end) {
		when_t at = week_begin(c.coming[from].at);
		size_t to = end_of_week(&c, from, &renewals);
		char monday[WHEN_TEXT], week[16];
		int year, number = week_number(at, &year);
		snprintf(week, sizeof week, "%d-W%02d", year, number);
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:o, s:o}", "week", week, "monday",
				       when_format_day(at, monday), "renewals",
				       names_json(&c, from, from + renewals), "expiries",
				       names_json(&c, from + renewals, to)));
		from = to;
	}
	free(c.coming);
	return array;
}
