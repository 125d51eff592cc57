/* What stands in the way of the renewals that `forecast` works out. */
#ifndef KEYSTAY_RUN_OBSTACLES_H
#define KEYSTAY_RUN_OBSTACLES_H

#include "foreseen.h"

/* Limits that would be passed, units that run out, renewals behind an end, work by hand, guesses.
 */
int show_obstacles(struct run *r, const struct foreseen *f, struct err *e) MUST_USE;

#endif
