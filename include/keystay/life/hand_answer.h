/*
 * What a CA's portal gave, as people bring it (life/by_hand.h).
 */
#ifndef KEYSTAY_LIFE_HAND_ANSWER_H
#define KEYSTAY_LIFE_HAND_ANSWER_H

#include "keystay/base/text.h"

/* A file that came from the portal: certificates as PEM, DER or PKCS#7, in any order. */
struct hand_answer {
	const char *file; /* its name, for messages */
	const void *data;
	size_t len;
};

struct hand_import {
	const struct hand_answer *answer;
	size_t answers;
	/* What may be other than asked for: "names", "subject", "lifetime", "chain", or the word of
	 * a rule of the policy; each is journaled with the reason. */
	const struct list *waive;
	const char *reason; /* not empty where anything is waived */
};

/* True for a word that `waive` may hold; all of them for a message. */
bool hand_waivable(const char *word);
const char *hand_waivable_words(void);

#endif
