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
 * Gets the PIN and opens the token, unless this PIN was refused before (ERR_PIN). `db` is NULL
 * while there is no state: then nothing is remembered. The caller closes *ret with token_close.
 */
int token_open_once(struct db *db, const struct services *s, const struct token_conf *t,
	struct token **ret, struct err *e) MUST_USE;

#endif
