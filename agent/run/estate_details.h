/*
 * All that the database has of one certificate that is managed, as it is now.
 */
#ifndef KEYSTAY_RUN_ESTATE_DETAILS_H
#define KEYSTAY_RUN_ESTATE_DETAILS_H

#include "keystay/life/usage.h"
#include "keystay/state/attempts.h"
#include "keystay/state/inventory.h"

struct db;

/* One key of the live version, and its certificate. */
struct estate_key {
	struct version_row version;
	struct key_row key;
	struct key_usage usage;
	char *evidence; /* what the token said when it was made, JSON; NULL = nothing */
};

struct estate_details {
	struct certificate_row row;
	struct estate_key *key;
	size_t keys;
	struct served_row *served;
	size_t served_count;
	struct attempt attempt;
	bool has_attempt;
};

/*
 * Reads it; `db` may be NULL: nothing is known. With `brief` evidence and what was served stay out.
 * Free with estate_details_free.
 */
int estate_details_read(struct db *db, struct usage *usage, const char *name, bool brief,
	struct estate_details *ret, struct err *e) MUST_USE;
void estate_details_free(struct estate_details *d);

AUTO_DEFINE_VALUE(estate_details, estate_details_free)

#endif
