/*
 * The names a certificate is for (RFC 5280 4.2.1.6), as normalised text: DNS names (A-labels, lower
 * case), IP addresses, e-mail addresses and URIs. A wildcard is "*." before a DNS name.
 */
#ifndef KEYSTAY_X509_NAMES_H
#define KEYSTAY_X509_NAMES_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

/* The longest name and its NUL: 253 for DNS (RFC 1035), 254 for e-mail (RFC 5321); a URI fits too.
 */
#define NAME_TEXT 256

enum name_kind { NAME_DNS, NAME_IP, NAME_EMAIL, NAME_URI };

/*
 * Normalises one name: a DNS name in lower case without a trailing dot, an IPv6 address in its RFC
 * 5952 form, the domain of an e-mail address and the scheme of a URI in lower case. ERR_CONFIG for
 * what is none of these; for a U-label the hint says what to do.
 */
int name_normal(const char *text, char name[NAME_TEXT], struct err *e) MUST_USE;

/* What a normalised name is. */
enum name_kind name_kind(const char *name);

/* "DNS", "IP", "e-mail", "URI". */
const char *name_kind_word(enum name_kind kind);

/* True for what a client connects to: a DNS name or an address. */
bool name_is_host(const char *name);

bool name_is_ip(const char *name);
bool name_is_wildcard(const char *name);

/* The first of them that a client connects to; NULL = none. Borrowed. */
const char *names_first_host(const struct list *names);

/* True when a and b hold the same names, in any order. Both normalised and without repeats. */
bool names_equal(const struct list *a, const struct list *b);

#endif
