/*
 * Certificates that were taken out of the configuration by `remove`: how their keys end is no
 * longer said by a policy, so it is kept here. A row stays as the memory of it, until a certificate
 * of that name is added again.
 */
#ifndef KEYSTAY_STATE_REMOVED_H
#define KEYSTAY_STATE_REMOVED_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

struct db;

struct removed_row {
	char certificate[65];
	when_t removed_at;
	bool keep_key;         /* its keys stay as they are */
	when_t drain, disable; /* seconds, of the policy that it had */
	struct list endpoints; /* where it was served */
};

/* New or changed, by the certificate's name. */
int removed_save(struct db *db, const struct removed_row *row, struct err *e) MUST_USE;

/* *ret_found = false when there is none. Free with removed_free. */
int removed_get(struct db *db, const char *certificate, struct removed_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

int removed_delete(struct db *db, const char *certificate, struct err *e) MUST_USE;

/* The names of all, in their order. */
int removed_names(struct db *db, struct list *ret, struct err *e) MUST_USE;

/* Frees its list; the struct itself is the caller's. */
void removed_free(struct removed_row *row);

AUTO_DEFINE_VALUE(removed_row, removed_free)

#endif
