/*
 * CSV (RFC 4180): the door to libcsv. What a spreadsheet wrote is read with ceilings; what a
 * spreadsheet will read is written so that no field is taken for a formula.
 */
#ifndef KEYSTAY_BASE_CSV_H
#define KEYSTAY_BASE_CSV_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"

/* Ceilings: a file, the fields of a row, the bytes of a field. */
#define CSV_MAX ((size_t)4 * 1024 * 1024)
#define CSV_FIELDS_MAX 64
#define CSV_FIELD_MAX (64 * 1024)

/* A row: `line` is where it begins in the file, from 1. Borrowed for the call. */
struct csv_row {
	int line;
	char *field[CSV_FIELDS_MAX]; /* never NULL below `fields`; blanks around are taken away */
	size_t fields;
};

/*
 * Calls `each` for every row of the text that is not empty; a byte order mark is passed over. The
 * fields of a file whose first line has semicolons and no comma are separated by semicolons.
 * ERR_CONFIG with "FILE:LINE: " for what is no CSV, no UTF-8, or past the ceilings; -1 of `each`
 * ends it.
 */
int csv_read(const char *file, const char *text, size_t len,
	int (*each)(void *ctx, const struct csv_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* Adds a field, quoted where need be; one that begins with '=', '+', '-' or '@' gets a "'". */
void csv_add(struct buf *b, const char *field);

/* Ends a row (CR LF) whose fields were added with csv_add, which put the commas between them. */
void csv_end(struct buf *b);

#endif
