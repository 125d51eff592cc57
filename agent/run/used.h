/* How much a key was used, in JSON: signatures, soft_limit, hard_limit and what belongs to them. */
#ifndef KEYSTAY_RUN_USED_H
#define KEYSTAY_RUN_USED_H

#include "keystay/life/usage.h"
#include "keystay/run/run.h"

/* Adds the members to a key's object. */
void add_usage(json_t *key, const struct key_usage *u);

#endif
