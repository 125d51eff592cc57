/*
 * Attempts: what is being done for a certificate. The row says which step is to be done next; a
 * part per key type holds key, request, the authority's cookie and the chain. The row goes when the
 * certificate is recorded as served.
 */
#ifndef KEYSTAY_STATE_ATTEMPTS_H
#define KEYSTAY_STATE_ATTEMPTS_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"

#define PARTS_MAX 5

struct db;

struct part {
	char key_type[16];
	char key_id[33];
	char *csr; /* DER, csr_len bytes; NULL until made */
	size_t csr_len;
	char *cookie; /* NULL until ordered */
	char *chain;  /* PEM; NULL until issued */
};

struct attempt {
	char certificate[65];
	char step[16];
	char reason[96];
	char key_mode[8]; /* new, same, auto */
	char authority[65];
	int64_t version; /* reserved at install; 0 = not yet */
	when_t started_at;
	when_t not_before;  /* parked until then; 0 = go on */
	when_t deadline;    /* of the served check; 0 = not begun */
	int64_t tries;      /* failures since it began */
	int64_t tries_here; /* those of them by what this authority did */
	enum err_kind error_kind;
	char error_text[1600];
	char error_hint[480];
	struct part part[PARTS_MAX];
	size_t parts;
};

/* Stores the whole attempt, new or changed, with its parts. One transaction if none is open. */
int attempt_save(struct db *db, const struct attempt *a, struct err *e) MUST_USE;

/* Loads it with its parts; *ret_found = false when there is none. Free with attempt_free. */
int attempt_load(struct db *db, const char *certificate, struct attempt *ret, bool *ret_found,
	struct err *e) MUST_USE;

/* Frees what the parts hold; the struct itself is the caller's. */
void attempt_free(struct attempt *a);

int attempt_delete(struct db *db, const char *certificate, struct err *e) MUST_USE;

/* Parks every attempt of an authority that is at `step` until then, unless parked longer. */
int attempts_park(struct db *db, const char *authority, const char *step, when_t not_before,
	struct err *e) MUST_USE;

/* None stays parked for longer than until `latest`: those that are go on at `now`. */
int attempts_unpark(struct db *db, when_t now, when_t latest, struct err *e) MUST_USE;

/* Where an attempt stands, in little. */
struct attempt_place {
	char certificate[65];
	char step[16];
	when_t not_before;
};

/* Calls `each` for every attempt that there is. */
int attempts_each(struct db *db,
	int (*each)(void *ctx, const struct attempt_place *a, struct err *e), void *ctx,
	struct err *e) MUST_USE;

AUTO_DEFINE_VALUE(attempt, attempt_free)

#endif
