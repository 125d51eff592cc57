/*
 * `install`: the live version is put on its targets again, tested, told to the servers and looked
 * for. No version, key or attempt changes.
 */
#ifndef KEYSTAY_LIFE_REINSTALL_H
#define KEYSTAY_LIFE_REINSTALL_H

#include "keystay/life/life.h"

struct reinstalled {
	int64_t version;
	bool looked; /* there are endpoints, and all of them show it */
};

/*
 * ERR_SERVED: it is in place, but an endpoint does not show it within the patience of the served
 * check; there is nothing to go back to. When all show it, it is not 'not served' any more.
 * ERR_FAILED with a hint where its folder is gone or another. ERR_WAIT while an attempt has put
 * another version in place and not yet proven it. Where no version was recorded yet, an attempt
 * that has come to the step install is gone on with; without one, ERR_USAGE.
 */
int life_reinstall(struct life *l, const struct certificate_conf *c, struct reinstalled *ret,
	struct err *e) MUST_USE;

#endif
