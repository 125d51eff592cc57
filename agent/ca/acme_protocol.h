/* ACME as a protocol of an authority. */
#ifndef KEYSTAY_CA_ACME_PROTOCOL_H
#define KEYSTAY_CA_ACME_PROTOCOL_H

#include "keystay/ca/ca.h"

extern const struct ca_ops acme_ops;

#endif
