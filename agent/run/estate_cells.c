#include "estate_cells.h"

#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "estate_words.h"

static void
cell_name(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->name);
}

/* The first name and how many more: the number is never cut. */
static void
cell_names(const struct cell *c, struct buf *b)
{
	const struct list *names = c->row->names;
	char more[24] = "";

	for (size_t i = 0; c->wide && i < names->count; i++)
		buf_addf(b, "%s%s", i ? " " : "", names->item[i]);
	if (c->wide || names->count == 0)
		return;
	if (names->count > 1)
		snprintf(more, sizeof more, " +%zu", names->count - 1);
	columns_add(b, names->item[0], c->room > strlen(more) + 1 ? c->room - strlen(more) : 1);
	buf_adds(b, more);
}

static void
cell_owner(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->owner);
}

static void
cell_authority(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->authority);
}

static void
cell_policy(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->policy);
}

static void
cell_token(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->token);
}

static void
cell_key(const struct cell *c, struct buf *b)
{
	buf_adds(b, c->row->key_types);
}

static void
cell_state(const struct cell *c, struct buf *b)
{
	buf_adds(b, estate_state_word(c->row->state));
}

static void
cell_until(const struct cell *c, struct buf *b)
{
	char day[WHEN_TEXT];

	buf_adds(b, when_format_day(c->row->not_after, day));
}

static void
cell_left(const struct cell *c, struct buf *b)
{
	char span[SPAN_TEXT];

	if (c->row->not_after)
		buf_adds(b, span_text(c->row->not_after - c->now, span));
}

static void
cell_age(const struct cell *c, struct buf *b)
{
	char span[SPAN_TEXT];

	if (c->row->key_made_at)
		buf_adds(b, span_text(c->now - c->row->key_made_at, span));
}

/* Signatures, and the limit that is in force. */
static void
cell_use(const struct cell *c, struct buf *b)
{
	const struct key_usage *u = &c->row->usage;
	int64_t limit = u->armed && u->hard ? u->hard : u->soft;
	char made[SPAN_TEXT], of[SPAN_TEXT];

	if (!u->known)
		return;
	if (c->wide)
		buf_addf(b, "%lld", (long long)u->signatures);
	else
		buf_adds(b, count_text(u->signatures, made));
	if (limit && c->wide)
		buf_addf(b, "/%lld", (long long)limit);
	else if (limit)
		buf_addf(b, "/%s", count_text(limit, of));
}

static void
cell_next(const struct cell *c, struct buf *b)
{
	estate_next(c->row, c->now, b);
}

const struct cell_column_type cell_columns[CELLS] = {
	[CELL_NAME] = {"NAME", cell_name, 14, 24, false},
	[CELL_NAMES] = {"NAMES", cell_names, 16, 32, false},
	[CELL_OWNER] = {"OWNER", cell_owner, 9, 20, false},
	[CELL_AUTHORITY] = {"AUTHORITY", cell_authority, 9, 14, false},
	[CELL_POLICY] = {"POLICY", cell_policy, 8, 14, false},
	[CELL_TOKEN] = {"TOKEN", cell_token, 8, 14, false},
	[CELL_KEY] = {"KEY", cell_key, 8, 10, false},
	[CELL_STATE] = {"STATE", cell_state, 10, 10, false},
	[CELL_UNTIL] = {"UNTIL", cell_until, 10, 10, false},
	[CELL_LEFT] = {"LEFT", cell_left, 7, 8, true},
	[CELL_AGE] = {"KEY AGE", cell_age, 7, 8, true},
	[CELL_USE] = {"KEY USE", cell_use, 7, 12, true},
	[CELL_NEXT] = {"NEXT", cell_next, 13, 24, false},
};
