/*
 * Base64 as EST has it (RFC 8951 3): white space anywhere is nothing, other characters are an
 * error.
 */
#ifndef KEYSTAY_X509_BASE64_H
#define KEYSTAY_X509_BASE64_H

#include "keystay/base/buf.h"

#include <stdbool.h>

/* Adds what the text stands for to `ret`; false for what is no base64, nothing, or too much. */
bool base64_read(const char *text, size_t len, struct buf *ret);

/*
 * Adds lines of 64 characters, each with its end: what the strictest servers read. False for
 * nothing to write, and past the ceiling of `ret`.
 */
bool base64_write(const void *data, size_t len, struct buf *ret);

#endif
