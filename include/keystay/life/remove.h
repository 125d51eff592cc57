/*
 * The end of a certificate that is no longer wanted. In this order, so that a kill anywhere is no
 * loss and the same command goes on:
 *
 *	life_remove_note	a row says how its keys are to end (state/removed.h)
 *	dropin_remove		the file goes: from here on it is removed
 *	life_open		what the database holds follows (agent/life/settle.c)
 *
 * A row of a certificate that is still configured means nothing, and goes with the next life_open:
 * whoever was killed between the first two has removed nothing. Behind the second, whatever process
 * opens the state next does the third.
 */
#ifndef KEYSTAY_LIFE_REMOVE_H
#define KEYSTAY_LIFE_REMOVE_H

#include "keystay/life/life.h"

/* What stands in the way, and what would become of it. */
struct removal {
	when_t drain, disable; /* of its policy */
	size_t keys;           /* that would end: active and staged ones */
	bool attempt;          /* one is under way, and would be dropped */
	struct list served;    /* "127.0.0.1:443 (www.example.org)": its key is shown there now */
	struct list copies;    /* files outside of the state folder, which stay */
};

/* Looks at the database and at every endpoint, and changes nothing. `db` may be NULL. */
int life_removal(const struct config *c, struct db *db, const struct services *s,
	const struct certificate_conf *conf, struct removal *ret, struct err *e) MUST_USE;

void removal_free(struct removal *r);
AUTO_DEFINE_VALUE(removal, removal_free)

/* Writes down how a configured certificate ends; and takes that back: its file is still there. */
int life_remove_note(
	struct life *l, const struct certificate_conf *conf, bool keep_key, struct err *e) MUST_USE;
int life_remove_undo(struct life *l, const char *certificate, struct err *e) MUST_USE;

/*
 * The same for one that is not in the configuration any more, and that the database still has: its
 * file was taken out by hand. *ret_found is false where it has none.
 */
int life_remove_lost(struct life *l, const char *certificate, bool keep_key, bool *ret_found,
	struct err *e) MUST_USE;

/* The newest version that was recorded of a certificate, whatever is live; 0 = none. */
int life_last_version(struct db *db, const char *certificate, int64_t *ret, struct err *e) MUST_USE;

/* A watched certificate is forgotten; *ret_found = false where there is none of that name. */
int life_forget_watched(struct life *l, const char *name, bool *ret_found, struct err *e) MUST_USE;

#endif
