/* What the agent looks at by itself though nothing is due: are the keys there, is it served? */
#ifndef KEYSTAY_LIFE_WATCH_H
#define KEYSTAY_LIFE_WATCH_H

#include "internal.h"

/*
 * Once a day for each token that live keys are in: keys that are gone, also after a new start of
 * the module, are journaled as destroyed, and the certificates that live by them are due. A token
 * that cannot be opened is told, and says nothing of its keys.
 */
int watch_tokens(struct life *l, struct err *e) MUST_USE;

/*
 * Every six hours for each certificate with endpoints: one handshake with each. Where another
 * certificate is shown twice, a minute apart, the live version is put on its targets again; what
 * that does not mend is told.
 */
int watch_served(struct life *l, struct err *e) MUST_USE;

/* In the database's memory: when a token was looked at last; 0 has it looked at by this pass. */
void watch_token_word(const char *token, char word[96]);

/* The next moment at which one of the two has something to do; 0 = never. */
int watch_next(struct life *l, when_t *ret, struct err *e) MUST_USE;

#endif
