/*
 * The services of the real world: the kernel's clock and generator, children, HTTPS, handshakes.
 */
#ifndef KEYSTAY_RUN_SYSTEM_H
#define KEYSTAY_RUN_SYSTEM_H

#include "keystay/base/services.h"

/* Borrowed; lives as long as the process. */
const struct services *system_services(void);

#endif
