/*
 * Where the policy has its say in an attempt: over the wish before anything is done, over the
 * authority before an order, over a key before a request is signed with it, and over a chain before
 * it is installed. Each refuses with ERR_POLICY and all rules that are broken. Warnings are told
 * and waivers journaled, once in a pass.
 */
#ifndef KEYSTAY_LIFE_JUDGE_H
#define KEYSTAY_LIFE_JUDGE_H

#include "internal.h"
#include "keystay/life/facts.h"

/*
 * `f` has the wish, and what is known of a key that stays. Where the policy refuses the attempt's
 * authority and not the next one, the attempt goes over to that.
 */
int judge_wish(struct life *l, struct work *w, struct facts *f, struct err *e) MUST_USE;

/* The policy may have changed since, or the authority: wish, authority and the parts' keys. */
int judge_order(struct life *l, struct work *w, struct err *e) MUST_USE;

int judge_key(struct life *l, struct work *w, const char *key_id, const EVP_PKEY *public,
	struct err *e) MUST_USE;

int judge_chain(struct life *l, struct work *w, const char *key_id, const EVP_PKEY *public,
	const struct chain *c, struct err *e) MUST_USE;

#endif
