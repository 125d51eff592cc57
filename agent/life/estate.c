#include "keystay/life/estate.h"

#include <string.h>

#include "keystay/state/inventory.h"
#include "keystay/state/watched.h"
#include "due.h"

/* Where nothing at all says how long a certificate will live. */
#define LIFE_ASSUMED (90 * DAY)

struct reading {
	const struct config *config;
	struct estate *estate;
	when_t now;
	size_t room; /* for items, for what is past */
	size_t past_room;
};

static uint16_t
place_of(const struct config *c, const char *authority)
{
	const struct authority_conf *a = config_authority(c, authority);

	return a ? (uint16_t)(a - c->authority) : ESTATE_NO_AUTHORITY(c);
}

/* Of several parts the one with the shorter life, and the older key, say when. */
static int
look_at_part(void *ctx, const struct due_row *r, struct err *e)
{
	struct reading *all = ctx;
	const struct certificate_conf *c = config_certificate(all->config, r->certificate);
	when_t life = r->not_after - r->not_before;

	(void)e;
	if (!c)
		return 0;
	struct forecast_item *item = &all->estate->item[c - all->config->certificate];
	if (item->life == 0 || life < item->life)
		item->life = life;
	if (item->not_after == 0 || r->not_after < item->not_after)
		item->not_after = r->not_after;
	if (item->key_made_at == 0 || r->key_made_at < item->key_made_at)
		item->key_made_at = r->key_made_at;
	return 0;
}

/* Whatever lived for less than that, a second try would have no time. */
static when_t
life_at_least(when_t life)
{
	return life < HOUR ? HOUR : life;
}

/* As the authority's last one, or as long as is allowed. */
static void
assume_life(struct forecast_item *item, when_t last, when_t now)
{
	when_t limit = policy_validity_max(item->policy, now);

	item->assumed = !last;
	item->life = last ? last : limit ? limit : LIFE_ASSUMED;
}

static int
add_managed(struct reading *all, struct db *db, struct err *e)
{
	const struct config *c = all->config;
	struct due *due;

	for (size_t i = 0; i < c->certificates; i++) {
		const struct certificate_conf *conf = &c->certificate[i];
		all->estate->item[i] = (struct forecast_item){.name = conf->name,
			.conf = conf,
			.policy = policy_find(c->policies, conf->policy),
			.authority = place_of(c, conf->authority.item[0]),
			.certificates = (uint16_t)conf->keys};
	}
	all->estate->items = c->certificates;
	if (db && due_rows_each(db, look_at_part, all, e) < 0)
		return -1;
	if (due_look(db, c, all->now, false, &due, e) < 0)
		return -1;
	for (size_t i = 0; i < c->certificates; i++)
		all->estate->item[i].due_at = due[i].at;
	free(due);
	return 0;
}

static int
assume_lives(struct reading *all, struct db *db, struct err *e)
{
	const struct config *c = all->config;
	when_t *last = calloc(c->authorities + 1, sizeof *last);
	struct version_row v;
	bool found;

	if (!last)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; db && i < c->authorities; i++) {
		if (version_last_of(db, c->authority[i].name, &v, &found, e) < 0) {
			free(last);
			return -1;
		}
		last[i] = found ? v.not_after - v.not_before : 0;
	}
	for (size_t i = 0; i < all->estate->items; i++) {
		struct forecast_item *item = &all->estate->item[i];
		if (item->life == 0)
			assume_life(item, last[item->authority], all->now);
		item->life = life_at_least(item->life);
	}
	free(last);
	return 0;
}

static int
add_past(void *ctx, const char *authority, when_t at, int64_t certificates, struct err *e)
{
	struct reading *all = ctx;
	struct estate *s = all->estate;

	if (s->pasts == all->past_room) {
		size_t room = all->past_room ? 2 * all->past_room : 256;
		struct forecast_event *more = realloc(s->past, room * sizeof *more);
		if (!more)
			return err_set(e, ERR_FAILED, "no memory");
		s->past = more;
		all->past_room = room;
	}
	s->past[s->pasts++] = (struct forecast_event){
		.at = at > all->now ? all->now : at,
		.authority = place_of(all->config, authority),
		.certificates = (uint16_t)certificates,
	};
	return 0;
}

static int
note_issued(void *ctx, const char *authority, int64_t certificates, struct err *e)
{
	struct reading *all = ctx;

	(void)e;
	all->estate->issued[place_of(all->config, authority)] += certificates;
	return 0;
}

static int
add_watched(void *ctx, const struct watched_row *w, struct err *e)
{
	struct reading *all = ctx;
	struct estate *s = all->estate;
	const struct config *c = all->config;

	if (w->not_after == 0 || config_certificate(c, w->name))
		return 0;
	if (w->not_after <= all->now) {
		s->ended++;
		return 0;
	}
	if (s->items == all->room) {
		size_t room = 2 * all->room + 64;
		struct forecast_item *more = realloc(s->item, room * sizeof *more);
		if (!more)
			return err_set(e, ERR_FAILED, "no memory");
		s->item = more;
		all->room = room;
	}
	if (!list_add(&s->text, w->name))
		return err_set(e, ERR_FAILED, "no memory");
	struct forecast_item item = {.name = s->text.item[s->text.count - 1],
		.policy = policy_find(c->policies, w->policy),
		.authority = place_of(c, w->authority),
		.certificates = 1,
		.not_after = w->not_after,
		.life = w->not_before ? w->not_after - w->not_before : 0,
		.key_made_at = w->not_before,
		.watched = true};
	if (!item.policy)
		item.policy = policy_find(c->policies, "web-public");
	if (item.life <= 0)
		assume_life(&item, 0, all->now);
	item.due_at = policy_share_at(item.policy, item.not_after - item.life, item.not_after);
	s->item[s->items++] = item;
	return 0;
}

static when_t
longest_window(const struct config *c)
{
	when_t longest = 0;

	for (size_t i = 0; i < c->authorities; i++)
		for (size_t k = 0; k < c->authority[i].rate_limits; k++)
			if (c->authority[i].rate_limit[k].per > longest)
				longest = c->authority[i].rate_limit[k].per;
	return longest;
}

int
estate_read(const struct config *c, struct db *db, when_t now, bool watched, struct estate *ret,
	struct err *e)
{
	AUTO(estate) struct estate s = {0};
	struct reading all = {.config = c, .estate = &s, .now = now, .room = c->certificates + 1};
	when_t window = longest_window(c);

	s.item = calloc(all.room, sizeof *s.item);
	s.issued = calloc(c->authorities + 1, sizeof *s.issued);
	if (!s.item || !s.issued)
		return err_set(e, ERR_FAILED, "no memory");
	if (add_managed(&all, db, e) < 0)
		return -1;
	if (db && (versions_count(db, note_issued, &all, e) < 0 ||
			  (window && versions_since(db, now - window, add_past, &all, e) < 0) ||
			  (watched && watched_each(db, add_watched, &all, e) < 0)))
		return -1;
	if (assume_lives(&all, db, e) < 0)
		return -1;
	*ret = s;
	s = (struct estate){0};
	return 0;
}

void
estate_free(struct estate *s)
{
	free(s->item);
	free(s->past);
	free(s->issued);
	list_free(&s->text);
	*s = (struct estate){0};
}
