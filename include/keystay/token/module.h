/*
 * A loaded PKCS#11 module (PKCS#11 v2.40 4.6, 5.4). One path is loaded and initialised once in a
 * process, however many tokens are opened in it. It is never finalised: the OpenSSL provider in
 * the same process uses it too, and a module that is finalised under it kills its keys.
 */
#ifndef KEYSTAY_TOKEN_MODULE_H
#define KEYSTAY_TOKEN_MODULE_H

#include "keystay/base/err.h"

#include <p11-kit/pkcs11.h>

struct module;

/*
 * Loads `path` and initialises it with `init_args` (the vendor's pReserved string, NULL or "" for
 * none). ERR_CONFIG when there is no such file or it is no PKCS#11 module, ERR_TOKEN when
 * C_Initialize fails. *ret is borrowed and lives as long as the process.
 */
int module_load(
	const char *path, const char *init_args, struct module **ret, struct err *e) MUST_USE;

/* Its function table; borrowed. */
CK_FUNCTION_LIST *module_functions(const struct module *m);

/* Its path as configured; borrowed. */
const char *module_path(const struct module *m);
const char *module_init_args(const struct module *m);

/* The name of a return value, "CKR_PIN_INCORRECT"; "CKR_0x1234" for one without a name. */
const char *rv_word(CK_RV rv);

/* Fills `e` from a failed call: "WHAT failed (CKR_...)" with the kind the value calls for. */
int rv_fail(CK_RV rv, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
