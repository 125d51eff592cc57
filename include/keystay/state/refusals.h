/*
 * PINs that a token refused: what tells whether their source changed since, never the PIN.
 */
#ifndef KEYSTAY_STATE_REFUSALS_H
#define KEYSTAY_STATE_REFUSALS_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

/* The mark of a source whose PIN was refused (token/pin.h); zeros for a source that is no file. */
struct refusal {
	char source[512];
	int64_t inode;
	int64_t changed_ns;
	int64_t size;
	when_t at;
	char flag[12]; /* what the token said of the PIN: "", count-low, final-try, locked */
};

int refusal_get(struct db *db, const char *token, struct refusal *ret, bool *ret_found,
	struct err *e) MUST_USE;
int refusal_save(struct db *db, const char *token, const struct refusal *r, struct err *e) MUST_USE;
int refusal_clear(struct db *db, const char *token, struct err *e) MUST_USE;

#endif
