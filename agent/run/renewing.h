/* What `issue` and `renew` share: certificates brought through the nine steps, and told about. */
#ifndef KEYSTAY_RUN_RENEWING_H
#define KEYSTAY_RUN_RENEWING_H

#include "keystay/life/life.h"
#include "keystay/run/run.h"

/* --wait where it is not given. */
#define WAIT_DEFAULT (10 * MINUTE)

/*
 * Brings the certificates named by `names` (all when empty) as far as they go and says what became
 * of each. Returns the exit status: the first, in configuration order, that is neither 0 nor 7,
 * else 7 if any waits.
 */
int renew_certificates(struct run *r, const char *command, const struct list *names,
	const struct wish *wish, when_t wait);

/* The same wish, but only said what would be done. */
int plan_certificates(struct run *r, const struct list *names, const struct wish *wish);

/* What --key asks for: "new", "same" or "auto"; false for anything else. */
bool key_mode_of(const char *word, enum key_mode *ret);

/* Says what became of one; returns its exit status. */
int show_result(struct run *r, const struct life_result *result);

#endif
