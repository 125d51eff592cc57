#include "settle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/state/inventory.h"
#include "keystay/state/removed.h"
#include "due.h"
#include "ledger.h"

struct keys {
	struct key_row *item;
	size_t count;
};

static int
collect_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct keys *all = ctx;

	if (!text_same(k->purpose, "certificate"))
		return 0;
	struct key_row *more = realloc(all->item, (all->count + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	all->item = more;
	all->item[all->count++] = *k;
	return 0;
}

/* One that a person switched off drains too: switched on again, it would. */
static int
drain_key(struct life *l, struct key_row *k, bool *ret_changed, struct err *e)
{
	when_t now = services_now(l->services);

	if (text_same(k->state, KEY_DISABLED) && !text_same(k->state_before, KEY_DRAINING)) {
		*ret_changed = true;
		return key_set_drained(l->db, k->id, now, e);
	}
	if (!text_same(k->state, KEY_ACTIVE) && !text_same(k->state, KEY_STAGED))
		return 0;
	*ret_changed = true;
	text_copy(k->state, sizeof k->state, KEY_DRAINING);
	return key_set_state(l->db, k->id, KEY_DRAINING, now, e);
}

static int
end_keys(struct life *l, struct keys *keys, const struct removed_row *row, bool *changed,
	struct err *e)
{
	for (size_t i = 0; !row->keep_key && i < keys->count; i++)
		if (drain_key(l, &keys->item[i], changed, e) < 0)
			return -1;
	return 0;
}

/* It is live no more, and nothing goes on for it; its versions stay as history. */
static int
end_certificate(struct life *l, const char *name, bool *changed, struct err *e)
{
	AUTO(attempt) struct attempt a = {0};
	struct certificate_row c;
	bool attempt;

	if (certificate_get(l->db, name, &c, e) < 0 ||
		attempt_load(l->db, name, &a, &attempt, e) < 0)
		return -1;
	*changed = attempt || c.live_version || c.not_served;
	if (attempt && attempt_delete(l->db, name, e) < 0)
		return -1;
	if (!*changed)
		return 0;
	const struct certificate_row ended = {.last_version = c.last_version, .jitter = c.jitter};
	c = ended;
	text_copy(c.name, sizeof c.name, name);
	/* From now on the look at its endpoints says what is served (removed_look). */
	return certificate_save(l->db, &c, e) < 0 ? -1 : served_clear(l->db, name, e);
}

static int
end_it(struct life *l, const struct removed_row *row, struct keys *keys, bool *changed,
	struct err *e)
{
	char drain[WHEN_TEXT], disable[WHEN_TEXT];

	if (end_certificate(l, row->certificate, changed, e) < 0 ||
		end_keys(l, keys, row, changed, e) < 0)
		return -1;
	if (!*changed)
		return 0;
	if (row->keep_key)
		return life_journal(l, row->certificate, "", "removed", "", e,
			"it is no longer managed; its keys stay");
	return life_journal(l, row->certificate, "", "removed", "", e,
		"it is no longer managed; its keys are switched off after %s and destroyed after "
		"%s more",
		duration_format(row->drain, drain), duration_format(row->disable, disable));
}

/* --- and where it is wanted again */

static bool
is_whole(struct life *l, const char *name, int64_t version)
{
	char folder[4096], live[4096], to[512], file[4200], expected[512];

	path_version(l->config, name, version, folder);
	path_live(l->config, name, live);
	snprintf(file, sizeof file, "%s/fullchain.pem", folder);
	snprintf(expected, sizeof expected, "../versions/%s/%04lld", name, (long long)version);
	ssize_t n = readlink(live, to, sizeof to - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	return text_same(to, expected) && access(file, R_OK) == 0;
}

struct last_keys {
	struct life *l;
	bool usable;
};

static int
judge_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct last_keys *all = ctx;
	struct key_row k;

	if (key_get(all->l->db, v->key_id, &k, e) < 0)
		return -1;
	all->usable = all->usable && !v->revoked_at &&
		      (text_same(k.state, KEY_ACTIVE) || text_same(k.state, KEY_DRAINING));
	return 0;
}

static int
take_key_up(void *ctx, const struct version_row *v, struct err *e)
{
	struct life *l = ctx;
	struct key_row k;

	if (key_get(l->db, v->key_id, &k, e) < 0)
		return -1;
	return text_same(k.state, KEY_DRAINING)
		       ? key_set_state(l->db, k.id, KEY_ACTIVE, services_now(l->services), e)
		       : 0;
}

/*
 * The last version is live again while its keys may sign. Where they may not, live/ must not lead
 * to it: a certificate without a key is none, and another is got.
 */
static int
come_back(struct life *l, const char *name, struct err *e)
{
	struct last_keys keys = {l, true};
	struct certificate_row c;
	char live[4096];
	int64_t last;

	if (removed_delete(l->db, name, e) < 0 || certificate_get(l->db, name, &c, e) < 0 ||
		version_before(l->db, name, INT64_MAX, &last, e) < 0)
		return -1;
	if (c.live_version || last == 0)
		return 0;
	if (version_each(l->db, name, last, judge_key, &keys, e) < 0)
		return -1;
	if (!keys.usable || !is_whole(l, name, last)) {
		path_live(l->config, name, live);
		if (unlink(live) < 0 && errno != ENOENT)
			return err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", live);
		return life_journal(l, name, "", "added-again", "", e,
			"version %lld is of no more use: another is got", (long long)last);
	}
	c.live_version = last;
	if (version_each(l->db, name, last, take_key_up, l, e) < 0 ||
		certificate_save(l->db, &c, e) < 0)
		return -1;
	return life_journal(l, name, "", "added-again", "", e,
		"version %lld is live again, with its key", (long long)last);
}

static int
settle_one(struct life *l, const char *name, struct keys *keys, bool *changed, struct err *e)
{
	AUTO(removed_row) struct removed_row row = {.removed_at = 0};
	bool found;

	if (keys_each(l->db, name, collect_key, keys, e) < 0)
		return -1;
	if (config_certificate(l->config, name)) {
		*changed = true;
		return come_back(l, name, e);
	}
	if (removed_get(l->db, name, &row, &found, e) < 0)
		return -1;
	return found ? end_it(l, &row, keys, changed, e) : 0;
}

static int
settle(struct life *l, const char *name, struct err *e)
{
	struct keys keys = {.count = 0};
	struct key_row now;
	bool changed = false;

	if (db_begin(l->db, e) < 0)
		return -1;
	int rc = settle_one(l, name, &keys, &changed, e);
	if (rc == 0)
		rc = db_commit(l->db, e);
	else
		db_rollback(l->db);
	for (size_t i = 0; rc == 0 && changed && i < keys.count; i++) {
		rc = key_get(l->db, keys.item[i].id, &now, e);
		if (rc == 0 && *now.public_hash)
			ledger_follow(l, &now);
	}
	free(keys.item);
	return rc;
}

int
life_removed_settle(struct life *l, struct err *e)
{
	AUTO(list) struct list names = {0};

	if (removed_names(l->db, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (settle(l, names.item[i], e) < 0)
			return -1;
	if (names.count)
		life_due_again(l);
	return 0;
}
