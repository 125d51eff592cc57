#include "commands.h"

#include <stdio.h>

#include "dated_shown.h"
#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/life/plan.h"
#include "keystay/life/rebuild.h"
#include "keystay/state/attempts.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"
#include "used.h"

/* What is put together for one certificate. */
struct view {
	struct run *r;
	struct db *db;
	json_t *keys;
	json_t *served;
	struct usage *usage;
	when_t due_at; /* and why */
	const char *due_for;
	when_t not_after; /* the earliest of the live version */
	char detail[200]; /* of the first key, for a line */
	char used[USAGE_TEXT];
	struct loss_found loss;
};

/* What the token said of the key when it was made. */
static int
add_evidence(struct db *db, const char *id, json_t *key, struct err *e)
{
	static const char *const words[] = {
		"sensitive", "never_extractable", "local", "token_class"};
	AUTO(char) char *text = NULL;
	AUTO(json_t) json_t *evidence = NULL;

	if (key_evidence_get(db, id, &text, e) < 0)
		return -1;
	if (!text || json_read(text, strlen(text), &evidence, e) < 0)
		return text ? -1 : 0;
	for (size_t i = 0; i < COUNT(words); i++)
		json_object_set(key, words[i], json_object_get(evidence, words[i]));
	return 0;
}

static int
add_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct view *view = ctx;
	struct key_row key;

	if (key_get(view->db, v->key_id, &key, e) < 0)
		return -1;
	if (view->not_after == 0 || v->not_after < view->not_after)
		view->not_after = v->not_after;
	if (!view->detail[0])
		snprintf(view->detail, sizeof view->detail, "%s key in token '%s'", v->key_type,
			key.token);
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:o}", "uri",
		key.uri, "type", v->key_type, "state", key.state, "serial", v->serial, "issuer",
		v->issuer, "not_before", json_when(v->not_before), "not_after",
		json_when(v->not_after), "fingerprint_sha256", v->fingerprint, "anchored",
		v->anchored, "created_at", json_when(key.created_at));
	json_array_append_new(view->keys, json);
	struct key_usage used;
	if (usage_of(view->usage, &key, &used, e) < 0)
		return -1;
	add_usage(json, &used);
	if (!view->used[0])
		usage_text(&used, view->used);
	return add_evidence(view->db, key.id, json, e);
}

static int
add_served(void *ctx, const struct served_row *s, struct err *e)
{
	struct view *view = ctx;

	(void)e;
	json_array_append_new(view->served,
		json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "endpoint", s->endpoint, "sni", s->sni,
			"key_type", s->key_type, "ok", s->ok, "fingerprint_sha256", s->fingerprint,
			"checked_at", json_when(s->checked_at)));
	return 0;
}

static const char *
state_word(const struct certificate_row *row, const struct attempt *a, bool attempt,
	const struct view *view, when_t now)
{
	if (row->not_served)
		return "not_served";
	if (row->live_version && view->not_after <= now)
		return "expired";
	if (attempt && a->error_kind != ERR_NONE)
		return "failed";
	if (attempt)
		return "waiting";
	if (!row->live_version)
		return "missing";
	return view->due_at <= now ? "due" : "valid";
}

static json_t *
attempt_json(const struct attempt *a, bool found)
{
	if (!found)
		return json_null();
	json_t *error = json_null();
	if (a->error_kind != ERR_NONE) {
		json_decref(error);
		error = json_pack("{s:s, s:s, s:s}", "kind", err_word(a->error_kind), "text",
			a->error_text, "hint", a->error_hint);
	}
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o}", "step", a->step, "authority",
		a->authority, "tries", (json_int_t)a->tries, "reason", a->reason, "not_before",
		json_when(a->not_before), "error", error);
}

static json_t *
names_json(const struct list *names)
{
	json_t *array = json_array();
	for (size_t i = 0; i < names->count; i++)
		json_array_append_new(array, json_string(names->item[i]));
	return array;
}

static void
say_certificate(struct run *r, const struct certificate_conf *c, const struct certificate_row *row,
	const struct attempt *a, bool attempt, const struct view *view, const char *state)
{
	char until[WHEN_TEXT], next[WHEN_TEXT], names[200];

	run_say(r, "%-16s %-10s %s", c->name, state, list_join(&c->names, names, sizeof names));
	if (row->live_version)
		run_say(r, "  version %lld, until %s, %s; next: renew at %s (%s)",
			(long long)row->live_version, when_format(view->not_after, until),
			view->detail, when_format(view->due_at, next), view->due_for);
	if (row->live_version && view->used[0])
		run_say(r, "  its key: %s", view->used);
	if (attempt && a->error_kind != ERR_NONE) {
		run_say(r, "  failed %lld times, goes on at step %s: %s", (long long)a->tries,
			a->step, a->error_text);
		if (a->error_hint[0])
			run_say(r, "  hint: %s", a->error_hint);
		run_say(r, "  next try: %s", when_format(a->not_before, next));
	} else if (attempt) {
		bool waits = text_same(a->step, "order") && a->not_before;
		run_say(r, "  at step %s%s%s%s, not before %s", a->step,
			waits ? ", waits for authority '" : "", waits ? a->authority : "",
			waits ? "'" : "", when_format(a->not_before, next));
	} else if (!row->live_version && view->loss.loss == LOSS_NONE) {
		run_say(r, "  not there yet: keystay issue %s", c->name);
	}
	if (view->loss.loss != LOSS_NONE)
		run_say(r, "  %s; 'keystay renew --due' rebuilds what can be rebuilt",
			view->loss.text);
}

static int
show(struct run *r, struct db *db, struct usage *usage, const struct plans *plans,
	const struct certificate_conf *c, struct err *e)
{
	struct view view = {
		.r = r, .db = db, .usage = usage, .keys = json_array(), .served = json_array()};
	struct certificate_row row = {.renew_reason = ""};
	AUTO(attempt) struct attempt a = {0};
	bool attempt = false;

	if (db && (certificate_get(db, c->name, &row, e) < 0 ||
			  attempt_load(db, c->name, &a, &attempt, e) < 0 ||
			  version_each(db, c->name, row.live_version, add_key, &view, e) < 0 ||
			  served_each(db, c->name, add_served, &view, e) < 0)) {
		json_decref(view.keys);
		json_decref(view.served);
		return -1;
	}
	if (rebuild_find(r->config, db, c, &view.loss, e) < 0) {
		json_decref(view.keys);
		json_decref(view.served);
		return -1;
	}
	view.due_at = plan_due_at(plans, c, &view.due_for);
	const char *state = state_word(&row, &a, attempt, &view, services_now(r->services));
	say_certificate(r, c, &row, &a, attempt, &view, state);
	run_report(r, "certificates",
		json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s?, s:o, s:s, s:o, s:o, s:o, s:s?}",
			"name", c->name, "names", names_json(&c->names), "managed", 1, "state",
			state, "authority", c->authority.item[0], "policy", c->policy, "owner",
			c->owner, "renew_at", json_when(view.due_at), "renew_reason", view.due_for,
			"keys", view.keys, "attempt", attempt_json(&a, attempt), "served",
			view.served, "loss", view.loss.loss == LOSS_NONE ? NULL : view.loss.text));
	return 0;
}

static int
main_status(struct run *r, int argc, char **argv)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;
	AUTO(plans) struct plans *plans = NULL;
	AUTO(list) struct list names = {0};
	struct err e;

	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	for (int i = 0; i < argc; i++) {
		if (argv[i][0] == '-')
			return run_unknown(r, &command_status, argv[i]);
		if (!config_certificate(r->config, argv[i])) {
			err_set(&e, ERR_USAGE, "there is no certificate '%s' in '%s'", argv[i],
				r->config->path);
			return run_fail(r, &e);
		}
		list_add(&names, argv[i]);
	}
	if (become_owner(r->config->state, &e) < 0 || life_open_state(r->config, &db, &e) < 0 ||
		usage_open(r->config, db, &usage, &e) < 0 ||
		plans_open(r->config, db, usage, services_now(r->services), &plans, &e) < 0)
		return run_fail(r, &e);
	run_array(r, "certificates");
	for (size_t i = 0; i < r->config->certificates; i++) {
		const struct certificate_conf *c = &r->config->certificate[i];
		if ((names.count == 0 || list_has(&names, c->name)) &&
			show(r, db, usage, plans, c, &e) < 0)
			return run_fail(r, &e);
	}
	if (names.count == 0 && show_dated(r, db, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.synopsis = "[NAME...]",
	.summary = "what is there, what is next and why, what is wrong and how to mend it",
	.main = main_status,
};
