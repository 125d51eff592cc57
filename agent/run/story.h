/*
 * The story of one certificate, in plain sentences: what it is for, who owns it, until when, with
 * which key, where it is served, what comes next, what is wrong and how to mend it, what happened.
 */
#ifndef KEYSTAY_RUN_STORY_H
#define KEYSTAY_RUN_STORY_H

#include "estate.h"
#include "keystay/run/run.h"

/* Says it (run_say). `db` is where the journal is; it may be NULL. */
int story_say(struct run *r, struct estate *s, struct db *db, const struct estate_row *row,
	when_t now, struct err *e) MUST_USE;

#endif
