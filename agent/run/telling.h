/*
 * What people see while certificates go through their steps: on a terminal lines that change in
 * their place, elsewhere one line when a certificate waits, and one when it is done or failed.
 */
#ifndef KEYSTAY_RUN_TELLING_H
#define KEYSTAY_RUN_TELLING_H

#include "keystay/life/life.h"
#include "keystay/run/run.h"

/* Before life_open: chooses the way. `r` may then have services that draw while they sleep. */
void telling_begin(struct run *r);

/* A certificate that will go through the steps. */
void telling_expect(struct run *r, const struct certificate_conf *c);

/* For the watcher (life/life.h). */
void telling_progress(void *run, const struct life_moment *m);
void telling_finished(void *run, const struct life_result *result);

#endif
