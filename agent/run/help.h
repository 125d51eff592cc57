/* What --help says, from the tables of the commands. */
#ifndef KEYSTAY_RUN_HELP_H
#define KEYSTAY_RUN_HELP_H

#include "keystay/run/run.h"

/* The commands, by what people do with them. `commands` ends with NULL. */
void help_print(const struct command *const *commands);

/* One command: usage, what it does, its options, an example. */
void help_print_command(const struct command *c);

#endif
