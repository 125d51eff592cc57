/*
 * Whether the clock can be believed. A clock that jumped would make every certificate due at once,
 * or none ever again. So what is due by time alone waits when the clock is not where the last pass
 * left it, until an authority says the same time.
 */
#ifndef KEYSTAY_LIFE_CLOCK_H
#define KEYSTAY_LIFE_CLOCK_H

#include "internal.h"

/* The clock may be this far from where the last pass left it, and from an authority's. */
#define CLOCK_BEHIND_MAX (5 * MINUTE)
#define CLOCK_AHEAD_MAX (2 * DAY)
#define CLOCK_DIFFERENCE_MAX (30 * MINUTE)

/*
 * ERR_WAIT when the clock cannot be believed: an authority says another time, or none can be asked.
 * Else the moment is stored as the one of the last pass.
 */
int clock_look(struct life *l, struct err *e) MUST_USE;

#endif
