/*
 * HOST:PORT and [ADDRESS]:PORT, as the configuration writes endpoints and listening addresses.
 */
#ifndef KEYSTAY_BASE_ENDPOINT_H
#define KEYSTAY_BASE_ENDPOINT_H

#include <stdbool.h>

#define ENDPOINT_HOST 256
#define ENDPOINT_PORT 8

/* Takes it apart; the host without brackets. False for anything that is not of the two forms. */
bool endpoint_split(const char *endpoint, char host[ENDPOINT_HOST], char port[ENDPOINT_PORT]);

#endif
