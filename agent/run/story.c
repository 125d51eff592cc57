#include "story.h"

#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "estate_words.h"
#include "keystay/state/journal.h"

/* So many events of the journal are told, the last ones. */
#define EVENTS 5

/* A list of names is broken into lines of so many columns. */
#define LIST_WIDTH 78
#define LIST_MAX (512 * 1024)

struct story {
	struct run *r;
	const struct estate_row *row;
	const struct estate_details *d;
	when_t now;
};

/* "2027-02-20, 84 days from now" */
#define MOMENT_TEXT 80
static const char *
moment_text(when_t at, when_t now, char text[MOMENT_TEXT])
{
	char day[WHEN_TEXT], span[SPAN_TEXT];

	snprintf(text, MOMENT_TEXT, "%s, %s %s", when_format_day(at, day),
		span_words(at - now, span), at > now ? "from now" : "ago");
	return text;
}

/* --- what it is */

static void
say_state(const struct story *s)
{
	static const char *const also[ESTATE_STATES] = {
		[ESTATE_NOT_SERVED] = "; it is installed, but not served",
		[ESTATE_FAILED] = "; getting it anew fails",
		[ESTATE_DUE] = "; it is due now",
		[ESTATE_WAITING] = "; getting it anew is under way",
		[ESTATE_WATCHED] = "; it is watched, not managed",
	};
	static const char *const absent[ESTATE_STATES] = {
		[ESTATE_NOT_SERVED] = "is installed, but not served",
		[ESTATE_FAILED] = "is not there yet; getting it fails",
		[ESTATE_WAITING] = "is not there yet; it is being obtained",
		[ESTATE_WATCHED] = "is watched, not managed; when it ends is not known",
	};
	const struct estate_row *row = s->row;
	char moment[MOMENT_TEXT];

	if (row->not_after == 0)
		run_say(s->r, "%s %s.", row->name,
			absent[row->state] ? absent[row->state] : "is not there yet");
	else if (row->not_after <= s->now)
		run_say(s->r, "%s is expired since %s%s.", row->name,
			moment_text(row->not_after, s->now, moment),
			row->watched ? "; it is watched, not managed" : "");
	else
		run_say(s->r, "%s is valid until %s%s.", row->name,
			moment_text(row->not_after, s->now, moment),
			also[row->state] ? also[row->state] : "");
}

/* Names in lines of their own, as many as fit into each. */
static void
say_list(const struct story *s, const struct list *l)
{
	AUTO(buf) struct buf line = BUF(LIST_MAX);

	for (size_t i = 0; i < l->count; i++) {
		const char *end = i + 1 < l->count ? "," : "";
		if (line.len &&
			columns_of(buf_text(&line)) + columns_of(l->item[i]) + 2 > LIST_WIDTH) {
			run_say(s->r, "%s", buf_text(&line));
			buf_clear(&line);
		}
		buf_addf(&line, "%s%s%s", line.len ? " " : "  ", l->item[i], end);
	}
	if (line.len)
		run_say(s->r, "%s", buf_text(&line));
}

static void
say_purpose(const struct story *s)
{
	const struct estate_row *row = s->row;

	if (row->names->count == 1)
		run_say(s->r, "It is for %s.", row->names->item[0]);
	else if (row->names->count)
		run_say(s->r, "It is for %zu names:", row->names->count);
	if (row->names->count > 1)
		say_list(s, row->names);
	if (row->owner[0])
		run_say(s->r, "Its owner is %s.", row->owner);
	else
		run_say(s->r, "Nobody is named as its owner.");
}

/* --- what there is of one that is managed */

static void
say_version(const struct story *s)
{
	const struct estate_row *row = s->row;
	const struct version_row *v = &s->d->key[0].version;
	char day[WHEN_TEXT], policy[80] = "";

	if (row->policy[0])
		snprintf(policy, sizeof policy, ", by policy '%s'", row->policy);
	run_say(s->r, "Version %lld is live since %s%s; it came from authority '%s', issued by %s.",
		(long long)row->live_version, when_format_day(v->installed_at, day), policy,
		v->authority, v->issuer);
	if (!v->anchored)
		run_say(s->r,
			"Its chain is not anchored: no 'issuer:' of '%s' says which roots it "
			"may have.",
			v->authority);
}

static void
say_key(const struct story *s, const struct estate_key *k)
{
	char day[WHEN_TEXT], span[SPAN_TEXT], used[USAGE_TEXT];

	run_say(s->r, "Its %s key in token '%s' was made on %s, %s ago, and is %s.",
		k->version.key_type, k->key.token, when_format_day(k->key.created_at, day),
		span_words(s->now - k->key.created_at, span), k->key.state);
	if (*usage_text(&k->usage, used))
		run_say(s->r, "  its key: %s", used);
}

/* What handshakes at one endpoint showed when it was looked at last. */
static void
say_endpoint(const struct story *s, const char *endpoint)
{
	size_t looked = 0, shown = 0;
	const char *missed = "";
	when_t last = 0;
	char at[WHEN_TEXT];

	for (size_t i = 0; i < s->d->served_count; i++) {
		const struct served_row *v = &s->d->served[i];
		if (!text_same(v->endpoint, endpoint))
			continue;
		looked++;
		shown += v->ok;
		missed = v->ok ? missed : v->sni;
		last = v->checked_at > last ? v->checked_at : last;
	}
	if (looked == 0)
		run_say(s->r, "  at %s: not looked at yet", endpoint);
	else if (shown == looked)
		run_say(s->r, "  at %s: proven at %s, by %zu handshake%s", endpoint,
			when_format(last, at), looked, looked == 1 ? "" : "s");
	else
		run_say(s->r, "  at %s: not shown at %s for %s (%zu of %zu handshakes showed it)",
			endpoint, when_format(last, at), missed, shown, looked);
}

static void
say_served(const struct story *s)
{
	const struct certificate_conf *c = s->row->conf;

	if (c->installs == 0)
		run_say(s->r, "No server is told of it: it is for whoever reads 'live/%s'.",
			c->name);
	for (size_t i = 0; i < c->installs; i++) {
		const struct target_conf *t = &c->install[i];
		run_say(s->r, "It is installed on %s%s", t->ops->word,
			t->endpoints.count ? ", and served"
					   : "; no endpoint shows whether it is served.");
		for (size_t k = 0; k < t->endpoints.count; k++)
			say_endpoint(s, t->endpoints.item[k]);
	}
}

/* --- what comes */

static void
say_attempt(const struct story *s)
{
	const struct attempt *a = &s->d->attempt;
	bool asked = text_same(a->step, "order");
	char at[WHEN_TEXT];

	if (asked && s->row->by_hand) {
		run_say(s->r,
			"Next: its request is at step order, for a person to bring to '%s': "
			"'keystay csr %s' prints it, 'keystay import %s FILE' takes the answer.",
			a->authority, a->certificate, a->certificate);
		return;
	}
	run_say(s->r, "Next: it is at step %s%s%s%s, not before %s (%s).", a->step,
		asked && a->not_before ? ", waits for authority '" : "",
		asked && a->not_before ? a->authority : "", asked && a->not_before ? "'" : "",
		when_format(a->not_before, at), a->reason);
}

static void
say_next(const struct story *s)
{
	const struct estate_row *row = s->row;
	char at[WHEN_TEXT], span[SPAN_TEXT];

	if (row->loss)
		return;
	if (s->d->has_attempt && row->error_kind == ERR_NONE)
		say_attempt(s);
	else if (s->d->has_attempt)
		return;
	else if (!row->live_version)
		run_say(s->r, "Next: keystay issue %s", row->name);
	else if (row->due_at <= s->now)
		run_say(s->r,
			"Next: it is renewed now (%s); the agent does it, or 'keystay renew "
			"--due'.",
			row->due_for);
	else
		run_say(s->r, "Next: it is renewed at %s, %s from now (%s).",
			when_format(row->due_at, at), span_words(row->due_at - s->now, span),
			row->due_for);
}

/* --- what is wrong */

static void
say_wrong(const struct story *s)
{
	const struct estate_row *row = s->row;
	char at[WHEN_TEXT];

	if (row->loss)
		run_say(s->r,
			"What is wrong: %s; 'keystay renew --due' rebuilds what can be rebuilt",
			row->loss);
	for (size_t i = 0; i < s->d->keys; i++)
		if (s->d->key[i].version.revoked_at)
			run_say(s->r, "What is wrong: it was revoked on %s (%s)",
				when_format_day(s->d->key[i].version.revoked_at, at),
				s->d->key[i].version.revoked_for);
	if (s->d->has_attempt && row->error_kind != ERR_NONE) {
		run_say(s->r, "What is wrong: it failed %lld time%s, and goes on at step %s: %s",
			(long long)row->tries, row->tries == 1 ? "" : "s", row->step, row->error);
		if (row->hint[0])
			run_say(s->r, "  hint: %s", row->hint);
		run_say(s->r, "  next try: %s", when_format(row->attempt_at, at));
	} else if (row->state == ESTATE_NOT_SERVED) {
		run_say(s->r, "What is wrong: no endpoint shows it");
		run_say(s->r, "  hint: 'keystay server-config nginx %s' says what the server needs",
			row->name);
	}
}

/* --- what happened */

struct events {
	struct {
		when_t at;
		char kind[32];
		char *text;
	} last[EVENTS];
	size_t count; /* all of them */
};

static int
keep_event(void *ctx, const struct event *v, struct err *e)
{
	struct events *all = ctx;
	size_t i = all->count++ % EVENTS;

	free(all->last[i].text);
	all->last[i].at = v->at;
	text_copy(all->last[i].kind, sizeof all->last[i].kind, v->kind);
	all->last[i].text = strdup(v->text);
	return all->last[i].text ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static int
say_events(const struct story *s, struct db *db, struct err *e)
{
	struct events all = {.count = 0};
	char at[WHEN_TEXT];
	int rc = db ? journal_each(db, s->row->name, keep_event, &all, e) : 0;

	if (rc == 0 && all.count)
		run_say(s->r, "What happened last ('keystay history %s' has all):", s->row->name);
	for (size_t i = all.count > EVENTS ? all.count - EVENTS : 0; rc == 0 && i < all.count; i++)
		run_say(s->r, "  %s  %-12s %s", when_format(all.last[i % EVENTS].at, at),
			all.last[i % EVENTS].kind, all.last[i % EVENTS].text);
	for (size_t i = 0; i < EVENTS; i++)
		free(all.last[i].text);
	return rc;
}

/* --- one that is only watched */

static void
say_watched(const struct story *s)
{
	const struct watched_row *w = s->row->watched;
	char at[WHEN_TEXT];

	if (w->issuer[0])
		run_say(s->r, "It was issued by %s, with the serial %s.", w->issuer, w->serial);
	if (w->authority[0])
		run_say(s->r, "Its authority is '%s'.", w->authority);
	if (w->key_type[0])
		run_say(s->r, "Its key is %s; where that is, keystay does not know.", w->key_type);
	if (text_same(w->source, WATCHED_LIST))
		run_say(s->r, "What is known of it is from the list '%s', taken in on %s.",
			w->place, when_format_day(w->added_at, at));
	else
		run_say(s->r, "It was found %s '%s', and looked at last at %s.",
			text_same(w->source, WATCHED_ENDPOINT) ? "at" : "in the file", w->place,
			when_format(w->looked_at, at));
	if (w->config[0])
		run_say(s->r, "'%s' names it.", w->config);
	if (w->endpoints.count) {
		run_say(s->r, "It is served at:");
		say_list(s, &w->endpoints);
	}
	if (w->notes[0])
		run_say(s->r, "Notes: %s", w->notes);
	run_say(s->r,
		"Next: nobody renews it here; 'keystay add --from-watched %s' has keystay do it.",
		w->name);
	if (w->problem[0])
		run_say(s->r, "What is wrong: %s", w->problem);
}

int
story_say(struct run *r, struct estate *s, struct db *db, const struct estate_row *row, when_t now,
	struct err *e)
{
	AUTO(estate_details) struct estate_details d = {.keys = 0};
	const struct story story = {.r = r, .row = row, .d = &d, .now = now};

	if (estate_details(s, row, &d, e) < 0)
		return -1;
	say_state(&story);
	say_purpose(&story);
	if (row->watched) {
		say_watched(&story);
		return say_events(&story, db, e);
	}
	if (d.keys)
		say_version(&story);
	else
		run_say(r, "Its authority is '%s', its policy '%s', its token '%s'.",
			row->authority, row->policy, row->token);
	for (size_t i = 0; i < d.keys; i++)
		say_key(&story, &d.key[i]);
	say_served(&story);
	say_next(&story);
	say_wrong(&story);
	return say_events(&story, db, e);
}
