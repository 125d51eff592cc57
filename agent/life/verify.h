/* The judgement of a chain, for the step verify and for answers that people bring. */
#ifndef KEYSTAY_LIFE_VERIFY_H
#define KEYSTAY_LIFE_VERIFY_H

#include "internal.h"

/*
 * Refuses a chain (PEM) for a part's key: ERR_AUTHORITY or ERR_POLICY say that it is the chain that
 * will not do, and *ret_useless is true. `names` are those that it must be for.
 */
int verify_chain(struct life *l, struct work *w, const struct part *p, const char *pem,
	const struct list *names, bool *ret_useless, struct err *e) MUST_USE;

#endif
