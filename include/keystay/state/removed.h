/*
 * Certificates that were taken out of the configuration by `remove`, until their keys are gone.
 */
#ifndef KEYSTAY_STATE_REMOVED_H
#define KEYSTAY_STATE_REMOVED_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

struct removed_row {
	char certificate[65];
	when_t removed_at;
	bool keep_key;
	when_t drain, disable; /* of the policy that it had */
	char endpoints[1024];  /* where it was served, with blanks between them; for people */
};

int removed_save(struct db *db, const struct removed_row *row, struct err *e) MUST_USE;

/* *ret_found = false when it was not removed, or all of that is over. */
int removed_get(struct db *db, const char *certificate, struct removed_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

int removed_delete(struct db *db, const char *certificate, struct err *e) MUST_USE;

int removed_each(struct db *db,
	int (*each)(void *ctx, const struct removed_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
