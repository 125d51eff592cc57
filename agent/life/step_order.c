/* Submit to the authority and poll it, a stage at a time, until every part has its chain. */
#include <string.h>

#include "keystay/life/by_hand.h"
#include "keystay/state/accounts.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"
#include "alert.h"
#include "internal.h"
#include "judge.h"
#include "shown.h"

/* The account that the authority found or made is stored before anything is built on it. */
static int
store_account(struct life *l, const struct authority_conf *conf, struct open_ca *ca, struct err *e)
{
	const char *url = conf->ops->account(ca->session);
	struct account_row row;
	bool found;

	if (!conf->ops->needs_account)
		return 0;
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

/* The part in hand, for a protocol that has its request signed by its own rules. */
struct signing {
	struct life *l;
	const struct key_row *key;
	EVP_PKEY *public;
};

static void
signing_free(struct signing *s)
{
	EVP_PKEY_free(s->public);
}
AUTO_DEFINE_VALUE(signing, signing_free)

static int
sign_request(void *ctx, const struct csr_wish *wish, struct buf *ret_der, struct err *e)
{
	struct signing *s = ctx;
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	struct token *t;

	if (life_key_load(s->l, s->key, &key, &t, e) < 0)
		return -1;
	return csr_make(token_context(t), key, s->public, wish, ret_der, e);
}

/* What a protocol that signs needs of a part: its key, and what it renews. */
static int
prepare_signing(struct life *l, struct work *w, const struct part *p,
	const struct authority_conf *conf, struct key_row *key, struct signing *s,
	struct shown *live, struct err *e)
{
	if (key_get(l->db, p->key_id, key, e) < 0 || life_key_ensure(l, key, &s->public, e) < 0)
		return -1;
	s->l = l;
	s->key = key;
	return shown_live(l, w->conf, conf, p->key_type, live, e);
}

/* Stores where a stage led. */
static int
keep_stage(struct life *l, struct work *w, size_t index, const struct authority_conf *conf,
	struct open_ca *ca, struct ca_order *order, int rc, enum ca_progress progress,
	struct err *e)
{
	struct part *p = &w->attempt.part[index];

	p->cookie = order->cookie;
	w->armed[index] = order->armed;
	if (rc == 0 && progress == CA_ISSUED) {
		conf->ops->settle(ca->session, order);
		p->chain = order->chain;
	}
	if (rc == 0 && progress == CA_WAIT) {
		w->part_not_before[index] = order->not_before;
		text_copy(w->doing, sizeof w->doing, order->doing);
	}
	if (order->note[0] && life_journal(l, w->conf->name, "", "authority-note", "order", e,
				      "authority '%s': %s", conf->name, order->note) < 0)
		return -1;
	return store_account(l, conf, ca, e) < 0 ? -1 : attempt_save(l->db, &w->attempt, e);
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
	AUTO(shown) struct shown live = {.there = false};
	AUTO(signing) struct signing signing = {.l = l};
	struct key_row key;

	if ((conf->ops->signs && prepare_signing(l, w, p, conf, &key, &signing, &live, e) < 0) ||
		(!p->cookie && look_for_replaced(l, w, &replaced, e) < 0))
		return -1;
	while (progress == CA_AGAIN) {
		struct ca_order order = {
			.certificate = w->conf->name,
			.names = &w->conf->names,
			.challenge = &w->conf->challenge,
			.csr = p->csr,
			.csr_len = p->csr_len,
			.replaces = replaced.ari_id,
			.subject = &w->conf->subject,
			.public = signing.public,
			.live = live.there ? &live.id : NULL,
			.same = live.same,
			.no_live = live.why,
			.sign = sign_request,
			.ctx = &signing,
			.cookie = p->cookie,
			.armed = w->armed[index],
		};
		int rc = conf->ops->advance(ca->session, &order, &progress, e);
		struct err why = *e;
		if (keep_stage(l, w, index, conf, ca, &order, rc, progress, e) < 0)
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

/* Nothing goes on by itself: somebody must carry the request. */
static void
tell_people(struct life *l, const struct work *w, const struct authority_conf *conf)
{
	struct err why;

	hand_waits(w->conf, conf, &why);
	alert_tell(l, w->conf->name, "by-hand", &why);
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
	if (*ret == OUTCOME_PARK && conf->ops->by_hand)
		tell_people(l, w, conf);
	return 0;
}
