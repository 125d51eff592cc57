/*
 * Services of a machine on which time stands still: the clock moves when somebody sleeps or a test
 * sets it. No command runs, and handshakes show what the test wants.
 */
#ifndef KEYSTAY_TESTS_STILL_H
#define KEYSTAY_TESTS_STILL_H

#include "keystay/base/services.h"

struct still {
	when_t now;
	const char *state; /* the state folder, for the live leaf */
	const char *shown; /* the certificate whose live leaf every endpoint shows; NULL: another */
	const char *reload; /* what `shown` is after a reload; NULL: as before */
	int reloads;        /* commands of the name "reload" that would have run */
};

extern struct still still;

/* All others are the system's. */
const struct services *still_services(void);

#endif
