#include "back.h"

#include <string.h>

#include "keystay/state/compromised.h"
#include "due.h"
#include "ledger.h"
#include "wish.h"

bool
goes_back(const struct attempt *a)
{
	return text_same(a->key_mode, MODE_BACK);
}

/* --- may it be live again? */

static int
judge_key(struct life *l, const struct known *k, const struct key_row *key, struct err *e)
{
	bool compromised;

	if (compromised_has(l->db, key->public_hash, &compromised, e) < 0)
		return -1;
	if (!compromised &&
		(text_same(key->state, KEY_ACTIVE) || text_same(key->state, KEY_DRAINING)))
		return 0;
	err_set(e, ERR_POLICY, "the key '%s' of version %lld is %s", key->label,
		(long long)k->number, compromised ? KEY_COMPROMISED : key->state);
	if (!compromised && text_same(key->state, KEY_DISABLED))
		return err_hint(e, "'keystay keys enable %.12s' switches it on again", key->id);
	return err_hint(e, "'keystay renew --key new %s' gets another", k->certificate);
}

static int
judge_part(struct life *l, const struct known *k, const struct version_row *v, struct err *e)
{
	struct key_row key;
	char text[WHEN_TEXT];

	if (v->revoked_at) {
		err_set(e, ERR_POLICY, "version %lld was revoked at %s (%s)", (long long)k->number,
			when_format(v->revoked_at, text), v->revoked_for);
		return err_hint(e, "'keystay renew %s' gets another", k->certificate);
	}
	if (v->not_after <= services_now(l->services)) {
		err_set(e, ERR_POLICY, "version %lld expired at %s", (long long)k->number,
			when_format(v->not_after, text));
		return err_hint(e, "'keystay renew %s' gets another", k->certificate);
	}
	return key_get(l->db, v->key_id, &key, e) < 0 ? -1 : judge_key(l, k, &key, e);
}

int
back_judge(struct life *l, const struct known *k, struct err *e)
{
	for (size_t i = 0; i < k->parts; i++)
		if (judge_part(l, k, &k->part[i], e) < 0)
			return -1;
	return known_whole(l, k, e);
}

static int
judge_again(struct life *l, const struct work *w, struct known *k, struct err *e)
{
	if (known_load(l->db, w->conf->name, w->attempt.version, k, e) < 0)
		return -1;
	return back_judge(l, k, e);
}

/* --- what the steps ask */

/* The ledger as the database has a key, or as if it were active already: its limits are those of a
 * key that serves. */
static int
tell_ledger(struct life *l, const struct attempt *a, bool serves, struct err *e)
{
	struct key_row key;

	for (size_t i = 0; i < a->parts; i++) {
		if (key_get(l->db, a->part[i].key_id, &key, e) < 0)
			return -1;
		if (serves)
			text_copy(key.state, sizeof key.state, KEY_ACTIVE);
		ledger_follow(l, &key);
	}
	return 0;
}

int
back_prepare(struct life *l, struct work *w, struct err *e)
{
	struct known k;

	return judge_again(l, w, &k, e) < 0 ? -1 : tell_ledger(l, &w->attempt, true, e);
}

int
back_drop(struct life *l, struct work *w, const char *why, struct err *e)
{
	if (db_begin(l->db, e) < 0)
		return -1;
	if (life_journal(l, w->conf->name, "", "rolled-back", w->attempt.step, e, "%s", why) < 0 ||
		attempt_delete(l->db, w->conf->name, e) < 0 || db_commit(l->db, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	w->dropped = true;
	return tell_ledger(l, &w->attempt, false, e);
}

/*
 * What a version was made for, as far as it shows: its names, key types and token. What was changed
 * in the configuration since makes it due again.
 */
static int
wish_of(struct life *l, const struct certificate_conf *conf, const struct known *k,
	char wish[WISH_TEXT], struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	AUTO(list) struct list names = {0};
	struct certificate_conf c = *conf;
	struct key_row key;

	if (known_chain(l, k, 0, &chain, e) < 0 || key_get(l->db, k->part[0].key_id, &key, e) < 0)
		return -1;
	/* Without names it is one that this program would not have installed. */
	(void)!chain_names(chain, &names);
	c.names = names;
	c.token = key.token;
	c.keys = 0;
	for (size_t i = 0; i < k->parts && c.keys < COUNT(c.key); i++)
		if (key_type_of(k->part[i].key_type, &c.key[c.keys]))
			c.keys++;
	wish_text(&c, wish);
	return 0;
}

/* Its key serves again; when it is due goes into the row. */
static int
revive_part(struct life *l, const struct work *w, const struct version_row *v,
	struct certificate_row *row, struct err *e)
{
	when_t now = services_now(l->services);
	char wish[WISH_TEXT];
	struct key_row key;
	struct due due;

	if (key_get(l->db, v->key_id, &key, e) < 0)
		return -1;
	wish_text(w->conf, wish);
	const struct due_row part = {.renew_reason = "",
		.cause = "",
		.wish = row->wish,
		.not_before = v->not_before,
		.not_after = v->not_after,
		.jitter = row->jitter,
		.key_made_at = key.created_at};
	due_of(w->policy, &part, wish, now, &due);
	if (row->renew_at == 0 || due.at < row->renew_at) {
		row->renew_at = due.at;
		text_copy(row->renew_reason, sizeof row->renew_reason, due.reason);
	}
	if (text_same(key.state, KEY_ACTIVE))
		return 0;
	if (key_set_state(l->db, key.id, KEY_ACTIVE, now, e) < 0)
		return -1;
	return life_journal(l, w->conf->name, key.public_hash, "key-active", "record", e,
		"key '%s' is served again", key.label);
}

static int
record(struct life *l, struct work *w, const struct known *k, struct err *e)
{
	struct certificate_row row;

	if (db_begin(l->db, e) < 0 || certificate_get(l->db, w->conf->name, &row, e) < 0 ||
		retire_replaced(l, &w->attempt, row.live_version, e) < 0 ||
		wish_of(l, w->conf, k, row.wish, e) < 0)
		return -1;
	int64_t from = row.live_version;
	row.live_version = k->number;
	row.not_served = false;
	row.renew_at = row.cause_at = 0;
	row.cause[0] = '\0';
	for (size_t i = 0; i < k->parts; i++)
		if (revive_part(l, w, &k->part[i], &row, e) < 0)
			return -1;
	if (certificate_save(l->db, &row, e) < 0 ||
		life_journal(l, w->conf->name, "", "rolled-back-by-hand", "record", e,
			"version %lld is live again, in place of version %lld",
			(long long)k->number, (long long)from) < 0 ||
		attempt_delete(l->db, w->conf->name, e) < 0)
		return -1;
	return db_commit(l->db, e);
}

int
back_record(struct life *l, struct work *w, struct err *e)
{
	struct known k;

	/* While it was waited for, another process may have refused its key for ever. */
	if (judge_again(l, w, &k, e) < 0)
		return roll_back(l, w, true, e);
	return record(l, w, &k, e);
}
