/*
 * A version that is recorded: its rows, and its folder. What a person asks for afterwards (revoking
 * it, putting it on its targets again, going back to it) begins here.
 */
#ifndef KEYSTAY_LIFE_KNOWN_H
#define KEYSTAY_LIFE_KNOWN_H

#include "internal.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"

struct known {
	char certificate[65];
	int64_t number;
	struct version_row part[PARTS_MAX]; /* per key type; the first has the plain file names */
	size_t parts;
};

/* ERR_USAGE where no such version is recorded. */
int known_load(struct db *db, const char *certificate, int64_t number, struct known *ret,
	struct err *e) MUST_USE;

/*
 * The chain of a part, from its folder, its leaf compared with what was recorded. ERR_FAILED where
 * it is gone or another one. The caller frees *ret with chain_free.
 */
int known_chain(struct life *l, const struct known *k, size_t part, struct chain **ret,
	struct err *e) MUST_USE;

/* Is every file that a target may want in its folder? ERR_FAILED names one that is not. */
int known_whole(struct life *l, const struct known *k, struct err *e) MUST_USE;

/*
 * Makes it the version of an attempt: the parts of `a` (empty before) get key types, keys and
 * chains. The caller frees them with attempt_free, also after a failure.
 */
int known_parts(struct life *l, const struct known *k, struct attempt *a, struct err *e) MUST_USE;

#endif
