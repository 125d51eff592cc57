/* Revocation by the account that ordered the certificate (RFC 8555 7.6). */
#ifndef KEYSTAY_CA_ACME_REVOKE_H
#define KEYSTAY_CA_ACME_REVOKE_H

#include "keystay/ca/ca.h"

/* The revoke of ca_ops. */
int acme_revoke(void *ca, const void *der, size_t len, enum revocation_reason reason,
	struct err *e) MUST_USE;

#endif
