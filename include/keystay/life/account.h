/*
 * The account at an authority, as a person looks at it and ends it. None is made here: the first
 * order does that.
 */
#ifndef KEYSTAY_LIFE_ACCOUNT_H
#define KEYSTAY_LIFE_ACCOUNT_H

#include "keystay/life/life.h"
#include "keystay/state/keys.h"

struct account_view {
	bool made;            /* false: all else is empty, and nobody was asked */
	struct ca_account at; /* what the authority says */
	struct key_row key;
};

/*
 * Asks the authority. ERR_USAGE for an unknown authority, and for one whose protocol has no
 * accounts. An account whose key is compromised is shown, too. The caller frees *ret with
 * account_view_free.
 */
int life_account(
	struct life *l, const char *authority, struct account_view *ret, struct err *e) MUST_USE;

/*
 * Ends it at the authority, for ever, and forgets it: the next order makes another, with another
 * key. Orders under way are begun anew; its key drains. One that the authority has ended already,
 * or does not know, is forgotten all the same (ret->at.status says so); what was never made is left
 * alone.
 */
int life_account_deactivate(
	struct life *l, const char *authority, struct account_view *ret, struct err *e) MUST_USE;

void account_view_free(struct account_view *v);
AUTO_DEFINE_VALUE(account_view, account_view_free)

#endif
