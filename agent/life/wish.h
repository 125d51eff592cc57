/*
 * What a version was made for, as text: a line each for key types, token, names and subject. It is
 * stored with the version, and held against the configuration: what differs makes it due.
 */
#ifndef KEYSTAY_LIFE_WISH_H
#define KEYSTAY_LIFE_WISH_H

#include "keystay/config/certificate.h"
#include "keystay/state/inventory.h"

/* The wish of a certificate; a very long one as a hash. */
void wish_text(const struct certificate_conf *c, char ret[WISH_TEXT]);

/* What differs, for a person ("names"); NULL for the same, and where the stored one is not known.
 */
const char *wish_differs(const char *stored, const char *now);

#endif
