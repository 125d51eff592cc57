/* The authority is not trusted to be right: our key, our names, dates, chain. */
#include <string.h>

#include "keystay/x509/chain.h"
#include "keystay/x509/ossl.h"
#include "internal.h"
#include "judge.h"
#include "trust.h"
#include "verify.h"

/* A policy that says what its certificates are for, and not for servers. */
static bool
is_not_for_servers(const struct policy *p)
{
	return p->rule[RULE_REQUIRED_EKU].set && !list_has(&p->eku, "serverAuth");
}

int
verify_chain(struct life *l, struct work *w, const struct part *p, const char *pem,
	const struct list *names, bool *ret_useless, struct err *e)
{
	const struct authority_conf *conf = config_authority(l->config, w->attempt.authority);
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
	AUTO(chain) struct chain *chain = NULL;
	char learned[4096] = "";
	struct key_row row;
	bool anchored;

	if (conf && conf->ops->has_anchors && trust_settle(l, conf, learned, NULL, e) < 0)
		return -1;
	/* Since the order they may have gone from the configuration: then nothing may be issued. */
	if (conf && conf->ops->has_anchors && !*learned) {
		*ret_useless = true;
		return err_set(e, ERR_AUTHORITY,
			"authority '%s': no CA is known any more that it may issue by", conf->name);
	}
	if (key_get(l->db, p->key_id, &row, e) < 0 || life_key_ensure(l, &row, &public, e) < 0)
		return -1;
	const struct chain_wish wish = {
		.public = public,
		.names = names,
		.now = services_now(l->services),
		.anchors = *learned ? learned
			   : conf   ? conf->issuer
				    : NULL,
		.not_a_server = is_not_for_servers(w->policy),
	};
	if (chain_parse(pem, strlen(pem), &chain, e) == 0 &&
		chain_judge(chain, &wish, &anchored, e) == 0 &&
		judge_chain(l, w, row.id, public, chain, e) == 0)
		return 0;
	*ret_useless = e->kind == ERR_AUTHORITY || e->kind == ERR_POLICY;
	return err_in(
		e, "the authority '%s' gave a certificate that is refused", w->attempt.authority);
}

int
step_verify(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	*ret = OUTCOME_NEXT;
	for (size_t i = 0; i < w->attempt.parts; i++) {
		struct part *p = &w->attempt.part[i];
		bool useless = !p->chain;
		if (p->chain && verify_chain(l, w, p, p->chain, &w->conf->names, &useless, e) == 0)
			continue;
		/* What it gave is of no use: the next try makes a new order with the same request.
		 */
		if (useless) {
			free(p->chain);
			free(p->cookie);
			p->chain = p->cookie = NULL;
			text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_ORDER));
		}
		return -1;
	}
	return 0;
}
