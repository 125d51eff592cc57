/*
 * What a token was found to be able to do, kept until its library or firmware changes.
 */
#ifndef KEYSTAY_STATE_CAPABILITY_H
#define KEYSTAY_STATE_CAPABILITY_H

#include "keystay/base/err.h"

struct db;

struct capability_key {
	const char *module; /* path */
	const char *label, *serial;
	const char *road;                      /* that was tried */
	const char *library_sha256, *firmware; /* of another value the answer is not found */
};

/* The stored answer (JSON), or NULL when there is none; the caller frees. */
int capability_get(
	struct db *db, const struct capability_key *key, char **ret, struct err *e) MUST_USE;

int capability_save(struct db *db, const struct capability_key *key, const char *answer, when_t now,
	struct err *e) MUST_USE;

#endif
