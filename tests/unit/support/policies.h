/* What the tests of policies share: an own policy from its text, and facts of a chain. */
#ifndef KEYSTAY_TESTS_POLICIES_H
#define KEYSTAY_TESTS_POLICIES_H

#include "keystay/policy/policy.h"

#define NOW ((when_t)1790000000) /* 2026-09-21T14:13:20Z */

/* The shipped policies and one more, "own"; the test fails when the text is refused. */
const struct policy *policy_of(const char *text, struct policies **ret);

/* The same for the text of its rules alone: "{owner: required}". */
const struct policy *policy_of_rules(const char *rules, struct policies **ret);

/* One rule's verdict under `rules`; what was said is in policy_said. */
enum verdict verdict_of(const char *rules, enum rule rule, const struct policy_facts *facts);
extern struct judgement policy_said;

/* Reading the text is refused as a configuration error that holds `words`. */
void assert_policy_refused(const char *text, const char *words);

/* A list of up to 8 texts, NULL behind the last; a static ring. */
const struct list *texts(const char *const *text);
#define TEXTS(...) texts((const char *const[]){__VA_ARGS__, NULL})

#endif
