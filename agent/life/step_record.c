/* The new version is the one that counts: inventory, keys, journal, and the attempt goes. */
#include <stdio.h>
#include <string.h>

#include "keystay/state/accounts.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "back.h"
#include "due.h"
#include "internal.h"
#include "wish.h"

/* A key of the version before that the new one does not use goes to retire. */
struct retiring {
	struct life *l;
	const struct attempt *attempt;
};

static int
retire_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct retiring *r = ctx;
	when_t now = services_now(r->l->services);
	struct key_row key;

	for (size_t i = 0; i < r->attempt->parts; i++)
		if (text_same(r->attempt->part[i].key_id, v->key_id))
			return 0;
	if (key_get(r->l->db, v->key_id, &key, e) < 0)
		return -1;
	/* A compromised key does not drain, and one that was switched off by hand stays so. */
	if (text_same(key.state, KEY_COMPROMISED) || text_same(key.state, KEY_DESTROYED))
		return 0;
	if (text_same(key.state, KEY_DISABLED)
			? key_set_drained(r->l->db, key.id, now, e) < 0
			: key_set_state(r->l->db, key.id, KEY_DRAINING, now, e) < 0)
		return -1;
	return life_journal(r->l, v->certificate, key.public_hash, "key-draining", "record", e,
		"key '%s' is no longer served", key.label);
}

int
retire_replaced(struct life *l, const struct attempt *a, int64_t version, struct err *e)
{
	struct retiring retiring = {l, a};

	return version_each(l->db, a->certificate, version, retire_key, &retiring, e);
}

static int
record_part(struct life *l, struct work *w, const struct part *p, struct certificate_row *row,
	struct err *e)
{
	const struct authority_conf *conf = config_authority(l->config, w->attempt.authority);
	AUTO(chain) struct chain *chain = NULL;
	struct version_row v = {.number = w->attempt.version,
		.anchored = conf && (conf->issuer || conf->ops->has_anchors),
		.installed_at = services_now(l->services)};
	struct leaf_facts facts;
	struct key_row key;
	struct due due;
	struct account_row account;
	bool found;

	if (chain_parse(p->chain, strlen(p->chain), &chain, e) < 0 ||
		chain_leaf_facts(chain, &facts, e) < 0 || key_get(l->db, p->key_id, &key, e) < 0)
		return -1;
	text_copy(v.certificate, sizeof v.certificate, w->conf->name);
	text_copy(v.key_type, sizeof v.key_type, p->key_type);
	text_copy(v.key_id, sizeof v.key_id, p->key_id);
	text_copy(v.authority, sizeof v.authority, w->attempt.authority);
	text_copy(v.serial, sizeof v.serial, facts.serial);
	text_copy(v.issuer, sizeof v.issuer, facts.issuer);
	text_copy(v.fingerprint, sizeof v.fingerprint, facts.fingerprint);
	text_copy(v.ari_id, sizeof v.ari_id, facts.ari_id);
	found = false;
	if (conf && conf->ops->needs_account &&
		account_get(l->db, conf->name, conf->url, &account, &found, e) < 0)
		return -1;
	if (conf && found)
		text_copy(v.account, sizeof v.account, account.url);
	v.not_before = facts.not_before;
	v.not_after = facts.not_after;
	const struct due_row part = {.not_before = v.not_before,
		.not_after = v.not_after,
		.installed_at = v.installed_at,
		.jitter = row->jitter,
		.key_made_at = key.created_at,
		.wish = row->wish};
	due_of(w->policy, &part, row->wish, v.installed_at, &due);
	if (row->renew_at == 0 || due.at < row->renew_at) {
		row->renew_at = due.at;
		text_copy(row->renew_reason, sizeof row->renew_reason, due.reason);
	}
	if (version_save(l->db, &v, e) < 0)
		return -1;
	if (text_same(key.state, KEY_ACTIVE))
		return 0;
	return key_set_state(l->db, key.id, KEY_ACTIVE, v.installed_at, e);
}

int
step_record(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	struct attempt *a = &w->attempt;
	struct certificate_row row;

	*ret = OUTCOME_NEXT;
	if (goes_back(a))
		return back_record(l, w, e);
	if (db_begin(l->db, e) < 0 || certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	bool renewed = row.live_version != 0;
	if (renewed && retire_replaced(l, a, row.live_version, e) < 0)
		return -1;
	row.live_version = a->version;
	row.not_served = false;
	row.renew_at = row.cause_at = 0;
	row.cause[0] = '\0';
	row.jitter = due_jitter(l->services);
	wish_text(w->conf, row.wish);
	for (size_t i = 0; i < a->parts; i++)
		if (record_part(l, w, &a->part[i], &row, e) < 0)
			return -1;
	if (certificate_save(l->db, &row, e) < 0 ||
		life_journal(l, w->conf->name, "", renewed ? "renewed" : "issued", "record", e,
			"version %lld from '%s' is in place%s (%s)", (long long)a->version,
			a->authority, has_endpoints(w->conf) ? " and served" : "", a->reason) < 0 ||
		attempt_delete(l->db, w->conf->name, e) < 0)
		return -1;
	return db_commit(l->db, e);
}
