/*
 * How the daemon waits: for a moment of the wall clock, for signals, for a command that changed the
 * state, for a clock that is set. It takes no CPU meanwhile.
 */
#ifndef KEYSTAY_RUN_WAITING_H
#define KEYSTAY_RUN_WAITING_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct waiting {
	int signals; /* signalfd */
	int timer;   /* timerfd of the wall clock */
	int watch;   /* inotify: the lock of the state folder */
	bool stop;   /* SIGTERM or SIGINT came */
	bool reload; /* SIGHUP came */
};

/* Blocks the signals for good and opens everything. The caller closes with waiting_close. */
int waiting_open(struct waiting *w, struct err *e) MUST_USE;
void waiting_close(struct waiting *w);

/* Watches the lock of a state folder, in place of the one before; the folder must be there. */
int waiting_watch(struct waiting *w, const char *state, struct err *e) MUST_USE;

/* Takes up signals that have come; never waits. */
void waiting_look(struct waiting *w);

/* Forgets what happened to the lock: it was us. */
void waiting_forget(struct waiting *w);

/*
 * Waits until `until` (of the wall clock), a signal, a change of the state by another process, or a
 * clock that was set; at most `longest_ms` (-1 = no limit). True when the time is over or there is
 * something to do; false at `longest_ms`.
 */
bool waiting_until(struct waiting *w, when_t until, int longest_ms);

/* Sleeps, but not longer than until the next signal. */
void waiting_sleep(struct waiting *w, int ms);

#endif
