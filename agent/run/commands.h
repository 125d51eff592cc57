/* The commands, one file each. */
#ifndef KEYSTAY_RUN_COMMANDS_H
#define KEYSTAY_RUN_COMMANDS_H

#include "keystay/run/run.h"

extern const struct command command_check;
extern const struct command command_token;

#endif
