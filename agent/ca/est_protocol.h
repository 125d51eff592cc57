/* The table of EST. */
#ifndef KEYSTAY_CA_EST_PROTOCOL_H
#define KEYSTAY_CA_EST_PROTOCOL_H

#include "keystay/ca/ca.h"

extern const struct ca_ops est_ops;

#endif
