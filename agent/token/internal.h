/* The token itself, for the files of this folder. */
#ifndef KEYSTAY_TOKEN_INTERNAL_H
#define KEYSTAY_TOKEN_INTERNAL_H

#include "keystay/token/module.h"
#include "keystay/token/road.h"
#include "keystay/token/token.h"

struct token {
	const struct token_conf *conf;
	struct module *module;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	struct token_identity identity;
	struct road *road; /* opened with the first key that signs */
};

#endif
