/* The commands, one file each. */
#ifndef KEYSTAY_RUN_COMMANDS_H
#define KEYSTAY_RUN_COMMANDS_H

#include "keystay/run/run.h"

extern const struct command command_account;
extern const struct command command_add;
extern const struct command command_adopt;
extern const struct command command_check;
extern const struct command command_csr;
extern const struct command command_forecast;
extern const struct command command_completion;
extern const struct command command_history;
extern const struct command command_import;
extern const struct command command_install;
extern const struct command command_issue;
extern const struct command command_keys;
extern const struct command command_policy;
extern const struct command command_remove;
extern const struct command command_renew;
extern const struct command command_revoke;
extern const struct command command_rollback;
extern const struct command command_run;
extern const struct command command_server_config;
extern const struct command command_status;
extern const struct command command_token;

#endif
