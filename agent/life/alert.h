/* What people are told even if nobody looks. */
#ifndef KEYSTAY_LIFE_ALERT_H
#define KEYSTAY_LIFE_ALERT_H

#include "internal.h"

/* Tells it, unless the same was told of this subject less than a day ago. */
void alert_tell(struct life *l, const char *subject, const char *kind, const struct err *why);

/* The same, of what the caller's own answer says too, or a warning. */
void alert_also(struct life *l, const char *subject, const char *kind, const struct err *why);

/* A warning in any case, and an alert. */
void alert_warn(struct life *l, const char *subject, const char *kind, const struct err *why);

/* Tells it once for each `stage`, which is a text that people do not see. */
void alert_stage(struct life *l, const char *subject, const char *kind, const char *stage,
	const struct err *why);

/* All is well with it again: that is told where it was told otherwise. */
void alert_over(struct life *l, const char *subject, const char *kind, const char *text);

/*
 * A failed step, where nobody reads the answer: what only a person can mend at once; what the
 * network or an authority may mend by itself after some tries.
 */
void alert_failure(struct life *l, const struct work *w, const struct err *why);
void alert_success(struct life *l, const char *certificate);

/* Certificates that should have been renewed long ago, or are expired. */
void alert_expiries(struct life *l);

#endif
