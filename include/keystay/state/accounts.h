/*
 * Accounts at authorities, and PINs that a token refused.
 */
#ifndef KEYSTAY_STATE_ACCOUNTS_H
#define KEYSTAY_STATE_ACCOUNTS_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

struct account_row {
	char authority[65];
	char directory[512]; /* its URL: a name that moves to another server has another account */
	char key_id[33];
	char url[512]; /* "" until the authority made or found the account */
};

int account_get(struct db *db, const char *authority, const char *directory,
	struct account_row *ret, bool *ret_found, struct err *e) MUST_USE;
int account_save(struct db *db, const struct account_row *row, struct err *e) MUST_USE;

/* The mark of a source whose PIN was refused (token/pin.h); zeros for a source that is no file. */
struct refusal {
	char source[512];
	int64_t inode;
	int64_t changed_ns;
	int64_t size;
	when_t at;
};

int refusal_get(struct db *db, const char *token, struct refusal *ret, bool *ret_found,
	struct err *e) MUST_USE;
int refusal_save(struct db *db, const char *token, const struct refusal *r, struct err *e) MUST_USE;
int refusal_clear(struct db *db, const char *token, struct err *e) MUST_USE;

#endif
