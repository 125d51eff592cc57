/*
 * How far the certificates of one run are, and the lines that tell it: one for each that fits, and
 * one for all. Nothing here writes to a terminal (run/screen.h does).
 */
#ifndef KEYSTAY_RUN_PROGRESS_H
#define KEYSTAY_RUN_PROGRESS_H

#include "keystay/base/buf.h"
#include "keystay/base/when.h"

struct progress;

enum progress_end { PROGRESS_DONE, PROGRESS_FAILED, PROGRESS_LATER };

/* Room for `count` certificates, known by their place in the configuration; NULL without memory. */
struct progress *progress_new(size_t count);
void progress_free(struct progress *p);

/* Takes one in; `name` is borrowed. What is there already stays as it is. */
void progress_expect(struct progress *p, size_t index, const char *name);

/* It came to a step. */
void progress_step(struct progress *p, size_t index, const char *step);

/*
 * It waits in that step until `until` (0 = not known), for `doing` ("waits for validation");
 * `authority` is whom it waits for, or "".
 */
void progress_wait(struct progress *p, size_t index, const char *step, const char *doing,
	const char *authority, when_t until);

/* It is done, or it failed, or it is left for later for the reason `why` (both: "" for done). */
void progress_end(struct progress *p, size_t index, enum progress_end end, const char *why);

/*
 * Adds the lines for a terminal of that size, each with its newline and narrower than the terminal,
 * and one line fewer than it is high. Where not all fit, those that moved last.
 */
void progress_draw(const struct progress *p, int width, int height, when_t now, struct buf *out);

#endif
