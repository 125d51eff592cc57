#include "obstacles.h"

#include <stdarg.h>
#include <stdio.h>

/* One sentence; what is not said of it is NULL or 0. */
struct obstacle {
	const char *kind;
	const char *where; /* "authority 'portal'" */
	const char *authority, *owner;
	int64_t count;
	when_t at;
	const char *hint;
};

static void add_finding(struct run *r, const struct obstacle *o, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void
add_finding(struct run *r, const struct obstacle *o, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	run_say(r, "%s", text);
	run_report(r, "findings",
		json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:I, s:o, s:s, s:s}", "level", "warn",
			"kind", o->kind, "where", o->where, "authority", o->authority, "owner",
			o->owner, "count", (json_int_t)o->count, "at", json_when(o->at), "text",
			text, "hint", o->hint ? o->hint : ""));
}

/* Of an authority. */
static const char *
say_authority(const struct authority_conf *a, char where[96])
{
	snprintf(where, 96, "authority '%s'", a->name);
	return where;
}

/* Of a contract or a validation. */
static const char *
say_dated(const struct dated *d, char where[700])
{
	snprintf(where, 700, "%s%s '%s'", d->kind, d->validation ? " validation of" : "", d->name);
	return where;
}

static void
show_limits(struct run *r, const struct foreseen *f, size_t authority)
{
	const struct authority_conf *a = &r->config->authority[authority];
	char where[96], day[WHEN_TEXT], first[WHEN_TEXT], per[WHEN_TEXT];

	for (size_t i = 0; i < a->rate_limits; i++) {
		const struct rate_limit *limit = &a->rate_limit[i];
		struct forecast_load load = forecast_load(
			f->forecast, f->estate->past, f->estate->pasts, (uint16_t)authority, limit);
		if (!load.first_at)
			continue;
		const struct obstacle o = {.kind = "rate_limit",
			.where = say_authority(a, where),
			.authority = a->name,
			.count = load.worst,
			.at = load.first_at,
			.hint = "have some renewed earlier, or ask the authority for more"};
		add_finding(r, &o,
			"%s issues at most %lld in %s: that is passed on %s for the first time; the "
			"most is %lld, on %s",
			where, (long long)limit->certificates, duration_format(limit->per, per),
			when_format_day(load.first_at, first), (long long)load.worst,
			when_format_day(load.worst_at, day));
	}
}

/* Each renewal is somebody at a portal. */
static void
show_handwork(struct run *r, const struct foreseen *f, size_t authority)
{
	const struct authority_conf *a = &r->config->authority[authority];
	int64_t all = 0, month = 0, most = 0;
	when_t end = 0, most_at = 0;
	char where[96], word[WHEN_TEXT];

	for (size_t i = 0; i < f->forecast->events; i++) {
		const struct forecast_event *v = &f->forecast->event[i];
		if (v->authority != authority)
			continue;
		if (v->at >= end) {
			end = when_add_months(forecast_month(v->at), 1);
			month = 0;
		}
		month += v->certificates;
		all += v->certificates;
		if (month > most) {
			most = month;
			most_at = v->at;
		}
	}
	if (!all)
		return;
	const struct obstacle o = {.kind = "by_hand",
		.where = say_authority(a, where),
		.authority = a->name,
		.count = all,
		.at = most_at,
		.hint = "'keystay csr' makes each request, 'keystay import' takes the answer"};
	add_finding(r, &o, "%s is asked by people: %lld visits at its portal, %lld of them in %s",
		where, (long long)all, (long long)most, month_text(most_at, word));
}

static void
show_units(struct run *r, const struct dated *d)
{
	char where[700], day[WHEN_TEXT];

	if (!d->units_out)
		return;
	const struct obstacle o = {.kind = "units",
		.where = say_dated(d, where),
		.authority = d->authority,
		.owner = d->owner,
		.count = d->units_left,
		.at = d->units_out,
		.hint = "its owner buys more, and writes them into the configuration"};
	add_finding(r, &o, "%s: its %lld units last until %s; owner %s", where,
		(long long)d->units_left, when_format_day(d->units_out, day), d->owner);
}

/* Which items of the estate need it; the caller frees. NULL without memory. */
static bool *
find_bound(const struct run *r, const struct foreseen *f, const struct dated *d)
{
	bool *bound = calloc(f->estate->items + 1, sizeof *bound);

	for (size_t i = 0; bound && i < f->estate->items; i++) {
		const struct certificate_conf *conf = f->estate->item[i].conf;
		bound[i] = conf && dated_binds(r->config, d, conf);
	}
	return bound;
}

static int
show_end(struct run *r, const struct foreseen *f, const struct dated *d, struct err *e)
{
	char where[700], day[WHEN_TEXT], first[WHEN_TEXT];
	int64_t count = 0;
	when_t first_at = 0;

	if (d->ends >= f->until)
		return 0;
	bool *bound = find_bound(r, f, d);
	if (!bound)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < f->forecast->events; i++) {
		const struct forecast_event *v = &f->forecast->event[i];
		if (v->at <= d->ends || !bound[v->item])
			continue;
		count += v->certificates;
		first_at = first_at ? first_at : v->at;
	}
	free(bound);
	if (!count)
		return 0;
	const struct obstacle o = {.kind = "ends",
		.where = say_dated(d, where),
		.authority = d->authority,
		.owner = d->owner,
		.count = count,
		.at = first_at,
		.hint = "its owner renews it, and writes the new end into the configuration"};
	add_finding(r, &o, "%s ends on %s: %lld renewals come after it, the first on %s; owner %s",
		where, when_format_day(d->ends, day), (long long)count,
		when_format_day(first_at, first), d->owner);
	return 0;
}

static void
add_guess(struct run *r, const char *kind, size_t count, const char *what)
{
	const struct obstacle o = {.kind = kind, .where = "forecast", .count = (int64_t)count};

	if (count)
		add_finding(r, &o, "%zu %s", count, what);
}

/* What the figures rest on. */
static void
show_guesses(struct run *r, const struct foreseen *f)
{
	size_t missing = 0, assumed = 0, nowhere = 0;

	for (size_t i = 0; i < f->estate->items; i++) {
		const struct forecast_item *item = &f->estate->item[i];
		missing += item->not_after == 0;
		assumed += item->assumed;
		nowhere += item->authority == ESTATE_NO_AUTHORITY(r->config);
	}
	add_guess(r, "missing", missing,
		"certificates are not there yet: they are counted as issued now");
	add_guess(r, "assumed", assumed,
		"certificates live for a time that is not known: as long as their policy allows, or "
		"90 days, is taken");
	add_guess(
		r, "no_authority", nowhere, "watched certificates are of no configured authority");
	add_guess(r, "ended", f->estate->ended, "watched certificates are over, and not counted");
}

int
show_obstacles(struct run *r, const struct foreseen *f, struct err *e)
{
	run_array(r, "findings");
	run_say(r, "%s", "");
	for (size_t i = 0; i < r->config->authorities; i++) {
		show_limits(r, f, i);
		if (r->config->authority[i].ops->by_hand)
			show_handwork(r, f, i);
	}
	for (size_t i = 0; i < f->dates->count; i++) {
		show_units(r, &f->dates->item[i]);
		if (show_end(r, f, &f->dates->item[i], e) < 0)
			return -1;
	}
	show_guesses(r, f);
	return 0;
}
