/*
 * The use ledger as its keeper sees it: the agent makes the file, registers keys, adds parts, and
 * tidies up after guards that met a key twice or were killed. To be used under the lock of the
 * state folder, by one process at a time; guards count meanwhile.
 */
#ifndef KEYSTAY_GUARD_BOOK_H
#define KEYSTAY_GUARD_BOOK_H

#include "keystay/base/err.h"
#include "keystay/guard/ledger.h"

struct book;

#define BOOK_HASH 32 /* bytes: SHA-256 of the DER SubjectPublicKeyInfo */

/*
 * Opens the ledger at `path`. *ret is NULL where *ret_fault says why not; that is no failure. The
 * caller frees it with book_close.
 */
int book_open(const char *path, bool writable, struct book **ret, enum ledger_fault *ret_fault,
	struct err *e) MUST_USE;

/*
 * Makes a new one, allocated in full (ERR_FAILED on a full disk), mode 0600, and opens it. What is
 * at `path` is replaced; parts of an older ledger beside it are removed.
 */
int book_make(const char *path, const unsigned char id[16], when_t now, struct book **ret,
	struct err *e) MUST_USE;

/* Renames what is at `path`, which is no ledger, to PATH.damaged-MOMENT. */
int book_set_aside(const char *path, when_t now, char ret_to[4200], struct err *e) MUST_USE;

void book_close(struct book *b);

const struct ledger *book_ledger(const struct book *b);
struct ledger_header *book_header(const struct book *b);

/* The slot of a public key's hash; NULL for none. */
struct ledger_slot *book_find(struct book *b, const unsigned char hash[BOOK_HASH]);

/*
 * The slot of this key: the one that a guard made already, or a new one, in a new part if need be.
 * Its hash is filled in; a state that it had as an unknown key becomes `state`.
 */
int book_register(struct book *b, const struct ledger_key *key, const unsigned char hash[BOOK_HASH],
	enum ledger_state state, when_t now, struct ledger_slot **ret, struct err *e) MUST_USE;

/* Fills in the hash of a slot that a guard made. */
void book_name(struct book *b, struct ledger_slot *s, const unsigned char hash[BOOK_HASH]);

/* Gives a slot back: nobody counts in it any more, and what it counted is stored elsewhere. */
void book_free(struct book *b, struct ledger_slot *s);

/*
 * Joins slots of the same key, gives back what a killed guard was filling, and keeps a reserve of
 * free slots for guards that meet unknown keys.
 */
int book_tidy(struct book *b, when_t now, struct err *e) MUST_USE;

static inline void
auto_book(struct book **slot)
{
	book_close(*slot);
}

#endif
