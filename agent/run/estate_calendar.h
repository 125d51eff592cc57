/*
 * When certificates are renewed and when they end, by week: Monday 00:00 UTC to Sunday, numbered as
 * in ISO 8601.
 */
#ifndef KEYSTAY_RUN_ESTATE_CALENDAR_H
#define KEYSTAY_RUN_ESTATE_CALENDAR_H

#include "estate_pick.h"
#include "keystay/base/json.h"

/* As many weeks are looked at, with this one, where nobody says; and at most. */
#define CALENDAR_WEEKS 26
#define CALENDAR_WEEKS_MAX 520

/* The Monday that its week begins with, and the week's number in its ISO year. */
when_t week_begin(when_t when);
int week_number(when_t when, int *ret_year);

/*
 * Calls `line` for every line, none wider than `width` (0 = whatever it takes). What is due is in
 * this week, what is over is only counted; weeks without anything are counted, too.
 */
void estate_calendar(const struct estate_pick *p, when_t now, int weeks, size_t width,
	void (*line)(void *ctx, const char *text), void *ctx);

/* The weeks that have something: [{week, monday, renewals[], expiries[]}]. New reference. */
json_t *estate_calendar_json(const struct estate_pick *p, when_t now, int weeks);

#endif
