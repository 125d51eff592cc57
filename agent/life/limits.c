#include "limits.h"

const struct policy *
limits_policy(const struct config *c, const struct key_row *k)
{
	const char *name = NULL;

	if (text_same(k->purpose, "certificate")) {
		const struct certificate_conf *conf = config_certificate(c, k->owner);
		name = conf ? conf->policy : NULL;
	} else if (text_same(k->purpose, "account")) {
		const struct authority_conf *conf = config_authority(c, k->owner);
		name = conf ? conf->policy : NULL;
	}
	return name ? policy_find(c->policies, name) : NULL;
}

int64_t
limits_hard(const struct policy *p, const struct key_row *k)
{
	/* A key drains when its successor is live: proven by handshakes, where there are endpoints.
	 */
	bool replaced =
		text_same(k->state, KEY_DRAINING) || text_same(k->state_before, KEY_DRAINING);

	return policy_hard_limit(p, text_same(k->purpose, "certificate"), replaced);
}
