/*
 * Problem documents (RFC 7807, RFC 8555 6.7): what an ACME server says when it says no.
 */
#ifndef KEYSTAY_CA_ACME_PROBLEM_H
#define KEYSTAY_CA_ACME_PROBLEM_H

#include "keystay/base/json.h"

/* The short type of a problem ("badNonce"); the whole type where it is no ACME one; "" for none. */
void problem_type(const json_t *problem, char type[48]);

/*
 * Fills `e` from a problem: its type, detail and subproblems with their identifiers. `status` is
 * the HTTP status. 429 and 503 are ERR_BUSY with `retry_at`, other 5xx ERR_NETWORK, the rest
 * ERR_AUTHORITY. Always returns -1.
 */
int problem_fail(const json_t *problem, int status, when_t retry_at, struct err *e);

#endif
