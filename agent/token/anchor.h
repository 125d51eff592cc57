/*
 * tpm2-pkcs11 (1.9.0) numbers its objects from their place in a list, and numbers wrongly when the
 * first one was destroyed: a new key then gets the handles of another. A small data object that is
 * made before the first key, and never destroyed, keeps the first place taken.
 */
#ifndef KEYSTAY_TOKEN_ANCHOR_H
#define KEYSTAY_TOKEN_ANCHOR_H

#include "internal.h"

/* Makes the anchor where the module needs one and the token has none. */
int anchor_ensure(struct token *t, struct err *e) MUST_USE;

#endif
