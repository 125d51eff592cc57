/*
 * Certificates that the agent shows to an authority, with their keys in tokens: its enrolment
 * identity, or the one that is renewed.
 */
#ifndef KEYSTAY_LIFE_SHOWN_H
#define KEYSTAY_LIFE_SHOWN_H

#include "internal.h"

struct shown {
	struct http_identity id;
	bool there;
	bool same;     /* live: subject and names are to be as they are there */
	char why[300]; /* why there is none, for messages; "" = nothing is wrong */
};

/*
 * `identity:` of an authority. A certificate file that is not there (yet) is no error: then
 * ret->why says so. The caller frees with shown_free, also after a failure.
 */
int shown_identity(
	struct life *l, const struct authority_conf *a, struct shown *ret, struct err *e) MUST_USE;

/*
 * The live certificate of a key type, if this authority issued it and its key can be had; else
 * ret->why says why not.
 */
int shown_live(struct life *l, const struct certificate_conf *c, const struct authority_conf *a,
	const char *key_type, struct shown *ret, struct err *e) MUST_USE;

void shown_free(struct shown *s);
AUTO_DEFINE_VALUE(shown, shown_free)

#endif
