/*
 * The columns of the estate's table: what stands in each, and how wide it wants to be.
 */
#ifndef KEYSTAY_RUN_ESTATE_CELLS_H
#define KEYSTAY_RUN_ESTATE_CELLS_H

#include "estate.h"
#include "keystay/base/buf.h"

/* A cell of a thousand names of full length has room. */
#define CELL_MAX (512 * 1024)

struct cell {
	const struct estate_row *row;
	when_t now;
	bool wide;   /* all of it is wanted */
	size_t room; /* else it may be so many columns wide */
};

/* Columns from left to right. */
enum cell_column {
	CELL_NAME,
	CELL_NAMES,
	CELL_OWNER,
	CELL_AUTHORITY,
	CELL_POLICY,
	CELL_TOKEN,
	CELL_KEY,
	CELL_STATE,
	CELL_UNTIL,
	CELL_LEFT,
	CELL_AGE,
	CELL_USE,
	CELL_NEXT,
	CELLS
};

struct cell_column_type {
	const char *head;
	/* Adds the text, nothing for what is not known. */
	void (*cell)(const struct cell *c, struct buf *b);
	size_t narrow; /* it can be read in so many columns, and ... */
	size_t enough; /* ... well in so many */
	bool right;    /* numbers stand at the right */
};

extern const struct cell_column_type cell_columns[CELLS];

#endif
