/*
 * Where a token's PIN comes from:
 *
 *	file:PATH         the file's content, less one newline; not readable by others
 *	credential:NAME   $CREDENTIALS_DIRECTORY/NAME (systemd)
 *	prompt            asked on the terminal, without echo
 *	env:NAME          the environment (CI): read once, then erased
 */
#ifndef KEYSTAY_TOKEN_PIN_H
#define KEYSTAY_TOKEN_PIN_H

#include "keystay/base/secret.h"

#include <stdbool.h>
#include <stdint.h>

/* True for a source of one of the four forms with something behind the colon. */
bool pin_source_valid(const char *source);

/* True when the PIN of this source is in a file that can be looked at to see whether it changed. */
bool pin_source_is_file(const char *source);

/*
 * What tells whether a PIN file was changed since a refusal; never anything computed from the PIN.
 * All zero for sources that are not files.
 */
struct pin_mark {
	int64_t inode;
	int64_t changed_ns;
	int64_t size;
};

/* The mark of the source as it is now; zeros when the file is not there or it is no file. */
struct pin_mark pin_source_mark(const char *source);

/*
 * Gets the PIN. `what` names it in a prompt ("PIN of token 'web'"). ERR_PIN with a hint when it
 * cannot be had, is empty, or its file is readable by others. The caller frees *ret.
 */
int pin_get(const char *source, const char *what, struct secret **ret, struct err *e) MUST_USE;

#endif
