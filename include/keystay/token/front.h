/*
 * What stands before a vendor's module in this process: keystay-guard.so, which passes every call
 * of the agent and counts its signatures (guard/ledger.h). One loaded library holds one state and
 * stands before one module, so each further module gets a copy of it under STATE/guard/.
 */
#ifndef KEYSTAY_TOKEN_FRONT_H
#define KEYSTAY_TOKEN_FRONT_H

#include "keystay/base/err.h"

/*
 * From now on modules are loaded behind the guard at `guard`, with the ledger and the copies in the
 * folder `state`. Without this (or with NULL) they are loaded as they are.
 */
int front_set(const char *guard, const char *state, struct err *e) MUST_USE;

struct front {
	char library[4200];   /* what is to be loaded */
	char init_args[8400]; /* its pReserved string, "" for none */
};

/*
 * For a vendor's module with its own init_args. The same answer every time in a process; the copy
 * is made or renewed when it is asked for first. ERR_CONFIG for names that the guard's init string
 * cannot hold, or where the guard is not installed.
 */
int front_of(const char *module, const char *init_args, struct front *ret, struct err *e) MUST_USE;

#endif
