/*
 * Revocation: certificates are refused for ever by whoever looks, and what lives by them is due.
 *
 *	life_revocation(life, name, version, reason, &r, &e)	what would be revoked; changes
 *nothing life_revoke(life, &r, &e)				does it revocation_free(&r)
 */
#ifndef KEYSTAY_LIFE_REVOKE_H
#define KEYSTAY_LIFE_REVOKE_H

#include "keystay/ca/reasons.h"
#include "keystay/life/life.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"

/* One certificate that is to be revoked. */
struct revoked {
	struct version_row version; /* revoked_at and revoked_for as they are now */
	bool live;                  /* its version is the live one */
	bool before;                /* it was revoked before this run */
};

struct revocation {
	enum revocation_reason reason;
	struct revoked *item;
	size_t items;
	bool live;   /* one of them is live, and not yet revoked */
	bool staged; /* with keyCompromise: new keys are ready */
};

/*
 * The certificates (one per key type) of a version, 0 for the live one. With keyCompromise also
 * every other one of the same keys that is not expired. ERR_USAGE where there is no such version.
 * The certificate need not be in the configuration any more.
 */
int life_revocation(struct life *l, const char *certificate, int64_t version,
	enum revocation_reason reason, struct revocation *ret, struct err *e) MUST_USE;

/* The certificates of a key that are not expired, with keyCompromise. */
int life_revocation_of_key(
	struct life *l, const struct key_row *key, struct revocation *ret, struct err *e) MUST_USE;

/*
 * Revokes them at their authorities, one after the other; each is stored and journaled at once, so
 * that another run goes on. With keyCompromise the keys are compromised first (life/keys.h),
 * whatever the authority says then. Live certificates are due, except with cessationOfOperation.
 * The first failure is told, and what does not depend on it is revoked all the same: ERR_AUTHORITY
 * says what a person must do where the protocol knows no revocation, or the account is gone.
 */
int life_revoke(struct life *l, struct revocation *r, struct err *e) MUST_USE;

void revocation_free(struct revocation *r);
AUTO_DEFINE_VALUE(revocation, revocation_free)

#endif
