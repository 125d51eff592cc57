#include "foreseen.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/csv.h"

/* --- counts: a row for each month, and a column for each authority that has any */

struct months {
	size_t rows, columns;
	when_t *begin;
	int64_t *count;   /* [row * columns + column] */
	int64_t *watched; /* the part of it that is of watched certificates */
	int64_t *all;     /* of each column */
};

static void
months_clear(struct months *m)
{
	free(m->begin);
	free(m->count);
	free(m->watched);
	free(m->all);
}
AUTO_DEFINE_VALUE(months, months_clear)

static const char *
authority_name(const struct run *r, size_t column)
{
	return column < r->config->authorities ? r->config->authority[column].name : "no authority";
}

static int
make_room(const struct run *r, const struct foreseen *f, struct months *m, struct err *e)
{
	m->columns = r->config->authorities + 1;
	for (when_t at = forecast_month(f->now); at < f->until; at = when_add_months(at, 1))
		m->rows++;
	m->begin = calloc(m->rows + 1, sizeof *m->begin);
	m->count = calloc(m->rows * m->columns + 1, sizeof *m->count);
	m->watched = calloc(m->rows * m->columns + 1, sizeof *m->watched);
	m->all = calloc(m->columns, sizeof *m->all);
	if (!m->begin || !m->count || !m->watched || !m->all)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < m->rows; i++)
		m->begin[i] = when_add_months(forecast_month(f->now), (int64_t)i);
	return 0;
}

static int
count_months(const struct run *r, const struct foreseen *f, struct months *ret, struct err *e)
{
	if (make_room(r, f, ret, e) < 0)
		return -1;
	for (size_t i = 0, row = 0; i < f->forecast->events; i++) {
		const struct forecast_event *v = &f->forecast->event[i];
		while (row + 1 < ret->rows && v->at >= ret->begin[row + 1])
			row++;
		size_t cell = row * ret->columns + v->authority;
		ret->count[cell] += v->certificates;
		ret->all[v->authority] += v->certificates;
		if (f->estate->item[v->item].watched)
			ret->watched[cell] += v->certificates;
	}
	return 0;
}

static const char *
month_text(when_t at, char text[WHEN_TEXT])
{
	when_format_day(at, text);
	text[7] = '\0';
	return text;
}

static int64_t
year_of(when_t at)
{
	char text[WHEN_TEXT];
	int64_t year = 0;

	when_format(at, text);
	text[4] = '\0';
	(void)number_parse(text, 0, 9999, &year);
	return year;
}

static void
report_month(struct run *r, const struct months *m, size_t row)
{
	char month[WHEN_TEXT];
	json_t *authorities = json_array();
	json_int_t all = 0;

	for (size_t k = 0; k < m->columns; k++) {
		size_t cell = row * m->columns + k;
		if (!m->all[k])
			continue;
		all += m->count[cell];
		json_array_append_new(authorities,
			json_pack("{s:s?, s:I, s:I}", "authority",
				k < r->config->authorities ? r->config->authority[k].name : NULL,
				"renewals", (json_int_t)m->count[cell], "watched",
				(json_int_t)m->watched[cell]));
	}
	run_report(r, "months",
		json_pack("{s:s, s:I, s:o}", "month", month_text(m->begin[row], month), "renewals",
			all, "authorities", authorities));
}

/* Of rows [from, to): a line, beginning with `word`. */
static void
say_row(struct run *r, const struct months *m, const char *word, size_t from, size_t to)
{
	AUTO(buf) struct buf line = BUF(16384);
	int64_t all = 0;

	buf_addf(&line, "%-9s", word);
	for (size_t k = 0; k < m->columns; k++) {
		int64_t count = 0, watched = 0;
		char cell[64];
		if (!m->all[k])
			continue;
		for (size_t row = from; row < to; row++) {
			count += m->count[row * m->columns + k];
			watched += m->watched[row * m->columns + k];
		}
		snprintf(cell, sizeof cell, watched ? "%lld (%lld)" : "%lld", (long long)count,
			(long long)watched);
		buf_addf(&line, " %*s",
			(int)(strlen(authority_name(r, k)) > 12 ? strlen(authority_name(r, k))
								: 12),
			cell);
		all += count;
	}
	run_say(r, "%s %12lld", buf_text(&line), (long long)all);
}

static void
say_head(struct run *r, const struct months *m)
{
	AUTO(buf) struct buf line = BUF(16384);

	buf_addf(&line, "%-9s", "month");
	for (size_t k = 0; k < m->columns; k++)
		if (m->all[k])
			buf_addf(&line, " %12s", authority_name(r, k));
	run_say(r, "%s %12s", buf_text(&line), "all");
}

/* Years of which something is in it; one alone says what the last line says. */
static void
show_years(struct run *r, const struct months *m)
{
	bool several = m->rows && year_of(m->begin[0]) != year_of(m->begin[m->rows - 1]);

	for (size_t from = 0, to; from < m->rows; from = to) {
		char word[WHEN_TEXT];
		json_int_t all = 0;
		for (to = from; to < m->rows && year_of(m->begin[to]) == year_of(m->begin[from]);
			to++)
			for (size_t k = 0; k < m->columns; k++)
				all += m->count[to * m->columns + k];
		snprintf(word, sizeof word, "%lld", (long long)year_of(m->begin[from]));
		if (several)
			say_row(r, m, word, from, to);
		run_report(r, "years", json_pack("{s:s, s:I}", "year", word, "renewals", all));
	}
}

int
show_months(struct run *r, const struct foreseen *f, struct err *e)
{
	AUTO(months) struct months m = {0};
	json_int_t all = 0;

	if (count_months(r, f, &m, e) < 0)
		return -1;
	say_head(r, &m);
	for (size_t i = 0; i < m.rows; i++) {
		char word[WHEN_TEXT];
		say_row(r, &m, month_text(m.begin[i], word), i, i + 1);
		report_month(r, &m, i);
	}
	show_years(r, &m);
	say_row(r, &m, "all", 0, m.rows);
	for (size_t k = 0; k < m.columns; k++)
		all += m.all[k];
	if (r->json)
		json_object_set_new(r->report, "renewals", json_integer(all));
	return 0;
}

int
print_months_csv(struct run *r, const struct foreseen *f, struct err *e)
{
	AUTO(buf) struct buf b = BUF(4 * 1024 * 1024);
	AUTO(months) struct months m = {0};

	if (count_months(r, f, &m, e) < 0)
		return -1;
	csv_add(&b, "month");
	csv_add(&b, "authority");
	csv_add(&b, "renewals");
	csv_add(&b, "watched");
	csv_end(&b);
	for (size_t i = 0; i < m.rows * m.columns; i++) {
		char text[32];
		if (!m.all[i % m.columns])
			continue;
		csv_add(&b, month_text(m.begin[i / m.columns], text));
		csv_add(&b, i % m.columns < r->config->authorities
				    ? authority_name(r, i % m.columns)
				    : "");
		snprintf(text, sizeof text, "%lld", (long long)m.count[i]);
		csv_add(&b, text);
		snprintf(text, sizeof text, "%lld", (long long)m.watched[i]);
		csv_add(&b, text);
		csv_end(&b);
	}
	if (b.full)
		return err_set(e, ERR_FAILED, "the table is too large");
	fputs(buf_text(&b), stdout);
	return 0;
}

/* --- what stands in the way */

static void
add_finding(struct run *r, const char *kind, const char *authority, const char *owner,
	int64_t count, when_t at, const char *text)
{
	run_say(r, "%s", text);
	run_report(r, "findings",
		json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:o, s:s}", "level", "warn", "kind", kind,
			"authority", authority, "owner", owner, "count", (json_int_t)count, "at",
			json_when(at), "text", text));
}

static void
show_limits(struct run *r, const struct foreseen *f, size_t authority)
{
	const struct authority_conf *a = &r->config->authority[authority];
	char text[400], day[WHEN_TEXT], first[WHEN_TEXT], per[WHEN_TEXT];

	for (size_t i = 0; i < a->rate_limits; i++) {
		const struct rate_limit *limit = &a->rate_limit[i];
		struct forecast_load load = forecast_load(
			f->forecast, f->estate->past, f->estate->pasts, (uint16_t)authority, limit);
		if (!load.first_at)
			continue;
		snprintf(text, sizeof text,
			"authority '%s' issues at most %lld in %s: that is passed on %s for the first "
			"time; the most is %lld, on %s",
			a->name, (long long)limit->certificates, duration_format(limit->per, per),
			when_format_day(load.first_at, first), (long long)load.worst,
			when_format_day(load.worst_at, day));
		add_finding(r, "rate_limit", a->name, NULL, load.worst, load.first_at, text);
	}
}

/* Each renewal is somebody at a portal. */
static void
show_handwork(struct run *r, const struct foreseen *f, size_t authority)
{
	const struct authority_conf *a = &r->config->authority[authority];
	int64_t all = 0, month = 0, most = 0;
	when_t end = 0, most_at = 0;
	char text[400], word[WHEN_TEXT];

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
	snprintf(text, sizeof text,
		"authority '%s' is asked by people: %lld visits at its portal, %lld of them in %s",
		a->name, (long long)all, (long long)most, month_text(most_at, word));
	add_finding(r, "by_hand", a->name, NULL, all, most_at, text);
}

static void
show_units(struct run *r, const struct dated *d)
{
	char text[900], day[WHEN_TEXT];

	if (!d->units_out)
		return;
	snprintf(text, sizeof text, "%s '%s': its %lld units last until %s; owner %s", d->kind,
		d->name, (long long)d->units_left, when_format_day(d->units_out, day), d->owner);
	add_finding(r, "units", d->authority, d->owner, d->units_left, d->units_out, text);
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
	char text[900], day[WHEN_TEXT], first[WHEN_TEXT];
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
	snprintf(text, sizeof text,
		"%s%s '%s' ends on %s: %lld renewals come after it, the first on %s; owner %s",
		d->kind, d->validation ? " validation of" : "", d->name,
		when_format_day(d->ends, day), (long long)count, when_format_day(first_at, first),
		d->owner);
	add_finding(r, "ends", d->authority, d->owner, count, first_at, text);
	return 0;
}

/* What the figures rest on. */
static void
show_guesses(struct run *r, const struct foreseen *f)
{
	size_t missing = 0, assumed = 0, nowhere = 0;
	char text[300];

	for (size_t i = 0; i < f->estate->items; i++) {
		const struct forecast_item *item = &f->estate->item[i];
		missing += item->not_after == 0;
		assumed += item->assumed;
		nowhere += item->authority == ESTATE_NO_AUTHORITY(r->config);
	}
	if (missing) {
		snprintf(text, sizeof text,
			"%zu certificates are not there yet: they are counted as issued now",
			missing);
		add_finding(r, "missing", NULL, NULL, (int64_t)missing, f->now, text);
	}
	if (assumed) {
		snprintf(text, sizeof text,
			"how long %zu certificates will live is not known: as long as their policy "
			"allows, or 90 days",
			assumed);
		add_finding(r, "assumed", NULL, NULL, (int64_t)assumed, 0, text);
	}
	if (nowhere) {
		snprintf(text, sizeof text,
			"%zu watched certificates are of no configured authority", nowhere);
		add_finding(r, "no_authority", NULL, NULL, (int64_t)nowhere, 0, text);
	}
	if (f->estate->ended) {
		snprintf(text, sizeof text, "%zu watched certificates are over, and not counted",
			f->estate->ended);
		add_finding(r, "ended", NULL, NULL, (int64_t)f->estate->ended, 0, text);
	}
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
