/*
 * Where a secret comes from: a token's PIN, a password.
 *
 *	file:PATH         the file's content, less one newline; not readable by others
 *	credential:NAME   $CREDENTIALS_DIRECTORY/NAME (systemd)
 *	prompt            asked on the terminal, without echo
 *	env:NAME          the environment (CI): read once, then erased
 */
#ifndef KEYSTAY_BASE_SOURCE_H
#define KEYSTAY_BASE_SOURCE_H

#include "keystay/base/secret.h"

#include <stdbool.h>

/* True for a source of one of the four forms with something behind the colon. */
bool source_valid(const char *source);

/* True when the secret is in a file that can be looked at to see whether it changed. */
bool source_is_file(const char *source);

/*
 * Gets the secret. `what` names it in a prompt and in errors ("PIN of token 'web'"). ERR_PIN with a
 * hint when it cannot be had, is empty, or its file is readable by others. The caller frees *ret.
 */
int source_get(const char *source, const char *what, struct secret **ret, struct err *e) MUST_USE;

#endif
