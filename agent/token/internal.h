/* Module and token as they are, for the files of this folder. */
#ifndef KEYSTAY_TOKEN_INTERNAL_H
#define KEYSTAY_TOKEN_INTERNAL_H

#include "keystay/token/front.h"
#include "keystay/token/module.h"
#include "keystay/token/road.h"
#include "keystay/token/template.h"
#include "keystay/token/token.h"

struct module {
	char *path;         /* the vendor's */
	char *init_args;    /* and its own */
	struct front front; /* what is loaded for it */
	CK_FUNCTION_LIST *f;
	const struct road_ops *road; /* decided by the first token that is opened; NULL before */
	void *road_state;            /* the road's own, shared by the tokens of the module */
	size_t tokens;               /* that are open */
	bool stopped;                /* finalised, and not yet up again */
	struct module_identity identity; /* once asked for: the file that was loaded */
	bool identified;
	bool tpm2; /* tpm2-pkcs11, which has ways of its own (docs/TOKENS.md) */
	unsigned refused[KEY_FAMILIES]; /* template extras known to be refused ... */
	bool refused_known[KEY_FAMILIES];
	int first_trial; /* ... and how many are not even tried */
	struct module *next;
};

struct token {
	const struct token_conf *conf;
	struct module *module;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	struct token_identity identity;
	void *road_state; /* the road's own; NULL until the first key */
	CK_RV make_rv;    /* of the last key that could not be made */
	bool anchored;    /* see anchor.h */
};

#endif
