/* What becomes of keys and files of removed certificates as time goes by. */
#ifndef KEYSTAY_LIFE_REMOVED_H
#define KEYSTAY_LIFE_REMOVED_H

#include "keystay/state/removed.h"
#include "internal.h"

/* The row of an owner that is not configured any more; *ret_found = false where there is none. */
int removed_owner(struct life *l, const char *owner, struct removed_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

/*
 * Where their keys drain: once a day, and before a key is switched off, a look at the endpoints. A
 * key that is shown there begins to drain anew, and people are told; nothing that is served goes
 * down by a removal.
 */
int removed_look(struct life *l, struct err *e) MUST_USE;

/* Where their keys are gone: live/NAME and versions/NAME go too. */
int removed_tidy(struct life *l, struct err *e) MUST_USE;

/* Which keys of a certificate are shown, and where. */
struct shown_at {
	const char *certificate;
	const struct list *endpoints, *names; /* without names the host of an endpoint */
	struct list places;                   /* "127.0.0.1:443 (www.example.org)" */
	struct list keys;                     /* ids of keys that were shown */
};

/* Handshakes: one per endpoint, name and kind of key. Fills places and keys. */
int removed_shown(
	struct db *db, const struct services *s, struct shown_at *at, struct err *e) MUST_USE;

#endif
