/*
 * What is asked of all certificates at once when it is worked out which of them are due: one query
 * for an estate of ten thousand.
 */
#ifndef KEYSTAY_STATE_DUE_H
#define KEYSTAY_STATE_DUE_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

/* A key type of a live version; the texts are borrowed for the call. */
struct due_row {
	const char *certificate;
	const char *renew_reason, *cause, *wish;
	int64_t live_version, last_version;
	when_t renew_at, cause_at;
	int64_t jitter;
	const char *key_type, *authority;
	when_t not_before, not_after, installed_at;
	when_t key_made_at;
	const char *key_state;
	const char *ari_id; /* "" = none */
	/* Of its renewal window; zeros while the authority was not asked. */
	when_t window_start, window_end, chosen_at, ask_at;
};

/* Calls `each` for every part of every live version, in the order of the certificates' names. */
int due_rows_each(struct db *db, int (*each)(void *ctx, const struct due_row *row, struct err *e),
	void *ctx, struct err *e) MUST_USE;

/* What was worked out: renew_at and its reason; `wish` is what the live version is held against,
 * NULL for leaving that as it is. */
int due_save(struct db *db, const char *certificate, when_t renew_at, const char *reason,
	const char *wish, struct err *e) MUST_USE;

/*
 * Something happened: the certificate is due at `at`, unless something before made it due earlier
 * or as early. The cause `lesser` ("" = none) gives way in any case. *ret_news says whether that is
 * new. One without a live version is left alone.
 */
int due_cause(struct db *db, const char *certificate, when_t at, const char *cause,
	const char *lesser, bool *ret_news, struct err *e) MUST_USE;

/* The renewal window of a certificate (RFC 9773), as its authority named it last. */
struct renewal_info_row {
	char ari_id[128];
	char authority[65];
	when_t window_start, window_end; /* 0 = it names none */
	when_t chosen_at;                /* the moment in it, chosen once */
	char explanation[512];           /* a URL for people; "" = none */
	when_t ask_at;                   /* not before */
	int64_t failures;                /* in a row */
};

int renewal_info_get(
	struct db *db, const char *ari_id, struct renewal_info_row *ret, struct err *e) MUST_USE;
int renewal_info_save(struct db *db, const struct renewal_info_row *row, struct err *e) MUST_USE;

/* Forgets the windows of versions that are not live any more. */
int renewal_info_tidy(struct db *db, struct err *e) MUST_USE;

#endif
