/*
 * What the service manager is told (sd_notify(3)): without NOTIFY_SOCKET each of these does
 * nothing.
 */
#ifndef KEYSTAY_RUN_NOTIFY_H
#define KEYSTAY_RUN_NOTIFY_H

#include "keystay/base/auto.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* That we live; sent only when half of the watchdog's time is over since the last one. */
void notify_alive(void);

/* Milliseconds until notify_alive would send; -1 = there is no watchdog. */
int notify_alive_in(void);

#endif
