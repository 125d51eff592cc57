/* Waivers of a policy: read, checked once all policies are there, and found for a certificate. */
#ifndef KEYSTAY_POLICY_WAIVER_H
#define KEYSTAY_POLICY_WAIVER_H

#include "keystay/policy/policy.h"

/* Reads `waivers:`; the slot is the policy. */
int waivers_read(struct yaml *y, void *policy, struct err *e) MUST_USE;
void waivers_clear(struct policy *p);

/* Each is for a rule that the policy sets or inherits. */
int waivers_check(const struct policy *p, struct err *e) MUST_USE;

/* Of the policy or one that it extends: the one that holds longest; NULL for none. */
const struct waiver *waiver_find(const struct policy *p, enum rule rule, const char *certificate);

#endif
