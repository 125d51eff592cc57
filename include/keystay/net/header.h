/*
 * The header fields of HTTP answers that protocols act on. Foreign bytes: every function takes a
 * length and has a fuzz target.
 */
#ifndef KEYSTAY_NET_HEADER_H
#define KEYSTAY_NET_HEADER_H

#include "keystay/base/text.h"
#include "keystay/base/when.h"

/*
 * Retry-After (RFC 9110 10.2.3): seconds or an HTTP date, of `len` bytes. Stores the moment in
 * *ret: at least `now`, at most `now` + 30 days. False for anything else.
 */
bool retry_after_parse(const char *text, size_t len, when_t now, when_t *ret);

/*
 * The targets of a Link field (RFC 8288) whose rel has the word `rel`: comma lists, quoted
 * parameters. Adds absolute or relative references as written to *ret; at most 32 in all. False
 * when the field is not well-formed from some point on; what was found before is kept.
 */
bool link_targets(const char *text, size_t len, const char *rel, struct list *ret);

/* What a WWW-Authenticate field asks for. */
enum challenge { CHALLENGE_BASIC = 1, CHALLENGE_DIGEST = 2, CHALLENGE_OTHER = 4 };

/*
 * The schemes of a WWW-Authenticate field (RFC 9110 11.6.1), with commas and quoted parameters and
 * all: a set of enum challenge; 0 for a field that names none. From where it is not well-formed on,
 * nothing is read.
 */
unsigned challenge_schemes(const char *text, size_t len);

#endif
