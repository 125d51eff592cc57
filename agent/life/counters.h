/* The tokens' own counters, compared with the ledger; and the hard limit, told to the token too. */
#ifndef KEYSTAY_LIFE_COUNTERS_H
#define KEYSTAY_LIFE_COUNTERS_H

#include "internal.h"

/*
 * For the keys of every token that is open in this run. More signatures in the token than in the
 * ledger were made past the guard: that is journaled and told. A failure is told and is none of the
 * run's.
 */
void counters_look(struct life *l);

#endif
