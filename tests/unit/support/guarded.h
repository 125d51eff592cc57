/*
 * What a server does through the guard, for tests: the guard before the fault module before a
 * SoftHSM of this test program, a ledger file that the test has mapped too, and keys in the token.
 *
 * The guard keeps its settings for the life of a process. So there is `guarded_own`, the one that
 * is linked into the program (and sanitised with it), and as many copies of keystay-guard.so as
 * wanted, each with a state of its own. One of them is begun at a time.
 */
#ifndef KEYSTAY_TESTS_GUARDED_H
#define KEYSTAY_TESTS_GUARDED_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "keystay/base/auto.h"
#include "keystay/guard/ledger.h"
#include "keystay/token/rv.h"

/* Two return values, by their names. */
#define assert_rv(call, wanted) assert_string_equal(rv_word(call), rv_word(wanted))

/* That is begun now, its session, and the token's slot. */
extern CK_FUNCTION_LIST *guarded;
extern CK_SESSION_HANDLE guarded_session;
extern CK_SLOT_ID guarded_slot;

/* Makes the token and the ledger; once in a program, before all else. */
int guarded_set_up(void **state);

/* The paths to tell a guard. */
const char *guarded_module(void);
const char *guarded_ledger_path(void);

/* The same ledger as the test has it; all of its slots and counts are emptied by guarded_wipe. */
struct ledger *guarded_ledger(void);
void guarded_wipe(void);

CK_FUNCTION_LIST *guarded_own(void);

/* SoftHSM itself, with no guard before it. */
CK_FUNCTION_LIST *guarded_behind(void);

/* The keystay-guard.so that was built with this program; static. */
const char *guarded_so(void);

/* A new copy; *ret_path is its file when it is not NULL (static). */
CK_FUNCTION_LIST *guarded_copy(const char **ret_path);

/* C_Initialize with this init string; NULL is none. */
CK_RV guarded_start(CK_FUNCTION_LIST *f, const char *init);

/* "module=... ledger=... " and what is more; static. */
const char *guarded_init(const char *more);

/* Starts it with guarded_init, opens the session, logs in; all without what is there from before:
 * the ledger and the fault module's log and rules are emptied. */
void guarded_begin(CK_FUNCTION_LIST *f, const char *more);

/* C_Finalize, as often as it takes. */
void guarded_end(void);

CK_SESSION_HANDLE guarded_open(void);

/*
 * A new key pair in the token, made behind the guard's back: its CKA_ID is this byte 16 times. The
 * two labels may differ. P-256, or RSA-2048.
 */
void guarded_make(bool rsa, CK_BYTE id, const char *private_label, const char *public_label);

/* Destroys the one object of that class, id and label (NULL: any) behind the guard's back. */
void guarded_destroy(CK_OBJECT_CLASS class, CK_BYTE id, const char *label);

/* The handle of the one object of that class, id and label (NULL: any), found through the guard. */
CK_OBJECT_HANDLE guarded_find(CK_OBJECT_CLASS class, CK_BYTE id, const char *label);

/* The key as the ledger keeps it; registered in that state with that hard limit. */
struct ledger_key guarded_key(CK_BYTE id, const char *public_label);
struct ledger_slot *guarded_register(CK_BYTE id, enum ledger_state state, uint64_t hard);

/* C_SignInit and C_Sign of 32 bytes, with CKM_ECDSA or CKM_RSA_PKCS; what the first that fails
 * says. */
CK_RV guarded_sign_in(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism);
CK_RV guarded_sign(CK_OBJECT_HANDLE key);

/* "uses=1 done=1": the counts that are not zero, in their order; static ring of 4. */
const char *guarded_counts(const _Atomic uint64_t *count);
#define assert_counts(slot, wanted) assert_string_equal(guarded_counts((slot)->count), wanted)
#define assert_header(wanted) \
	assert_string_equal(guarded_counts(ledger_header(guarded_ledger())->count), wanted)

/* Slots in use. */
size_t guarded_slots(void);

#endif
