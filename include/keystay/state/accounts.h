/*
 * Accounts at authorities.
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

/* Forgets it: the next order makes another. */
int account_delete(
	struct db *db, const char *authority, const char *directory, struct err *e) MUST_USE;

#endif
