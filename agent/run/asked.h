/*
 * What the command line of `status` asks for.
 */
#ifndef KEYSTAY_RUN_ASKED_H
#define KEYSTAY_RUN_ASKED_H

#include "estate_pick.h"
#include "keystay/run/run.h"

struct asked {
	struct estate_filter filter;
	when_t expiring; /* within; 0 = not asked */
	enum estate_sort sort;
	bool sorted, reverse, wide, csv, calendar;
	bool plain; /* nothing but names */
	int weeks;
};

extern const struct command_option asked_options[];

/* Reads the arguments; 0, or the exit status of what was said. Free with asked_free. */
int asked_read(struct run *r, int argc, char **argv, struct asked *a);
void asked_free(struct asked *a);

AUTO_DEFINE_VALUE(asked, asked_free)

#endif
