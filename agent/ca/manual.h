/* "manual": a person carries the request to a CA's portal, and the certificate back. */
#ifndef KEYSTAY_CA_MANUAL_H
#define KEYSTAY_CA_MANUAL_H

#include "keystay/ca/ca.h"

extern const struct ca_ops manual_ops;

#endif
