/* The completion scripts of shells, written from the table of commands. */
#ifndef KEYSTAY_RUN_COMPLETING_H
#define KEYSTAY_RUN_COMPLETING_H

#include "keystay/base/buf.h"
#include "keystay/run/run.h"

/* `commands` ends with NULL. */
void complete_bash(const struct command *const *commands, struct buf *out);
void complete_zsh(const struct command *const *commands, struct buf *out);

#endif
