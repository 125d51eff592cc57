/* One request for a certificate: who asks, and the request itself. */
#ifndef KEYSTAY_CA_EST_ENROLL_H
#define KEYSTAY_CA_EST_ENROLL_H

#include "est.h"
#include "est_request.h"

#define EST_ENROLL "simpleenroll"
#define EST_REENROLL "simplereenroll"
#define EST_WHY 400

/* The certificates that may ask, in their order, and what is wrong with others. */
struct est_askers {
	const struct http_identity *id[2];
	size_t count;
	char why[EST_WHY]; /* for people; "" = nothing is wrong */
};

/*
 * RFC 7030 3.3.2: the certificate that is renewed; where it will not do, or the server refuses it,
 * the enrolment identity.
 */
void est_askers(const struct est *s, const struct ca_order *o, struct est_askers *ret);

struct est_asking {
	struct est *s;
	struct ca_order *o;
	/*
	 * Out: EST_REENROLL by the certificate that is renewed, with its subject and names (RFC
	 * 7030 4.2.2), else EST_ENROLL.
	 */
	const char *operation;
	bool renews; /* subject and names are those of o->live */
	bool pop;    /* the request names its connection, and is signed on it */
	const struct est_request *request; /* with `pop`, to be signed */
	struct buf *der;                   /* the request; with `pop` the one that was sent last */
	bool sent_login;                   /* out */
};

/*
 * POSTs it: by each of the askers in turn, as long as the server refuses them in the handshake (or
 * asks for no certificate at all, and answers 401), and then with the login, where there is one;
 * where the server asks for a login beside the certificate, with both. What people should know of
 * that is in the order's note.
 */
int est_ask(struct est_asking *a, struct http_answer *ret, struct err *e) MUST_USE;

#endif
