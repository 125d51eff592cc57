/*
 * "did you mean ...": the nearest of the known words to one that is none of them.
 *
 *	struct guess g = {.wrong = word};
 *	for (...)
 *		guess_try(&g, known[i]);
 *	return guess_hint(&g, e, "'keystay --help' lists the commands");
 */
#ifndef KEYSTAY_BASE_GUESS_H
#define KEYSTAY_BASE_GUESS_H

#include "keystay/base/err.h"

/* Longer words are typed by machines. */
#define GUESS_MAX 64

struct guess {
	const char *wrong;
	const char *best; /* borrowed from guess_try; NULL = none is near */
	size_t distance;  /* of the best */
};

/*
 * Takes the word for the best if it is nearer than those before: letters put in, left out, changed
 * or in the wrong order (Damerau-Levenshtein), in at most a third of the longer word. Capitals and
 * small letters are the same. `word` must outlive the guess.
 */
void guess_try(struct guess *g, const char *word);

/* The hint: "did you mean 'WORD'? " where there is a best one, then the text. Always -1. */
int guess_hint(const struct guess *g, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
