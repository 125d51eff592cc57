/* What may stand where, as shells complete it: read from the words of usage lines. */
#ifndef KEYSTAY_RUN_TAKES_H
#define KEYSTAY_RUN_TAKES_H

#include "keystay/run/run.h"

enum takes {
	TAKES_ANYTHING, /* nothing to offer */
	TAKES_WORDS,    /* one of those in the table: "new|same|auto" */
	TAKES_FILE,
	TAKES_SOURCE, /* of a secret: file:PATH, credential:NAME, prompt */
	TAKES_CERTIFICATE,
	TAKES_AUTHORITY,
	TAKES_TOKEN,
	TAKES_POLICY,
	TAKES
};

/* No usage line has more arguments. */
#define TAKES_PLACES 8

struct places {
	enum takes place[TAKES_PLACES];
	size_t count;
	bool more; /* the last may stand again and again */
};

/* Of the value of an option ("FILE", "new|same|auto"). */
enum takes takes_of(const char *value);

/* Of the arguments in a usage line ("NAME FILE [--wait DURATION]"), without its options. */
void takes_places(const char *usage, const struct command_option *options, struct places *ret);

/* "certificate", as `completion --names` and the scripts have it. */
const char *takes_word(enum takes takes);

#endif
