/* Whose key an account is: another one may have taken the place of the key that is stored. */
#ifndef KEYSTAY_LIFE_ACCOUNT_KEY_H
#define KEYSTAY_LIFE_ACCOUNT_KEY_H

#include "internal.h"
#include "keystay/state/accounts.h"

/*
 * Is the account that of the key `new`? Asked at the authority by that key alone; *ret_at is what
 * it said, its contacts only with *ret (the caller frees them).
 */
int account_key_taken(struct life *l, const struct authority_conf *a,
	const struct account_row *account, const struct key_row *new, struct ca_account *ret_at,
	bool *ret, struct err *e) MUST_USE;

/* Stores that, and that the old key drains; all three are brought up to date. */
int account_key_store(struct life *l, const struct authority_conf *a, struct account_row *account,
	struct key_row *old, struct key_row *new, struct err *e) MUST_USE;

/*
 * Before the account is used: was a change of its key cut short after the authority took it? Then
 * `account` and `key` become those of now. Asks nobody unless a change was begun.
 */
int account_key_settle(struct life *l, const struct authority_conf *a, struct account_row *account,
	struct key_row *key, struct err *e) MUST_USE;

#endif
