/*
 * Keys in a token: made by raw PKCS#11 with every attribute spelt out, read back, compared.
 *
 * A key is named by a label and an id (CKA_LABEL, CKA_ID) that are chosen, and stored, before it is
 * made; neither is ever used again for another value. What a key *is* is its public key: id and
 * label can be changed by whoever has the PIN, and two objects may share them.
 */
#ifndef KEYSTAY_TOKEN_KEY_H
#define KEYSTAY_TOKEN_KEY_H

#include "keystay/base/err.h"
#include "keystay/token/key_name.h"
#include "keystay/token/key_type.h"
#include "keystay/token/uri.h"

#include <openssl/types.h>
#include <stdbool.h>

struct token;

enum key_presence {
	KEY_ABSENT, /* neither object */
	KEY_HALF,   /* an object is missing, or has no value yet: making it was cut short */
	KEY_WHOLE
};

/* What the token says of a key. */
struct key_facts {
	enum key_presence presence;
	enum key_type type;
	char public_hash[KEY_HASH_TEXT]; /* SHA-256 of the DER SubjectPublicKeyInfo, hex */
	enum said sensitive, always_sensitive, extractable, never_extractable, local, is_private;
	enum said sign, sign_recover, decrypt, unwrap, derive, copyable, modifiable;
	unsigned refused; /* what its template was made without: a set of enum template_extra */
};

/*
 * Makes a pair: private, sensitive, not extractable, sign only. Attributes that the module refuses
 * are left out one by one (token/template.h) and remembered for the token; usages that could not be
 * forbidden in the template are taken away afterwards. Also makes the new files of the token
 * readable to the servers' group where `share:` says so.
 * ERR_TOKEN with a hint when the token is full or cannot make this type; ERR_LOST when the module
 * gives handles that lead elsewhere.
 */
int key_make(
	struct token *t, const struct key_name *name, enum key_type type, struct err *e) MUST_USE;

/*
 * Looks for a key by label and id and reads it back. *ret is filled even for KEY_ABSENT. ERR_TOKEN
 * for two private objects of that name, ERR_LOST for handles that lead to other objects.
 * `ret_public` (may be NULL) gets the public key, built outside the token from its raw value, when
 * the key is whole; the caller frees it.
 */
int key_find(struct token *t, const struct key_name *name, struct key_facts *ret,
	EVP_PKEY **ret_public, struct err *e) MUST_USE;

/* ERR_POLICY when the facts show a key that could leave the token or do more than sign. */
int key_judge(const struct key_facts *facts, const struct key_name *name, struct err *e) MUST_USE;

/*
 * Removes what there is of a key whose making was cut short. Only for a key that the database
 * holds as reserved: nothing was ever signed with it, and no certificate knows it.
 */
int key_discard(struct token *t, const struct key_name *name, struct err *e) MUST_USE;

/* What becomes of C_SignInit with a key whose CKA_SIGN is false. */
enum sign_switch {
	SWITCH_WORKS,   /* refused, as it should be */
	SWITCH_IGNORED, /* the module signs all the same */
	SWITCH_REFUSED, /* the module does not let CKA_SIGN be changed */
};

/*
 * Sets CKA_SIGN of the private key, after its public key was read back and is the one of
 * `public_hash` (else ERR_TOKEN, and nothing is changed). *ret says what the module made of it.
 */
int key_set_sign(struct token *t, const struct key_name *name, const char *public_hash, bool sign,
	enum sign_switch *ret, struct err *e) MUST_USE;

/*
 * Destroys private key, public key and certificates of this name, in that order, each after it was
 * found anew and read back, and the public key compared with `public_hash` (else ERR_TOKEN, and
 * nothing is destroyed). What is already gone is no error, but *ret_found is false when nothing was
 * there at all: a module may not see what another process made before it is started anew. At the
 * end C_FindObjects finds none.
 */
int key_destroy(struct token *t, const struct key_name *name, const char *public_hash,
	bool *ret_found, struct err *e) MUST_USE;

/*
 * The key for signing, by the token's road. Its public half is compared with `public_hash`
 * (ERR_TOKEN when the token answers with another key). The caller frees *ret before token_close.
 */
int key_load(struct token *t, const struct key_name *name, const char *public_hash, EVP_PKEY **ret,
	struct err *e) MUST_USE;

/* The PKCS#11 URI (RFC 7512) by which servers find the key: token, serial, object, id, private. */
int key_uri(const struct token *t, const struct key_name *name, char uri[KEY_URI_TEXT],
	struct err *e) MUST_USE;

/* SHA-256 of the DER SubjectPublicKeyInfo of a public or private key, as hex. */
int key_public_hash(EVP_PKEY *key, char hash[KEY_HASH_TEXT], struct err *e) MUST_USE;

/* One raw signature of the private key, verified with `public`: both halves are there and fit. */
int key_try(struct token *t, const struct key_name *name, EVP_PKEY *public, struct err *e) MUST_USE;

/* Calls `each` with label and id of every private key that has names such as keystay gives. */
int key_names(struct token *t, int (*each)(void *ctx, const struct key_name *name, struct err *e),
	void *ctx, struct err *e) MUST_USE;

/*
 * The name of the private key that `public` belongs to, whoever made it; only among those of
 * `label`, where that is not NULL. ERR_TOKEN for none, and for two. Its id has 1 to 32 bytes, and
 * its public key must be there as an object of the same id and label.
 */
int key_of_public(struct token *t, EVP_PKEY *public, const char *label, struct key_name *ret,
	struct err *e) MUST_USE;

/* The ids (hex) of all private keys on the token; used to compare token and database. */
struct list;
int key_list(struct token *t, struct list *ret_ids, struct err *e) MUST_USE;

#endif
