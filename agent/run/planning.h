/* `renew --dry-run`: what would be done, and why. */
#ifndef KEYSTAY_RUN_PLANNING_H
#define KEYSTAY_RUN_PLANNING_H

#include "keystay/life/life.h"
#include "keystay/run/run.h"

/* Shows it for the certificates named by `names` (all when empty); nothing is changed, no lock is
 * taken and nobody is asked. Returns the exit status. */
int show_plans(struct run *r, const struct list *names, const struct wish *wish);

#endif
