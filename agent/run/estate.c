#include "estate.h"

#include <string.h>

#include "keystay/life/plan.h"
#include "keystay/life/rebuild.h"
#include "keystay/state/db.h"

struct estate {
	const struct config *config;
	struct db *db;
	struct usage *usage;
	struct plans *plans;
	when_t now;
	struct estate_row *row;
	size_t rows;
	struct watched_row *watched; /* the copies that rows point into */
	size_t watched_count, watched_room;
};

/* --- those that are managed */

static enum estate_state
state_of(const struct estate_row *r, bool not_served, when_t now)
{
	if (not_served)
		return ESTATE_NOT_SERVED;
	if (r->live_version && r->not_after <= now)
		return ESTATE_EXPIRED;
	if (r->attempt)
		return r->error_kind == ERR_NONE ? ESTATE_WAITING : ESTATE_FAILED;
	if (!r->live_version)
		return ESTATE_MISSING;
	return r->due_at <= now ? ESTATE_DUE : ESTATE_VALID;
}

static void
note_keys(struct estate_row *r, const struct estate_details *d)
{
	AUTO(buf) struct buf types = BUF(sizeof r->key_types - 1);

	for (size_t i = 0; i < d->keys; i++) {
		const struct estate_key *k = &d->key[i];
		buf_addf(&types, "%s%s", i ? " " : "", k->version.key_type);
		if (i == 0 || k->version.not_after < r->not_after)
			r->not_after = k->version.not_after;
		if (i == 0 || k->version.not_before < r->not_before)
			r->not_before = k->version.not_before;
		if (i == 0 || k->key.created_at < r->key_made_at)
			r->key_made_at = k->key.created_at;
		if (i == 0 || (k->usage.known && k->usage.signatures > r->usage.signatures))
			r->usage = k->usage;
	}
	for (size_t i = 0; d->keys == 0 && i < r->conf->keys; i++)
		buf_addf(&types, "%s%s", i ? " " : "", key_type_word(r->conf->key[i]));
	text_copy(r->key_types, sizeof r->key_types, buf_text(&types));
	text_copy(r->authority, sizeof r->authority,
		d->keys ? d->key[0].version.authority : r->conf->authority.item[0]);
}

static bool
note_attempt(struct estate *s, struct estate_row *r, const struct attempt *a)
{
	const struct authority_conf *authority = config_authority(s->config, a->authority);

	r->attempt = true;
	r->by_hand = authority && authority->ops->by_hand;
	text_copy(r->step, sizeof r->step, a->step);
	text_copy(r->attempt_authority, sizeof r->attempt_authority, a->authority);
	r->attempt_at = a->not_before;
	r->tries = a->tries;
	r->error_kind = a->error_kind;
	r->error = strdup(a->error_text);
	r->hint = strdup(a->error_hint);
	return r->error && r->hint;
}

static int
add_managed(struct estate *s, const struct certificate_conf *c, struct estate_row *r, struct err *e)
{
	AUTO(estate_details) struct estate_details d = {.keys = 0};
	struct loss_found found;

	*r = (struct estate_row){.name = c->name,
		.names = &c->names,
		.owner = c->owner ? c->owner : "",
		.policy = c->policy,
		.token = c->token,
		.conf = c};
	if (estate_details_read(s->db, s->usage, c->name, true, &d, e) < 0 ||
		rebuild_find(s->config, s->db, c, &found, e) < 0)
		return -1;
	r->live_version = d.row.live_version;
	r->due_at = plan_due_at(s->plans, c, &r->due_for);
	note_keys(r, &d);
	bool whole = !d.has_attempt || note_attempt(s, r, &d.attempt);
	if (found.loss != LOSS_NONE)
		whole = (r->loss = strdup(found.text)) && whole;
	r->state = state_of(r, d.row.not_served, s->now);
	return whole ? 0 : err_set(e, ERR_FAILED, "no memory");
}

/* --- those that are watched */

static bool
copy_list(const struct list *from, struct list *to)
{
	*to = (struct list){0};
	for (size_t i = 0; i < from->count; i++)
		if (!list_add(to, from->item[i]))
			return false;
	return true;
}

/* Other machines and other people's files said all of it. */
static void
make_printable(struct watched_row *w)
{
	char *const texts[] = {w->place, w->config, w->subject, w->owner, w->authority, w->policy,
		w->token, w->key_type, w->notes, w->issuer, w->problem};

	for (size_t i = 0; i < COUNT(texts); i++)
		text_printable(texts[i]);
	for (size_t i = 0; i < w->names.count; i++)
		text_printable(w->names.item[i]);
	for (size_t i = 0; i < w->endpoints.count; i++)
		text_printable(w->endpoints.item[i]);
}

static int
keep_watched(void *ctx, const struct watched_row *w, struct err *e)
{
	struct estate *s = ctx;

	if (config_certificate(s->config, w->name))
		return 0;
	if (s->watched_count == s->watched_room) {
		size_t room = s->watched_room ? 2 * s->watched_room : 16;
		struct watched_row *more = realloc(s->watched, room * sizeof *more);
		if (!more)
			return err_set(e, ERR_FAILED, "no memory");
		s->watched = more;
		s->watched_room = room;
	}
	struct watched_row *to = &s->watched[s->watched_count++];
	*to = *w;
	to->endpoints = (struct list){0};
	if (!copy_list(&w->names, &to->names) || !copy_list(&w->endpoints, &to->endpoints))
		return err_set(e, ERR_FAILED, "no memory");
	make_printable(to);
	return 0;
}

static void
add_watched(struct estate *s, const struct watched_row *w, struct estate_row *r)
{
	*r = (struct estate_row){.name = w->name,
		.names = &w->names,
		.owner = w->owner,
		.policy = w->policy,
		.token = w->token,
		.watched = w,
		.state = w->not_after && w->not_after <= s->now ? ESTATE_EXPIRED : ESTATE_WATCHED,
		.not_before = w->not_before,
		.not_after = w->not_after,
		.due_for = ""};
	text_copy(r->authority, sizeof r->authority, w->authority);
	text_copy(r->key_types, sizeof r->key_types, w->key_type);
}

/* --- all of them */

static int
gather(struct estate *s, struct err *e)
{
	const struct config *c = s->config;

	if (usage_open(c, s->db, &s->usage, e) < 0 ||
		plans_open(c, s->db, s->usage, s->now, &s->plans, e) < 0 ||
		(s->db && watched_each(s->db, keep_watched, s, e) < 0))
		return -1;
	s->row = calloc(c->certificates + s->watched_count + 1, sizeof *s->row);
	if (!s->row)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < c->certificates; i++)
		if (add_managed(s, &c->certificate[i], &s->row[s->rows++], e) < 0)
			return -1;
	for (size_t i = 0; i < s->watched_count; i++)
		add_watched(s, &s->watched[i], &s->row[s->rows++]);
	return 0;
}

int
estate_open(const struct config *c, struct db *db, when_t now, struct estate **ret, struct err *e)
{
	AUTO(estate) struct estate *s = calloc(1, sizeof *s);

	if (!s)
		return err_set(e, ERR_FAILED, "no memory");
	*s = (struct estate){.config = c, .db = db, .now = now};
	if (gather(s, e) < 0)
		return -1;
	*ret = take(&s);
	return 0;
}

void
estate_close(struct estate *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->rows; i++) {
		free((char *)s->row[i].error);
		free((char *)s->row[i].hint);
		free((char *)s->row[i].loss);
	}
	for (size_t i = 0; i < s->watched_count; i++)
		watched_free(&s->watched[i]);
	free(s->watched);
	free(s->row);
	plans_free(s->plans);
	usage_close(s->usage);
	free(s);
}

size_t
estate_count(const struct estate *s)
{
	return s->rows;
}

const struct estate_row *
estate_at(const struct estate *s, size_t index)
{
	return &s->row[index];
}

static int
compare_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct estate_row *)row)->name);
}

const struct estate_row *
estate_find(const struct estate *s, const char *name)
{
	const struct certificate_conf *c = config_certificate(s->config, name);

	if (c)
		return &s->row[c - s->config->certificate];
	return bsearch(name, s->row + s->config->certificates, s->watched_count, sizeof *s->row,
		compare_name);
}

int
estate_details(
	struct estate *s, const struct estate_row *row, struct estate_details *ret, struct err *e)
{
	struct db *db = row->conf ? s->db : NULL;

	return estate_details_read(db, s->usage, row->name, false, ret, e);
}
