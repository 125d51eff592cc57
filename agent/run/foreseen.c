#include "foreseen.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/csv.h"

/* A row for each month, and a column for each authority. */
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

const char *
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
