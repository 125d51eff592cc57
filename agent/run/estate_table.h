/*
 * The estate as a table: a line of heads, a line for each certificate, never wrapped.
 */
#ifndef KEYSTAY_RUN_ESTATE_TABLE_H
#define KEYSTAY_RUN_ESTATE_TABLE_H

#include "estate_pick.h"

/* What a line is at most as wide as where nobody says: in a pipe or a file. */
#define TABLE_WIDTH 132

struct table_look {
	size_t width; /* of a line, in columns; fewer than 40 are taken as 40 */
	bool wide;    /* every column in full, whatever the width */
	bool colour;
};

/*
 * Calls `line` for every line. Where the width does not do for all, columns are left out (from the
 * back: policy, state, use, age; then authority, owner, names), and long texts are cut.
 */
void estate_table(const struct estate_pick *p, when_t now, const struct table_look *look,
	void (*line)(void *ctx, const char *text), void *ctx);

/* "72 certificates: 68 valid, 2 due, 1 failed, 1 watched; next: payments in 3 days"; `all` is how
 * many there are in the estate. */
void estate_summary(const struct estate_pick *p, size_t all, when_t now, struct buf *b);

#endif
