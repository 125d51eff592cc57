/* Going over to the next authority of a certificate's list (failover). */
#ifndef KEYSTAY_LIFE_TURN_H
#define KEYSTAY_LIFE_TURN_H

#include "internal.h"

/* Failures at one authority before the next is tried, where there is time. */
#define TRIES_EACH 3

/*
 * After a failure of `step`, counted in the attempt: when it is the next authority's turn the
 * attempt is changed to begin an order there, with the same request, and the answer is true; the
 * caller stores it. Where every authority had its turn, not_before stays what the retry says.
 */
bool turn_to_next(struct life *l, struct work *w, enum step step, const struct err *why);

#endif
