/*
 * The journal: what happened, for people and auditors. Only ever appended to.
 */
#ifndef KEYSTAY_STATE_JOURNAL_H
#define KEYSTAY_STATE_JOURNAL_H

#include "keystay/base/err.h"

struct db;

struct event {
	when_t at;
	const char *certificate; /* "" where it concerns none */
	const char *key_hash;    /* of the public key; "" where it concerns none */
	const char *kind; /* issued, renewed, failed, rolled-back, key-made, key-state, ... */
	const char *step; /* of the nine; "" outside them */
	const char *text;
};

int journal_add(struct db *db, const struct event *event, struct err *e) MUST_USE;

/* All events, of one certificate if `certificate` is not NULL, oldest first; borrowed texts. */
int journal_each(struct db *db, const char *certificate,
	int (*each)(void *ctx, const struct event *event, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
