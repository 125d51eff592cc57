/* /cacerts (RFC 7030 4.1): the first anchor, new ones, and what chains are built from. */
#ifndef KEYSTAY_CA_EST_ANCHORS_H
#define KEYSTAY_CA_EST_ANCHORS_H

#include "est.h"

/*
 * Asks once in a session. Where nothing is known of the server yet, the CA of `bootstrap:` is
 * looked for in an answer that proves nothing, and the question is asked again on a new connection
 * that it verifies. `id` is shown to a server that answers nobody without a certificate; NULL =
 * none. New anchors are told to the session's owner, and hold from then on.
 */
int est_need_cacerts(struct est *s, const struct http_identity *id, struct err *e) MUST_USE;

/* The look_at_anchors and check of ca_ops. */
int est_look_at_anchors(void *ca, struct err *e) MUST_USE;
int est_check(
	const struct authority_conf *conf, const struct ca_needs *needs, struct err *e) MUST_USE;

#endif
