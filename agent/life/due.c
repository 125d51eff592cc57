#include "due.h"

#include <string.h>

#include "wish.h"

bool
cause_is_urgent(const char *cause)
{
	return text_same(cause, CAUSE_COMPROMISED) || text_same(cause, CAUSE_REVOKED) ||
	       text_same(cause, CAUSE_KEY_GONE) || text_same(cause, CAUSE_FILES_GONE);
}

int64_t
due_jitter(const struct services *s)
{
	uint32_t number;

	s->random(s->ctx, &number, sizeof number);
	return number % 1000;
}

static void
earlier(struct due *d, when_t at, const char *reason)
{
	if (d->at && d->at <= at)
		return;
	d->at = at;
	text_copy(d->reason, sizeof d->reason, reason);
}

/* The authority's window, else the share of the lifetime that is left. */
static void
by_time(const struct policy *p, const struct due_row *r, struct due *d)
{
	when_t life = r->not_after - r->not_before;
	when_t share = policy_share_at(p, r->not_before, r->not_after);

	if (r->chosen_at == 0) {
		earlier(d, share - life * r->jitter / 100000, "share of lifetime");
		return;
	}
	/* An authority that is mistaken must not let it lapse: half of the share that is left is
	 * for trying. */
	if (r->chosen_at > d->press_at)
		earlier(d, d->press_at, "share of lifetime");
	else
		earlier(d, r->chosen_at, "renewal window of the authority");
}

when_t
due_thaw(const struct policy *p, when_t installed_at, when_t now, when_t due, when_t deadline)
{
	when_t at = policy_thaw(p, now, due, deadline), after;

	/* It came on the day before that freeze, or later: coming again before it is of no use. */
	if (at >= due || installed_at < policy_thaw(p, 0, due, deadline) ||
		!policy_frozen(p, due, &after))
		return at;
	return after < deadline ? after : deadline;
}

/* Before a freeze that it falls in, or else after it, but never so late that time presses. */
static void
keep_out_of_freeze(const struct policy *p, const struct due_row *r, when_t now, struct due *d)
{
	static const char moved[] = ", moved by a freeze";
	when_t at =
		due_thaw(p, r->installed_at, now, d->at, d->press_at > d->at ? d->press_at : d->at);

	if (at == d->at)
		return;
	d->at = at;
	size_t len = strlen(d->reason);
	if (len + sizeof moved <= sizeof d->reason)
		text_copy(d->reason + len, sizeof d->reason - len, moved);
}

/* A certificate that is due as soon as it is there (its authority backdates it, or names windows
 * that are over) would be renewed for ever; four times a day is enough. */
static void
rest(const struct due_row *r, when_t now, struct due *d)
{
	when_t left = (r->not_after - r->installed_at) / 4;
	when_t until = r->installed_at + (left < 6 * HOUR ? left : 6 * HOUR);

	if (r->installed_at <= now && d->at < until)
		d->at = until;
}

/* Whatever the stored cause: what the key's state says is so. It stays due at the moment when that
 * was seen first. */
static void
urgent(struct due *d, const struct due_row *r, when_t now, const char *cause)
{
	bool seen = text_same(r->renew_reason, cause) && r->renew_at <= now;

	d->urgent = true;
	d->at = seen ? r->renew_at : now;
	text_copy(d->reason, sizeof d->reason, cause);
}

void
due_of(const struct policy *p, const struct due_row *r, const char *wish, when_t now,
	struct due *ret)
{
	struct due d = {.not_before = r->not_before,
		.not_after = r->not_after,
		.press_at = policy_deadline(p, r->not_before, r->not_after)};
	const char *reason = "", *differs = wish_differs(r->wish, wish);
	when_t rotate = policy_rotate_at(p, r->key_made_at, &reason);

	by_time(p, r, &d);
	if (rotate)
		earlier(&d, rotate, reason);
	rest(r, now, &d);
	if (differs) {
		/* It stays due at the moment when that was seen first. */
		bool seen = text_starts(r->renew_reason, differs) && r->renew_at <= now;
		char changed[96];
		snprintf(changed, sizeof changed, "%s changed in the configuration", differs);
		earlier(&d, seen ? r->renew_at : now, changed);
	}
	if (r->key_state && text_same(r->key_state, KEY_COMPROMISED))
		urgent(&d, r, now, CAUSE_COMPROMISED);
	else if (r->key_state && text_same(r->key_state, KEY_DESTROYED))
		urgent(&d, r, now, CAUSE_KEY_GONE);
	else if (r->cause_at) {
		d.urgent = cause_is_urgent(r->cause);
		if (d.urgent || r->cause_at < d.at) {
			/* A clock that was ahead when it happened does not put it off. */
			d.at = d.urgent && r->cause_at > now ? now : r->cause_at;
			text_copy(d.reason, sizeof d.reason, r->cause);
		}
	}
	if (!d.urgent)
		keep_out_of_freeze(p, r, now, &d);
	*ret = d;
}

when_t
due_ask_at(const struct config *c, const struct due_row *r, when_t now)
{
	const struct authority_conf *a = config_authority(c, r->authority);

	/* Of one that has expired nothing more can be learned. */
	if (!*r->ari_id || !a || !a->ops->renewal_info || r->not_after <= now)
		return DUE_NEVER;
	/* None waits for longer than a day: a clock that was ahead wrote that. */
	return r->ask_at > now + DAY ? 0 : r->ask_at;
}

struct looking {
	const struct config *config;
	struct due *due;
	when_t now;
};

/* The part that is due first says when and why; what presses, presses whatever part it is. */
static void
add_part(struct due *known, const struct due *d)
{
	struct due first = d->at < known->at ? *d : *known;

	first.urgent = known->urgent || d->urgent;
	first.ask_at = known->ask_at < d->ask_at ? known->ask_at : d->ask_at;
	if (d->press_at < known->press_at)
		first.press_at = d->press_at;
	if (d->not_after < known->not_after)
		first.not_after = d->not_after;
	*known = first;
}

static int
look_at_row(void *ctx, const struct due_row *r, struct err *e)
{
	struct looking *all = ctx;
	const struct certificate_conf *c = config_certificate(all->config, r->certificate);
	char wish[WISH_TEXT];
	struct due d;

	(void)e;
	if (!c)
		return 0;
	struct due *known = &all->due[c - all->config->certificate];
	wish_text(c, wish);
	due_of(policy_find(all->config->policies, c->policy), r, wish, all->now, &d);
	d.ask_at = due_ask_at(all->config, r, all->now);
	if (known->at == 0)
		*known = d;
	add_part(known, &d);
	known->live_version = r->live_version;
	known->last_version = r->last_version;
	known->news =
		r->renew_at != known->at || !text_same(r->renew_reason, known->reason) || !*r->wish;
	known->wish_known = *r->wish;
	return 0;
}

static int
look_at_attempt(void *ctx, const struct attempt_place *a, struct err *e)
{
	struct looking *all = ctx;
	const struct certificate_conf *c = config_certificate(all->config, a->certificate);

	(void)e;
	if (c) {
		struct due *d = &all->due[c - all->config->certificate];
		d->attempt = true;
		d->placed = step_of(a->step) >= STEP_INSTALL;
		d->parked_until = a->not_before;
	}
	return 0;
}

static int
store_news(struct db *db, const struct looking *all, struct err *e)
{
	char wish[WISH_TEXT];

	for (size_t i = 0; i < all->config->certificates; i++) {
		const struct certificate_conf *c = &all->config->certificate[i];
		const struct due *d = &all->due[i];
		if (!d->news)
			continue;
		/* What one of an older schema was made for is not known: it is taken as it is. */
		wish_text(c, wish);
		if (due_save(db, c->name, d->at, d->reason, d->wish_known ? NULL : wish, e) < 0)
			return -1;
	}
	return 0;
}

int
due_look(struct db *db, const struct config *c, when_t now, bool store, struct due **ret,
	struct err *e)
{
	struct due *due = calloc(c->certificates + 1, sizeof *due);
	struct looking all = {c, due, now};

	if (!due)
		return err_set(e, ERR_FAILED, "no memory");
	if (db && (due_rows_each(db, look_at_row, &all, e) < 0 ||
			  attempts_each(db, look_at_attempt, &all, e) < 0)) {
		free(due);
		return -1;
	}
	if (db && store &&
		(db_begin(db, e) < 0 || store_news(db, &all, e) < 0 || db_commit(db, e) < 0)) {
		db_rollback(db);
		free(due);
		return -1;
	}
	*ret = due;
	return 0;
}

int
life_due(struct life *l, const struct certificate_conf *c, const struct due **ret, struct err *e)
{
	if (!l->due && due_look(l->db, l->config, services_now(l->services), true, &l->due, e) < 0)
		return -1;
	*ret = &l->due[c - l->config->certificate];
	return 0;
}

void
life_due_again(struct life *l)
{
	free(l->due);
	l->due = NULL;
}
