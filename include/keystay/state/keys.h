/*
 * Every key that the agent ever reserved, made or gave up: a row stays for ever.
 *
 *	reserved -> staged -> active -> draining -> disabled -> destroyed
 *	                              \-> compromised ---------> destroyed
 */
#ifndef KEYSTAY_STATE_KEYS_H
#define KEYSTAY_STATE_KEYS_H

#include "keystay/base/err.h"

#include <stdbool.h>

struct db;

/* The words of key.state. */
#define KEY_RESERVED "reserved" /* label and id are chosen; it may be made, half made or not */
#define KEY_STAGED "staged"     /* made and judged, used by no live certificate */
#define KEY_ACTIVE "active"
#define KEY_DRAINING "draining"       /* its certificate was replaced and proven so */
#define KEY_DISABLED "disabled"       /* it may not sign any more (CKA_SIGN=false) */
#define KEY_DESTROYED "destroyed"     /* its objects are gone; the row and its hash stay */
#define KEY_COMPROMISED "compromised" /* its public key is refused for ever */

struct key_row {
	char id[33];
	char label[96];
	char token[65];
	char type[16];
	char purpose[16]; /* "certificate", "account" or "probe" */
	char owner[65];   /* the certificate, the authority or the token */
	char state[16];
	char state_before[16]; /* of a disabled key: what it is again when enabled; else "" */
	char public_hash[65];  /* "" until it is made */
	char uri[512];         /* "" until it is made */
	when_t created_at;
	when_t state_at;
};

/* Stores label and id before the key is made (state, public_hash and uri of `row` are ignored). */
int key_reserve(struct db *db, const struct key_row *row, struct err *e) MUST_USE;

/* reserved -> staged, with what was read back from the token. `evidence` is JSON. */
int key_set_made(struct db *db, const char *id, const char *public_hash, const char *uri,
	const char *evidence, when_t now, struct err *e) MUST_USE;

int key_set_state(
	struct db *db, const char *id, const char *state, when_t now, struct err *e) MUST_USE;

/* To disabled, remembering what it was. */
int key_set_disabled(struct db *db, const char *id, when_t now, struct err *e) MUST_USE;

/* A disabled key that was replaced meanwhile: enabled again it is draining. */
int key_set_drained(struct db *db, const char *id, when_t now, struct err *e) MUST_USE;

/* The watch over a disabled key begins anew: something tried to use it. */
int key_watch_again(struct db *db, const char *id, when_t now, struct err *e) MUST_USE;

/* What stands in the way of a key's end. */
struct key_uses {
	int64_t live;     /* live versions of certificates that use it */
	int64_t attempts; /* attempts under way */
	int64_t accounts; /* accounts at authorities */
	int64_t served;   /* endpoints that showed its certificate when they were looked at last */
	char certificate[65]; /* one of the live ones, "" for none */
};

int key_uses(struct db *db, const char *id, struct key_uses *ret, struct err *e) MUST_USE;

/* By id; ERR_FAILED when there is none. */
int key_get(struct db *db, const char *id, struct key_row *ret, struct err *e) MUST_USE;

/* The same, but one that is not known is no error. */
int key_known(struct db *db, const char *id, struct key_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

/* What was read back when it was made (JSON), NULL before; the caller frees. */
int key_evidence_get(struct db *db, const char *id, char **ret, struct err *e) MUST_USE;

/*
 * The newest reserved or staged key that certificate `owner` could take, of this type in this
 * token; *ret_found says whether there is one.
 */
int key_find_spare(struct db *db, const char *owner, const char *token, const char *type,
	struct key_row *ret, bool *ret_found, struct err *e) MUST_USE;

/*
 * A key for an account of this authority that is reserved or staged and is not `key_id`, the one of
 * the account: another key was about to take its place.
 */
int key_find_next(struct db *db, const char *authority, const char *key_id, struct key_row *ret,
	bool *ret_found, struct err *e) MUST_USE;

/* Calls `each` for all keys, of one owner if `owner` is not NULL, oldest first. */
int keys_each(struct db *db, const char *owner,
	int (*each)(void *ctx, const struct key_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
