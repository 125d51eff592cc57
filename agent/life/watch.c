#include "watch.h"

#include <stdio.h>
#include <string.h>

#include "keystay/life/reinstall.h"
#include "keystay/state/inventory.h"
#include "keystay/state/memory.h"
#include "keystay/x509/names.h"
#include "alert.h"
#include "due.h"
#include "ledger.h"

#define TOKENS_EVERY DAY
#define SERVED_EVERY (6 * HOUR)
#define SERVED_AGAIN MINUTE

/* Handshakes of one pass; the rest of a large estate comes with the next. */
#define SERVED_BATCH 100

/* --- tokens */

struct missing {
	struct life *l;
	const char *token;
	const struct list *ids; /* that are there, sorted */
	size_t count;
};

static void
word_of(const char *prefix, const char *name, char word[96])
{
	snprintf(word, 96, "%s:%s", prefix, name);
}

void
watch_token_word(const char *token, char word[96])
{
	word_of("token", token, word);
}

static bool
should_be_there(const struct key_row *k)
{
	return !text_same(k->state, KEY_RESERVED) && !text_same(k->state, KEY_DESTROYED) &&
	       !text_same(k->purpose, "probe");
}

static int
count_missing(void *ctx, const struct key_row *k, struct err *e)
{
	struct missing *m = ctx;

	(void)e;
	m->count += text_same(k->token, m->token) && should_be_there(k) &&
		    !list_sorted_has(m->ids, k->id);
	return 0;
}

struct gone_keys {
	struct missing *missing;
	struct key_row *item;
	size_t count;
};

static int
collect_missing(void *ctx, const struct key_row *k, struct err *e)
{
	struct gone_keys *g = ctx;
	struct missing *m = g->missing;

	if (!text_same(k->token, m->token) || !should_be_there(k) || list_sorted_has(m->ids, k->id))
		return 0;
	struct key_row *more = realloc(g->item, (g->count + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	g->item = more;
	g->item[g->count++] = *k;
	return 0;
}

/* Its row says that it is no more; whoever lives by it is due. */
static int
note_gone(struct life *l, struct key_row *k, struct err *e)
{
	when_t now = services_now(l->services);
	struct key_uses uses;
	bool news;

	if (key_uses(l->db, k->id, &uses, e) < 0 ||
		(uses.live && due_cause(l->db, uses.certificate, now, CAUSE_KEY_GONE,
				      CAUSE_SIGNATURES, &news, e) < 0) ||
		key_set_state(l->db, k->id, KEY_DESTROYED, now, e) < 0 ||
		life_journal(l, text_same(k->purpose, "certificate") ? k->owner : "",
			k->public_hash, "key-gone", "", e,
			"key '%s' (%s) is gone from token '%s'; keystay did not destroy it",
			k->label, k->state, k->token) < 0)
		return -1;
	text_copy(k->state, sizeof k->state, KEY_DESTROYED);
	ledger_follow(l, k);
	return 0;
}

static int
note_all_gone(struct life *l, struct missing *m, struct err *e)
{
	struct gone_keys gone = {.missing = m};
	struct err why;

	if (db_begin(l->db, e) < 0)
		return -1;
	int rc = keys_each(l->db, NULL, collect_missing, &gone, e);
	for (size_t i = 0; rc == 0 && i < gone.count; i++)
		rc = note_gone(l, &gone.item[i], e);
	free(gone.item);
	if (rc < 0 || db_commit(l->db, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	life_due_again(l);
	err_set(&why, ERR_TOKEN, "%zu %s gone from token '%s'", m->count,
		m->count == 1 ? "key is" : "keys are", m->token);
	err_hint(&why,
		"was the token replaced or wiped? 'keystay history' names them; certificates "
		"that lived by them get new keys now");
	alert_warn(l, m->token, "keys-gone", &why);
	return 0;
}

/* The keys that the token has; -1 with `why` when it cannot be asked. */
static int
list_keys(struct life *l, const char *token, struct list *ids, struct err *why)
{
	struct token *t;

	list_free(ids);
	if (life_token(l, token, &t, why) < 0 || key_list(t, ids, why) < 0)
		return -1;
	list_sort(ids);
	return 0;
}

static int
watch_token(struct life *l, const char *token, struct err *e)
{
	AUTO(list) struct list ids = {0};
	struct missing m = {.l = l, .token = token, .ids = &ids};
	struct err why;

	if (list_keys(l, token, &ids, &why) < 0) {
		alert_tell(l, token, "token", &why);
		return 0;
	}
	alert_over(l, token, "token", "it can be opened again");
	if (keys_each(l->db, NULL, count_missing, &m, e) < 0)
		return -1;
	if (m.count == 0)
		return 0;
	/* A module that was started before another process made a key may not see it. */
	if (life_refresh_tokens(l, &why) < 0 || list_keys(l, token, &ids, &why) < 0) {
		alert_tell(l, token, "token", &why);
		return 0;
	}
	m.count = 0;
	if (keys_each(l->db, NULL, count_missing, &m, e) < 0)
		return -1;
	return m.count ? note_all_gone(l, &m, e) : 0;
}

static bool
is_used(const struct config *c, const char *token)
{
	for (size_t i = 0; i < c->certificates; i++)
		if (text_same(c->certificate[i].token, token))
			return true;
	for (size_t i = 0; i < c->authorities; i++)
		if (authority_token(&c->authority[i]) &&
			text_same(authority_token(&c->authority[i]), token))
			return true;
	return false;
}

/* When the token is to be looked at; 0 = never. */
static int
token_turn(struct life *l, const char *token, when_t *ret, struct err *e)
{
	when_t now = services_now(l->services);
	char word[96];
	int64_t last;

	watch_token_word(token, word);
	if (memory_get(l->db, word, &last, e) < 0)
		return -1;
	*ret = !is_used(l->config, token) ? 0 : last > now ? now : last + TOKENS_EVERY;
	return 0;
}

int
watch_tokens(struct life *l, struct err *e)
{
	when_t now = services_now(l->services), turn;
	char word[96];

	for (size_t i = 0; i < l->config->tokens && !life_stopping(l); i++) {
		const char *token = l->config->token[i].name;
		if (token_turn(l, token, &turn, e) < 0)
			return -1;
		if (turn == 0 || turn > now)
			continue;
		watch_token_word(token, word);
		if (watch_token(l, token, e) < 0 || memory_set(l->db, word, now, e) < 0)
			return -1;
	}
	return 0;
}

/* --- what is served */

struct ages {
	struct life *l;
	when_t now, next;
	bool collect;
	size_t *item; /* indexes of certificates */
	size_t count;
};

/* When it is to be looked at: soon again after a look that failed for the first time. */
static int
served_turn(struct life *l, const char *certificate, when_t looked_at, when_t *ret, struct err *e)
{
	char word[96];
	int64_t failed;

	word_of("unserved", certificate, word);
	if (memory_get(l->db, word, &failed, e) < 0)
		return -1;
	*ret = looked_at + (failed == 1 ? SERVED_AGAIN : SERVED_EVERY);
	return 0;
}

static int
note_age(void *ctx, const char *certificate, when_t looked_at, struct err *e)
{
	struct ages *all = ctx;
	const struct certificate_conf *c = config_certificate(all->l->config, certificate);
	const struct due *due;
	when_t turn;

	if (!c || !has_endpoints(c))
		return 0;
	if (life_due(all->l, c, &due, e) < 0 ||
		served_turn(all->l, certificate, looked_at > all->now ? 0 : looked_at, &turn, e) <
			0)
		return -1;
	/* What is being put in place is looked at by its own steps. */
	if (due->attempt && (due->placed || due->parked_until <= all->now))
		return 0;
	if (all->next == 0 || turn < all->next)
		all->next = turn ? turn : 1;
	if (turn > all->now || !all->collect || all->count == SERVED_BATCH)
		return 0;
	all->item[all->count++] = (size_t)(c - all->l->config->certificate);
	return 0;
}

struct shown {
	struct life *l;
	const struct certificate_conf *conf;
	size_t parts;
	struct err *why;
	bool ok;
};

static int
count_part(void *ctx, const struct version_row *v, struct err *e)
{
	struct shown *s = ctx;
	(void)v;
	(void)e;
	s->parts++;
	return 0;
}

static int
look_at_part(void *ctx, const struct version_row *v, struct err *e)
{
	struct shown *s = ctx;
	const struct leaf_wish leaf = {v->key_type, v->fingerprint, s->parts == 1};
	const char *host = names_first_host(&s->conf->names);

	(void)e;
	for (size_t i = 0; i < s->conf->installs; i++)
		for (size_t k = 0; k < s->conf->install[i].endpoints.count; k++)
			s->ok = look_once(s->l, s->conf, &leaf,
					s->conf->install[i].endpoints.item[k], host ? host : "",
					s->why) == 0 &&
				s->ok;
	return 0;
}

static int
note_other(void *ctx, const struct served_row *s, struct err *e)
{
	bool *other = ctx;
	(void)e;
	*other = *other || (!s->ok && s->fingerprint[0]);
	return 0;
}

/* A server that shows another certificate may only have missed a reload; one that shows none has a
 * trouble of its own. */
static bool
put_again(struct life *l, const struct certificate_conf *c, struct err *why)
{
	struct reinstalled done;
	bool other = false;

	if (served_each(l->db, c->name, note_other, &other, why) < 0 || !other)
		return false;
	if (life_reinstall(l, c, &done, why) == 0)
		return done.looked;
	db_rollback(l->db);
	return false;
}

static int
look_at_one(struct life *l, const struct certificate_conf *c, struct err *e)
{
	struct err why, again;
	struct shown s = {.l = l, .conf = c, .why = &why, .ok = true};
	struct certificate_row row;
	char word[96];
	int64_t failed;

	word_of("unserved", c->name, word);
	if (certificate_get(l->db, c->name, &row, e) < 0 ||
		memory_get(l->db, word, &failed, e) < 0 ||
		version_each(l->db, c->name, row.live_version, count_part, &s, e) < 0 ||
		version_each(l->db, c->name, row.live_version, look_at_part, &s, e) < 0)
		return -1;
	if (s.ok) {
		alert_over(l, c->name, "not-served", "it is served again");
		return failed ? memory_set(l->db, word, 0, e) : 0;
	}
	/* Once may be a server that was just started anew. */
	if (memory_set(l->db, word, failed + 1, e) < 0)
		return -1;
	if (failed == 0)
		return 0;
	if (failed == 1 && put_again(l, c, &again))
		return memory_set(l->db, word, 0, e);
	err_in(&why, "certificate '%s'", c->name);
	err_hint(&why,
		"'keystay check' looks at the server; 'keystay install %s' puts the "
		"certificate on it again",
		c->name);
	alert_tell(l, c->name, "not-served", &why);
	/* A key that is gone looks like that too. */
	watch_token_word(c->token, word);
	return failed == 1 ? memory_set(l->db, word, 0, e) : 0;
}

static int
collect_ages(struct life *l, bool collect, struct ages *ret, struct err *e)
{
	*ret = (struct ages){.l = l, .now = services_now(l->services), .collect = collect};
	if (collect && !(ret->item = calloc(SERVED_BATCH, sizeof *ret->item)))
		return err_set(e, ERR_FAILED, "no memory");
	return served_ages(l->db, note_age, ret, e);
}

int
watch_served(struct life *l, struct err *e)
{
	struct ages all;
	int rc = collect_ages(l, true, &all, e);

	for (size_t i = 0; rc == 0 && i < all.count && !life_stopping(l); i++)
		rc = look_at_one(l, &l->config->certificate[all.item[i]], e);
	free(all.item);
	return rc;
}

int
watch_next(struct life *l, when_t *ret, struct err *e)
{
	struct ages all;
	when_t turn;

	if (collect_ages(l, false, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < l->config->tokens; i++) {
		if (token_turn(l, l->config->token[i].name, &turn, e) < 0)
			return -1;
		if (turn && (all.next == 0 || turn < all.next))
			all.next = turn;
	}
	*ret = all.next;
	return 0;
}
