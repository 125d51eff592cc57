/*
 * One PKCS#11 token, open and logged in: the agent holds one session on it for its whole run and
 * does not log out before it is closed (that would log out the signing road in the same process).
 */
#ifndef KEYSTAY_TOKEN_TOKEN_H
#define KEYSTAY_TOKEN_TOKEN_H

#include "keystay/base/err.h"
#include "keystay/base/secret.h"
#include "keystay/base/yaml.h"
#include "keystay/token/road.h"
#include "keystay/token/template.h"

#include <openssl/types.h>

/* What the configuration says of a token; the configuration owns it. */
struct token_conf {
	char *name;
	char *module;    /* path of the PKCS#11 module */
	char *label;     /* the token is found by label ... */
	char *serial;    /* ... or by serial number; at least one is there */
	char *pin;       /* source of the user PIN: token/pin.h */
	char *init_args; /* pReserved of C_Initialize; NULL = none */
	enum road road;  /* the same for all tokens of one module, or auto */
	struct {
		char *path;  /* a folder of token files that servers must read; NULL = none */
		char *group; /* and the group that gets to read them */
	} share;
	struct mark at;
};

struct token;

/* What a token says of itself (C_GetTokenInfo), blanks cut. */
struct token_identity {
	char label[33];
	char serial[17];
	char manufacturer[33];
	char model[17];
	char hardware[16], firmware[16]; /* versions, "2.6" */
};

/* What a token made of a PIN. */
struct pin_answer {
	bool refused;  /* and a try was used up */
	char flag[12]; /* then what its flags say: "count-low", "final-try", "locked", or "" */
};

/*
 * Opens the token: loads the module, finds the one slot whose token has the label and/or serial,
 * opens a read-write session and logs in with `pin`, one try. ERR_TOKEN: no such token, or two of
 * them. ERR_LOST: module or device fails. ERR_PIN with ret_pin->refused: the token refused the
 * PIN. `road` is the road for this module, which the first token that is
 * opened decides. `conf` must outlive the token; the caller frees *ret with token_close.
 */
int token_open(const struct token_conf *conf, enum road road, const struct secret *pin,
	struct token **ret, struct pin_answer *ret_pin, struct err *e) MUST_USE;

/* Closes the session and what the road holds; the module stays loaded. NULL does nothing. */
void token_close(struct token *t);

const struct token_conf *token_conf_of(const struct token *t);
const struct token_identity *token_identity_of(const struct token *t);

/* The road that its keys come by: ROAD_PROVIDER or ROAD_LIBP11. */
enum road token_road(const struct token *t);

/*
 * Whether session and login are still what they were. False after the device was removed, the
 * module was restarted by somebody, or the token's daemon died.
 */
bool token_alive(struct token *t);

/* The module behind it, for module_identify and module_restart; borrowed. */
struct module *token_module(const struct token *t);

/*
 * The extras (token/template.h) that this token is known to refuse for keys of a family; false
 * when that is not known yet.
 */
bool token_refused(const struct token *t, enum key_family family, unsigned *ret);
void token_set_refused(struct token *t, enum key_family family, unsigned refused);

/* What CKF_USER_PIN_* flags say of the PIN: "locked", "final-try", "count-low", or "". */
const char *token_pin_flag(struct token *t);

/* The OpenSSL library context in which this token's keys live; borrowed. */
OSSL_LIB_CTX *token_context(const struct token *t);

static inline void
auto_token(struct token **slot)
{
	token_close(*slot);
}

#endif
