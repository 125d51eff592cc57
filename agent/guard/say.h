/*
 * The guard has no other way to be heard than the standard error of the process that it is in: a
 * line each, and each of them once in a process.
 */
#ifndef KEYSTAY_GUARD_SAY_H
#define KEYSTAY_GUARD_SAY_H

#include "keystay/base/auto.h"

enum guard_word { SAY_SETTINGS, SAY_MODULE, SAY_NO_LEDGER, SAY_REPLACED, SAY_FULL, SAY_WORDS };

/* "keystay-guard: TEXT"; nothing when this was said before. */
void guard_say(enum guard_word word, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
