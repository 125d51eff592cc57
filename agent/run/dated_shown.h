/* Contracts and validations, for `status`, `check` and `forecast`. */
#ifndef KEYSTAY_RUN_DATED_SHOWN_H
#define KEYSTAY_RUN_DATED_SHOWN_H

#include "keystay/run/run.h"

struct db;

/* A section behind the certificates; with --json the arrays contracts[] and validations[]. Nothing
 * where none are configured. `db` may be NULL. */
int show_dated(struct run *r, struct db *db, struct err *e) MUST_USE;

/* Findings of `check`: what is over or ends within a month, and what nothing uses. */
int check_dated(struct run *r, struct db *db, struct err *e) MUST_USE;

#endif
