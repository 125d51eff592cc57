/* Requests to an EST server, and what its refusals mean. */
#ifndef KEYSTAY_CA_EST_HTTP_H
#define KEYSTAY_CA_EST_HTTP_H

#include "est.h"

/*
 * Connections by the anchors of now: `anybody` is made anew (after anchors were learned),
 * `somebody` ends.
 */
int est_connect(struct est *s, struct err *e) MUST_USE;

/* The connection that shows `id`; borrowed. */
int est_somebody(
	struct est *s, const struct http_identity *id, struct http **ret, struct err *e) MUST_USE;

/*
 * Sends `r` to an operation ("cacerts"; r->url is not looked at) and follows redirects as RFC 7030
 * 3.2.1 has it: within the same origin, and to one that `redirects:` names, where no login is sent.
 */
int est_send(struct est *s, struct http *h, const char *operation, const struct http_request *r,
	struct http_answer *ret, struct err *e) MUST_USE;

/*
 * Fills `e` from an answer that is not what was asked for: its status and, where it is text, what
 * it says. 429 and 503 are ERR_BUSY with the moment it names, other 5xx and 408 ERR_NETWORK, the
 * rest ERR_AUTHORITY. Always -1.
 */
int est_fail(struct est *s, const char *operation, const struct http_answer *answer, struct err *e);

/* The login that the configuration has, its password fetched; *ret is NULL where there is none. */
int est_login(struct est *s, struct http_login *room, const struct http_login **ret,
	struct err *e) MUST_USE;

#endif
