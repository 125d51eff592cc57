#include "alarms.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/state/inventory.h"
#include "due.h"
#include "limits.h"

/* An hour below this is never too busy. */
#define BUSY_LEAST 1000
#define BUSY_DAYS 7

int
owned_keys_add(struct owned_keys *all, const struct life *l, const struct key_row *k,
	struct ledger_slot *s, struct err *e)
{
	if (all->count == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct owned_key *more = realloc(all->item, room * sizeof *more);
		if (!more)
			return err_set(e, ERR_FAILED, "no memory");
		all->item = more;
		all->room = room;
	}
	struct owned_key *o = &all->item[all->count++];
	*o = (struct owned_key){.slot = s};
	text_copy(o->public_hash, sizeof o->public_hash, k->public_hash);
	text_copy(o->id, sizeof o->id, k->id);
	if (text_same(k->purpose, "certificate"))
		o->certificate = config_certificate(l->config, k->owner);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct owned_key *)a)->public_hash,
		((const struct owned_key *)b)->public_hash);
}

void
owned_keys_sort(struct owned_keys *all)
{
	if (all->count)
		qsort(all->item, all->count, sizeof *all->item, compare);
}

const struct owned_key *
owned_keys_find(const struct owned_keys *all, const char *public_hash)
{
	struct owned_key wanted = {.slot = NULL};

	text_copy(wanted.public_hash, sizeof wanted.public_hash, public_hash);
	return all->count ? bsearch(&wanted, all->item, all->count, sizeof wanted, compare) : NULL;
}

void
owned_keys_clear(struct owned_keys *all)
{
	free(all->item);
	*all = (struct owned_keys){0};
}

static int64_t
more(const struct alarm *a, enum ledger_count which)
{
	return a->is.of[which] - a->was.of[which];
}

/* --- the soft limit */

/* Due now, or as soon as rotations may follow each other: an attacker who opens connections must
 * not use up what the authority issues in a week. */
static int
make_due(struct life *l, const struct key_row *k, const struct policy *p, int64_t uses, when_t now,
	struct err *e)
{
	char text[WHEN_TEXT];
	bool news;

	when_t due = k->state_at + policy_min_rotation(p);
	if (due < now)
		due = now;
	if (due_cause(l->db, k->owner, due, CAUSE_SIGNATURES, "", &news, e) < 0)
		return -1;
	if (!news)
		return 0;
	return life_journal(l, k->owner, k->public_hash, "soft-limit", "", e,
		"key '%s' made %lld signatures of %lld: the certificate is due %s%s", k->label,
		(long long)uses, (long long)(p->limits.soft ? p->limits.soft : p->limits.hard),
		due > now ? "at " : "now", due > now ? when_format(due, text) : "");
}

static int
look_at_budget(
	struct life *l, const struct key_row *k, const struct alarm *a, when_t now, struct err *e)
{
	const struct policy *p = limits_policy(l->config, k);

	if (!policy_budget_spent(p, a->is.of[COUNT_USES]))
		return 0;
	if (text_same(k->purpose, "certificate"))
		return text_same(k->state, KEY_ACTIVE)
			       ? make_due(l, k, p, a->is.of[COUNT_USES], now, e)
			       : 0;
	if (policy_budget_spent(p, a->was.of[COUNT_USES]))
		return 0;
	return life_alarm(l, k, "soft-limit",
		"'keystay keys compromise' has the agent make another account", e,
		"key '%s' of '%s' made %lld signatures of %lld", k->label, k->owner,
		(long long)a->is.of[COUNT_USES],
		(long long)(p->limits.soft ? p->limits.soft : p->limits.hard));
}

/* --- uses that should not be */

static int
look_at_refusals(struct life *l, const struct key_row *k, const struct alarm *a, struct err *e)
{
	char what[300] = "";
	size_t n = 0;

	if (counts_misuse(&a->is) <= counts_misuse(&a->was))
		return 0;
	for (int i = COUNT_MECHANISM; i < LEDGER_COUNTS; i++)
		if (i != COUNT_UNKNOWN && more(a, (enum ledger_count)i) > 0 && n < sizeof what)
			n += (size_t)snprintf(what + n, sizeof what - n, "%s%s %lld", n ? ", " : "",
				ledger_count_word((enum ledger_count)i),
				(long long)more(a, (enum ledger_count)i));
	return life_alarm(l, k, "operation-refused",
		"no TLS server asks for this: see what else runs with the token's PIN", e,
		"key '%s': a server was refused what it has no business with (%s)",
		k ? k->label : "unknown", what);
}

static int
look_at_state(
	struct life *l, const struct key_row *k, const struct alarm *a, when_t now, struct err *e)
{
	if (more(a, COUNT_STAGED) > 0 &&
		life_alarm(l, k, "staged-key-used", "see who has this key configured", e,
			"key '%s' has no certificate yet, and a server made %lld signatures with it",
			k->label, (long long)more(a, COUNT_STAGED)) < 0)
		return -1;
	if (more(a, COUNT_OVER) > 0 &&
		life_alarm(l, k, "hard-limit", "'keystay keys show' has its count and its limit", e,
			"key '%s' is at its hard limit: %lld signatures were refused", k->label,
			(long long)more(a, COUNT_OVER)) < 0)
		return -1;
	if (more(a, COUNT_OFF) <= 0)
		return 0;
	/* Something still lives by it: it is not destroyed before it was left alone for the time.
	 */
	if (text_same(k->state, KEY_DISABLED) && key_watch_again(l->db, k->id, now, e) < 0)
		return -1;
	return life_alarm(l, k, "disabled-key-used",
		"find the server that still has it, and reload it; 'keystay keys enable' brings the "
		"key back",
		e, "key '%s' is %s, and a server tried to sign with it %lld times", k->label,
		k->state, (long long)more(a, COUNT_OFF));
}

static int
look_at_unknown(struct life *l, const struct alarm *a, struct err *e)
{
	int64_t signatures = more(a, COUNT_USES) - more(a, COUNT_AGENT);

	if (signatures > 0 &&
		life_alarm(l, NULL, "unknown-key-used",
			"a key that keystay did not make; 'unknown=refuse' in the guard's settings "
			"stops it",
			e, "the key '%s' in the token with serial '%s' made %lld signatures",
			a->row->label, a->row->serial, (long long)signatures) < 0)
		return -1;
	if (more(a, COUNT_UNKNOWN) > 0 &&
		life_alarm(l, NULL, "unknown-key-used", "a key that keystay did not make", e,
			"the key '%s' was refused %lld signatures: the ledger does not know it",
			a->row->label, (long long)more(a, COUNT_UNKNOWN)) < 0)
		return -1;
	return look_at_refusals(l, NULL, a, e);
}

/* --- an hour that is too busy: the certificate's, over all its keys, since a rotation is none */

static int64_t
hour_of(const struct owned_keys *all, const struct owned_key *of, int64_t hour)
{
	int64_t sum = 0;

	for (size_t i = 0; i < all->count; i++)
		if (&all->item[i] == of ||
			(of->certificate && all->item[i].certificate == of->certificate))
			sum += (int64_t)ledger_hour(all->item[i].slot, (uint64_t)hour * HOUR);
	return sum;
}

/* Told once, whichever of the certificate's keys is looked at. */
static int
note_alarmed(struct life *l, const struct owned_keys *all, const struct owned_key *of,
	struct alarm *a, int64_t hour, struct err *e)
{
	a->row->alarmed_hour = hour;
	for (size_t i = 0; of->certificate && i < all->count; i++)
		if (all->item[i].certificate == of->certificate &&
			use_row_alarmed(l->db, all->item[i].public_hash, hour, e) < 0)
			return -1;
	return 0;
}

static int
look_at_rate(struct life *l, const struct owned_keys *all, const struct owned_key *o,
	const struct key_row *k, struct alarm *a, when_t now, struct err *e)
{
	int64_t last = now / HOUR, times = policy_rate_alarm(limits_policy(l->config, k));
	int64_t first = a->row->at ? a->row->at / HOUR : last - 1;

	if (first <= a->row->alarmed_hour)
		first = a->row->alarmed_hour + 1;
	if (first < last - 24)
		first = last - 24;
	for (int64_t hour = first; hour <= last; hour++) {
		int64_t n = hour_of(all, o, hour), most = 0;
		for (int64_t h = hour - BUSY_DAYS * 24; n > BUSY_LEAST && h < hour; h++) {
			int64_t then = hour_of(all, o, h);
			most = then > most ? then : most;
		}
		if (n <= BUSY_LEAST || n <= times * most)
			continue;
		char text[WHEN_TEXT];
		if (note_alarmed(l, all, o, a, hour, e) < 0)
			return -1;
		if (life_alarm(l, k, "rate-alarm",
			    "many clients, or somebody who spends signatures: see the servers' logs",
			    e,
			    "key '%s' made %lld signatures in the hour from %s; the busiest hour of "
			    "the %d days before had %lld",
			    k->label, (long long)n, when_format(hour * HOUR, text), BUSY_DAYS,
			    (long long)most) < 0)
			return -1;
	}
	return 0;
}

int
alarms_raise(
	struct life *l, const struct owned_keys *all, struct alarm *a, when_t now, struct err *e)
{
	const struct owned_key *o = owned_keys_find(all, a->row->public_hash);
	struct key_row k;

	if (a->rolled_back &&
		life_alarm(l, NULL, "ledger-rolled-back",
			"somebody put back or wrote over the ledger", e,
			"the use ledger had fewer signatures of the key '%s' than were counted",
			a->row->label) < 0)
		return -1;
	if (!o)
		return look_at_unknown(l, a, e);
	if (key_get(l->db, o->id, &k, e) < 0 || look_at_budget(l, &k, a, now, e) < 0 ||
		look_at_refusals(l, &k, a, e) < 0 || look_at_state(l, &k, a, now, e) < 0)
		return -1;
	return look_at_rate(l, all, o, &k, a, now, e);
}

int
alarms_raise_other(struct life *l, const struct counts *was, const struct counts *is, struct err *e)
{
	const struct alarm a = {.was = *was, .is = *is};
	int64_t signatures = more(&a, COUNT_USES) - more(&a, COUNT_AGENT);

	if (signatures + more(&a, COUNT_UNKNOWN) > 0 &&
		life_alarm(l, NULL, "unknown-key-used",
			"keys that keystay did not make, and whose public half is not in the token",
			e, "keys that nobody knows made %lld signatures, and were refused %lld",
			(long long)signatures, (long long)more(&a, COUNT_UNKNOWN)) < 0)
		return -1;
	return look_at_refusals(l, NULL, &a, e);
}

int
alarms_raise_missing(struct life *l, size_t keys, struct err *e)
{
	return life_alarm(l, NULL, "ledger-rolled-back",
		"somebody put back or wrote over the ledger", e,
		"the use ledger had lost %zu keys; they go on from the last checkpoint", keys);
}
