/* One rule of a policy file: read, and handed down to a policy that extends another. */
#ifndef KEYSTAY_POLICY_RULE_H
#define KEYSTAY_POLICY_RULE_H

#include "keystay/policy/policy.h"

/* Reads the rule's value, or a mapping of value, source and effect, into the policy. */
int rule_read(struct yaml *y, struct policy *p, enum rule rule, struct err *e) MUST_USE;

/* Copies the rule's value from the policy that `p` extends. */
int rule_inherit(
	struct policy *p, const struct policy *parent, enum rule rule, struct err *e) MUST_USE;

#endif
