/* The stages of one order by EST. */
#ifndef KEYSTAY_CA_EST_ORDER_H
#define KEYSTAY_CA_EST_ORDER_H

#include "keystay/ca/ca.h"

/* The advance and settle of ca_ops. */
int est_advance(void *ca, struct ca_order *order, enum ca_progress *ret, struct err *e) MUST_USE;
void est_settle(void *ca, const struct ca_order *order);

#endif
