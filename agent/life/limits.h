/* Which policy's limits hold for a key, and which of them is in force. */
#ifndef KEYSTAY_LIFE_LIMITS_H
#define KEYSTAY_LIFE_LIMITS_H

#include "keystay/config/config.h"
#include "keystay/state/keys.h"

/* The certificate's policy, or the authority's for its account key; NULL for none. */
const struct policy *limits_policy(const struct config *c, const struct key_row *k);

/* The hard limit that is armed for the key as it is now; 0 = none. */
int64_t limits_hard(const struct policy *p, const struct key_row *k);

#endif
