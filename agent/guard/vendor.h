/* What stands behind the guard in this process: the vendor's module, and what the guard was told.
 */
#ifndef KEYSTAY_GUARD_VENDOR_H
#define KEYSTAY_GUARD_VENDOR_H

#include "settings.h"

#include <p11-kit/pkcs11.h>

/* The vendor's functions while C_Initialize is in force; else NULL. */
CK_FUNCTION_LIST *guard_vendor(void);
void guard_set_vendor(CK_FUNCTION_LIST *running);

/* What it was told; set once, before there is a vendor. */
const struct guard_settings *guard_settings(void);
void guard_set_settings(const struct guard_settings *s);

#endif
