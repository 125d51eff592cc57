/*
 * `rollback`: a person goes back to a version that was live before (or forward again). It is an
 * attempt like any other that begins at the step install: stored before anything is changed, so
 * that a run after a kill goes on with it. It differs in this: nothing is ordered; the version is
 * judged again before it is installed and before it is recorded; and when it fails, and what was
 * live is put back, it is not tried again.
 */
#ifndef KEYSTAY_LIFE_GO_BACK_H
#define KEYSTAY_LIFE_GO_BACK_H

#include "keystay/life/life.h"

struct went_back {
	int64_t from, to;          /* version numbers */
	struct life_result result; /* as of any attempt */
	when_t due_at;             /* when the certificate is due now, and by what */
	char due_reason[96];
};

/*
 * Makes version `to` live again, 0 for the newest one before the live one, and waits until its
 * handshakes show it. What became of it is in ret->result; when they do not show it, the version
 * that was live is live again (ERR_SERVED). -1 where nothing was begun: ERR_USAGE for a version
 * that is not known or is live already; ERR_POLICY where a key of it is disabled, destroyed or
 * compromised, or it is expired or revoked; ERR_FAILED where its files are gone; ERR_WAIT while
 * another attempt is under way.
 */
int life_go_back(struct life *l, const struct certificate_conf *c, int64_t to,
	struct went_back *ret, struct err *e) MUST_USE;

#endif
