/*
 * Programs are started by posix_spawn (never fork: PKCS#11 modules break), with an argv, a small
 * fresh environment and a time limit; what they say on stderr goes into the error.
 */
#ifndef KEYSTAY_BASE_CHILD_H
#define KEYSTAY_BASE_CHILD_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"

struct child {
	char *const
		*argv; /* argv[0] is looked up in the system's folders; NULL-terminated; borrowed */
	int time_limit_ms;  /* then it and its group are killed */
	struct buf *output; /* its stdout and stderr, cut at the ceiling; may be NULL */
	const char *input;  /* its stdin; NULL = /dev/null; borrowed */
};

/*
 * Runs it to its end. The environment of the child is PATH, LANG=C.UTF-8 and, where the agent has
 * them, the variables that PKCS#11 modules and OpenSSL are configured by (see child.c).
 * Stores the exit status in *ret_status (128 + signal for a killed child); -1 when it could not be
 * started (ERR_CONFIG: no such program) or ran into its limit (ERR_FAILED).
 */
int child_run(const struct child *c, int *ret_status, struct err *e) MUST_USE;

/* child_run, with an exit status other than 0 being an error that quotes the last output line. */
int child_must(const struct child *c, struct err *e) MUST_USE;

#endif
