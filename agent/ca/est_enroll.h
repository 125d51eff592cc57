/* One request for a certificate: who asks, and the request itself. */
#ifndef KEYSTAY_CA_EST_ENROLL_H
#define KEYSTAY_CA_EST_ENROLL_H

#include "est.h"
#include "est_request.h"

struct est_asking {
	struct est *s;
	struct ca_order *o;
	const char *operation; /* "simpleenroll", "simplereenroll" */
	bool pop;              /* the request names its connection, and is signed on it */
	const struct est_request *request; /* with `pop`, to be signed */
	struct buf *der;                   /* the request; with `pop` the one that was sent last */
	bool sent_login;                   /* out */
};

/*
 * Who is going to ask: the enrolment identity, else the certificate that is renewed, else nobody
 * but the login. NULL for the last, and then `why` says what is wrong with a certificate ("" where
 * there is none).
 */
const struct http_identity *est_identity(
	const struct est *s, const struct ca_order *o, char why[400]);

/*
 * POSTs it. A server that refuses the certificate in the handshake, or asks for a login beside it,
 * is asked once more with the login, where there is one. The answer may have any status but 401
 * with a question that a login could still answer.
 */
int est_ask(struct est_asking *a, struct http_answer *ret, struct err *e) MUST_USE;

#endif
