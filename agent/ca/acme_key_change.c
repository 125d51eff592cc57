#include "acme_key_change.h"

#include "acme.h"
#include "acme_account.h"
#include "keystay/ca/jws.h"

/* What the new key signs: that it takes the place of the old one. It names itself, the same URL as
 * the request around it, and no nonce. */
static int
inner(struct acme *a, EVP_PKEY *key, EVP_PKEY *public, char **ret, struct err *e)
{
	AUTO(buf) struct buf member = BUF(4096), payload = BUF(8192);
	AUTO(char) char *jwk = NULL;

	if (jwk_make(public, &jwk, e) < 0)
		return -1;
	buf_addf(&member, "\"jwk\":%s", jwk);
	/* acme_url lets no quote and no blank into a URL; a JWK is ours. */
	buf_addf(&payload, "{\"account\":\"%s\",\"oldKey\":%s}", a->account, a->jwk);
	if (member.full || payload.full)
		return err_set(e, ERR_FAILED, "no memory for a change of keys");
	return jws_sign(
		key, public, buf_text(&member), NULL, a->key_change, buf_text(&payload), ret, e);
}

int
acme_change_key(void *ca, EVP_PKEY *key, EVP_PKEY *public, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	AUTO(char) char *payload = NULL;
	struct acme *a = ca;
	char problem[48] = "";
	bool found;

	if (acme_need_directory(a, e) < 0 || acme_find_account(a, &found, problem, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_AUTHORITY, "authority '%s': the account is gone (%s)",
			a->conf->name, problem);
	if (!a->key_change[0])
		return err_set(e, ERR_AUTHORITY,
			"authority '%s' says nowhere how to change an account's key",
			a->conf->name);
	if (inner(a, key, public, &payload, e) < 0)
		return -1;
	return acme_post(a, a->key_change, payload, &reply, e);
}
