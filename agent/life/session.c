#include "session.h"

#include <openssl/evp.h>
#include <string.h>

void
session_close(struct session *s)
{
	if (s->ca)
		s->conf->ops->close(s->ca);
	EVP_PKEY_free(s->key);
	EVP_PKEY_free(s->public);
	*s = (struct session){.conf = s->conf};
}

static int
refuse_key(const struct key_row *k, struct err *e)
{
	if (text_same(k->state, KEY_DISABLED)) {
		err_set(e, ERR_POLICY, "the account's key '%s' is disabled", k->label);
		return err_hint(e, "'keystay keys enable %.12s'", k->id);
	}
	if (text_same(k->state, KEY_DESTROYED)) {
		err_set(e, ERR_POLICY, "the account's key '%s' is destroyed", k->label);
		return err_hint(e, "the next order makes another account");
	}
	return 0;
}

int
session_open(struct life *l, const struct authority_conf *conf, const char *account_url,
	const struct key_row *k, struct session *s, struct err *e)
{
	struct key_name name = life_key_name(k);
	struct key_facts facts;
	struct token *t;

	*s = (struct session){.conf = conf};
	if (refuse_key(k, e) < 0 || authority_keep_limit(l, conf, k, e) < 0 ||
		life_token(l, k->token, &t, e) < 0 || key_find(t, &name, &facts, &s->public, e) < 0)
		return -1;
	/* A module that was started before another process made the key may not see it. */
	if (!s->public)
		return err_set(e, ERR_LOST, "token '%s': the account's key '%s' is gone", k->token,
			k->label);
	if (key_load(t, &name, k->public_hash, &s->key, e) < 0)
		return -1;
	const struct ca_needs needs = {.services = l->services,
		.account_key = s->key,
		.account_public = s->public,
		.account_url = account_url};
	return conf->ops->open(conf, &needs, &s->ca, e);
}
