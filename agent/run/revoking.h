/* What `revoke` and `keys compromise --revoke` say in the end. */
#ifndef KEYSTAY_RUN_REVOKING_H
#define KEYSTAY_RUN_REVOKING_H

#include "keystay/life/revoke.h"
#include "keystay/run/run.h"

/* Each certificate as it is now, and what comes next. */
void tell_revoked(struct run *r, const struct revocation *v);

#endif
