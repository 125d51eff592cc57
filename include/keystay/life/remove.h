/*
 * A certificate is taken out of keystay's care. Its keys drain, are switched off and destroyed as
 * its policy says of replaced ones, but not before its endpoints show another certificate; then its
 * files go.
 *
 *	life_removal_begin	what is wanted, stored: whatever stops it from here on, the same
 *				command goes on
 *	...			the caller takes it out of the configuration
 *	life_removal_go		keys begin to drain, what was under way ends
 *
 * Later passes do the rest (life_look_at_removed).
 */
#ifndef KEYSTAY_LIFE_REMOVE_H
#define KEYSTAY_LIFE_REMOVE_H

#include "keystay/life/life.h"
#include "keystay/state/removed.h"

/* Stores it; one that is stored already keeps its moment. */
int life_removal_begin(struct life *l, const struct certificate_conf *c, bool keep_key,
	struct removed_row *ret, struct err *e) MUST_USE;

/*
 * For one that is not in the configuration any more: its attempt ends, and its keys drain or (with
 * keep_key) stay as they are. *ret_known is false for a name that nothing is known of.
 */
int life_removal_go(
	struct life *l, const char *certificate, bool *ret_known, struct err *e) MUST_USE;

/* Its endpoints, by a handshake each, that show the live certificate; names them in `text`. */
int life_still_served(struct life *l, const char *certificate, char *text, size_t size,
	bool *ret_served, struct err *e) MUST_USE;

#endif
