#include "counters.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/state/uses.h"
#include "keystay/token/counter.h"
#include "ledger.h"

/* Keys to look at: the database is not written while it is read. */
struct counted {
	struct life *l;
	struct list ids;
};

static struct open_token *
token_of(struct life *l, const struct key_row *k)
{
	const struct token_conf *t = config_token(l->config, k->token);

	return t ? &l->token[t - l->config->token] : NULL;
}

static int
note(void *ctx, const struct key_row *k, struct err *e)
{
	struct counted *all = ctx;
	struct open_token *o = token_of(all->l, k);

	if (!o || !o->token || o->no_counter || !k->public_hash[0] ||
		text_same(k->state, KEY_RESERVED) || text_same(k->state, KEY_DESTROYED) ||
		text_same(k->purpose, "probe"))
		return 0;
	return list_add(&all->ids, k->id) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

#define DISAGREES "counter-disagrees"
#define WHO_ELSE                                                                             \
	"who else has the token's PIN? A server that loads the vendor's module directly is " \
	"found by 'keystay check'"

/*
 * How far the ledger is ahead of the token may grow (a killed process leaves a use reserved), and
 * never shrinks but by signatures that were made past the guard.
 */
static int
compare(struct life *l, const struct key_row *k, struct use_row *u, int64_t ours,
	const struct key_counter *c, struct err *e)
{
	int64_t ahead = ours - c->count;

	if (u->token_count >= 0 && c->count < u->token_count &&
		life_alarm(l, k, DISAGREES, WHO_ELSE, e,
			"key '%s': the token's counter went back from %lld to %lld", k->label,
			(long long)u->token_count, (long long)c->count) < 0)
		return -1;
	if (u->token_count >= 0 && c->count >= u->token_count && ahead < u->token_ahead &&
		life_alarm(l, k, DISAGREES, WHO_ELSE, e,
			"key '%s': the token counted %lld signatures more than the ledger: they "
			"were made past the guard",
			k->label, (long long)(u->token_ahead - ahead)) < 0)
		return -1;
	u->token_count = c->count;
	u->token_ahead = ahead;
	return 0;
}

/* What is journaled, and what the token is told, where our limit is another than it was told last.
 */
static int
hand_down(struct life *l, struct token *t, const struct key_row *k, struct use_row *u,
	struct ledger_slot *s, struct key_counter *c, struct err *e)
{
	int64_t hard = (int64_t)(ledger_get(&s->hard) & INT64_MAX);
	struct key_name name = life_key_name(k);
	/* Both stop at the same signature when their distances are equal. */
	int64_t left = hard ? hard - ledger_signatures(l, k->public_hash) : INT32_MAX;

	if (hard == u->token_hard || left < 1)
		return 0;
	if (key_counter_limit(t, &name, k->public_hash, left, c, e) < 0)
		return -1;
	u->token_hard = hard;
	u->token_count = c->count;
	u->token_ahead = ledger_signatures(l, k->public_hash) - c->count;
	return life_journal(l, text_same(k->purpose, "certificate") ? k->owner : "", k->public_hash,
		"token-limit", "", e, "key '%s': the token itself stops it after %lld signatures%s",
		k->label, (long long)left, hard ? "" : " (no limit is in force)");
}

static int
look_at_key(struct life *l, const char *id, struct err *e)
{
	struct use_row u;
	struct key_row k;
	struct key_counter c;
	bool found;

	if (key_get(l->db, id, &k, e) < 0 || use_row_get(l->db, k.public_hash, &u, &found, e) < 0)
		return -1;
	struct open_token *o = token_of(l, &k);
	struct ledger_slot *s = ledger_slot_of(l, k.public_hash);
	struct key_name name = life_key_name(&k);
	if (!found || !s || !o->token || o->no_counter)
		return 0;
	if (key_counter_read(o->token, &name, &c, e) < 0)
		return -1;
	/* A token has it for all its keys, or for none. */
	if (!c.there) {
		o->no_counter = true;
		return 0;
	}
	/* Ours after the token's: what is signed in between is ours only, and that does no harm. */
	const struct use_row was = u;
	if (compare(l, &k, &u, ledger_signatures(l, k.public_hash), &c, e) < 0 ||
		hand_down(l, o->token, &k, &u, s, &c, e) < 0)
		return -1;
	if (was.token_count == u.token_count && was.token_ahead == u.token_ahead &&
		was.token_hard == u.token_hard)
		return 0;
	return use_row_save(l->db, &u, e);
}

/* A token that counts is opened for that, whether or not the run had anything to do with it. */
static void
open_counting(struct life *l)
{
	AUTO(list) struct list names = {0};
	struct token *t;
	struct err why;

	if (use_counting_tokens(l->db, &names, &why) < 0) {
		life_warn(l, &why);
		return;
	}
	for (size_t i = 0; i < names.count; i++)
		if (config_token(l->config, names.item[i]) &&
			life_token(l, names.item[i], &t, &why) < 0) {
			err_in(&why, "its counter is not compared");
			life_warn(l, &why);
		}
}

void
counters_look(struct life *l)
{
	struct counted all = {.l = l};
	struct err why;

	if (!l->book)
		return;
	open_counting(l);
	if (keys_each(l->db, NULL, note, &all, &why) < 0)
		life_warn(l, &why);
	for (size_t i = 0; i < all.ids.count; i++) {
		if (db_begin(l->db, &why) == 0 && look_at_key(l, all.ids.item[i], &why) == 0 &&
			db_commit(l->db, &why) == 0)
			continue;
		db_rollback(l->db);
		life_warn(l, &why);
	}
	list_free(&all.ids);
}
