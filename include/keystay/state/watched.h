/*
 * Watched certificates: they exist somewhere, and keystay does not manage them. What is known of
 * one, where it was seen, and whose it is.
 */
#ifndef KEYSTAY_STATE_WATCHED_H
#define KEYSTAY_STATE_WATCHED_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

struct db;

/* Where its facts are from; the words of watched.source. */
#define WATCHED_FILE "file" /* a PEM file of this machine: `place` is its path */
#define WATCHED_ENDPOINT                                                                 \
	"endpoint"          /* a handshake: `place` is HOST:PORT, and behind a blank the \
			     * name that is asked for, where it is not the host */
#define WATCHED_LIST "list" /* a row of an estate's CSV: `place` is that file's path */

#define WATCHED_PLACE 512

struct watched_row {
	char name[65];
	struct list names; /* normalised (x509/names.h) */
	char source[16];
	char place[WATCHED_PLACE];
	char config[512];  /* what names it on this machine: "/etc/nginx/x.conf:12"; "" = nothing */
	char subject[512]; /* one line, for people */
	char owner[256];
	char authority[65]; /* of the configuration, or what the list called it; "" = not known */
	char policy[65];
	char token[65];
	char key_type[16]; /* as keystay writes it, else "rsa-1024", "ec-secp256k1"; "" = not known
			    */
	struct list endpoints; /* HOST:PORT, where it is served */
	char notes[512];
	char issuer[256];
	char serial[48];      /* hex; "" = only a list knows of it */
	char fingerprint[65]; /* SHA-256 of the DER, hex; "" likewise */
	when_t not_before;    /* 0 = not known */
	when_t not_after;
	when_t added_at;
	when_t looked_at;  /* at the file or the endpoint, last; 0 = never */
	char problem[512]; /* of that look; "" = none */
};

/* Stores one, new or changed, by its name. */
int watched_save(struct db *db, const struct watched_row *row, struct err *e) MUST_USE;

/* By name; *ret_found = false when there is none. Free with watched_free. */
int watched_get(struct db *db, const char *name, struct watched_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

int watched_delete(struct db *db, const char *name, struct err *e) MUST_USE;

/* All, in the order of their names; borrowed for the call. */
int watched_each(struct db *db,
	int (*each)(void *ctx, const struct watched_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* Frees its lists; the struct itself is the caller's. */
void watched_free(struct watched_row *row);

AUTO_DEFINE_VALUE(watched_row, watched_free)

#endif
