/*
 * A small HTTP listener for http-01 challenges (RFC 8555 8.3): it answers GET for the paths it was
 * given, and 404 for everything else. It polls in a thread of its own and touches nothing else.
 */
#ifndef KEYSTAY_NET_LISTENER_H
#define KEYSTAY_NET_LISTENER_H

#include "keystay/base/err.h"

struct listener;

/*
 * Listens on "ADDR:PORT" ("0.0.0.0:80", "[::]:80", which takes IPv4 too). ERR_FAILED with a hint
 * when it may not, or something listens there. The caller ends it with listener_close.
 */
int listener_open(const char *address, struct listener **ret, struct err *e) MUST_USE;
void listener_close(struct listener *l);

/* Answers `path` ("/.well-known/...") with `text`; given again, the text is replaced. */
int listener_set(struct listener *l, const char *path, const char *text, struct err *e) MUST_USE;

/* Forgets a path; one that is not there is no error. */
void listener_unset(struct listener *l, const char *path);

#endif
