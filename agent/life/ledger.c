#include "ledger.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/state/compromised.h"
#include "keystay/state/uses.h"
#include "keystay/token/raw.h"
#include "keystay/token/template.h"
#include "limits.h"

enum ledger_state
ledger_state_of(const char *key_state)
{
	static const struct {
		const char *word;
		enum ledger_state state;
	} states[] = {
		{KEY_RESERVED, STATE_STAGED},
		{KEY_STAGED, STATE_STAGED},
		{KEY_ACTIVE, STATE_ACTIVE},
		{KEY_DRAINING, STATE_DRAINING},
		{KEY_DISABLED, STATE_DISABLED},
		{KEY_DESTROYED, STATE_DESTROYED},
		{KEY_COMPROMISED, STATE_COMPROMISED},
	};

	for (size_t i = 0; i < COUNT(states); i++)
		if (text_same(states[i].word, key_state))
			return states[i].state;
	return STATE_UNKNOWN;
}

struct ledger_slot *
ledger_slot_of(struct life *l, const char *public_hash)
{
	unsigned char hash[BOOK_HASH];

	if (!l->book || hex_decode(public_hash, hash, sizeof hash) != sizeof hash)
		return NULL;
	return book_find(l->book, hash);
}

int64_t
ledger_signatures(struct life *l, const char *public_hash)
{
	const struct ledger_slot *s = ledger_slot_of(l, public_hash);

	return s ? counts_read(s->count).of[COUNT_USES] : 0;
}

/* Only what differs is written: the pages of a large ledger stay clean. */
static void
put(_Atomic uint64_t *place, int64_t value)
{
	if (ledger_get(place) != (uint64_t)value)
		atomic_store(place, (uint64_t)value);
}

void
ledger_follow(struct life *l, const struct key_row *row)
{
	const struct policy *p = limits_policy(l->config, row);
	struct ledger_slot *s = ledger_slot_of(l, row->public_hash);

	if (!s)
		return;
	uint32_t state = ledger_state_of(row->state), is = atomic_load(&s->state);
	/* A key that servers were given before its version is recorded stays in service. */
	if (is != state && !(is == STATE_ACTIVE && state == STATE_STAGED))
		atomic_store(&s->state, state);
	put(&s->soft, p ? p->limits.soft : 0);
	put(&s->hard, limits_hard(p, row));
}

void
ledger_serve(struct life *l, const struct key_row *row)
{
	struct ledger_slot *s = ledger_slot_of(l, row->public_hash);

	if (s && atomic_load(&s->state) == STATE_STAGED)
		atomic_store(&s->state, STATE_ACTIVE);
}

/* What the guard lets a server do with the key: as much as its template has, also where the token
 * would not keep to that. */
static void
limit_mechanisms(struct ledger_slot *s, bool raw_rsa)
{
	const CK_MECHANISM_TYPE *list;

	size_t n = template_mechanisms(s->rsa ? FAMILY_RSA : FAMILY_EC, raw_rsa, &list);
	if (n > LEDGER_MECHANISMS)
		BUG("more mechanisms than a slot has room for");
	for (size_t i = 0; i < n; i++)
		s->mechanism[i] = (uint32_t)list[i];
	atomic_store(&s->mechanisms, (uint32_t)n);
}

static int
read_key(struct life *l, const struct key_row *row, const EVP_PKEY *public, struct ledger_key *ret,
	struct err *e)
{
	if (public_raw(public, ret, e) < 0)
		return -1;
	ret->id_bytes = (size_t)hex_decode(row->id, ret->id, sizeof ret->id);
	text_copy(ret->label, sizeof ret->label, row->label);
	if (l->last_token && l->last_token->token)
		text_copy(ret->serial, sizeof ret->serial,
			token_identity_of(l->last_token->token)->serial);
	return 0;
}

/* Known by the database from now on, whatever becomes of the ledger, or where there is none now. */
static int
store_key(struct life *l, const char *public_hash, const struct ledger_key *k, struct err *e)
{
	struct use_row u = {.rsa = k->rsa, .counts = "{}", .token_count = -1};
	struct use_row there;
	bool found;

	if (use_row_get(l->db, public_hash, &there, &found, e) < 0)
		return -1;
	if (found)
		return 0;
	text_copy(u.public_hash, sizeof u.public_hash, public_hash);
	hex_encode(k->raw, k->raw_bytes, u.raw);
	hex_encode(k->params, k->params_bytes, u.params);
	text_copy(u.label, sizeof u.label, k->label);
	text_copy(u.serial, sizeof u.serial, k->serial);
	return use_row_save(l->db, &u, e);
}

static int
register_key(struct life *l, const struct key_row *row, const char *public_hash,
	const EVP_PKEY *public, struct ledger_slot **ret, struct err *e)
{
	unsigned char hash[BOOK_HASH];
	struct ledger_key k;

	if (read_key(l, row, public, &k, e) < 0 || store_key(l, public_hash, &k, e) < 0)
		return -1;
	if (hex_decode(public_hash, hash, sizeof hash) != sizeof hash)
		BUG("a public hash that is none");
	return l->book ? book_register(l->book, &k, hash, ledger_state_of(row->state),
				 services_now(l->services), ret, e)
		       : 0;
}

void
ledger_register(
	struct life *l, const struct key_row *row, const char *public_hash, const EVP_PKEY *public)
{
	struct ledger_slot *s = ledger_slot_of(l, public_hash);
	struct key_row named = *row;
	struct err why;

	if (!s && register_key(l, row, public_hash, public, &s, &why) < 0) {
		err_in(&why, "the signatures of key '%s' are not counted", row->label);
		life_warn(l, &why);
	}
	if (!s)
		return;
	const struct token *t = l->last_token ? l->last_token->token : NULL;
	if (atomic_load(&s->mechanisms) == 0)
		limit_mechanisms(s, t && token_road(t) == ROAD_LIBP11);
	text_copy(named.public_hash, sizeof named.public_hash, public_hash);
	ledger_follow(l, &named);
}

bool
ledger_raise(struct ledger_slot *s, const struct counts *to)
{
	bool lower = false;

	for (int i = 0; i < LEDGER_COUNTS; i++) {
		int64_t is = counts_read(s->count).of[i];
		if (is >= to->of[i])
			continue;
		atomic_fetch_add(&s->count[i], (uint64_t)(to->of[i] - is));
		lower = true;
	}
	return lower;
}

void
ledger_describe(const struct ledger_slot *s, struct use_row *u)
{
	struct ledger_key k;

	ledger_key_of(s, &k);
	u->rsa = k.rsa;
	hex_encode(k.raw, k.raw_bytes, u->raw);
	hex_encode(k.params, k.params_bytes, u->params);
	text_copy(u->label, sizeof u->label, k.label);
	text_utf8(u->label);
	text_copy(u->serial, sizeof u->serial, k.serial);
	text_utf8(u->serial);
}

/* --- a ledger that is not the one that was used last */

static int
tell_fate(struct life *l, const char *kind, const char *text, struct err *e)
{
	return life_alarm(l, NULL, kind,
		"counts go on from the last checkpoint; start the servers anew that had it open", e,
		"%s", text);
}

static int
make_new(struct life *l, const char *path, struct err *e)
{
	unsigned char id[16];

	l->services->random(l->services->ctx, id, sizeof id);
	return book_make(path, id, services_now(l->services), &l->book, e);
}

/* A slot as the checkpoint has it: its key is known, whatever became of the file. */
int
ledger_restore(struct life *l, const struct use_row *u, struct err *e)
{
	unsigned char hash[BOOK_HASH];
	struct ledger_key k = {.rsa = u->rsa};
	const struct counts c = counts_parse(u->counts);
	struct ledger_slot *s;

	int raw = hex_decode(u->raw, k.raw, sizeof k.raw);
	int params = hex_decode(u->params, k.params, sizeof k.params);
	if (hex_decode(u->public_hash, hash, sizeof hash) != sizeof hash || raw <= 0 || params < 0)
		return 0;
	k.raw_bytes = (size_t)raw;
	k.params_bytes = (size_t)params;
	text_copy(k.label, sizeof k.label, u->label);
	text_copy(k.serial, sizeof k.serial, u->serial);
	if (book_register(l->book, &k, hash, STATE_UNKNOWN, services_now(l->services), &s, e) < 0)
		return -1;
	/* Which road it was made for is not known here: the longer list. */
	limit_mechanisms(s, true);
	ledger_raise(s, &c);
	if (ledger_get(&s->last_use) == 0)
		atomic_store(&s->last_use, (uint64_t)u->last_use);
	return 0;
}

static int
restore_one(void *ctx, const struct use_row *u, struct err *e)
{
	return ledger_restore(ctx, u, e);
}

static int
replace_lost(struct life *l, const char *path, const struct ledger_row *was, const char *what,
	struct err *e)
{
	char text[700], at[WHEN_TEXT];

	if (make_new(l, path, e) < 0 || use_rows_each(l->db, restore_one, l, e) < 0)
		return -1;
	if (!was->id[0])
		return 0;
	snprintf(text, sizeof text,
		"the use ledger '%.300s' %s; what was counted since %s is not known", path, what,
		when_format(was->at, at));
	return tell_fate(l, "ledger-lost", text, e);
}

/* What is there instead of a ledger that can be used. */
static int
mend(struct life *l, const char *path, enum ledger_fault fault, const struct ledger_row *was,
	struct err *e)
{
	char aside[4200], what[4400];

	if (fault == LEDGER_ABSENT)
		return replace_lost(l, path, was, "is gone", e);
	if (fault == LEDGER_DENIED)
		return err_set(e, ERR_FAILED, "the use ledger '%s' cannot be opened", path);
	if (fault == LEDGER_OPEN) {
		if (chmod(path, 0600) < 0 || book_open(path, true, &l->book, &fault, e) < 0 ||
			!l->book)
			return err_set(e, ERR_FAILED,
				"the use ledger '%s' may be written by others than its owner",
				path);
		return tell_fate(l, "ledger-open",
			"the use ledger could be written by others than its owner", e);
	}
	if (book_set_aside(path, services_now(l->services), aside, e) < 0)
		return -1;
	snprintf(what, sizeof what, "%s (set aside as '%s')", ledger_fault_text(fault), aside);
	/* Worth telling even where the database knows of none. */
	struct ledger_row known = *was;
	if (!known.id[0])
		text_copy(known.id, sizeof known.id, "-");
	return replace_lost(l, path, &known, what, e);
}

/* Another ledger than the last one, or that one as it was earlier. */
static int
judge_epoch(struct life *l, const struct ledger_row *was, const char *id, struct err *e)
{
	int64_t epoch = (int64_t)(atomic_load(&book_header(l->book)->epoch) & INT64_MAX);

	if (!was->id[0] || (text_same(was->id, id) && epoch >= was->epoch))
		return 0;
	if (use_rows_each(l->db, restore_one, l, e) < 0)
		return -1;
	if (epoch < was->epoch)
		atomic_store(&book_header(l->book)->epoch, (uint64_t)was->epoch);
	return text_same(was->id, id)
		       ? tell_fate(l, "ledger-rolled-back",
				 "the use ledger was put back to an earlier state", e)
		       : tell_fate(l, "ledger-replaced",
				 "the use ledger is another one than before", e);
}

static int
take_over_slot(struct life *l, const struct ledger_slot *s, struct err *e)
{
	struct use_row u = {.token_count = -1, .at = services_now(l->services)};
	const struct counts c = counts_read(s->count);

	hex_encode(s->hash, sizeof s->hash, u.public_hash);
	ledger_describe(s, &u);
	counts_write(&c, u.counts);
	u.last_use = (when_t)(ledger_get(&s->last_use) & INT64_MAX);
	if (use_row_save(l->db, &u, e) < 0)
		return -1;
	return atomic_load(&s->state) == STATE_COMPROMISED
		       ? compromised_add(l->db, u.public_hash, "by the use ledger", u.at, e)
		       : 0;
}

/*
 * A database that knows of no ledger beside one that was used: it is new, the old one was lost.
 * What the ledger has is where counts go on from, and which keys were compromised.
 */
static int
take_over(struct life *l, struct ledger_row *row, struct err *e)
{
	const struct counts c = counts_read(book_header(l->book)->count);
	const struct ledger_slot *s;

	for (size_t i = 0; (s = ledger_slot_at(book_ledger(l->book), i)); i++)
		if (atomic_load(&s->use) == SLOT_USED && atomic_load(&s->has_hash) &&
			atomic_load(&s->state) != STATE_UNKNOWN && take_over_slot(l, s, e) < 0)
			return -1;
	counts_write(&c, row->counts);
	return 0;
}

static int
settle(struct life *l, struct err *e)
{
	char path[4200], id[33];
	enum ledger_fault fault;
	struct ledger_row was;

	snprintf(path, sizeof path, "%s/ledger", l->config->state);
	if (ledger_row_get(l->db, &was, e) < 0 || book_open(path, true, &l->book, &fault, e) < 0)
		return -1;
	bool there = l->book != NULL;
	if (!there && mend(l, path, fault, &was, e) < 0)
		return -1;
	hex_encode(book_header(l->book)->id, 16, id);
	if (there && judge_epoch(l, &was, id, e) < 0)
		return -1;
	if (text_same(was.id, id))
		return 0;
	if (there && !was.id[0] && take_over(l, &was, e) < 0)
		return -1;
	text_copy(was.id, sizeof was.id, id);
	was.epoch = (int64_t)(atomic_load(&book_header(l->book)->epoch) & INT64_MAX);
	was.at = services_now(l->services);
	if (!was.counts[0])
		text_copy(was.counts, sizeof was.counts, "{}");
	return ledger_row_save(l->db, &was, e);
}

void
ledger_open(struct life *l)
{
	struct err why;

	if (db_begin(l->db, &why) == 0 && settle(l, &why) == 0 && db_commit(l->db, &why) == 0)
		return;
	db_rollback(l->db);
	book_close(l->book);
	l->book = NULL;
	err_in(&why, "signatures are not counted and no limit is kept");
	err_hint(&why, "mend this soon: keys are used without being counted");
	life_warn(l, &why);
}
