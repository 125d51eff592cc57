/* What the database holds follows the configuration, where a certificate was removed from it. */
#ifndef KEYSTAY_LIFE_SETTLE_H
#define KEYSTAY_LIFE_SETTLE_H

#include "internal.h"

/*
 * Of every certificate that was removed: it is live no more, an attempt of it is dropped, its keys
 * drain. One that is configured again is taken up where it is still whole.
 */
int life_removed_settle(struct life *l, struct err *e) MUST_USE;

#endif
