/*
 * Debug lines on standard error, switched on by -v. Only debug: what a user must know is returned
 * as an error or an answer and printed by run/.
 */
#ifndef KEYSTAY_BASE_LOG_H
#define KEYSTAY_BASE_LOG_H

#include "keystay/base/auto.h"

#include <stdbool.h>

/* Switches debug lines on or off for the process. */
void log_enable(bool on);

/* One line, without its newline. Never a PIN, a key, a token value or a JWS. */
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
