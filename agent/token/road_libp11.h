/* The road by libp11. */
#ifndef KEYSTAY_TOKEN_ROAD_LIBP11_H
#define KEYSTAY_TOKEN_ROAD_LIBP11_H

#include "keystay/token/road.h"

extern const struct road_ops road_libp11;

#endif
