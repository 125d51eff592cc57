/*
 * Looking at a module's tokens and making a new one, by libp11. For `keystay token`: a process that
 * uses these must not open tokens by token_open, since libp11 finalises the module when it is done.
 */
#ifndef KEYSTAY_TOKEN_ADMIN_H
#define KEYSTAY_TOKEN_ADMIN_H

#include "keystay/base/secret.h"
#include "keystay/token/token.h"

struct token_slot {
	struct token_identity identity; /* all empty for a slot whose token is not initialised */
	bool initialized;
	bool pin_locked;
	bool pin_set;
};

/*
 * Calls `each` for every slot of the module that holds a token. `init_args` as in the
 * configuration, NULL for none.
 */
int token_slots(const char *module, const char *init_args,
	int (*each)(void *ctx, const struct token_slot *slot, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/*
 * Initialises the first uninitialised token of conf->module: conf->label, the SO PIN and the user
 * PIN. ERR_TOKEN when a token with that label is there already, or none is free.
 */
int token_init(const struct token_conf *conf, const struct secret *so_pin,
	const struct secret *user_pin, struct err *e) MUST_USE;

/*
 * Changes the user PIN. ERR_PIN when the old one is refused (and a try was used up: *ret_old), or
 * the new one not taken.
 */
int token_change_pin(const struct token_conf *conf, const struct secret *old_pin,
	const struct secret *new_pin, struct pin_answer *ret_old, struct err *e) MUST_USE;

#endif
