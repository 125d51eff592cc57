#include "keystay/life/forecast.h"

#include <stdlib.h>
#include <time.h>

#include "due.h"

/* Between two renewals of one certificate, whatever the policy: a walk comes to its end. */
#define STEP_LEAST HOUR

/* As life/due.c works it out for one that is installed at `at`. */
static when_t
due_after(const struct forecast_walk *w, when_t at)
{
	const struct policy *p = w->item->policy;
	const char *reason;
	when_t life = w->not_after - at, rest = life / 4 < 6 * HOUR ? life / 4 : 6 * HOUR;
	when_t due = policy_share_at(p, at, w->not_after) - life * w->jitter / 100000;
	when_t rotate = policy_rotate_at(p, w->key_made_at, &reason);
	when_t press = policy_deadline(p, at, w->not_after);

	if (rotate && rotate < due)
		due = rotate;
	if (due < at + rest)
		due = at + rest;
	due = due_thaw(p, at, at, due, press > due ? press : due);
	return due < at + STEP_LEAST ? at + STEP_LEAST : due;
}

struct forecast_walk
forecast_begin(const struct forecast_item *item, when_t now, int64_t jitter)
{
	return (struct forecast_walk){.item = item,
		.at = item->due_at > now ? item->due_at : now,
		.not_after = item->not_after,
		.key_made_at = item->key_made_at,
		.jitter = jitter};
}

void
forecast_next(struct forecast_walk *w)
{
	const struct policy *p = w->item->policy;
	when_t life = w->item->life, limit = policy_validity_max(p, w->at), at = w->at;

	if (limit && limit < life)
		life = limit;
	if (policy_wants_new_key(p, w->key_made_at, life, at))
		w->key_made_at = at;
	w->not_after = at + life;
	w->at = due_after(w, at);
}

static int
add_event(struct forecast *f, size_t *room, const struct forecast_event *v, struct err *e)
{
	if (f->events == FORECAST_MAX) {
		err_set(e, ERR_USAGE, "more than %zu renewals", FORECAST_MAX);
		return err_hint(e, "name an earlier end by --until");
	}
	if (f->events == *room) {
		size_t more = *room ? 2 * *room : 1024;
		struct forecast_event *event = realloc(f->event, more * sizeof *event);
		if (!event)
			return err_set(e, ERR_FAILED, "no memory");
		f->event = event;
		*room = more;
	}
	f->event[f->events++] = *v;
	return 0;
}

/* What happens at one moment is in the order of the estate. */
static int
compare_events(const void *a, const void *b)
{
	const struct forecast_event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

int
forecast_make(const struct forecast_item *item, size_t items, when_t now, when_t until,
	int64_t jitter, struct forecast *ret, struct err *e)
{
	AUTO(forecast) struct forecast f = {0};
	size_t room = 0;

	for (size_t i = 0; i < items; i++)
		for (struct forecast_walk w = forecast_begin(&item[i], now, jitter); w.at < until;
			forecast_next(&w)) {
			const struct forecast_event v = {
				w.at, (uint32_t)i, item[i].authority, item[i].certificates};
			if (add_event(&f, &room, &v, e) < 0)
				return -1;
		}
	if (f.events)
		qsort(f.event, f.events, sizeof *f.event, compare_events);
	*ret = f;
	f = (struct forecast){0};
	return 0;
}

void
forecast_free(struct forecast *f)
{
	free(f->event);
	*f = (struct forecast){0};
}

struct forecast_load
forecast_load(const struct forecast *f, const struct forecast_event *past, size_t pasts,
	uint16_t authority, const struct rate_limit *limit)
{
	struct forecast_load load = {0};
	int64_t sum = 0;

	for (size_t i = 0, first = 0; i < pasts + f->events; i++) {
		const struct forecast_event *v = i < pasts ? &past[i] : &f->event[i - pasts];
		if (v->authority != authority)
			continue;
		sum += v->certificates;
		for (;; first++) {
			const struct forecast_event *old =
				first < pasts ? &past[first] : &f->event[first - pasts];
			if (old->at > v->at - limit->per)
				break;
			sum -= old->authority == authority ? old->certificates : 0;
		}
		/* What was is over: nothing can be done about it. */
		if (i < pasts)
			continue;
		if (sum > load.worst) {
			load.worst = sum;
			load.worst_at = v->at;
		}
		if (sum > limit->certificates && !load.first_at)
			load.first_at = v->at;
	}
	return load;
}

when_t
forecast_month(when_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return 0;
	return when_from_utc(tm.tm_year + 1900, tm.tm_mon + 1, 1, 0, 0, 0);
}
