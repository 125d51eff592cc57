/*
 * The clock that never jumps, for limits on waiting. The moment of the day comes from services.
 */
#ifndef KEYSTAY_BASE_CLOCK_H
#define KEYSTAY_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment in the past. */
int64_t clock_ms(void);

#endif
