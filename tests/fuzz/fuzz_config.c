/* keystay.yaml (config/config.h) and policy files (policy/policy.h). */
#include "fuzz.h"
#include "keystay/config/config.h"

#include <sys/mman.h>

/* The input as a file that no crash leaves behind. */
static void
configuration(const char *text, size_t len)
{
	AUTO(config) struct config *c = NULL;
	struct err e = {0};
	char path[48];

	int fd = memfd_create("keystay.yaml", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		BUG("no memory for an input");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int rc = config_read(path, &c, &e);
	close(fd);
	if (rc < 0) {
		MUST(!c && e.kind == ERR_CONFIG && e.text[0]);
		return;
	}
	MUST(c->state && c->state[0] == '/');
	for (size_t i = 0; i < c->certificates; i++) {
		const struct certificate_conf *cert = c->by_name[i];
		MUST(config_certificate(c, cert->name) == cert);
		MUST(config_token(c, cert->token) && policy_find(c->policies, cert->policy));
		MUST(cert->names.count && cert->keys && cert->keys <= KEY_TYPES);
		for (size_t k = 0; k < cert->authority.count; k++)
			MUST(config_authority(c, cert->authority.item[k]));
	}
}

static void
judge(const struct policy *p)
{
	static const char *const types[] = {"ec-p256", "rsa-2048"};
	const struct policy_facts facts = {types, COUNT(types), 1700000000, 5000, 1795282774};
	struct judgement result[RULES];
	const char *reason = NULL;

	(void)policy_judge(p, &facts, result);
	(void)policy_wants_new_key(p, facts.key_made_at, facts.now);
	(void)policy_renew_at(p, facts.now, facts.now + 90 * DAY, facts.key_made_at, &reason);
	MUST(reason);
	(void)policy_budget_spent(p, facts.signatures);
	MUST(policy_hard_limit(p, true, true) >= policy_hard_limit(p, true, false));
	MUST(policy_min_rotation(p) >= 0 && policy_rate_alarm(p) >= 2);
	MUST(!p->soft || !p->hard || p->soft <= p->hard);
}

static void
policy(const char *text, size_t len)
{
	AUTO(policies) struct policies *all = NULL;
	struct err e = {0};

	if (policies_new(&all, &e) < 0)
		BUG("the shipped policies cannot be read");
	if (policies_add(all, "fuzz.yaml", text, len, &e) < 0 || policies_finish(all, &e) < 0) {
		MUST(e.kind == ERR_CONFIG && e.text[0]);
		return;
	}
	for (size_t i = 0; policy_at(all, i); i++)
		judge(policy_at(all, i));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);

	configuration(text, size);
	policy(text, size);
	return 0;
}
