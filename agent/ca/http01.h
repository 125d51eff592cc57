/*
 * Answers to http-01 challenges (RFC 8555 8.3): as files in the webroot that a server shows, or by
 * our own listener.
 */
#ifndef KEYSTAY_CA_HTTP01_H
#define KEYSTAY_CA_HTTP01_H

#include "keystay/ca/ca.h"

/* The listeners of a session, opened when the first challenge needs them. {0} has none. */
struct http01 {
	struct http01_listener *listeners;
};

/* base64url characters only, 16 to 256 of them: it becomes a file name. */
bool http01_token_valid(const char *token);

/*
 * Makes `text` be what http://NAME/.well-known/acme-challenge/TOKEN answers; again and again the
 * same is no error.
 */
int http01_publish(struct http01 *h, const struct challenge_conf *conf, const char *token,
	const char *text, struct err *e) MUST_USE;

/* Takes it away again; a missing one is no error. */
void http01_withdraw(struct http01 *h, const struct challenge_conf *conf, const char *token);

/* Closes the listeners. */
void http01_close(struct http01 *h);

#endif
