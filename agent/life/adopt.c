#include "adopt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystay/config/name.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/names.h"
#include "internal.h"

/* Lines that are told of one adoption. */
#define TOLD_MAX 1000

void
adoption_free(struct adoption *a)
{
	for (size_t i = 0; i < a->items; i++)
		watched_free(&a->item[i].row);
	free(a->item);
	list_free(&a->told);
	*a = (struct adoption){.items = 0};
}

struct adopted_row *
adoption_add(struct adoption *a, struct err *e)
{
	if (a->items == ADOPT_MAX) {
		err_set(e, ERR_CONFIG, "more than %d certificates", ADOPT_MAX);
		return NULL;
	}
	/* Room is there for the next power of two. */
	if ((a->items & (a->items - 1)) == 0) {
		struct adopted_row *more =
			realloc(a->item, (a->items ? a->items * 2 : 1) * sizeof *more);
		if (!more) {
			err_set(e, ERR_FAILED, "no memory");
			return NULL;
		}
		a->item = more;
	}
	a->item[a->items] = (struct adopted_row){.line = 0};
	return &a->item[a->items++];
}

int
adoption_tell(struct adoption *a, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	text_printable(text);
	if (a->told.count >= TOLD_MAX || list_add(&a->told, text))
		return 0;
	return err_set(e, ERR_FAILED, "no memory");
}

static int
put(char *slot, size_t size, const char *word, const char *value, struct err *e)
{
	if (!value)
		return 0;
	if (!text_copy(slot, size, value))
		return err_set(e, ERR_USAGE, "%s is longer than %zu bytes", word, size - 1);
	text_printable(slot);
	return 0;
}

int
adoption_complete(struct adoption *a, const struct adopt_wish *w, struct err *e)
{
	if (w->name && a->items != 1)
		return err_set(
			e, ERR_USAGE, "--name is for one certificate, and these are %zu", a->items);
	if (w->name && !config_name_fits(w->name))
		return err_set(e, ERR_USAGE, "'%.80s' is not a name: " CONFIG_NAME_RULE, w->name);
	for (size_t i = 0; i < a->items; i++) {
		struct watched_row *r = &a->item[i].row;
		if (put(r->name, sizeof r->name, "--name", w->name, e) < 0 ||
			put(r->owner, sizeof r->owner, "--owner", w->owner, e) < 0 ||
			put(r->authority, sizeof r->authority, "--authority", w->authority, e) <
				0 ||
			put(r->policy, sizeof r->policy, "--policy", w->policy, e) < 0 ||
			put(r->token, sizeof r->token, "--token", w->token, e) < 0 ||
			put(r->notes, sizeof r->notes, "--notes", w->notes, e) < 0)
			return -1;
		a->item[i].named = a->item[i].named || w->name;
	}
	return 0;
}

/* --- what is there already */

/* What is watched, in memory: each row of an estate is compared with all of them. */
struct others {
	struct watched_row *row;
	bool *taken; /* by an item of this adoption */
	size_t rows;
};

static int
collect(void *ctx, const struct watched_row *w, struct err *e)
{
	struct others *all = ctx;
	struct watched_row copy = *w;
	bool whole = true;

	if ((all->rows & (all->rows - 1)) == 0) {
		size_t room = all->rows ? all->rows * 2 : 1;
		struct watched_row *more = realloc(all->row, room * sizeof *more);
		all->row = more ? more : all->row;
		bool *taken = more ? realloc(all->taken, room * sizeof *taken) : NULL;
		all->taken = taken ? taken : all->taken;
		if (!taken)
			return err_set(e, ERR_FAILED, "no memory");
	}
	copy.names = copy.endpoints = (struct list){0};
	for (size_t i = 0; i < w->names.count; i++)
		whole = list_add(&copy.names, w->names.item[i]) && whole;
	for (size_t i = 0; i < w->endpoints.count; i++)
		whole = list_add(&copy.endpoints, w->endpoints.item[i]) && whole;
	all->row[all->rows] = copy;
	all->taken[all->rows++] = false;
	return whole ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static void
others_free(struct others *all)
{
	for (size_t i = 0; i < all->rows; i++)
		watched_free(&all->row[i]);
	free(all->row);
	free(all->taken);
}

static bool
is_list(const struct watched_row *w)
{
	return text_same(w->source, WATCHED_LIST);
}

/* From the same place; many rows are from one list, and differ by name, else by names. */
static bool
same_origin(const struct adopted_row *item, const struct watched_row *w)
{
	const struct watched_row *r = &item->row;

	if (!text_same(r->source, w->source) || !text_same(r->place, w->place))
		return false;
	if (!is_list(r))
		return true;
	return item->named ? text_same(r->name, w->name) : names_equal(&r->names, &w->names);
}

/*
 * Is it the same certificate, seen from elsewhere? One that a list told of is found in a file, or
 * the other way round; a server's file and its endpoint show the same bytes.
 */
static bool
same_thing(const struct adopted_row *item, const struct watched_row *w)
{
	const struct watched_row *r = &item->row;

	if (!names_equal(&r->names, &w->names))
		return false;
	return text_same(r->name, w->name) || is_list(r) != is_list(w) ||
	       (*r->fingerprint && text_same(r->fingerprint, w->fingerprint));
}

static size_t
find_same(const struct others *all, const struct adopted_row *item)
{
	for (size_t i = 0; i < all->rows; i++)
		if (!all->taken[i] && same_origin(item, &all->row[i]))
			return i;
	for (size_t i = 0; i < all->rows; i++)
		if (!all->taken[i] && same_thing(item, &all->row[i]))
			return i;
	return all->rows;
}

static size_t
find_name(const struct others *all, const char *name)
{
	size_t i = 0;

	while (i < all->rows && !text_same(all->row[i].name, name))
		i++;
	return i;
}

/* --- what becomes of a row */

static void
fill(char *slot, size_t size, const char *before)
{
	if (!*slot)
		text_copy(slot, size, before);
}

static bool
fill_list(struct list *l, const struct list *before)
{
	for (size_t i = 0; i < before->count; i++)
		if (!list_has(l, before->item[i]) && !list_add(l, before->item[i]))
			return false;
	return true;
}

/* Where a file or an endpoint shows the certificate itself, a list's word of it is worth less. */
static void
keep_facts(struct watched_row *r, const struct watched_row *before)
{
	text_copy(r->source, sizeof r->source, before->source);
	text_copy(r->place, sizeof r->place, before->place);
	text_copy(r->config, sizeof r->config, before->config);
	text_copy(r->issuer, sizeof r->issuer, before->issuer);
	text_copy(r->serial, sizeof r->serial, before->serial);
	text_copy(r->fingerprint, sizeof r->fingerprint, before->fingerprint);
	text_copy(r->key_type, sizeof r->key_type, before->key_type);
	fill(r->subject, sizeof r->subject, before->subject);
	r->not_before = before->not_before;
	r->not_after = before->not_after;
	r->looked_at = before->looked_at;
	text_copy(r->problem, sizeof r->problem, before->problem);
}

/* What was known and is not said now stays. */
static int
merge(struct adopted_row *item, const struct watched_row *before, struct err *e)
{
	struct watched_row *r = &item->row;

	if (!item->named)
		text_copy(r->name, sizeof r->name, before->name);
	fill(r->owner, sizeof r->owner, before->owner);
	fill(r->authority, sizeof r->authority, before->authority);
	fill(r->policy, sizeof r->policy, before->policy);
	fill(r->token, sizeof r->token, before->token);
	fill(r->notes, sizeof r->notes, before->notes);
	fill(r->config, sizeof r->config, before->config);
	r->added_at = before->added_at;
	if (is_list(r) && !is_list(before))
		keep_facts(r, before);
	if (is_list(r) && r->not_after == 0)
		r->not_after = before->not_after;
	if ((is_list(r) && is_list(before)) || fill_list(&r->endpoints, &before->endpoints))
		return 0;
	return err_set(e, ERR_FAILED, "no memory");
}

static bool
says_the_same(const struct watched_row *a, const struct watched_row *b)
{
	return text_same(a->name, b->name) && names_equal(&a->names, &b->names) &&
	       text_same(a->source, b->source) && text_same(a->place, b->place) &&
	       text_same(a->config, b->config) && text_same(a->subject, b->subject) &&
	       text_same(a->owner, b->owner) && text_same(a->authority, b->authority) &&
	       text_same(a->policy, b->policy) && text_same(a->token, b->token) &&
	       text_same(a->key_type, b->key_type) && names_equal(&a->endpoints, &b->endpoints) &&
	       text_same(a->notes, b->notes) && text_same(a->issuer, b->issuer) &&
	       text_same(a->serial, b->serial) && text_same(a->fingerprint, b->fingerprint) &&
	       a->not_before == b->not_before && a->not_after == b->not_after;
}

/* "*.example.org" is "wildcard.example.org", "2001:db8::1" is "2001-db8--1". */
static void
base_name(const struct watched_row *r, char name[60])
{
	const char *first = r->names.item[0];
	bool wild = name_is_wildcard(first);

	snprintf(name, 60, "%s%s", wild ? "wildcard" : "", first + wild);
	for (char *p = name; *p; p++)
		if (*p == ':')
			*p = '-';
}

struct judging {
	struct adoption *a;
	const struct config *config;
	struct others others;
	struct list names; /* of this adoption, so far */
};

static bool
is_free(const struct judging *j, const char *name)
{
	return !config_certificate(j->config, name) && !list_has(&j->names, name) &&
	       find_name(&j->others, name) == j->others.rows;
}

static int
make_name(const struct judging *j, struct watched_row *r, struct err *e)
{
	char base[60];

	base_name(r, base);
	text_copy(r->name, sizeof r->name, base);
	for (int i = 2; !is_free(j, r->name); i++) {
		if (i > ADOPT_MAX)
			return err_set(e, ERR_CONFIG, "there is no free name like '%s'", base);
		snprintf(r->name, sizeof r->name, "%.*s-%d", 58, base, i);
	}
	return 0;
}

static int
fail_name(const struct adopted_row *item, struct err *e, const char *why)
{
	if (item->line)
		err_set(e, ERR_CONFIG, "%s:%d: the name '%s' %s", item->row.place, item->line,
			item->row.name, why);
	else
		err_set(e, ERR_CONFIG, "the name '%s' %s", item->row.name, why);
	return err_hint(e, "give it another name, or 'keystay remove %s' first", item->row.name);
}

/* A certificate of the configuration has that name, or would have had: with the same names it is
 * the one. */
static int
judge_managed(const struct judging *j, struct adopted_row *item, struct err *e)
{
	char base[60];

	base_name(&item->row, base);
	const struct certificate_conf *c =
		config_certificate(j->config, item->named ? item->row.name : base);
	if (!c)
		return 0;
	if (names_equal(&c->names, &item->row.names)) {
		item->result = ADOPTED_MANAGED;
		text_copy(item->row.name, sizeof item->row.name, c->name);
		return 0;
	}
	return item->named ? fail_name(item, e, "is that of a certificate that keystay manages")
			   : 0;
}

static int
judge_one(struct judging *j, struct adopted_row *item, when_t now, struct err *e)
{
	struct watched_row *r = &item->row;

	if (item->result == ADOPTED_MANAGED)
		return 0;
	if (judge_managed(j, item, e) < 0)
		return -1;
	if (item->result == ADOPTED_MANAGED)
		return 0;
	size_t same = find_same(&j->others, item);
	if (item->named) {
		size_t other = find_name(&j->others, r->name);
		if (list_has(&j->names, r->name) || (other < j->others.rows && other != same))
			return fail_name(item, e, "is that of another watched certificate");
	}
	item->result = ADOPTED_NEW;
	r->added_at = now;
	if (same < j->others.rows) {
		const struct watched_row *before = &j->others.row[same];
		j->others.taken[same] = true;
		if (merge(item, before, e) < 0)
			return -1;
		item->result = says_the_same(r, before) ? ADOPTED_UNCHANGED : ADOPTED_UPDATED;
		if (!text_same(r->name, before->name))
			text_copy(item->before, sizeof item->before, before->name);
	} else if (!item->named && make_name(j, r, e) < 0) {
		return -1;
	}
	return list_add(&j->names, r->name) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

/* Shown by a server that keystay looks after: it is managed, whatever it is called. */
static int
judge_live(struct adoption *a, struct db *db, struct err *e)
{
	char name[65];

	for (size_t i = 0; i < a->items; i++) {
		struct adopted_row *item = &a->item[i];
		if (!*item->row.fingerprint)
			continue;
		if (version_live_of(db, item->row.fingerprint, name, e) < 0)
			return -1;
		if (!*name)
			continue;
		item->result = ADOPTED_MANAGED;
		text_copy(item->row.name, sizeof item->row.name, name);
	}
	return 0;
}

int
adoption_judge(struct adoption *a, const struct config *c, struct db *db, when_t now, struct err *e)
{
	struct judging j = {.a = a, .config = c};
	int rc = db ? watched_each(db, collect, &j.others, e) : 0;

	if (rc == 0 && db)
		rc = judge_live(a, db, e);
	for (size_t i = 0; rc == 0 && i < a->items; i++)
		rc = judge_one(&j, &a->item[i], now, e);
	others_free(&j.others);
	list_free(&j.names);
	return rc;
}

/* --- and done */

static int
store(struct life *l, const struct adopted_row *item, struct err *e)
{
	const struct watched_row *r = &item->row;
	char end[WHEN_TEXT];

	if (item->before[0] && watched_delete(l->db, item->before, e) < 0)
		return -1;
	if (watched_save(l->db, r, e) < 0)
		return -1;
	/* Being looked at again is no event. */
	if (item->result == ADOPTED_UNCHANGED)
		return 0;
	return life_journal(l, r->name, "", "adopted", "", e,
		"%s from %s '%s'%s%s: watched, not managed; %zu name%s, ends %s",
		item->result == ADOPTED_NEW ? "taken" : "brought up to date", r->source, r->place,
		*item->before ? "; it was called " : "", item->before, r->names.count,
		r->names.count == 1 ? "" : "s", when_format_day(r->not_after, end));
}

int
life_adopt(struct life *l, const struct adoption *a, struct err *e)
{
	if (db_begin(l->db, e) < 0)
		return -1;
	for (size_t i = 0; i < a->items; i++)
		if (a->item[i].result != ADOPTED_MANAGED && store(l, &a->item[i], e) < 0) {
			db_rollback(l->db);
			return -1;
		}
	return db_commit(l->db, e);
}
