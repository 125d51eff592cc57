/*
 * Public keys that are refused for ever, in any token and any certificate. Rows are only added.
 */
#ifndef KEYSTAY_STATE_COMPROMISED_H
#define KEYSTAY_STATE_COMPROMISED_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

/* Adds a public key by its hash (hex); one that is there already stays as it is. */
int compromised_add(struct db *db, const char *public_hash, const char *reason, when_t now,
	struct err *e) MUST_USE;

int compromised_has(struct db *db, const char *public_hash, bool *ret, struct err *e) MUST_USE;

#endif
