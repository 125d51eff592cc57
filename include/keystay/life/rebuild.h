/*
 * Coming back from loss. The database is the truth, until it is lost or put back from an old
 * backup: then the files under versions/ and live/, and the keys in the token, know more. They are
 * compared at each pass, and what the database lacks is taken from them; what they lack is obtained
 * anew. Nothing is destroyed, and no file of a version is changed.
 */
#ifndef KEYSTAY_LIFE_REBUILD_H
#define KEYSTAY_LIFE_REBUILD_H

#include "keystay/config/config.h"

struct db;

enum loss {
	LOSS_NONE,
	LOSS_NEWER,   /* live/ shows a version that the database does not know */
	LOSS_UNKNOWN, /* there are versions, and neither live/ nor the database knows of one */
	LOSS_LINK,    /* live/ shows another version than the one that is recorded, or none */
	LOSS_FILES,   /* the files of the recorded version are gone */
};

struct loss_found {
	enum loss loss;
	int64_t linked;   /* what live/ shows; 0 = nothing */
	int64_t highest;  /* of the version folders */
	int64_t recorded; /* in the database */
	char text[300];   /* for people */
};

/* In the database's memory: a database that was lost was made anew from the files. */
#define MEMORY_REBUILT "rebuilt"

/* Compares; nothing is changed. `db` may be NULL: there is none. */
int rebuild_find(const struct config *c, struct db *db, const struct certificate_conf *conf,
	struct loss_found *ret, struct err *e) MUST_USE;

/* Keys were found to be gone from a token: the next pass looks for itself, not a day later. */
int rebuild_look_soon(struct db *db, const char *token, struct err *e) MUST_USE;

#endif
