/*
 * Text in columns of a terminal: how wide it is there, and where it is cut. Widths are of
 * characters in UTF-8 as wcwidth(3) has them: a wide one takes two columns, a combining one none.
 */
#ifndef KEYSTAY_RUN_COLUMNS_H
#define KEYSTAY_RUN_COLUMNS_H

#include "keystay/base/buf.h"

/* How many columns `text` takes. */
size_t columns_of(const char *text);

/* Adds it, cut to `room` columns (at least 1) where it is wider, with "…" at its end then. */
void columns_add(struct buf *b, const char *text, size_t room);

/* Adds it, and blanks behind or (`right`) before it, up to `room` columns. */
void columns_pad(struct buf *b, const char *text, size_t room, bool right);

/* True when `part` is somewhere in `text`, in upper or lower case, as towlower(3) has it. */
bool columns_hold(const char *text, const char *part);

/* The width of the terminal at standard output: 80 where it does not say, 0 for no terminal. */
size_t columns_of_output(void);

#endif
