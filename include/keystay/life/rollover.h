/*
 * Another key for the account at an authority: made in the token, told to the authority (both keys
 * sign for that), proven, and then stored as the account's. The account stays.
 */
#ifndef KEYSTAY_LIFE_ROLLOVER_H
#define KEYSTAY_LIFE_ROLLOVER_H

#include "keystay/life/account.h"

/*
 * Changes the key; the old one drains. ret->key is the new one. ERR_USAGE where the protocol
 * cannot, ERR_WAIT while an order is under way (its challenges were answered with the old key).
 * Nothing is done, and ret->made is false, where no account was made yet. After a failure in
 * between, the next one goes on with the key that was made. The caller frees *ret with
 * account_view_free.
 */
int life_account_rollover(
	struct life *l, const char *authority, struct account_view *ret, struct err *e) MUST_USE;

#endif
