/*
 * A lock file that says who holds it. The kernel gives it back when its holder dies.
 */
#ifndef KEYSTAY_BASE_LOCK_H
#define KEYSTAY_BASE_LOCK_H

#include "keystay/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct lock;

/* Room for what a holder says of itself. */
#define LOCK_TEXT 160

/*
 * Tries to take the lock at `path`, without waiting. *ret_held is false when another process has
 * it; `holder` (LOCK_TEXT bytes) then says who, as that process wrote it. The caller gives it back
 * with lock_release.
 */
int lock_try(const char *path, const char *self, struct lock **ret, bool *ret_held, char *holder,
	struct err *e) MUST_USE;

/* Changes what others read of us. */
void lock_say(struct lock *l, const char *self);

/* NULL does nothing. */
void lock_release(struct lock *l);

/* The process that gave it back last; 0 while it is held, or after a holder that died. */
pid_t lock_left_by(const char *path);

#endif
