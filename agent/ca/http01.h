/*
 * Answers to http-01 challenges (RFC 8555 8.3), as files in the webroot that a server shows.
 */
#ifndef KEYSTAY_CA_HTTP01_H
#define KEYSTAY_CA_HTTP01_H

#include "keystay/ca/ca.h"

/* base64url characters only, 16 to 256 of them: it becomes a file name. */
bool http01_token_valid(const char *token);

/* Makes `text` be what http://NAME/.well-known/acme-challenge/TOKEN answers. */
int http01_publish(const struct challenge_conf *conf, const char *token, const char *text,
	struct err *e) MUST_USE;

/* Takes it away again; a missing one is no error. */
void http01_withdraw(const struct challenge_conf *conf, const char *token);

#endif
