/* Opening the state for work, with the watcher that tells on the terminal what goes on. */
#ifndef KEYSTAY_RUN_LIVING_H
#define KEYSTAY_RUN_LIVING_H

#include "keystay/life/life.h"
#include "keystay/run/run.h"

/* Takes the owner's identity and the lock, opens the database; `command` is for the lock's text. */
int run_open_life(struct run *r, const char *command, struct life **ret, struct err *e) MUST_USE;

/*
 * The database for a command that tries PINs: made where there is none yet, since a PIN that was
 * refused must be remembered. NULL where this user may not make it. The caller closes *ret.
 */
int run_need_state(struct run *r, const char *command, struct db **ret, struct err *e) MUST_USE;

/* ERR_USAGE: the configuration has no certificate of that name. Always -1. */
int run_no_certificate(struct run *r, const char *name, struct err *e);

/*
 * Asks a person "QUESTION [y/N]" unless --yes was given; ERR_USAGE for a no, and where there is no
 * terminal to ask on.
 */
int run_confirm(struct run *r, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;

#endif
