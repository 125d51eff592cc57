/* Another key for the account (RFC 8555 7.3.5). */
#ifndef KEYSTAY_CA_ACME_KEY_CHANGE_H
#define KEYSTAY_CA_ACME_KEY_CHANGE_H

#include "keystay/ca/ca.h"

/* The change_key of ca_ops. */
int acme_change_key(void *ca, EVP_PKEY *key, EVP_PKEY *public, struct err *e) MUST_USE;

#endif
