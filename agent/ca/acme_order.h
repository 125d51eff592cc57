/* The stages of an ACME order (RFC 8555 7.4, 7.5). */
#ifndef KEYSTAY_CA_ACME_ORDER_H
#define KEYSTAY_CA_ACME_ORDER_H

#include "keystay/ca/ca.h"

/* The advance and settle of ca_ops. */
int acme_advance(void *ca, struct ca_order *order, enum ca_progress *ret, struct err *e);
void acme_settle(void *ca, const struct ca_order *order);

#endif
