/* What a policy says of a certificate and of what is live of it, for people. */
#ifndef KEYSTAY_RUN_JUDGED_H
#define KEYSTAY_RUN_JUDGED_H

#include "keystay/life/facts.h"
#include "keystay/life/usage.h"
#include "keystay/run/run.h"

/*
 * Judges the wish and what is live (life/facts.h), with the age of the keys and how often they
 * signed. With `show`, the facts are told, and reported under "facts". `db` and `usage` may be
 * NULL.
 */
int judge_certificate(struct run *r, struct db *db, struct usage *usage,
	const struct certificate_conf *c, bool show, struct judgement judged[RULES],
	struct err *e) MUST_USE;

#endif
