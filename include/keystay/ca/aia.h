/*
 * CA certificates that an answer lacks, fetched from where the certificate itself says (RFC 5280
 * 4.2.2.1, caIssuers). The connection proves nothing: only what signed the certificate is taken.
 */
#ifndef KEYSTAY_CA_AIA_H
#define KEYSTAY_CA_AIA_H

#include "keystay/base/services.h"
#include "keystay/x509/certs_only.h"

/*
 * Adds to `known` the issuers of `leaf`, one after the other, up to a self-signed one or one that
 * names no place (at most 4 requests, http or https). `name` stands in errors ("authority
 * 'portal'"). ERR_NETWORK, ERR_AUTHORITY where a place does not answer, or with something else;
 * what was added before stays.
 */
int aia_complete(const struct services *s, const char *name, X509 *leaf, struct certs *known,
	struct err *e) MUST_USE;

/* The first http or https place that a certificate names, cut to `size`; false for none. */
bool aia_place(const X509 *x, char *url, size_t size);

#endif
