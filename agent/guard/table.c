#include "table.h"

#include <stdlib.h>
#include <string.h>

static size_t
place_of(const struct table *t, uint64_t a, uint64_t b)
{
	uint64_t x = (a * 0x9e3779b97f4a7c15u) ^ (b * 0xc2b2ae3d27d4eb4fu);
	return (size_t)(x ^ x >> 29) & (t->room - 1);
}

/* Where it is, or where it would be: the room is a power of two, and never full. */
static struct entry *
seek(const struct table *t, uint64_t a, uint64_t b)
{
	for (size_t i = place_of(t, a, b);; i = (i + 1) & (t->room - 1)) {
		struct entry *e = &t->entry[i];
		if (!e->used || (e->a == a && e->b == b))
			return e;
	}
}

struct entry *
table_find(const struct table *t, uint64_t a, uint64_t b)
{
	if (t->room == 0)
		return NULL;
	struct entry *e = seek(t, a, b);
	return e->used ? e : NULL;
}

static bool
grow(struct table *t)
{
	struct table more = {.room = t->room ? t->room * 2 : 64};

	more.entry = calloc(more.room, sizeof *more.entry);
	if (!more.entry)
		return false;
	for (size_t i = 0; i < t->room; i++)
		if (t->entry[i].used)
			*seek(&more, t->entry[i].a, t->entry[i].b) = t->entry[i];
	more.used = t->used;
	free(t->entry);
	*t = more;
	return true;
}

struct entry *
table_add(struct table *t, uint64_t a, uint64_t b)
{
	if (t->used * 4 >= t->room * 3 && !grow(t))
		return NULL;
	struct entry *e = seek(t, a, b);
	if (!e->used) {
		*e = (struct entry){.a = a, .b = b, .used = true};
		t->used++;
	}
	return e;
}

/* What stands behind a removed entry may have been pushed there by it: it is placed anew. */
static void
remove_at(struct table *t, size_t i)
{
	t->entry[i].used = false;
	t->used--;
	for (i = (i + 1) & (t->room - 1); t->entry[i].used; i = (i + 1) & (t->room - 1)) {
		struct entry moved = t->entry[i];
		t->entry[i].used = false;
		*seek(t, moved.a, moved.b) = moved;
	}
}

void
table_remove(struct table *t, uint64_t a, uint64_t b)
{
	struct entry *e = table_find(t, a, b);

	if (e)
		remove_at(t, (size_t)(e - t->entry));
}

void
table_remove_if(struct table *t, bool (*which)(const struct entry *e, void *ctx), void *ctx)
{
	for (size_t i = 0; i < t->room;)
		if (t->entry[i].used && which(&t->entry[i], ctx))
			remove_at(t, i);
		else
			i++;
}

void
table_clear(struct table *t)
{
	free(t->entry);
	*t = (struct table){0};
}
