/*
 * CAs that an authority's own word, or ours, made anchors of what it issues. Those that a file of
 * the configuration names are not here.
 */
#ifndef KEYSTAY_STATE_ANCHORS_H
#define KEYSTAY_STATE_ANCHORS_H

#include "keystay/base/err.h"

struct db;

struct anchor_row {
	char authority[65];
	char fingerprint[65]; /* SHA-256 of the DER, hex */
	char vouched_by[600]; /* what it stands by; see life/trust.c */
	const char *pem;      /* borrowed for the call */
	when_t added_at;
};

/* One that is there already stands by the new word from now on. */
int anchor_save(struct db *db, const struct anchor_row *row, struct err *e) MUST_USE;

/* In the order in which they were added. */
int anchors_each(struct db *db, const char *authority,
	int (*each)(void *ctx, const struct anchor_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
