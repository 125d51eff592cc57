/*
 * Whose key a handle is, and the signatures under way. Handles are resolved once: on a session of
 * the guard's own the public value is read and looked for in the ledger; id and label are hints.
 */
#ifndef KEYSTAY_GUARD_USES_H
#define KEYSTAY_GUARD_USES_H

#include "keystay/guard/ledger.h"

#include <p11-kit/pkcs11.h>

struct guard_settings;

/* Opens the ledger, or one in memory; false when it must not do without (no_ledger=refuse). */
bool uses_open(const struct guard_settings *s);

/* Parts that were added, a ledger that was replaced; called where keys are looked for. */
void uses_look_again(void);

void uses_session_opened(CK_SESSION_HANDLE session, CK_SLOT_ID slot);

/* What was begun in it was not signed. */
void uses_session_closed(CK_SESSION_HANDLE session);
void uses_sessions_closed(CK_SLOT_ID slot);

/* Handles of keys may be others from now on: after a logout, or when an object went. */
void uses_forget_keys(void);

/* All of it, after C_Finalize. */
void uses_forget(void);

/* A copy that was made in a session is the same key. */
void uses_copied(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_OBJECT_HANDLE to);

/* A signature that is about to begin. */
struct use {
	struct ledger_slot *slot;    /* NULL: a key without one */
	_Atomic uint64_t *elsewhere; /* of such a key: where it is counted */
};

/* Reserves a use; or the answer to give instead of asking the vendor. */
CK_RV uses_begin(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism,
	struct use *ret);

/* What the vendor's C_SignInit made of it. */
void uses_began(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const struct use *u, CK_RV rv);

/*
 * Takes the operation out of its session, before the vendor may end it: whoever closes the session
 * meanwhile finds nothing to give back, and nobody signs twice with it. False when there is none:
 * then nothing is reserved, and the vendor must not be asked. (It may have one all the same: in a
 * child that was forked in the middle of it.)
 */
bool uses_take(CK_SESSION_HANDLE session, struct use *ret);

/* What was taken goes on, in its session. */
void uses_put_back(CK_SESSION_HANDLE session, const struct use *u);

/* It is over, with the vendor's answer. */
void uses_end(const struct use *u, CK_RV rv);

/* An operation that a server was refused, or an attempt to read; counted where the key is known. */
void uses_refuse(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, enum ledger_count what);

/* The same without a key. */
void uses_refuse_all(enum ledger_count what);

/* The same for an attempt to read a private value; nothing for what is no private key. */
void uses_read(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);

/* Around a fork: nobody is in the middle of anything, and what the parent began stays its own. */
void uses_before_fork(void);
void uses_after_fork(bool child);

#endif
