/*
 * The names a certificate is for: DNS names (A-labels, lower case, RFC 5280 4.2.1.6) and IP
 * addresses, as normalised text. A wildcard is "*." before a name.
 */
#ifndef KEYSTAY_X509_NAMES_H
#define KEYSTAY_X509_NAMES_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

/* The longest DNS name (RFC 1035) and its NUL; IP addresses are shorter. */
#define NAME_TEXT 256

/*
 * Normalises one name: lower case, no trailing dot, an IPv6 address in its RFC 5952 form.
 * ERR_CONFIG for what is neither a DNS name nor an address; for a U-label the hint says what to do.
 */
int name_normal(const char *text, char name[NAME_TEXT], struct err *e) MUST_USE;

bool name_is_ip(const char *name);
bool name_is_wildcard(const char *name);

/* True when a and b hold the same names, in any order. Both normalised and without repeats. */
bool names_equal(const struct list *a, const struct list *b);

#endif
