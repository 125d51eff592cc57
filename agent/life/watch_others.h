/* Certificates that are watched and not managed: are they still what they were, and until when? */
#ifndef KEYSTAY_LIFE_WATCH_OTHERS_H
#define KEYSTAY_LIFE_WATCH_OTHERS_H

#include "internal.h"

/*
 * Once a day for each that a file or an endpoint shows: a look, and what is new is kept. People are
 * told when one ends within 30 days, and again with 14, 7, 3 and one day left and when it has
 * ended; and when one cannot be looked at any more.
 */
int watch_others(struct life *l, struct err *e) MUST_USE;

#endif
