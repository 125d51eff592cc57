/*
 * What the use ledger tells: read at the beginning and the end of a run, compared with the last
 * checkpoint, told where it means something, and stored.
 */
#ifndef KEYSTAY_LIFE_USES_H
#define KEYSTAY_LIFE_USES_H

#include "internal.h"

/*
 * Brings states and limits of all keys into the ledger, and what was counted since the last look
 * into the database: a key at its soft limit makes its certificate due; uses that should not be
 * are journaled and told. A failure is told and is none of the run's.
 */
void uses_look(struct life *l);

#endif
