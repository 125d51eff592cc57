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
#include "keystay/token/uri.h"

#include <openssl/types.h>
#include <stdbool.h>

struct token;

enum key_type { KEY_EC_P256, KEY_EC_P384, KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096, KEY_TYPES };

/* "ec-p256" ...; and back (false for a word that is none). */
const char *key_type_word(enum key_type type);
bool key_type_of(const char *word, enum key_type *ret);

/* Hex of a 16-byte CKA_ID, and of a SHA-256. */
#define KEY_ID_TEXT 33
#define KEY_HASH_TEXT 65
#define KEY_LABEL_TEXT 96

struct key_name {
	char id[KEY_ID_TEXT];
	char label[KEY_LABEL_TEXT];
};

enum key_presence {
	KEY_ABSENT, /* neither object */
	KEY_HALF,   /* an object is missing, or has no value yet: making it was cut short */
	KEY_WHOLE
};

/* What the token says of a key; an attribute that the module does not have is false. */
struct key_facts {
	enum key_presence presence;
	enum key_type type;
	char public_hash[KEY_HASH_TEXT]; /* SHA-256 of the DER SubjectPublicKeyInfo, hex */
	bool sensitive, always_sensitive, extractable, never_extractable, local;
	bool sign, decrypt, unwrap, derive;
};

/*
 * Makes a pair: private, sensitive, not extractable, not copyable, sign only. Also makes the new
 * files of the token readable to the servers' group where `share:` says so.
 * ERR_TOKEN with a hint when the token is full or cannot make this type.
 */
int key_make(
	struct token *t, const struct key_name *name, enum key_type type, struct err *e) MUST_USE;

/*
 * Looks for a key by label and id and reads it back. *ret is filled even for KEY_ABSENT. ERR_TOKEN
 * for two private objects of that name.
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

/* The ids (hex) of all private keys on the token; used to compare token and database. */
struct list;
int key_list(struct token *t, struct list *ret_ids, struct err *e) MUST_USE;

#endif
