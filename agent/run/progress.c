#include "progress.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"

/* No name takes more of a line than this. */
#define NAME_COLUMNS 32

#define LINE_MAX_BYTES 512

enum row_state { ROW_NONE, ROW_TO_COME, ROW_MOVES, ROW_WAITS, ROW_DONE, ROW_FAILED, ROW_LATER };

struct row {
	const char *name;
	enum row_state state;
	uint64_t moved; /* by progress.clock */
	char step[16];
	char text[160];
	char authority[65];
	when_t until;
};

struct progress {
	uint64_t clock;
	size_t count;
	struct row row[];
};

struct progress *
progress_new(size_t count)
{
	struct progress *p = calloc(1, sizeof *p + count * sizeof p->row[0]);

	if (p)
		p->count = count;
	return p;
}

void
progress_free(struct progress *p)
{
	free(p);
}

void
progress_expect(struct progress *p, size_t index, const char *name)
{
	struct row *r = &p->row[index];

	if (r->state != ROW_NONE)
		return;
	r->name = name;
	r->state = ROW_TO_COME;
}

static struct row *
move(struct progress *p, size_t index, enum row_state state, const char *text)
{
	struct row *r = &p->row[index];

	r->state = state;
	r->moved = ++p->clock;
	r->until = 0;
	r->authority[0] = '\0';
	text_copy(r->text, sizeof r->text, text);
	text_printable(r->text);
	return r;
}

void
progress_step(struct progress *p, size_t index, const char *step)
{
	struct row *r = move(p, index, ROW_MOVES, "");

	text_copy(r->step, sizeof r->step, step);
}

void
progress_wait(struct progress *p, size_t index, const char *step, const char *doing,
	const char *authority, when_t until)
{
	struct row *r = move(p, index, ROW_WAITS, doing);

	text_copy(r->step, sizeof r->step, step);
	text_copy(r->authority, sizeof r->authority, authority);
	r->until = until;
}

void
progress_end(struct progress *p, size_t index, enum progress_end end, const char *why)
{
	static const enum row_state states[] = {[PROGRESS_DONE] = ROW_DONE,
		[PROGRESS_FAILED] = ROW_FAILED,
		[PROGRESS_LATER] = ROW_LATER};

	(void)move(p, index, states[end], why);
}

static bool
is_under_way(const struct row *r)
{
	return r->state >= ROW_TO_COME && r->state <= ROW_WAITS;
}

/* A line that the terminal does not break. */
static void
add_line(struct buf *out, const char *line, int width)
{
	char cut[LINE_MAX_BYTES];
	size_t most = width > 1 ? (size_t)width : 2;

	(void)text_copy(cut, most < sizeof cut ? most : sizeof cut, line);
	buf_adds(out, cut);
	buf_adds(out, "\n");
}

/* Whom it waits for, and how long, as far as that is known. */
static void
say_wait(char *text, size_t size, const char *authority, when_t until, when_t now)
{
	char seconds[40] = "";

	if (until > now)
		snprintf(seconds, sizeof seconds, ", %lld s", (long long)(until - now));
	snprintf(text, size, "%s%s%s%s", *authority ? " for authority '" : "", authority,
		*authority ? "'" : "", seconds);
}

static void
draw_row(const struct row *r, int columns, bool alone, int width, when_t now, struct buf *out)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof line, "%-*.*s  ", columns, NAME_COLUMNS, r->name);

	switch (r->state) {
	case ROW_NONE:
	case ROW_TO_COME:
		snprintf(line + n, sizeof line - (size_t)n, "to come");
		break;
	case ROW_MOVES:
		snprintf(line + n, sizeof line - (size_t)n, "%s", r->step);
		break;
	case ROW_WAITS:
		n += snprintf(line + n, sizeof line - (size_t)n, "%s: %s", r->step, r->text);
		/* Of several the last line tells it. */
		if (alone && (size_t)n < sizeof line)
			say_wait(line + n, sizeof line - (size_t)n, "", r->until, now);
		break;
	case ROW_DONE:
		snprintf(line + n, sizeof line - (size_t)n, "done");
		break;
	case ROW_FAILED:
		snprintf(line + n, sizeof line - (size_t)n, "failed: %s", r->text);
		break;
	case ROW_LATER:
		snprintf(line + n, sizeof line - (size_t)n, "waits for a later run");
		break;
	}
	add_line(out, line, width);
}

/* "31 of 72 done, 3 failed, 38 under way; all wait for authority 'public', 3 s" */
static void
draw_all(const struct progress *p, size_t total, int width, when_t now, struct buf *out)
{
	size_t of[ROW_LATER + 1] = {0};
	const struct row *first = NULL;
	char line[LINE_MAX_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct row *r = &p->row[i];
		of[r->state]++;
		if (r->state == ROW_WAITS && (!first || r->until < first->until))
			first = r;
	}
	size_t under_way = of[ROW_TO_COME] + of[ROW_MOVES] + of[ROW_WAITS];
	n += (size_t)snprintf(line, sizeof line, "%zu of %zu done", of[ROW_DONE], total);
	if (of[ROW_FAILED])
		n += (size_t)snprintf(line + n, sizeof line - n, ", %zu failed", of[ROW_FAILED]);
	if (of[ROW_LATER])
		n += (size_t)snprintf(
			line + n, sizeof line - n, ", %zu left for later", of[ROW_LATER]);
	if (under_way)
		n += (size_t)snprintf(line + n, sizeof line - n, ", %zu under way", under_way);
	/* While any of them moves, nobody waits. */
	if (first && of[ROW_WAITS] == under_way) {
		n += (size_t)snprintf(line + n, sizeof line - n, "; all wait");
		say_wait(line + n, sizeof line - n, first->authority, first->until, now);
	}
	add_line(out, line, width);
}

/* The moment since which not more than `room` of those under way moved. */
static uint64_t
since(const struct progress *p, size_t room)
{
	uint64_t low = 0, high = p->clock + 1;

	/* Few are drawn of many, and often: a search by halves needs no memory. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		size_t later = 0;
		for (size_t i = 0; i < p->count; i++)
			later += is_under_way(&p->row[i]) && p->row[i].moved >= middle;
		if (later > room)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
progress_draw(const struct progress *p, int width, int height, when_t now, struct buf *out)
{
	size_t total = 0, room = height > 2 ? (size_t)height - 2 : 0;
	int columns = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (p->row[i].state == ROW_NONE)
			continue;
		int len = (int)strnlen(p->row[i].name, NAME_COLUMNS);
		columns = len > columns ? len : columns;
		total++;
	}
	bool all = total <= room;
	uint64_t least = all ? 0 : since(p, room);
	for (size_t i = 0; room && i < p->count; i++) {
		const struct row *r = &p->row[i];
		if (r->state != ROW_NONE && (all || (is_under_way(r) && r->moved >= least)))
			draw_row(r, columns, total == 1, width, now, out);
	}
	if (total > 1 || !room)
		draw_all(p, total, width, now, out);
}
