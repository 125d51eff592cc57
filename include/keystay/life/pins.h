/*
 * A token counts wrong PINs, so a refused one is tried once and then not again until its source
 * changes: the refusal is stored, and every command that opens a token goes through here.
 */
#ifndef KEYSTAY_LIFE_PINS_H
#define KEYSTAY_LIFE_PINS_H

#include "keystay/base/services.h"
#include "keystay/token/token.h"

struct db;

/*
 * Gets the PIN and opens the token by `road`, unless this PIN was refused before (ERR_PIN). `db` is
 * NULL while there is no state: then nothing is remembered. The caller closes *ret with
 * token_close.
 * `kept` (may be NULL) is where a caller that opens again keeps the PIN: an empty slot is filled
 * once the token took it, a filled one is used. The caller frees it with secret_free.
 */
int token_open_once(struct db *db, const struct services *s, const struct token_conf *t,
	enum road road, struct secret **kept, struct token **ret, struct err *e) MUST_USE;

/* True while its PIN would not be tried: it was refused, and the source is the same. */
bool token_pin_refused(struct db *db, const struct token_conf *t);

/* Changes the PIN on the token, under the same rule for the one of now. */
int token_change_pin_once(struct db *db, const struct services *s, const struct token_conf *t,
	const struct secret *new_pin, struct err *e) MUST_USE;

#endif
