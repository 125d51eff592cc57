/*
 * A token's own counter of a key's signatures, where it has one: CKA_USAGE_COUNT and
 * CKA_USAGE_LIMIT of Thales Luna and ProtectToolkit. What it counts, nobody gets past.
 */
#ifndef KEYSTAY_TOKEN_COUNTER_H
#define KEYSTAY_TOKEN_COUNTER_H

#include "keystay/base/err.h"
#include "keystay/token/key_name.h"

#include <stdbool.h>

struct token;

struct key_counter {
	bool there;    /* the token counts this key */
	int64_t count; /* signatures */
	int64_t limit; /* where it stops; 0 = none */
};

/* ERR_LOST when the key is not there. */
int key_counter_read(struct token *t, const struct key_name *name, struct key_counter *ret,
	struct err *e) MUST_USE;

/*
 * Has the token itself stop the key after `left` more signatures (at least 1), after its public key
 * was compared with `public_hash`. A token may count from 0 when it gets a limit; *ret is what it
 * says afterwards.
 */
int key_counter_limit(struct token *t, const struct key_name *name, const char *public_hash,
	int64_t left, struct key_counter *ret, struct err *e) MUST_USE;

#endif
