/* What a CA's portal gave, read and held against what was asked for (life/by_hand.h). */
#ifndef KEYSTAY_AGENT_LIFE_HAND_ANSWER_H
#define KEYSTAY_AGENT_LIFE_HAND_ANSWER_H

#include "internal.h"
#include "keystay/life/hand_answer.h"
#include "keystay/x509/certs_only.h"

/* Reads all answers into one set. */
int hand_read(const struct hand_import *in, struct certs **ret, struct err *e) MUST_USE;

/*
 * The chain (PEM) of the certificate for the key of a part; *ret is NULL where the set has none.
 * Missing issuers are looked for in `issuer:`, and fetched where `aia:` allows it.
 */
int hand_chain(struct life *l, struct work *w, const struct part *p,
	const struct authority_conf *conf, struct certs *set, const struct hand_import *in,
	char **ret, struct err *e) MUST_USE;

/*
 * Compares names, subject and lifetime of a chain with the wish, then key, dates, links and policy
 * as the step verify does. What is waived, and what is no reason to refuse but should be known, is
 * told and journaled.
 */
int hand_judge(struct life *l, struct work *w, const struct part *p, const char *chain,
	const struct hand_import *in, struct err *e) MUST_USE;

/* None of the set is for a key that waits: the error says whose they are. Always -1. */
int hand_foreign(struct life *l, struct work *w, const struct certs *set, struct err *e);

#endif
