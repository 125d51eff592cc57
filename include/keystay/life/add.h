/*
 * What is written down of a certificate whose drop-in landed; the file itself is the business of
 * config/dropin.h.
 */
#ifndef KEYSTAY_LIFE_ADD_H
#define KEYSTAY_LIFE_ADD_H

#include "keystay/life/life.h"

/*
 * Journals it ("added"; not again where the last word of the journal is that it was), and it is
 * not watched any more. One transaction. *ret_news: it was not yet journaled.
 */
int life_added(struct life *l, const struct certificate_conf *c, bool changed, bool *ret_news,
	struct err *e) MUST_USE;

#endif
