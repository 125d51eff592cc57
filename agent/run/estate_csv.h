/*
 * The estate as CSV (RFC 4180) with a line of heads: first the columns of an estate's list, as
 * `adopt` reads it, then what only keystay knows.
 */
#ifndef KEYSTAY_RUN_ESTATE_CSV_H
#define KEYSTAY_RUN_ESTATE_CSV_H

#include "estate_pick.h"

/* Calls `line` for every line, with its CR LF. ERR_FAILED where one has no room in memory. */
int estate_csv(const struct estate_pick *p, when_t now, void (*line)(void *ctx, const char *text),
	void *ctx, struct err *e) MUST_USE;

#endif
