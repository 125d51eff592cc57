/* What `forecast` shows of the renewals that it works out: counts by month, and what stands in
 * their way. */
#ifndef KEYSTAY_RUN_FORESEEN_H
#define KEYSTAY_RUN_FORESEEN_H

#include "keystay/life/dated.h"
#include "keystay/run/run.h"

struct foreseen {
	const struct estate *estate;
	const struct forecast *forecast;
	const struct dates *dates;
	when_t now, until;
};

/* The table, as text and in the report; as CSV. */
int show_months(struct run *r, const struct foreseen *f, struct err *e) MUST_USE;
int print_months_csv(struct run *r, const struct foreseen *f, struct err *e) MUST_USE;

/* Limits that would be passed, units that run out, renewals behind an end, work by hand, guesses.
 */
int show_obstacles(struct run *r, const struct foreseen *f, struct err *e) MUST_USE;

#endif
