/* The renewals that `forecast` works out, counted by month. */
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

/* "2027-04". Returns text. */
const char *month_text(when_t at, char text[WHEN_TEXT]);

#endif
