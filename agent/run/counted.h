/*
 * Whether what servers sign is counted: a server whose provider loads the vendor's module directly
 * goes past the guard. Found by a handshake, after which the ledger must have one signature more.
 */
#ifndef KEYSTAY_RUN_COUNTED_H
#define KEYSTAY_RUN_COUNTED_H

#include "keystay/life/usage.h"
#include "keystay/run/run.h"

/* Findings for each endpoint of a certificate that shows the live one; the others are not its
 * subject. */
int check_counted(struct run *r, struct db *db, struct usage *usage,
	const struct certificate_conf *c, const char *where, struct err *e) MUST_USE;

#endif
