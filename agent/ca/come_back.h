/* When an authority wants us back (RFC 9110 10.2.3). */
#ifndef KEYSTAY_CA_COME_BACK_H
#define KEYSTAY_CA_COME_BACK_H

#include "keystay/net/http.h"

/*
 * What Retry-After says, by the server's own clock, which need not be ours; else `fallback` seconds
 * from `now`. At least a second. *ret_said (may be NULL) says whether it said something.
 */
when_t come_back(when_t now, const struct http_answer *answer, when_t fallback, bool *ret_said);

#endif
