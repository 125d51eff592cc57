#include "planning.h"

#include <stdio.h>

#include "identity.h"
#include "keystay/life/plan.h"
#include "keystay/life/rebuild.h"
#include "keystay/state/db.h"

static json_t *
keys_json(const struct plan *p)
{
	json_t *array = json_array();

	for (size_t i = 0; i < p->keys; i++)
		json_array_append_new(
			array, json_pack("{s:s, s:b, s:s}", "type", key_type_word(p->key[i].type),
				       "new", p->key[i].is_new, "reason", p->key[i].why));
	return array;
}

/* "a new ec-p256 key (by policy), the same rsa-3072 key" */
static const char *
keys_text(const struct plan *p, char text[400])
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->keys && n < 300; i++)
		n += (size_t)snprintf(text + n, 400 - n, "%s%s %s key%s%s%s", i ? ", " : "",
			p->key[i].is_new ? "a new" : "the same", key_type_word(p->key[i].type),
			p->key[i].is_new ? " (" : "", p->key[i].why, p->key[i].is_new ? ")" : "");
	return text;
}

static void
say_targets(struct run *r, const struct certificate_conf *c)
{
	char text[300], live[400];

	snprintf(live, sizeof live, "live/%s", c->name);
	if (c->installs == 0) {
		run_say(r, "  it is put into %s; no server is told", live);
		return;
	}
	for (size_t i = 0; i < c->installs; i++)
		run_say(r, "  it is installed on %s%s%s", c->install[i].ops->word,
			c->install[i].endpoints.count ? ", and looked for at " : "",
			list_join(&c->install[i].endpoints, text, sizeof text));
}

static void
show_plan(struct run *r, const struct certificate_conf *c, const struct plan *p)
{
	char at[WHEN_TEXT], text[400], names[300];

	run_report(r, "certificates",
		json_pack("{s:s, s:b, s:o, s:s, s:s, s:s, s:s, s:o}", "name", c->name, "starts",
			p->starts, "at", json_when(p->at), "reason", p->reason, "step", p->step,
			"authority", p->authority, "refused", p->refused, "keys", keys_json(p)));
	if (!p->starts) {
		run_say(r, "%s: nothing now; %s at %s (%s)", c->name,
			p->step[0] ? "it is tried again" : "it is due", when_format(p->at, at),
			p->reason);
		return;
	}
	if (p->step[0])
		run_say(r, "%s: would go on at step %s (%s)", c->name, p->step, p->reason);
	else
		run_say(r, "%s: would be obtained now (%s)", c->name, p->reason);
	run_say(r, "  names: %s", list_join(&c->names, names, sizeof names));
	if (p->refused[0])
		run_say(r, "  policy '%s' refuses it: %s", c->policy, p->refused);
	run_say(r, "  from '%s', with %s in token '%s'", p->authority, keys_text(p, text),
		c->token);
	say_targets(r, c);
}

/* Files that the database does not know come first, and may leave nothing to obtain. */
static int
say_loss(struct run *r, struct db *db, const struct certificate_conf *c, struct err *e)
{
	struct loss_found f;

	if (rebuild_find(r->config, db, c, &f, e) < 0)
		return -1;
	if (f.loss != LOSS_NONE)
		run_say(r, "  but before that what can be rebuilt is: %s", f.text);
	return 0;
}

static int
show_all(struct run *r, const struct list *names, const struct wish *wish, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;
	AUTO(plans) struct plans *plans = NULL;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		usage_open(r->config, db, &usage, e) < 0 ||
		plans_open(r->config, db, usage, services_now(r->services), &plans, e) < 0)
		return -1;
	run_array(r, "certificates");
	for (size_t i = 0; i < r->config->certificates; i++) {
		const struct certificate_conf *c = &r->config->certificate[i];
		struct plan plan;
		if (names->count && !list_has(names, c->name))
			continue;
		if (plan_of(plans, c, wish, &plan, e) < 0)
			return -1;
		show_plan(r, c, &plan);
		if (say_loss(r, db, c, e) < 0)
			return -1;
	}
	return 0;
}

int
show_plans(struct run *r, const struct list *names, const struct wish *wish)
{
	struct err e;

	if (show_all(r, names, wish, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}
