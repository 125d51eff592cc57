/* Judge the wish; decide for each key type: a new key or the same. */
#include <string.h>

#include "keystay/state/inventory.h"
#include "internal.h"
#include "judge.h"
#include "ledger.h"

/* The live version's key of one type, and how long its certificate lives. */
struct live_key {
	const char *type;
	char id[33];
	when_t validity;
};

static int
find_live_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct live_key *k = ctx;
	(void)e;
	if (text_same(v->key_type, k->type)) {
		text_copy(k->id, sizeof k->id, v->key_id);
		k->validity = v->not_after - v->not_before + 1;
	}
	return 0;
}

static int
choose_key(struct life *l, struct work *w, const char *type, const struct certificate_row *row,
	struct key_row *ret, bool *ret_new, when_t *ret_validity, struct err *e)
{
	struct live_key live = {.type = type};
	enum key_type number;
	bool spare = false;

	*ret_new = true;
	*ret_validity = 0;
	if (row->live_version &&
		version_each(l->db, w->conf->name, row->live_version, find_live_key, &live, e) < 0)
		return -1;
	*ret_validity = live.validity;
	if (live.id[0]) {
		if (key_get(l->db, live.id, ret, e) < 0)
			return -1;
		bool fits =
			text_same(ret->token, w->conf->token) && text_same(ret->state, KEY_ACTIVE);
		*ret_new = !fits || text_same(w->attempt.key_mode, "new") ||
			   (text_same(w->attempt.key_mode, "auto") &&
				   (policy_wants_new_key(w->policy, ret->created_at, live.validity,
					    services_now(l->services)) ||
					   policy_budget_spent(w->policy,
						   ledger_signatures(l, ret->public_hash))));
	}
	if (!*ret_new)
		return 0;
	/* One that an earlier attempt made and never used. */
	if (key_find_spare(l->db, w->conf->name, w->conf->token, type, ret, &spare, e) < 0)
		return -1;
	if (spare)
		return 0;
	key_type_of(type, &number);
	return life_key_reserve(l, "certificate", w->conf->name, w->conf->token, number, ret, e);
}

/* A part with its key for every type; the oldest key that stays goes into the facts. */
static int
choose_parts(struct life *l, struct work *w, struct policy_facts *facts, struct err *e)
{
	struct certificate_row row;
	struct attempt *a = &w->attempt;

	if (certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	for (size_t i = 0; i < w->conf->keys; i++) {
		struct part *p = &a->part[i];
		struct key_row key;
		bool is_new;
		when_t validity;
		if (choose_key(l, w, facts->key_type[i], &row, &key, &is_new, &validity, e) < 0)
			return -1;
		*p = (struct part){0};
		text_copy(p->key_type, sizeof p->key_type, facts->key_type[i]);
		text_copy(p->key_id, sizeof p->key_id, key.id);
		if (!is_new && (facts->key_made_at == 0 || key.created_at < facts->key_made_at))
			facts->key_made_at = key.created_at;
		if (!is_new && validity > facts->validity)
			facts->validity = validity;
		int64_t signatures = is_new ? 0 : ledger_signatures(l, key.public_hash);
		if (signatures > facts->signatures)
			facts->signatures = signatures;
	}
	return 0;
}

int
step_policy(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	AUTO(facts) struct facts facts = {0};
	struct attempt *a = &w->attempt;

	*ret = OUTCOME_NEXT;
	facts_wish(w->conf, services_now(l->services), &facts);
	attempt_free(a);
	/* Labels, parts and attempt in one transaction: a reserved label is never lost. */
	if (db_begin(l->db, e) < 0 || choose_parts(l, w, &facts.policy, e) < 0 ||
		judge_wish(l, w, &facts, e) < 0)
		return -1;
	a->parts = w->conf->keys;
	if (attempt_save(l->db, a, e) == 0 && db_commit(l->db, e) == 0)
		return 0;
	a->parts = 0;
	return -1;
}
