/*
 * Certificates that exist somewhere are taken into the inventory as watched ones
 * (state/watched.h): they are looked at and told about, and not managed.
 *
 *	adopt_list, adopt_file, adopt_endpoint, adopt_server	what a source has; changes nothing
 *	adoption_judge(&a, config, db, &e)			what would become of each
 *	life_adopt(life, &a, &e)				all of it in one transaction
 */
#ifndef KEYSTAY_LIFE_ADOPT_H
#define KEYSTAY_LIFE_ADOPT_H

#include "keystay/life/life.h"
#include "keystay/state/watched.h"

/* No adoption takes more certificates. */
#define ADOPT_MAX 20000

enum adopted {
	ADOPTED_NEW,
	ADOPTED_UPDATED,
	ADOPTED_UNCHANGED,
	ADOPTED_MANAGED, /* keystay manages it already: it is left out */
};

struct adopted_row {
	struct watched_row row;
	bool named; /* the name was given; else it is made from the first of the names */
	int line;   /* in a list; 0 = in none */
	enum adopted result;
	char before[65]; /* another name that it was watched by; "" = none */
};

struct adoption {
	struct adopted_row *item;
	size_t items;
	struct list told; /* what was left out, and why: lines for people */
};

/* What the command line says; NULL = nothing. It goes before what a source says. */
struct adopt_wish {
	const char *name; /* only of a single certificate */
	const char *owner;
	const char *authority;
	const char *policy;
	const char *token;
	const char *notes;
	const char *sni; /* of endpoints, where it is not the host */
};

/*
 * The rows of an estate's CSV. ERR_CONFIG with FILE:LINE for the first that is wrong; the hint
 * names the lines of the others. Nothing of a file is taken unless all of it is right.
 */
int adopt_list(const char *path, struct adoption *a, struct err *e) MUST_USE;

/* The first certificate of a PEM file (or a DER one). A private key in it is not kept. */
int adopt_file(
	const char *path, const struct services *s, struct adoption *a, struct err *e) MUST_USE;

/* What is shown at HOST:PORT, asked for by the name `sni` (NULL = HOST). */
int adopt_endpoint(const char *endpoint, const char *sni, const struct services *s,
	struct adoption *a, struct err *e) MUST_USE;

/*
 * The certificates that the nginx of this machine names (`BINARY -T`, with `-c CONF` where that is
 * not NULL), one row per file. What is left out is told: keystay's own, what cannot be read.
 */
int adopt_server(const struct config *c, const struct services *s, const char *binary,
	const char *conf, struct adoption *a, struct err *e) MUST_USE;

/* Puts what the command line says over the rows. */
int adoption_complete(struct adoption *a, const struct adopt_wish *wish, struct err *e) MUST_USE;

/*
 * Compares with what is watched and managed already, makes names, fills `result`. ERR_CONFIG for a
 * name that another certificate has. `db` may be NULL: nothing is watched yet.
 */
int adoption_judge(struct adoption *a, const struct config *c, struct db *db, when_t now,
	struct err *e) MUST_USE;

/* Stores and journals them, in one transaction. */
int life_adopt(struct life *l, const struct adoption *a, struct err *e) MUST_USE;

void adoption_free(struct adoption *a);
AUTO_DEFINE_VALUE(adoption, adoption_free)

#endif
