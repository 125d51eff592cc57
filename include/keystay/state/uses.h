/*
 * The use ledger's checkpoints: what was counted of each public key when it was looked at last. A
 * ledger that is lost or rolled back is noticed by them, and made anew from them.
 */
#ifndef KEYSTAY_STATE_USES_H
#define KEYSTAY_STATE_USES_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

/* The ledger file that was used last. */
struct ledger_row {
	char id[33];      /* hex; "" = there was none yet */
	int64_t epoch;    /* of the last checkpoint */
	char counts[600]; /* JSON, of keys that have no slot */
	when_t at;
};

int ledger_row_get(struct db *db, struct ledger_row *ret, struct err *e) MUST_USE;
int ledger_row_save(struct db *db, const struct ledger_row *row, struct err *e) MUST_USE;

struct use_row {
	char public_hash[65];
	bool rsa;
	char raw[1025]; /* hex: the public value, and its curve or exponent */
	char params[65];
	char label[65];
	char serial[21];
	char counts[600]; /* JSON: word to number */
	when_t last_use;
	int64_t alarmed_hour; /* hours since 1970: the last one that was told to be too busy */
	/* Where the token counts too: what it said, and our uses less that; -1 where it does not.
	 */
	int64_t token_count, token_ahead;
	int64_t token_hard; /* our limit that the token was told; 0 = none */
	when_t at;
};

int use_row_save(struct db *db, const struct use_row *row, struct err *e) MUST_USE;

/* Found is false where there is no checkpoint of this key. */
int use_row_get(struct db *db, const char *public_hash, struct use_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

/* All of keys that should have a slot, in the order of their hashes. */
int use_rows_each(struct db *db, int (*each)(void *ctx, const struct use_row *row, struct err *e),
	void *ctx, struct err *e) MUST_USE;

/* The key is long gone and its slot given back: the checkpoint stays as history. */
int use_row_close(struct db *db, const char *public_hash, struct err *e) MUST_USE;

/* An hour that was told for one key of a certificate is told for all of them. */
int use_row_alarmed(struct db *db, const char *public_hash, int64_t hour, struct err *e) MUST_USE;

/* The tokens (names) that are known to count the signatures of a key that they still have. */
struct list;
int use_counting_tokens(struct db *db, struct list *ret, struct err *e) MUST_USE;

#endif
