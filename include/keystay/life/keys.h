/*
 * The life of a key after it was made:
 *
 *	staged -> active -> draining -> disabled (CKA_SIGN=false) -> destroyed
 *	and from any of them: compromised, its public key refused for ever
 *
 * Before a key is changed or destroyed its public key is read back and compared. Each step is
 * journaled with the hash of the public key. What the database does not know is never touched.
 */
#ifndef KEYSTAY_LIFE_KEYS_H
#define KEYSTAY_LIFE_KEYS_H

#include "keystay/life/life.h"
#include "keystay/state/keys.h"
#include "keystay/token/evidence.h"

/*
 * The key that a person means: by its id (or the beginning of it, at least 6 digits), by its label,
 * or by a certificate's name, which stands for its one live key. ERR_USAGE for none or several.
 */
int key_pick(struct db *db, const char *word, struct key_row *ret, struct err *e) MUST_USE;

/* CKA_SIGN=false, and back. ERR_USAGE in states where it makes no sense. */
int life_key_disable(struct life *l, struct key_row *row, struct err *e) MUST_USE;
int life_key_enable(struct life *l, struct key_row *row, struct err *e) MUST_USE;

/* Refused (ERR_POLICY) while a live certificate, an attempt, an account or an endpoint uses it. */
int life_key_destroy(struct life *l, struct key_row *row, struct err *e) MUST_USE;

/*
 * Refuses the public key for ever, makes every certificate that lives by it due, and stages a new
 * key for each. *ret_certificates are their names (borrowed strings of the caller's list).
 * When the new keys cannot be made now, that is told by `staged` = false and done at renewal.
 */
int life_key_compromise(struct life *l, struct key_row *row, const char *reason,
	struct list *ret_certificates, bool *ret_staged, struct err *e) MUST_USE;

int life_key_prove(struct life *l, const struct key_row *row, struct key_evidence *ret,
	struct err *e) MUST_USE;

/*
 * What time has come for: replaced keys are disabled after `drain`, destroyed after `disable`.
 * A key whose turn fails is told to the watcher and tried again by the next pass; *ret_done counts
 * the changes. Fails only when the database does.
 */
int life_retire(struct life *l, size_t *ret_done, struct err *e) MUST_USE;

/* When the next key's time comes; 0 = none is waiting for it. */
int life_retire_next(struct life *l, when_t *ret, struct err *e) MUST_USE;

/* A staged key for every type of the certificate, where its policy keeps a successor. */
int life_stage_successors(struct life *l, const struct certificate_conf *c, struct err *e) MUST_USE;

#endif
