/* The rules as one list: read into a policy, handed down to one that extends it, freed. */
#ifndef KEYSTAY_POLICY_RULE_H
#define KEYSTAY_POLICY_RULE_H

#include "kind.h"

const struct rule_kind *rule_kind(enum rule rule);

/* The rule of a word; RULES for none. */
enum rule rule_of(const char *word);

/* Reads the rule's value, or a mapping of value, source and effect, into the policy. */
int rule_read(struct yaml *y, struct policy *p, enum rule rule, struct err *e) MUST_USE;

/* Lends the rule, with its value, to a policy that extends `parent`. */
void rule_inherit(struct policy *p, const struct policy *parent, enum rule rule);

/* Frees what the policy set itself. */
void rule_clear(struct policy *p, enum rule rule);

#endif
