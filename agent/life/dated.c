#include "keystay/life/dated.h"

#include <stdio.h>
#include <string.h>

#include "keystay/x509/names.h"

/* No renewal is looked for later than that. */
#define HORIZON (3660 * DAY)

/* Names in a sentence. */
#define NAMES_SHOWN 4

bool
dated_covers(const char *domain, const char *name)
{
	if (name_is_wildcard(name))
		name += 2;
	size_t len = strlen(name), tail = strlen(domain);
	if (len < tail || name_is_ip(name) || !text_same(name + len - tail, domain))
		return false;
	return len == tail || name[len - tail - 1] == '.';
}

/* --- what is needed by whom */

/* Another contract, account or credential of the same authority that lasts longer. */
static bool
goes_on(const struct config *c, const struct contract_conf *conf)
{
	for (size_t i = 0; i < c->contracts; i++) {
		const struct contract_conf *other = &c->contract[i];
		if (other->kind == conf->kind && text_same(other->authority, conf->authority) &&
			other->ends > conf->ends)
			return true;
	}
	return false;
}

static bool
is_proven_longer(const struct config *c, const struct validation_conf *v, const char *name)
{
	for (size_t i = 0; v->kind == VALIDATION_DOMAIN && i < c->validations; i++) {
		const struct validation_conf *other = &c->validation[i];
		if (other->kind == VALIDATION_DOMAIN && other->ends > v->ends &&
			text_same(other->authority, v->authority) &&
			dated_covers(other->subject, name))
			return true;
	}
	return false;
}

static bool
validation_binds(const struct config *c, const struct validation_conf *v,
	const struct certificate_conf *certificate)
{
	const char *organization = certificate->subject.organization;

	/* One subject is there once for an authority. */
	if (v->kind == VALIDATION_ORGANISATION)
		return organization && text_same(organization, v->subject);
	for (size_t i = 0; i < certificate->names.count; i++)
		if (dated_covers(v->subject, certificate->names.item[i]) &&
			!is_proven_longer(c, v, certificate->names.item[i]))
			return true;
	return false;
}

bool
dated_binds(
	const struct config *c, const struct dated *d, const struct certificate_conf *certificate)
{
	if (!text_same(certificate->authority.item[0], d->authority))
		return false;
	return d->contract ? !goes_on(c, d->contract)
			   : validation_binds(c, d->validation, certificate);
}

/* --- units */

/*
 * Units are taken from the contract of the authority that ends first, as long as it holds. The one
 * that ends last says when there are none: `ret` has, for each item of the estate, its first
 * renewal without one, 0 where it always has one.
 */
struct units {
	struct dated *pool[64];
	int64_t left[64];
	size_t pools;
	when_t out; /* of all of them */
	when_t *first;
};

static void
take_units(struct units *u, const struct forecast_event *v)
{
	int64_t wanted = v->certificates;

	for (size_t i = 0; i < u->pools && wanted > 0; i++) {
		if (u->pool[i]->ends < v->at)
			continue;
		int64_t taken = u->left[i] < wanted ? u->left[i] : wanted;
		u->left[i] -= taken;
		wanted -= taken;
	}
	if (wanted == 0 || u->pool[u->pools - 1]->ends < v->at)
		return;
	if (!u->out)
		u->out = v->at;
	if (!u->first[v->item])
		u->first[v->item] = v->at;
}

/* The contracts of one authority that have units, which are in the order of their ends. */
static void
find_pools(struct dates *all, const char *authority, struct units *u)
{
	u->pools = 0;
	u->out = 0;
	for (size_t i = 0; i < all->count && u->pools < COUNT(u->pool); i++) {
		struct dated *d = &all->item[i];
		if (d->units_left < 0 || !text_same(d->authority, authority))
			continue;
		u->left[u->pools] = d->units_left;
		u->pool[u->pools++] = d;
	}
}

static int
count_units(const struct config *c, const struct estate *s, struct dates *all, when_t now,
	when_t *first, struct err *e)
{
	AUTO(forecast) struct forecast f = {0};
	struct units u = {.first = first};
	when_t until = 0;

	for (size_t i = 0; i < all->count; i++)
		if (all->item[i].units_left >= 0 && all->item[i].ends >= until)
			until = all->item[i].ends + 1;
	if (until > now + HORIZON)
		until = now + HORIZON;
	if (forecast_make(s->item, s->items, now, until, FORECAST_JITTER, &f, e) < 0)
		return -1;
	for (size_t a = 0; a < c->authorities; a++) {
		find_pools(all, c->authority[a].name, &u);
		for (size_t i = 0; u.pools && i < f.events; i++)
			if (f.event[i].authority == a && !s->item[f.event[i].item].watched)
				take_units(&u, &f.event[i]);
		if (u.pools)
			u.pool[u.pools - 1]->units_out = u.out;
	}
	return 0;
}

/* --- losses */

/* Its first renewal after the end; what is there by then lives a while longer. */
static struct dated_loss
first_after(const struct forecast_item *item, when_t at, when_t now)
{
	struct forecast_walk w = forecast_begin(item, now, FORECAST_JITTER);

	while (w.at < at && w.at < now + HORIZON)
		forecast_next(&w);
	return (struct dated_loss){.certificate = item->conf,
		.renewal_at = w.at,
		.not_after = w.not_after,
		.goes_to = item->conf->authority.count > 1 ? item->conf->authority.item[1] : NULL};
}

static int
compare_losses(const void *a, const void *b)
{
	const struct dated_loss *x = a, *y = b;

	if (!x->goes_to != !y->goes_to)
		return x->goes_to ? 1 : -1;
	if (x->renewal_at != y->renewal_at)
		return x->renewal_at < y->renewal_at ? -1 : 1;
	return strcmp(x->certificate->name, y->certificate->name);
}

static int
find_losses(const struct config *c, const struct estate *s, struct dated *d, const when_t *first,
	when_t now, struct err *e)
{
	d->loss = calloc(s->items + 1, sizeof *d->loss);
	if (!d->loss)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < s->items; i++) {
		const struct forecast_item *item = &s->item[i];
		if (item->watched || !dated_binds(c, d, item->conf))
			continue;
		when_t at = d->ends + 1;
		if (d->units_out && first[i] && first[i] < at)
			at = first[i];
		d->loss[d->losses++] = first_after(item, at, now);
		d->lost += !d->loss[d->losses - 1].goes_to;
	}
	qsort(d->loss, d->losses, sizeof *d->loss, compare_losses);
	/* Most need few of a large estate. */
	struct dated_loss *fits = realloc(d->loss, (d->losses + 1) * sizeof *d->loss);
	if (fits)
		d->loss = fits;
	return 0;
}

/* --- all of them */

static void
add_contract(const struct config *c, const struct estate *s, const struct contract_conf *conf,
	struct dated *d)
{
	const struct authority_conf *a = config_authority(c, conf->authority);

	*d = (struct dated){.contract = conf,
		.kind = contract_word(conf->kind),
		.name = conf->name,
		.authority = conf->authority,
		.owner = conf->owner,
		.at = conf->at,
		.ends = conf->ends,
		.units_left = -1,
		.issued = s->issued[a - c->authority]};
	if (conf->units)
		d->units_left = conf->units > conf->units_used ? conf->units - conf->units_used : 0;
}

static int
compare_ends(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->ends != y->ends)
		return x->ends < y->ends ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
look(const struct config *c, const struct estate *s, struct dates *all, when_t now, when_t *first,
	struct err *e)
{
	bool units = false;

	for (size_t i = 0; i < c->contracts; i++)
		add_contract(c, s, &c->contract[i], &all->item[all->count++]);
	for (size_t i = 0; i < c->validations; i++) {
		const struct validation_conf *v = &c->validation[i];
		all->item[all->count++] = (struct dated){.validation = v,
			.kind = validation_word(v->kind),
			.name = v->subject,
			.authority = v->authority,
			.owner = v->owner,
			.at = v->at,
			.ends = v->ends,
			.units_left = -1};
	}
	qsort(all->item, all->count, sizeof *all->item, compare_ends);
	for (size_t i = 0; i < all->count; i++) {
		struct dated *d = &all->item[i];
		d->days_left = (d->ends - now) / DAY - (d->ends < now);
		d->goes_on = d->contract ? goes_on(c, d->contract)
					 : is_proven_longer(c, d->validation, d->name);
		units = units || d->units_left >= 0;
	}
	if (units && count_units(c, s, all, now, first, e) < 0)
		return -1;
	for (size_t i = 0; i < all->count; i++)
		if (find_losses(c, s, &all->item[i], first, now, e) < 0)
			return -1;
	return 0;
}

int
dates_look(const struct config *c, const struct estate *s, when_t now, struct dates *ret,
	struct err *e)
{
	AUTO(dates)
	struct dates all = {.item = calloc(c->contracts + c->validations + 1, sizeof *all.item)};
	when_t *first = calloc(s->items + 1, sizeof *first);
	int rc = -1;

	if (!all.item || !first)
		err_set(e, ERR_FAILED, "no memory");
	else
		rc = look(c, s, &all, now, first, e);
	free(first);
	if (rc < 0)
		return -1;
	*ret = all;
	all = (struct dates){0};
	return 0;
}

void
dates_free(struct dates *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->item[i].loss);
	free(d->item);
	*d = (struct dates){0};
}

static when_t
first_end(const struct dated *d)
{
	when_t first = 0;

	for (size_t i = 0; i < d->lost; i++)
		if (d->loss[i].not_after && (!first || d->loss[i].not_after < first))
			first = d->loss[i].not_after;
	return first;
}

const char *
dated_losses_text(const struct dated *d, char *text, size_t size)
{
	AUTO(buf) struct buf b = BUF(4096);
	char day[WHEN_TEXT];

	for (size_t i = 0; i < d->lost && i < NAMES_SHOWN; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", d->loss[i].certificate->name);
	AUTO(char) char *names = buf_take(&b);
	if (d->lost)
		buf_addf(&b, "%zu certificate%s (%s%s), not renewed from %s on", d->lost,
			d->lost == 1 ? "" : "s", names ? names : "",
			d->lost > NAMES_SHOWN ? ", ..." : "",
			when_format_day(d->loss[0].renewal_at, day));
	else
		buf_adds(&b, "nothing");
	when_t ends = first_end(d);
	if (ends)
		buf_addf(&b, "; the first ends on %s", when_format_day(ends, day));
	if (d->losses > d->lost)
		buf_addf(&b, "; %zu would go to another authority, the first to '%s' on %s",
			d->losses - d->lost, d->loss[d->lost].goes_to,
			when_format_day(d->loss[d->lost].renewal_at, day));
	text_copy(text, size, buf_text(&b));
	return text;
}
