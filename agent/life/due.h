/*
 * When a certificate is due, and by what (DESIGN: "Due is"). Worked out for all at once, stored
 * where it changed, and kept for the run.
 */
#ifndef KEYSTAY_LIFE_DUE_H
#define KEYSTAY_LIFE_DUE_H

#include "internal.h"
#include "keystay/state/due.h"

/* What may have happened to a certificate (certificate.cause). */
#define CAUSE_COMPROMISED "its key is compromised"
#define CAUSE_SIGNATURES "signatures of the key"
#define CAUSE_REVOKED "it was revoked"
#define CAUSE_KEY_GONE "its key is gone from the token"
#define CAUSE_FILES_GONE "its files are gone"

/* True for causes that no freeze and no patience with an authority may hold up. */
bool cause_is_urgent(const char *cause);

#define DUE_NEVER ((when_t)INT64_MAX)

/* What is known of a live certificate; of several key types the row that is due first counts. */
struct due {
	when_t at; /* 0 = there is no live version */
	char reason[96];
	when_t not_before, not_after;
	int64_t live_version, last_version;
	when_t ask_at;   /* for its renewal window (life/windows.h); 0 = now, DUE_NEVER = never */
	when_t press_at; /* from then on time presses: half of the time for trying is over */
	when_t parked_until; /* of its attempt */
	bool attempt;        /* one is under way */
	bool placed;         /* and its version is in place, or may be */
	bool urgent;
	bool news, wish_known; /* what is stored is another; whether a wish is stored */
};

/*
 * Pure: when the part of `row` is due by policy `p` (never NULL), with the wish of the
 * configuration `wish` (life/wish.h) at `now`.
 */
void due_of(const struct policy *p, const struct due_row *row, const char *wish, when_t now,
	struct due *ret);

/* policy_thaw for a certificate that was installed at that moment. */
when_t due_thaw(
	const struct policy *p, when_t installed_at, when_t now, when_t due, when_t deadline);

/* When the authority is to be asked for the window of a part; 0 = now, DUE_NEVER = never. */
when_t due_ask_at(const struct config *c, const struct due_row *row, when_t now);

/*
 * Works it out for every configured certificate and stores what changed. `ret` has an entry for
 * each certificate of the configuration, in its order; the caller frees it.
 */
int due_look(struct db *db, const struct config *c, when_t now, bool store, struct due **ret,
	struct err *e) MUST_USE;

/* The entry of a certificate in the table of this pass, which the first call makes; borrowed. */
int life_due(struct life *l, const struct certificate_conf *c, const struct due **ret,
	struct err *e) MUST_USE;

/* Forgets the table: something changed. */
void life_due_again(struct life *l);

/* A hundredth of the lifetime is spread over, so that what was issued together is not renewed
 * together. */
int64_t due_jitter(const struct services *s);

#endif
