/* Renewal windows (RFC 9773): asked for when their time has come, one moment chosen in each. */
#ifndef KEYSTAY_LIFE_WINDOWS_H
#define KEYSTAY_LIFE_WINDOWS_H

#include "internal.h"

/*
 * Asks the authorities of all live certificates whose windows are due to be asked for, and stores
 * what they say with one random moment of each window. An authority that gives no answer is left
 * alone for a while, and the window of before goes on. Fails only where the database does.
 */
int windows_look(struct life *l, struct err *e) MUST_USE;

/* The earliest moment at which one is to be asked for; DUE_NEVER = never. */
int windows_next(struct life *l, when_t *ret, struct err *e) MUST_USE;

#endif
