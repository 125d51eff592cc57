/*
 * The guard's own start: what it is told, the vendor's module behind it, the ledger; and who in the
 * process has called C_Initialize. libc only.
 */
#ifndef KEYSTAY_GUARD_START_H
#define KEYSTAY_GUARD_START_H

#include <p11-kit/pkcs11.h>

/* C_Initialize and C_Finalize (PKCS#11 v2.40 5.4). `own` is the guard's own list of functions: a
 * module= that leads to it would be a circle. */
CK_RV guard_start(void *args, const CK_FUNCTION_LIST *own);
CK_RV guard_stop(void *reserved);

#endif
