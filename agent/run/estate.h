/*
 * The estate: every certificate there is, those that the configuration names and those that are
 * only watched, a row each. Looked at without a lock, and nothing is changed.
 */
#ifndef KEYSTAY_RUN_ESTATE_H
#define KEYSTAY_RUN_ESTATE_H

#include "estate_details.h"
#include "keystay/config/config.h"
#include "keystay/state/watched.h"

struct db;
struct estate;

/* The worst first. A watched certificate is "watched", or "expired". */
enum estate_state {
	ESTATE_EXPIRED,
	ESTATE_NOT_SERVED,
	ESTATE_FAILED,
	ESTATE_MISSING,
	ESTATE_DUE,
	ESTATE_WAITING,
	ESTATE_VALID,
	ESTATE_WATCHED,
	ESTATE_STATES
};

/* One certificate. Texts are "" for what is not known, NULL only where that is said; all is
 * borrowed. */
struct estate_row {
	const char *name;
	const struct list *names;
	const char *owner;
	const char *policy;
	const char *token;
	char authority[65]; /* of the live version, else the first that is configured */
	char key_types[96]; /* with blanks between them */
	const struct certificate_conf *conf; /* NULL: it is watched */
	const struct watched_row *watched;   /* NULL: it is managed */
	enum estate_state state;
	int64_t live_version;         /* 0 = none */
	when_t not_before, not_after; /* the earliest end of the live version; 0 = not known */
	when_t key_made_at;           /* of the oldest of its keys; 0 = not known */
	struct key_usage usage;       /* of the one that signed most */
	when_t due_at;                /* 0 = there is none yet, or it is watched */
	const char *due_for;          /* and why then */
	bool attempt;                 /* one is under way; the rest is of that */
	bool by_hand;                 /* a person is to bring the authority's answer */
	char step[16];                /* the next one to do */
	char attempt_authority[65];
	when_t attempt_at; /* parked until then; 0 = it goes on */
	int64_t tries;
	enum err_kind error_kind; /* ERR_NONE = nothing is wrong */
	const char *error, *hint; /* NULL = no attempt */
	const char *loss;         /* of its files, in a sentence; NULL = none */
};

/* `db` may be NULL (there is no state yet); it and `c` are borrowed. The caller frees *ret with
 * estate_close. */
int estate_open(const struct config *c, struct db *db, when_t now, struct estate **ret,
	struct err *e) MUST_USE;
void estate_close(struct estate *s);

/* The rows: the configuration's in its order, then the watched ones by name. A watched one whose
 * name the configuration has is not among them. */
size_t estate_count(const struct estate *s);
const struct estate_row *estate_at(const struct estate *s, size_t index);

/* By name; NULL when there is none. */
const struct estate_row *estate_find(const struct estate *s, const char *name);

/* What the row of a managed certificate leaves out; empty for a watched one. */
int estate_details(struct estate *s, const struct estate_row *row, struct estate_details *ret,
	struct err *e) MUST_USE;

static inline void
auto_estate(struct estate **slot)
{
	estate_close(*slot);
}

#endif
