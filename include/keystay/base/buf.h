/*
 * A growing byte buffer with a ceiling that is set at birth.
 *
 *	AUTO(buf) struct buf b = BUF(64 * 1024);
 *	buf_addf(&b, "%s\n", name);
 *	if (b.full) ... more than the ceiling (or no memory) was asked for; what fitted before is
 *there
 *
 * Failure is sticky, so a row of additions needs one check. `text` is always NUL-terminated behind
 * `len` bytes once anything was added; buf_text() is never NULL.
 */
#ifndef KEYSTAY_BASE_BUF_H
#define KEYSTAY_BASE_BUF_H

#include "keystay/base/auto.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *text;
	size_t len;
	size_t room;
	size_t ceiling;
	bool full;
};

#define BUF(max)                 \
	{                        \
		.ceiling = (max) \
	}

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *text);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The content as a string, "" when empty; borrowed until the next addition. */
const char *buf_text(const struct buf *b);

/* Hands the content over as a NUL-terminated string (caller frees); NULL when full. Empties b. */
char *buf_take(struct buf *b);

/* Forgets the content, keeps the room. */
void buf_clear(struct buf *b);

void buf_free(struct buf *b);
AUTO_DEFINE_VALUE(buf, buf_free)

#endif
