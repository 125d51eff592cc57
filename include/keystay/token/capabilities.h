/*
 * What a token can really do, found by trying: its mechanisms, the types of keys it makes, the
 * attributes it takes and keeps, whether a key can be switched off, whether the signing road gives
 * signatures that verify, whether it sees what other processes made. Tried once per library and
 * token, kept in the database, printed by `check`.
 */
#ifndef KEYSTAY_TOKEN_CAPABILITIES_H
#define KEYSTAY_TOKEN_CAPABILITIES_H

#include "keystay/base/json.h"
#include "keystay/token/evidence.h"

/* The mechanisms that matter to keystay and to servers; a set of (1u << mechanism). */
enum mechanism {
	MECHANISM_EC_KEY_PAIR_GEN,
	MECHANISM_RSA_PKCS_KEY_PAIR_GEN,
	MECHANISM_ECDSA,
	MECHANISM_ECDSA_SHA256,
	MECHANISM_RSA_PKCS,
	MECHANISM_SHA256_RSA_PKCS,
	MECHANISM_RSA_PKCS_PSS,
	MECHANISM_SHA256_RSA_PKCS_PSS,
	MECHANISM_RSA_X_509,
	MECHANISM_EDDSA,
	MECHANISMS
};

/* "CKM_ECDSA". */
const char *mechanism_name(enum mechanism m);

enum made {
	MADE_UNKNOWN, /* not tried, and the module's sizes say nothing */
	MADE_CLAIMED, /* not tried; within the sizes that the module names */
	MADE_YES,
	MADE_NO
};
const char *made_word(enum made made); /* "unknown", "claimed", "yes", "no" */

/* What became of an attempt to make a finished key weaker, on a key of the probe's own. */
enum weaken {
	WEAKEN_REFUSED,  /* as it should be */
	WEAKEN_PRETENDS, /* CKR_OK, but the private value can be had no more than before */
	WEAKEN_WORKS,
};

struct family_probe {
	bool tried;              /* a key was made: the rest is filled */
	struct key_facts facts;  /* as it was read back; `refused` is what it was made without */
	enum sign_switch off;    /* what CKA_SIGN=false does */
	enum said road_signs;    /* the road's signature verifies */
	bool value_with_private; /* the private object tells the public value too */
	enum weaken extractable; /* CKA_EXTRACTABLE=true */
	enum weaken insensitive; /* CKA_SENSITIVE=false */
	enum weaken copy;        /* C_CopyObject; PRETENDS does not occur */
	enum said stays;         /* no attempt to take the private value out worked */
	char doubt[160];         /* which one did */
};

struct capabilities {
	struct module_identity module;
	struct token_identity token;
	enum token_class class;
	enum road road; /* the road that was tried */
	size_t mechanism_count;
	unsigned mechanisms;
	enum made type[KEY_TYPES];
	char why_not[KEY_TYPES][160]; /* of MADE_NO */
	struct family_probe family[KEY_FAMILIES];
	enum said sees_others; /* objects that another process made, without a new start */
	char pin_flag[12];     /* what the flags said of the PIN */
};

/*
 * Makes an object of that name in another process, or removes it; 0 when it did. NULL where there
 * is no such helper. Used to see whether a module notices.
 */
typedef int (*witness_fn)(void *ctx, const struct key_name *name, bool make, struct err *e);

/*
 * Begins: who module and token are, the mechanisms, and what the module's own sizes promise. Then
 * token_probe_type for the types that are to be really made, the first of each family being looked
 * at closely, and token_probe_sight. Each uses a name that nothing else uses; the key that
 * token_probe_type made is the caller's to remove (key_discard). Between them the token may be
 * closed and opened again.
 * What a token cannot do is the answer, not a failure: these fail (ERR_LOST, ERR_TOKEN) only where
 * the token cannot be asked. `again` says that a new start of the module was tried since the last
 * failure: a road that does not find the key even then does not sign.
 */
int token_probe_begin(struct token *t, struct capabilities *ret, struct err *e) MUST_USE;
int token_probe_type(struct token *t, const struct key_name *name, enum key_type type, bool again,
	struct capabilities *c, struct err *e) MUST_USE;
int token_probe_sight(struct token *t, const struct key_name *name, witness_fn witness, void *ctx,
	struct capabilities *c, struct err *e) MUST_USE;

/* What is known of a token is used from now on (attributes it refuses). */
void token_know(struct token *t, const struct capabilities *c);

/* For the database and --json; the reader takes what it knows of. ERR_FAILED for another shape. */
json_t *capabilities_json(const struct capabilities *c);
int capabilities_read(const json_t *json, struct capabilities *ret, struct err *e) MUST_USE;

#endif
