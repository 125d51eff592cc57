/* What passes do for certificates that were removed (include/keystay/life/remove.h). */
#ifndef KEYSTAY_AGENT_LIFE_REMOVE_H
#define KEYSTAY_AGENT_LIFE_REMOVE_H

#include "internal.h"
#include "keystay/life/remove.h"

/*
 * Removals that were cut short go on; where the time to drain is over the endpoints are looked at
 * (one that still shows the certificate is told, once a day); where the last key is gone so are the
 * files. Failures are told as warnings.
 */
void life_look_at_removed(struct life *l);

#endif
