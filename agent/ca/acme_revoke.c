#include "acme_revoke.h"

#include "acme.h"
#include "acme_account.h"
#include "keystay/base/log.h"

static int
request(const void *der, size_t len, enum revocation_reason reason, char **ret, struct err *e)
{
	AUTO(char) char *certificate = base64url(der, len);
	AUTO(json_t)
	json_t *payload = json_pack(
		"{s:s, s:i}", "certificate", certificate ? certificate : "", "reason", (int)reason);

	*ret = certificate && payload ? json_line(payload) : NULL;
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for a revocation");
}

int
acme_revoke(void *ca, const void *der, size_t len, enum revocation_reason reason, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	AUTO(char) char *text = NULL;
	struct acme *a = ca;
	char problem[48] = "";
	bool found;

	if (request(der, len, reason, &text, e) < 0 || acme_need_directory(a, e) < 0 ||
		acme_find_account(a, &found, problem, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_AUTHORITY, "authority '%s': the account is gone (%s)",
			a->conf->name, problem);
	if (!a->revoke_cert[0])
		return err_set(e, ERR_AUTHORITY, "authority '%s' says nowhere how to revoke",
			a->conf->name);
	if (acme_post(a, a->revoke_cert, text, &reply, e) == 0)
		return 0;
	/* 7.6: another try may have come there and lost its answer. */
	if (text_same(reply.problem, "alreadyRevoked")) {
		log_debug("%s", e->text);
		return 0;
	}
	return -1;
}
