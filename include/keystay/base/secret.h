/*
 * A PIN or another secret: in memory that is locked and kept out of core files, wiped when freed.
 * There is no way to print one.
 */
#ifndef KEYSTAY_BASE_SECRET_H
#define KEYSTAY_BASE_SECRET_H

#include "keystay/base/err.h"

#include <stddef.h>

/* More than any PIN; a longer one is refused. */
#define SECRET_MAX 255

struct secret;

/* An empty secret; NULL only when there is no memory. The caller frees it with secret_free. */
struct secret *secret_new(void);

/* Appends bytes; -1 past SECRET_MAX (ERR_PIN). */
int secret_add(struct secret *s, const void *data, size_t len, struct err *e) MUST_USE;

/* Cuts one trailing newline (LF or CRLF), as an editor leaves it in a PIN file. */
void secret_cut_newline(struct secret *s);

/* The bytes, NUL-terminated, borrowed until secret_free; and their number. */
const unsigned char *secret_bytes(const struct secret *s);
size_t secret_length(const struct secret *s);

/* Wipes and frees; NULL does nothing. */
void secret_free(struct secret *s);

/* Wipes memory so that the compiler cannot leave it out. */
void secret_wipe(void *data, size_t len);

static inline void
auto_secret(struct secret **slot)
{
	secret_free(*slot);
}

#endif
