/* Submit to the authority and poll it, a stage at a time, until every part has its chain. */
#include <string.h>

#include "keystay/state/accounts.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/csr.h"
#include "internal.h"
#include "judge.h"

/* The account that the authority found or made is stored before anything is built on it. */
static int
store_account(struct life *l, const struct authority_conf *conf, struct open_ca *ca, struct err *e)
{
	const char *url = conf->ops->account(ca->session);
	struct account_row row;
	bool found;

	if (account_get(l->db, conf->name, conf->url, &row, &found, e) < 0)
		return -1;
	if (!found || text_same(row.url, url))
		return 0;
	if (!text_copy(row.url, sizeof row.url, url))
		return err_set(e, ERR_AUTHORITY, "authority '%s': the account's URL is too long",
			conf->name);
	return account_save(l->db, &row, e);
}

/* No connection, or told to come back: all that goes to this authority is parked. */
static int
note_down(struct life *l, const char *authority, struct open_ca *ca, const struct err *why)
{
	struct err ignored;

	if (why->kind != ERR_NETWORK && why->kind != ERR_BUSY)
		return -1;
	when_t until = retry_at(why, 1, services_now(l->services));
	ca->down_until = until;
	ca->err = *why;
	(void)!attempts_park(l->db, authority, step_word(STEP_ORDER), until, &ignored);
	return -1;
}

/* What a new order replaces: the live certificate of that key type, of this account. */
struct replaced {
	const char *key_type, *authority, *account;
	char ari_id[ARI_ID_TEXT];
};

static int
find_replaced(void *ctx, const struct version_row *v, struct err *e)
{
	struct replaced *r = ctx;

	(void)e;
	if (text_same(v->key_type, r->key_type) && text_same(v->authority, r->authority) &&
		*v->account && text_same(v->account, r->account))
		text_copy(r->ari_id, sizeof r->ari_id, v->ari_id);
	return 0;
}

static int
look_for_replaced(struct life *l, const struct work *w, struct replaced *r, struct err *e)
{
	struct certificate_row row;

	if (certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	return row.live_version
		       ? version_each(l->db, w->conf->name, row.live_version, find_replaced, r, e)
		       : 0;
}

/* Advances one part until it waits or has its chain; each stage is stored before the next. */
static int
advance_part(struct life *l, struct work *w, size_t index, const struct authority_conf *conf,
	struct open_ca *ca, struct err *e)
{
	struct part *p = &w->attempt.part[index];
	enum ca_progress progress = CA_AGAIN;
	struct replaced replaced = {.key_type = p->key_type,
		.authority = conf->name,
		.account = conf->ops->account(ca->session)};

	if (!p->cookie && look_for_replaced(l, w, &replaced, e) < 0)
		return -1;
	while (progress == CA_AGAIN) {
		struct ca_order order = {
			.certificate = w->conf->name,
			.names = &w->conf->names,
			.challenge = &w->conf->challenge,
			.csr = p->csr,
			.csr_len = p->csr_len,
			.replaces = replaced.ari_id,
			.cookie = p->cookie,
			.armed = w->armed[index],
		};
		int rc = conf->ops->advance(ca->session, &order, &progress, e);
		p->cookie = order.cookie;
		w->armed[index] = order.armed;
		struct err why = *e;
		if (rc == 0 && progress == CA_ISSUED) {
			conf->ops->settle(ca->session, &order);
			p->chain = order.chain;
		}
		if (rc == 0 && progress == CA_WAIT) {
			w->part_not_before[index] = order.not_before;
			text_copy(w->doing, sizeof w->doing, order.doing);
		}
		if (store_account(l, conf, ca, e) < 0 || attempt_save(l->db, &w->attempt, e) < 0)
			return -1;
		if (rc < 0) {
			*e = why;
			return note_down(l, conf->name, ca, e);
		}
	}
	return 0;
}

/* True once the authority was asked for it. */
static bool
ordered(const struct work *w)
{
	for (size_t i = 0; i < w->attempt.parts; i++)
		if (!w->attempt.part[i].cookie && !w->attempt.part[i].chain)
			return false;
	return true;
}

int
step_order(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	const struct authority_conf *conf = config_authority(l->config, w->attempt.authority);
	when_t now = services_now(l->services), earliest = 0;
	struct open_ca *ca;

	for (size_t i = 0; i < w->attempt.parts; i++)
		if (!w->attempt.part[i].csr ||
			!csr_has_names(w->attempt.part[i].csr, w->attempt.part[i].csr_len,
				&w->conf->names)) {
			*ret = OUTCOME_TO_CSR;
			return 0;
		}
	if (!ordered(w) && judge_order(l, w, e) < 0)
		return -1;
	if (life_authority(l, w->attempt.authority, &ca, e) < 0)
		return -1;
	if (ca->down_until > now) {
		*e = ca->err;
		return -1;
	}
	*ret = OUTCOME_NEXT;
	for (size_t i = 0; i < w->attempt.parts; i++) {
		if (w->attempt.part[i].chain)
			continue;
		if (w->part_not_before[i] <= now && advance_part(l, w, i, conf, ca, e) < 0)
			return -1;
		if (w->attempt.part[i].chain)
			continue;
		if (earliest == 0 || w->part_not_before[i] < earliest)
			earliest = w->part_not_before[i];
		*ret = OUTCOME_PARK;
	}
	w->attempt.not_before = *ret == OUTCOME_PARK ? earliest : 0;
	return 0;
}
