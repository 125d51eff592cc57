/*
 * How much a key was used, for showing: by the use ledger as it is now, or by its last checkpoint
 * where the ledger cannot be read. Nothing is changed.
 */
#ifndef KEYSTAY_LIFE_USAGE_H
#define KEYSTAY_LIFE_USAGE_H

#include "keystay/config/config.h"
#include "keystay/state/keys.h"

struct db;
struct usage;

struct key_usage {
	bool known;         /* it was ever counted */
	int64_t signatures; /* begun, and not given back: never fewer than were made */
	int64_t refused;    /* by a limit, by the key's state, or because a server may not do it */
	int64_t soft, hard; /* what the policy says; 0 = nothing */
	bool armed;         /* the hard limit is in force now */
	when_t last_use;    /* 0 = never */
};

/* Both must outlive it; `db` may be NULL. The caller frees *ret with usage_close. */
int usage_open(const struct config *c, struct db *db, struct usage **ret, struct err *e) MUST_USE;
void usage_close(struct usage *u);

int usage_of(
	struct usage *u, const struct key_row *k, struct key_usage *ret, struct err *e) MUST_USE;

/* "1,234 signatures of 50,000,000, last on 2026-11-22"; "" while it is not known. */
#define USAGE_TEXT 160
const char *usage_text(const struct key_usage *u, char text[USAGE_TEXT]);

static inline void
auto_usage(struct usage **slot)
{
	usage_close(*slot);
}

#endif
