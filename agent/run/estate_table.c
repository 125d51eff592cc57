#include "estate_table.h"

#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "estate_cells.h"
#include "estate_words.h"

#define GAP 2
#define NARROWEST 40

/* Which are taken into a table of some width, the most important first: those of `needed` while
 * they can be read, the others while what is there is well readable. */
static const int taken[] = {CELL_NAME, CELL_LEFT, CELL_NEXT, CELL_NAMES, CELL_OWNER, CELL_AUTHORITY,
	CELL_AGE, CELL_USE, CELL_STATE, CELL_POLICY};
#define ALWAYS 3
#define NEEDED 6

/* Which get what is left over, first. */
static const int fed[] = {CELL_NEXT, CELL_NAME, CELL_NAMES, CELL_OWNER, CELL_AUTHORITY, CELL_POLICY,
	CELL_AGE, CELL_USE, CELL_STATE, CELL_LEFT};

struct table {
	const struct estate_pick *pick;
	const struct table_look *look;
	when_t now;
	struct buf cell, text; /* a cell, a line */
	size_t natural[CELLS];
	size_t width[CELLS]; /* 0 = it is left out */
};

/* The text of a cell, "-" for what is not known; borrowed until the next. */
static const char *
text_of(struct table *t, size_t row, int column, size_t room)
{
	const struct cell c = {
		.row = t->pick->row[row], .now = t->now, .wide = t->look->wide, .room = room};

	buf_clear(&t->cell);
	cell_columns[column].cell(&c, &t->cell);
	if (t->cell.len == 0)
		return "-";
	text_printable(t->cell.text);
	return t->cell.text;
}

static void
measure(struct table *t)
{
	for (int c = 0; c < CELLS; c++) {
		t->natural[c] = strlen(cell_columns[c].head);
		for (size_t i = 0; i < t->pick->count; i++) {
			size_t width = columns_of(text_of(t, i, c, CELL_MAX));
			if (width > t->natural[c])
				t->natural[c] = width;
		}
	}
}

static size_t
at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Takes the columns that fit, each at its narrowest; what is left of the width. */
static size_t
take_columns(struct table *t, size_t width)
{
	size_t used = 0, well = 0;

	for (size_t i = 0; i < COUNT(taken); i++) {
		int c = taken[i];
		size_t narrow = at_most(t->natural[c], cell_columns[c].narrow);
		size_t enough = at_most(t->natural[c], cell_columns[c].enough);
		size_t gap = i ? GAP : 0;
		if (i >= ALWAYS && (i < NEEDED ? used + gap + narrow : well + gap + enough) > width)
			break;
		t->width[c] = narrow;
		used += gap + narrow;
		well += gap + enough;
	}
	return used < width ? width - used : 0;
}

static void
feed(struct table *t, int column, size_t wanted, size_t *left)
{
	size_t width = t->width[column];

	if (width == 0 || wanted <= width)
		return;
	size_t more = at_most(wanted - width, *left);
	t->width[column] += more;
	*left -= more;
}

static void
lay_out(struct table *t)
{
	size_t width = t->look->width < NARROWEST ? NARROWEST : t->look->width;

	measure(t);
	if (t->look->wide) {
		memcpy(t->width, t->natural, sizeof t->width);
		return;
	}
	size_t left = take_columns(t, width);
	for (size_t i = 0; i < COUNT(fed); i++)
		feed(t, fed[i], at_most(t->natural[fed[i]], cell_columns[fed[i]].enough), &left);
	for (size_t i = 0; i < COUNT(fed); i++)
		feed(t, fed[i], t->natural[fed[i]], &left);
}

static void
add_cell(struct table *t, int column, const char *text)
{
	AUTO(buf) struct buf cut = BUF(CELL_MAX);

	if (t->text.len)
		buf_adds(&t->text, "  ");
	columns_add(&cut, text, t->width[column]);
	/* Nothing behind the last. */
	if (column == CELL_NEXT)
		buf_adds(&t->text, buf_text(&cut));
	else
		columns_pad(&t->text, buf_text(&cut), t->width[column], cell_columns[column].right);
}

static void
add_row(struct table *t, size_t row)
{
	static const char *const begin[] = {
		[HUE_PLAIN] = "", [HUE_WARNING] = "\033[33m", [HUE_WRONG] = "\033[31m"};
	enum hue hue = t->look->colour ? estate_hue(t->pick->row[row], t->now) : HUE_PLAIN;

	for (int c = 0; c < CELLS; c++)
		if (t->width[c])
			add_cell(t, c, text_of(t, row, c, t->width[c]));
	if (hue == HUE_PLAIN)
		return;
	AUTO(buf) struct buf coloured = BUF(3 * CELL_MAX);
	buf_addf(&coloured, "%s%s\033[0m", begin[hue], buf_text(&t->text));
	buf_clear(&t->text);
	buf_adds(&t->text, buf_text(&coloured));
}

void
estate_table(const struct estate_pick *p, when_t now, const struct table_look *look,
	void (*line)(void *ctx, const char *text), void *ctx)
{
	struct table t = {.pick = p,
		.look = look,
		.now = now,
		.cell = BUF(CELL_MAX),
		.text = BUF(2 * CELL_MAX)};

	lay_out(&t);
	for (int c = 0; c < CELLS; c++)
		if (t.width[c])
			add_cell(&t, c, cell_columns[c].head);
	line(ctx, buf_text(&t.text));
	for (size_t i = 0; i < p->count; i++) {
		buf_clear(&t.text);
		add_row(&t, i);
		line(ctx, buf_text(&t.text));
	}
	buf_free(&t.cell);
	buf_free(&t.text);
}

static void
add_counts(const struct estate_pick *p, struct buf *b)
{
	static const enum estate_state order[] = {ESTATE_VALID, ESTATE_DUE, ESTATE_WAITING,
		ESTATE_MISSING, ESTATE_FAILED, ESTATE_NOT_SERVED, ESTATE_EXPIRED, ESTATE_WATCHED};
	size_t count[ESTATE_STATES] = {0};
	const char *between = ": ";

	for (size_t i = 0; i < p->count; i++)
		count[p->row[i]->state]++;
	for (size_t i = 0; i < COUNT(order); i++)
		if (count[order[i]]) {
			/* "not_served" is a word for programs. */
			buf_addf(b, "%s%zu %s", between, count[order[i]],
				order[i] == ESTATE_NOT_SERVED ? "not served"
							      : estate_state_word(order[i]));
			between = ", ";
		}
}

void
estate_summary(const struct estate_pick *p, size_t all, when_t now, struct buf *b)
{
	const struct estate_row *next = NULL;
	char span[SPAN_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct estate_row *r = p->row[i];
		if (r->due_at > now && (!next || r->due_at < next->due_at))
			next = r;
	}
	if (p->count != all)
		buf_addf(b, "%zu of ", p->count);
	buf_addf(b, "%zu certificate%s", all, all == 1 ? "" : "s");
	add_counts(p, b);
	if (next)
		buf_addf(b, "; next: %s in %s", next->name, span_words(next->due_at - now, span));
}
