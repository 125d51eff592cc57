/*
 * The list of roads, and which one is taken.
 */
#ifndef KEYSTAY_TOKEN_ROADS_H
#define KEYSTAY_TOKEN_ROADS_H

#include "keystay/token/road.h"

/* "auto", "provider", "libp11"; and back (false for a word that is none). */
const char *road_word(enum road road);
bool road_of(const char *word, enum road *ret);

/* The provider is on this host (libp11 always is: keystay is linked with it). */
bool road_provider_present(void);

/* The road of a module whose tokens are configured so: ROAD_AUTO takes the provider if present. */
const struct road_ops *road_choose(enum road road);

#endif
