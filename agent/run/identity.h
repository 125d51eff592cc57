/* Who the process is when it opens the state and the tokens. */
#ifndef KEYSTAY_RUN_IDENTITY_H
#define KEYSTAY_RUN_IDENTITY_H

#include "keystay/base/err.h"

/*
 * Started by root, a command takes uid, gid and groups of the owner of the state folder, so that
 * what it writes is the agent's own. A folder that is root's, or not there yet, changes nothing.
 */
int become_owner(const char *state_folder, struct err *e) MUST_USE;

/*
 * The same for a while: between the two, the database is read and written by its owner, and then
 * root goes on with the configuration, which is not the owner's. No token is opened meanwhile.
 */
int owner_begin(const char *state_folder, struct err *e) MUST_USE;
int owner_end(struct err *e) MUST_USE;

#endif
