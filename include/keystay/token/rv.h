/*
 * Return values of PKCS#11 calls (v2.40 5.1), for people and for the loop.
 */
#ifndef KEYSTAY_TOKEN_RV_H
#define KEYSTAY_TOKEN_RV_H

#include "keystay/base/err.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* The name of a return value, "CKR_PIN_INCORRECT"; "CKR_0x1234" for one without a name. */
const char *rv_word(CK_RV rv);

/*
 * Fills `e` from a failed call: "WHAT (CKR_...)" with the kind that the value calls for: ERR_PIN,
 * ERR_LOST where a new start of the module may help (rv_lost), ERR_TOKEN for all else.
 */
int rv_fail(CK_RV rv, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The token refused the PIN, and may have counted a try. */
bool rv_pin(CK_RV rv);

/*
 * Session, device or the module's own memory of its objects is gone: what a module answers after it
 * was cut off from its token. Such a module is started anew once, never in a loop.
 */
bool rv_lost(CK_RV rv);

/* The token has no room for another object. */
bool rv_full(CK_RV rv);

/* The template of an object, or an attribute in it, may be why the call failed. */
bool rv_template(CK_RV rv);

#endif
