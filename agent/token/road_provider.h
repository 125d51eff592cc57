/* The road by OpenSSL's provider `pkcs11`. */
#ifndef KEYSTAY_TOKEN_ROAD_PROVIDER_H
#define KEYSTAY_TOKEN_ROAD_PROVIDER_H

#include "keystay/token/road.h"

extern const struct road_ops road_provider;

#endif
