/* What of a removed certificate is still shown. */
#include <stdio.h>
#include <string.h>

#include "keystay/base/endpoint.h"
#include "keystay/life/remove.h"
#include "keystay/net/probe.h"
#include "keystay/policy/policy.h"
#include "keystay/state/inventory.h"
#include "keystay/state/memory.h"
#include "keystay/x509/leaf.h"
#include "keystay/x509/names.h"
#include "alert.h"
#include "known.h"
#include "removed.h"

#define LOOK_EVERY DAY
#define LOOK_LIMIT_MS 5000

/* Handshakes of one look; a server shows the same for most of a thousand names. */
#define LOOKS_MAX 64

/* --- keys by their public half */

struct keys {
	struct key_row *item;
	size_t count;
};

static int
collect_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct keys *all = ctx;

	if (!text_same(k->purpose, "certificate") || !*k->public_hash ||
		text_same(k->state, KEY_DESTROYED))
		return 0;
	struct key_row *more = realloc(all->item, (all->count + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	all->item = more;
	all->item[all->count++] = *k;
	return 0;
}

static const struct key_row *
key_shown(const struct keys *all, const char *public_hash)
{
	for (size_t i = 0; i < all->count; i++)
		if (text_same(all->item[i].public_hash, public_hash))
			return &all->item[i];
	return NULL;
}

/* --- handshakes */

static int
note(struct shown_at *at, const struct key_row *k, const char *endpoint, const char *name,
	struct err *e)
{
	char place[512];

	snprintf(place, sizeof place, "%s (%s)", endpoint, name);
	if ((list_has(&at->keys, k->id) || list_add(&at->keys, k->id)) &&
		(list_has(&at->places, place) || list_add(&at->places, place)))
		return 0;
	return err_set(e, ERR_FAILED, "no memory");
}

/* *ret_there = false: nothing listens there, so no other name need be tried. */
static int
look_at(const struct services *s, const struct keys *keys, struct shown_at *at,
	const char *endpoint, const char *name, bool rsa, bool *ret_there, struct err *e)
{
	struct probe_answer answer;
	char sni[NAME_TEXT + 16];
	struct err why;

	/* A wildcard stands for any label. */
	snprintf(sni, sizeof sni, "%s%s", name_is_wildcard(name) ? "keystay-check" : "",
		name_is_wildcard(name) ? name + 1 : name);
	const struct probe_request r = {.endpoint = endpoint,
		.sni = sni,
		.key = rsa ? PROBE_RSA : PROBE_ECDSA,
		.limit_ms = LOOK_LIMIT_MS};
	*ret_there = true;
	if (s->probe(s->ctx, &r, &answer, &why) < 0) {
		*ret_there = why.kind != ERR_NETWORK;
		return 0;
	}
	const struct key_row *k = key_shown(keys, answer.public_hash);
	return k ? note(at, k, endpoint, name, e) : 0;
}

static int
look_at_endpoint(const struct services *s, const struct keys *keys, struct shown_at *at,
	const char *endpoint, size_t *looks, struct err *e)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	const struct list *names = at->names;
	bool families[2] = {false}, there = true;

	if (!endpoint_split(endpoint, host, port))
		return 0;
	for (size_t i = 0; i < keys->count; i++)
		families[text_starts(keys->item[i].type, "rsa")] = true;
	for (size_t i = 0; i < (names->count ? names->count : 1); i++)
		for (int rsa = 0; rsa < 2; rsa++) {
			if (!families[rsa] || !there || *looks == LOOKS_MAX)
				continue;
			++*looks;
			if (look_at(s, keys, at, endpoint, names->count ? names->item[i] : host,
				    rsa, &there, e) < 0)
				return -1;
		}
	return 0;
}

int
removed_shown(struct db *db, const struct services *s, struct shown_at *at, struct err *e)
{
	struct keys keys = {.count = 0};
	size_t looks = 0;

	int rc = keys_each(db, at->certificate, collect_key, &keys, e);
	for (size_t i = 0; rc == 0 && keys.count && i < at->endpoints->count; i++)
		rc = look_at_endpoint(s, &keys, at, at->endpoints->item[i], &looks, e);
	free(keys.item);
	return rc;
}

/* --- once a day */

/* What its last version is for; none where its files are gone. */
static int
names_of(struct life *l, const char *certificate, struct list *ret, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	struct err ignored;
	struct known k;
	int64_t last;

	if (life_last_version(l->db, certificate, &last, e) < 0)
		return -1;
	if (last == 0 || known_load(l->db, certificate, last, &k, &ignored) < 0 ||
		known_chain(l, &k, 0, &chain, &ignored) < 0)
		return 0;
	return leaf_names(chain, ret) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

struct draining {
	const struct removed_row *row;
	when_t now;
	bool any, due;
};

static int
note_draining(void *ctx, const struct key_row *k, struct err *e)
{
	struct draining *d = ctx;

	(void)e;
	if (!text_same(k->purpose, "certificate") || !text_same(k->state, KEY_DRAINING))
		return 0;
	d->any = true;
	d->due = d->due || k->state_at + d->row->drain <= d->now;
	return 0;
}

static int
note_fingerprint(void *ctx, const struct version_row *v, struct err *e)
{
	(void)e;
	text_copy(ctx, 65, v->fingerprint);
	return 0;
}

/* It drains anew, and what is seen of it is kept, as for a certificate that is looked after. */
static int
drain_again(struct life *l, const char *certificate, const struct shown_at *at, struct err *e)
{
	when_t now = services_now(l->services);

	if (db_begin(l->db, e) < 0)
		return -1;
	int rc = served_clear(l->db, certificate, e);
	for (size_t i = 0; rc == 0 && i < at->keys.count; i++) {
		struct served_row seen = {.ok = true, .checked_at = now};
		struct key_row k;
		snprintf(seen.endpoint, sizeof seen.endpoint, "%.127s", at->places.item[0]);
		text_copy(seen.sni, sizeof seen.sni, at->keys.item[i]);
		rc = key_get(l->db, at->keys.item[i], &k, e);
		if (rc == 0 && text_same(k.state, KEY_DRAINING))
			rc = key_set_state(l->db, k.id, KEY_DRAINING, now, e);
		if (rc == 0)
			rc = version_each_of_key(
				l->db, k.id, note_fingerprint, seen.fingerprint, e);
		text_copy(seen.key_type, sizeof seen.key_type, k.type);
		if (rc == 0)
			rc = served_save(l->db, certificate, &seen, e);
	}
	if (rc == 0)
		return db_commit(l->db, e);
	db_rollback(l->db);
	return -1;
}

static int
look_at_one(struct life *l, const struct removed_row *row, struct err *e)
{
	AUTO(list) struct list names = {0};
	struct shown_at at = {
		.certificate = row->certificate, .endpoints = &row->endpoints, .names = &names};
	char places[512];
	struct err why;

	int rc = names_of(l, row->certificate, &names, e);
	if (rc == 0)
		rc = removed_shown(l->db, l->services, &at, e);
	if (rc == 0 && at.keys.count == 0) {
		rc = served_clear(l->db, row->certificate, e);
		alert_over(l, row->certificate, "still-served", "it is not served any more");
	} else if (rc == 0) {
		rc = drain_again(l, row->certificate, &at, e);
		err_set(&why, ERR_SERVED,
			"certificate '%s' was removed, and is still served at %s: its key stays",
			row->certificate, list_join(&at.places, places, sizeof places));
		err_hint(&why, "take it off the server, or 'keystay add' it again");
		alert_warn(l, row->certificate, "still-served", &why);
	}
	list_free(&at.places);
	list_free(&at.keys);
	return rc;
}

static int
take_turn(struct life *l, const char *certificate, struct err *e)
{
	AUTO(removed_row) struct removed_row row = {.removed_at = 0};
	when_t now = services_now(l->services);
	char word[96];
	int64_t last;
	bool found;

	if (removed_owner(l, certificate, &row, &found, e) < 0)
		return -1;
	struct draining d = {&row, now, false, false};
	snprintf(word, sizeof word, "removed:%s", certificate);
	if (!found || row.endpoints.count == 0)
		return 0;
	if (keys_each(l->db, certificate, note_draining, &d, e) < 0 ||
		memory_get(l->db, word, &last, e) < 0)
		return -1;
	/* One that was seen less than a day ago waits, however short it is to drain. */
	if (!d.any || (last <= now && last + LOOK_EVERY > now && !d.due))
		return 0;
	if (look_at_one(l, &row, e) < 0)
		return -1;
	return memory_set(l->db, word, now, e);
}

int
removed_look(struct life *l, struct err *e)
{
	AUTO(list) struct list names = {0};

	if (removed_names(l->db, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.count && !life_stopping(l); i++)
		if (take_turn(l, names.item[i], e) < 0)
			return -1;
	return 0;
}

/* --- before it is removed */

static bool
add_all(struct list *to, const struct list *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (!list_has(to, from->item[i]) && !list_add(to, from->item[i]))
			return false;
	return true;
}

static int
count_key(void *ctx, const struct key_row *k, struct err *e)
{
	(void)e;
	*(size_t *)ctx += text_same(k->purpose, "certificate") &&
			  (text_same(k->state, KEY_ACTIVE) || text_same(k->state, KEY_STAGED));
	return 0;
}

static int
look_at_database(struct db *db, const struct services *s, const struct certificate_conf *conf,
	struct removal *r, struct err *e)
{
	AUTO(list) struct list endpoints = {0};
	AUTO(attempt) struct attempt a = {0};
	struct shown_at at = {
		.certificate = conf->name, .endpoints = &endpoints, .names = &conf->names};
	bool whole = true;

	for (size_t i = 0; i < conf->installs; i++)
		whole = add_all(&endpoints, &conf->install[i].endpoints) && whole;
	if (!whole)
		return err_set(e, ERR_FAILED, "no memory");
	int rc = keys_each(db, conf->name, count_key, &r->keys, e);
	if (rc == 0)
		rc = attempt_load(db, conf->name, &a, &r->attempt, e);
	if (rc == 0)
		rc = removed_shown(db, s, &at, e);
	r->served = at.places;
	list_free(&at.keys);
	return rc;
}

int
life_removal(const struct config *c, struct db *db, const struct services *s,
	const struct certificate_conf *conf, struct removal *ret, struct err *e)
{
	const struct policy *p = policy_find(c->policies, conf->policy);
	AUTO(removal) struct removal r = {.drain = policy_drain(p), .disable = policy_disable(p)};

	for (size_t i = 0; i < conf->installs; i++)
		for (int f = 0; f < TARGET_FILES; f++)
			if (conf->install[i].path[f] &&
				!list_add(&r.copies, conf->install[i].path[f]))
				return err_set(e, ERR_FAILED, "no memory");
	if (db && look_at_database(db, s, conf, &r, e) < 0)
		return -1;
	*ret = r;
	r = (struct removal){.keys = 0};
	return 0;
}

void
removal_free(struct removal *r)
{
	list_free(&r->served);
	list_free(&r->copies);
}
