/*
 * Proof, as far as PKCS#11 gives one, that a key was made in its token and cannot leave it. There
 * is no attestation in PKCS#11: attributes are the module's own word. So they are read back, the
 * private value is really asked for and really wrapped (both must fail), and what module and token
 * are is said plainly.
 */
#ifndef KEYSTAY_TOKEN_EVIDENCE_H
#define KEYSTAY_TOKEN_EVIDENCE_H

#include "keystay/base/json.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/token/token.h"

/* What stands behind a module: files of this machine, a TPM, or a device by the vendor's word. */
enum token_class { CLASS_SOFTWARE, CLASS_TPM, CLASS_HSM_CLAIMED };

/* "software", "tpm", "hsm-claimed". */
const char *token_class_word(enum token_class class);

/* By what module and token call themselves. */
enum token_class token_class_of(
	const struct module_identity *module, const struct token_identity *token);

/* Something that was tried on the private key, and must not have worked. */
struct attempt_to_leave {
	bool worked;
	char how[96];    /* "CKA_VALUE", "CKM_AES_CBC_PAD", or why it could not even be tried */
	char answer[40]; /* the return value's name, "" when it was not tried */
};

struct key_evidence {
	struct module_identity module;
	struct token_identity token;
	enum token_class class;
	struct key_facts facts;
	char generated_by[40]; /* CKA_KEY_GEN_MECHANISM; "" where the module does not say */
	struct attempt_to_leave read, wrap;
	bool stays;      /* no attempt worked, and no attribute speaks against it */
	char doubt[200]; /* why not; "" when it stays */
};

/*
 * Gathers it for a key whose public key is compared with `public_hash` first (ERR_TOKEN when it is
 * another, ERR_LOST when it is gone). A value that could be read is wiped at once. The wrapping key
 * is a session object of AES and is gone with the call.
 */
int key_prove(struct token *t, const struct key_name *name, const char *public_hash,
	struct key_evidence *ret, struct err *e) MUST_USE;

/* For --json and the database: true, false, or null where the module says nothing. */
json_t *said_json(enum said said);
json_t *key_facts_json(const struct key_facts *f);
json_t *module_identity_json(const struct module_identity *m);
json_t *token_identity_json(const struct token_identity *t);

#endif
