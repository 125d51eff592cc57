#include "uses.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/state/inventory.h"
#include "keystay/state/uses.h"
#include "keystay/token/raw.h"
#include "alarms.h"
#include "ledger.h"

/* Days that a destroyed key keeps its slot: a use of it would be worth knowing. */
#define DESTROYED_DAYS 30

/* One look: what the database knows of every key, in little room. */
struct looking {
	struct life *l;
	struct owned_keys keys;
	struct list changed; /* public hashes whose counts are not those of their checkpoint */
	struct list missing; /* ... that have a checkpoint, and no slot any more */
	struct list closed;  /* ... of keys that are long gone */
	char *seen;          /* per slot: there is a checkpoint of it */
	when_t now;
	bool stored; /* something was: the ledger gets another epoch */
};

static int
note_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct looking *look = ctx;

	if (!k->public_hash[0])
		return 0;
	ledger_follow(look->l, k);
	struct ledger_slot *s = ledger_slot_of(look->l, k->public_hash);
	if (s && text_same(k->state, KEY_DESTROYED) &&
		look->now - k->state_at > DESTROYED_DAYS * DAY) {
		book_free(look->l->book, s);
		return list_add(&look->closed, k->public_hash)
			       ? 0
			       : err_set(e, ERR_FAILED, "no memory");
	}
	if (!s)
		return 0;
	return owned_keys_add(&look->keys, look->l, k, s, e);
}

static int
compare_checkpoint(void *ctx, const struct use_row *u, struct err *e)
{
	struct looking *look = ctx;
	struct ledger_slot *s = ledger_slot_of(look->l, u->public_hash);
	char text[COUNTS_TEXT];

	if (!s)
		return list_has(&look->closed, u->public_hash) ||
				       list_add(&look->missing, u->public_hash)
			       ? 0
			       : err_set(e, ERR_FAILED, "no memory");
	look->seen[ledger_index(book_ledger(look->l->book), s)] = 1;
	const struct counts c = counts_read(s->count);
	counts_write(&c, text);
	if (text_same(text, u->counts) || list_add(&look->changed, u->public_hash))
		return 0;
	return err_set(e, ERR_FAILED, "no memory");
}

/* The hash of a key that a guard met and nobody registered. */
static void
name_slot(struct looking *look, struct ledger_slot *s)
{
	unsigned char hash[BOOK_HASH];
	char hex[KEY_HASH_TEXT];
	struct ledger_key k;
	EVP_PKEY *public = NULL;
	struct err ignored;

	ledger_key_of(s, &k);
	if (public_of_raw(&k, &public, &ignored) == 0 &&
		key_public_hash(public, hex, &ignored) == 0 &&
		hex_decode(hex, hash, sizeof hash) == sizeof hash)
		book_name(look->l->book, s, hash);
	EVP_PKEY_free(public);
}

/* What only the agent signed with, and the database does not know, was tried and is gone. */
static bool
is_probe(const struct ledger_slot *s)
{
	const struct counts c = counts_read(s->count);
	int64_t sum = 0;

	for (int i = COUNT_OVER; i < LEDGER_COUNTS; i++)
		sum += c.of[i];
	return sum == 0 && c.of[COUNT_USES] == c.of[COUNT_AGENT];
}

static int
note_new_slots(struct looking *look, struct err *e)
{
	const struct ledger *ledger = book_ledger(look->l->book);
	char hex[KEY_HASH_TEXT];
	struct ledger_slot *s;

	for (size_t i = 0; (s = ledger_slot_at(ledger, i)); i++) {
		if (look->seen[i] || atomic_load(&s->use) != SLOT_USED ||
			!atomic_load(&s->has_hash))
			continue;
		hex_encode(s->hash, sizeof s->hash, hex);
		if (!owned_keys_find(&look->keys, hex) && is_probe(s)) {
			book_free(look->l->book, s);
			continue;
		}
		if (!list_add(&look->changed, hex))
			return err_set(e, ERR_FAILED, "no memory");
	}
	return 0;
}

/* One key whose counts changed: what that means, and the checkpoint. */
static int
take_one(struct looking *look, const char *public_hash, struct err *e)
{
	struct life *l = look->l;
	struct ledger_slot *s = ledger_slot_of(l, public_hash);
	struct use_row u = {.token_count = -1};
	bool found;

	if (!s || use_row_get(l->db, public_hash, &u, &found, e) < 0)
		return s ? -1 : 0;
	text_copy(u.public_hash, sizeof u.public_hash, public_hash);
	if (!found)
		ledger_describe(s, &u);
	struct alarm a = {.slot = s, .was = counts_parse(u.counts), .row = &u};
	/* What is counted never goes down: somebody put back the file. */
	a.rolled_back = ledger_raise(s, &a.was);
	a.is = counts_read(s->count);
	if (alarms_raise(l, &look->keys, &a, look->now, e) < 0)
		return -1;
	counts_write(&a.is, u.counts);
	u.last_use = (when_t)(ledger_get(&s->last_use) & INT64_MAX);
	u.at = look->now;
	look->stored = true;
	return use_row_save(l->db, &u, e);
}

/* Uses and refusals of keys that have no slot at all. */
static int
take_header(struct looking *look, struct ledger_row *row, struct err *e)
{
	const struct counts was = counts_parse(row->counts);
	const struct counts is = counts_read(book_header(look->l->book)->count);
	char text[COUNTS_TEXT];

	counts_write(&is, text);
	if (text_same(text, row->counts))
		return 0;
	look->stored = true;
	text_copy(row->counts, sizeof row->counts, text);
	return alarms_raise_other(look->l, &was, &is, e);
}

static int
follow_key(void *ctx, const struct key_row *k, struct err *e)
{
	(void)e;
	ledger_follow(ctx, k);
	return 0;
}

/* Slots that somebody wrote over: back they go, with what was counted, state and limits. */
static int
restore_missing(struct looking *look, struct err *e)
{
	struct use_row u;
	size_t lost = 0;
	bool found;

	for (size_t i = 0; i < look->missing.count; i++) {
		if (use_row_get(look->l->db, look->missing.item[i], &u, &found, e) < 0 ||
			ledger_restore(look->l, &u, e) < 0)
			return -1;
		/* A key that was made while there was no ledger never had a slot. */
		lost += !text_same(u.counts, "{}");
	}
	/* At once: a guard that refuses unknown keys would refuse them until the next look. */
	if (look->missing.count && keys_each(look->l->db, NULL, follow_key, look->l, e) < 0)
		return -1;
	look->stored = look->stored || lost;
	return lost ? alarms_raise_missing(look->l, lost, e) : 0;
}

static int
checkpoint(struct looking *look, struct err *e)
{
	struct life *l = look->l;
	struct ledger_row row;

	if (ledger_row_get(l->db, &row, e) < 0 || restore_missing(look, e) < 0)
		return -1;
	for (size_t i = 0; i < look->closed.count; i++)
		if (use_row_close(l->db, look->closed.item[i], e) < 0)
			return -1;
	for (size_t i = 0; i < look->changed.count; i++)
		if (take_one(look, look->changed.item[i], e) < 0)
			return -1;
	if (take_header(look, &row, e) < 0)
		return -1;
	if (!look->stored)
		return 0;
	/* The file first: after a crash it may be ahead of the database, never behind. */
	row.epoch = (int64_t)(atomic_fetch_add(&book_header(l->book)->epoch, 1) & INT64_MAX) + 1;
	row.at = look->now;
	return ledger_row_save(l->db, &row, e);
}

static int
look(struct looking *look, struct err *e)
{
	struct life *l = look->l;
	const struct ledger *ledger = book_ledger(l->book);
	struct ledger_slot *s;

	if (book_tidy(l->book, look->now, e) < 0)
		return -1;
	look->seen = calloc((size_t)ledger->parts * LEDGER_SLOTS, 1);
	if (!look->seen)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; (s = ledger_slot_at(ledger, i)); i++)
		if (atomic_load(&s->use) == SLOT_USED && !atomic_load(&s->has_hash))
			name_slot(look, s);
	if (db_begin(l->db, e) < 0 || keys_each(l->db, NULL, note_key, look, e) < 0)
		return -1;
	owned_keys_sort(&look->keys);
	if (use_rows_each(l->db, compare_checkpoint, look, e) < 0 || note_new_slots(look, e) < 0 ||
		checkpoint(look, e) < 0)
		return -1;
	return db_commit(l->db, e);
}

void
uses_look(struct life *l)
{
	struct looking all = {.l = l, .now = services_now(l->services)};
	struct err why;

	if (!l->book)
		return;
	if (look(&all, &why) < 0) {
		db_rollback(l->db);
		err_in(&why, "the use ledger");
		life_warn(l, &why);
	}
	owned_keys_clear(&all.keys);
	list_free(&all.changed);
	list_free(&all.missing);
	list_free(&all.closed);
	free(all.seen);
}
