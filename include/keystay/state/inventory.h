/*
 * What there is: certificates, their recorded versions, and what handshakes showed last.
 */
#ifndef KEYSTAY_STATE_INVENTORY_H
#define KEYSTAY_STATE_INVENTORY_H

#include "keystay/base/err.h"

#include <stdbool.h>

/* Room for 1,000 names of full length would be 256 kB; a longer wish is stored as its hash. */
#define WISH_TEXT 2048

struct db;

struct certificate_row {
	char name[65];
	int64_t live_version; /* the one recorded as served (or as output); 0 = none */
	int64_t last_version; /* the highest number ever used */
	bool not_served;      /* the first version is installed, but no handshake shows it */
	when_t renew_at;      /* when it is due, as it was worked out last, and by what */
	char renew_reason[96];
	when_t cause_at; /* due because of something that happened; 0 = nothing did */
	char cause[96];
	char wish[WISH_TEXT]; /* what the live version was made for (life/wish.c); "" = not known */
	int64_t jitter;       /* per mille of a hundredth of the lifetime */
};

/* One certificate of a version: there is one per key type. */
struct version_row {
	char certificate[65];
	int64_t number;
	char key_type[16];
	char key_id[33];
	char authority[65];
	char serial[48]; /* hex */
	char issuer[256];
	when_t not_before;
	when_t not_after;
	char fingerprint[65]; /* SHA-256 of the DER, hex */
	bool anchored;
	when_t installed_at;
	char ari_id[128];  /* RFC 9773 4.1; "" where it has no authority key identifier */
	char account[512]; /* URL of the account it was issued to; "" where there is none */
	when_t revoked_at; /* by us; 0 = not */
	char revoked_for[32];
};

struct served_row {
	char endpoint[128];
	char sni[256];
	char key_type[16];
	bool ok;
	char fingerprint[65]; /* of the leaf that was shown; "" when there was no handshake */
	when_t checked_at;
};

/* The row of a certificate; all zero (with the name) when nothing is known of it. */
int certificate_get(
	struct db *db, const char *name, struct certificate_row *ret, struct err *e) MUST_USE;
int certificate_save(struct db *db, const struct certificate_row *row, struct err *e) MUST_USE;

/* Stores a version's certificate of one key type; an equal row is replaced. */
int version_save(struct db *db, const struct version_row *row, struct err *e) MUST_USE;

/* Calls `each` for the rows of one version, in the order of their key types' positions. */
int version_each(struct db *db, const char *certificate, int64_t number,
	int (*each)(void *ctx, const struct version_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* The newest row of any certificate that came from an authority; *ret_found says whether there is
 * one. */
int version_last_of(struct db *db, const char *authority, struct version_row *ret, bool *ret_found,
	struct err *e) MUST_USE;

/* The same for every version of any certificate that the key is in, oldest first. */
int version_each_of_key(struct db *db, const char *key_id,
	int (*each)(void *ctx, const struct version_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* How many certificates came from each authority, as far as is known. */
int versions_count(struct db *db,
	int (*each)(void *ctx, const char *authority, int64_t certificates, struct err *e),
	void *ctx, struct err *e) MUST_USE;

/* When certificates came from authorities, after `since`, the oldest first. */
int versions_since(struct db *db, when_t since,
	int (*each)(
		void *ctx, const char *authority, when_t at, int64_t certificates, struct err *e),
	void *ctx, struct err *e) MUST_USE;
/* The certificate whose live version has that fingerprint; "" where there is none. */
int version_live_of(
	struct db *db, const char *fingerprint, char ret_name[65], struct err *e) MUST_USE;

/* The newest recorded version with a lower number than `number`; 0 where there is none. */
int version_before(struct db *db, const char *certificate, int64_t number, int64_t *ret,
	struct err *e) MUST_USE;

int served_save(struct db *db, const char *certificate, const struct served_row *row,
	struct err *e) MUST_USE;
/* Forgets what was seen of a certificate, before a new check of all its endpoints. */
int served_clear(struct db *db, const char *certificate, struct err *e) MUST_USE;
int served_each(struct db *db, const char *certificate,
	int (*each)(void *ctx, const struct served_row *row, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* When each certificate's endpoints were looked at last; 0 for one that never was. */
int served_ages(struct db *db,
	int (*each)(void *ctx, const char *certificate, when_t looked_at, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
