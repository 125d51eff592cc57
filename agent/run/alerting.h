/* How alerts leave the program. */
#ifndef KEYSTAY_RUN_ALERTING_H
#define KEYSTAY_RUN_ALERTING_H

#include "keystay/life/life.h"

/*
 * An alert by syslog, on standard error, and as JSON on standard input of the command that the
 * configuration names. `run` is the struct run. A command that fails is told, and ends nothing.
 */
void send_alert(void *run, const struct alert *alert);

#endif
