/*
 * What is said of a row of the estate in a few words.
 */
#ifndef KEYSTAY_RUN_ESTATE_WORDS_H
#define KEYSTAY_RUN_ESTATE_WORDS_H

#include "estate.h"
#include "keystay/base/buf.h"

/* The word of a state, as `--state` and --json spell it; the state of a word, false for none. */
const char *estate_state_word(enum estate_state state);
bool estate_state_of(const char *word, enum estate_state *ret);

#define SPAN_TEXT 32

/* "12 d", "5 h", "40 min" of so many seconds, which may be less than none. Returns text. */
const char *span_text(when_t seconds, char text[SPAN_TEXT]);

/* The same in words: "12 days", "1 hour"; of seconds before or after now, without a sign. */
const char *span_words(when_t seconds, char text[SPAN_TEXT]);

/* Whole days until then, -1 for one that was over an hour ago. */
int64_t days_until(when_t then, when_t now);

/* "950", "12k", "1.2M": a count in few columns. Returns text. */
const char *count_text(int64_t n, char text[SPAN_TEXT]);

/* Adds what is to be done next, in a phrase: "renew in 12 d", "import answer", "mend: ...". */
void estate_next(const struct estate_row *r, when_t now, struct buf *b);

/* How it is to be shown on a terminal that has colours. */
enum hue { HUE_PLAIN, HUE_WARNING, HUE_WRONG };

/*
 * Wrong: expired, failed, not served, or files are lost. A warning: due, waiting, or soon over.
 * Soon is 30 days before its end, or a sixth of its life before where that is less.
 */
enum hue estate_hue(const struct estate_row *r, when_t now);

#endif
