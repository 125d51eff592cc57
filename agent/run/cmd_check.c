#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "capabilities.h"
#include "counted.h"
#include "dated_shown.h"
#include "identity.h"
#include "judged.h"
#include "keystay/life/life.h"
#include "keystay/life/pins.h"
#include "keystay/life/probe.h"
#include "keystay/life/trust.h"
#include "keystay/state/db.h"
#include "keystay/token/key.h"
#include "living.h"
#include "losses.h"
#include "trusting.h"

/* The worst finding decides the exit status. */
struct worst {
	int status;
};

static void
found_fault(struct run *r, struct worst *w, const char *where, const struct err *e)
{
	size_t len = strlen(where);

	/* An error may name the place, too. */
	bool named = strncmp(e->text, where, len) == 0 && text_starts(e->text + len, ": ");
	run_finding(r, "fail", where, e->hint, "%s", e->text + (named ? len + 2 : 0));
	if (w->status == EXIT_DONE)
		w->status = exit_status_of(e->kind);
}

/*
 * What a token can do, where that is not known yet: a key of each family is made and destroyed, in
 * the agent's own way and under its lock. Where this user may not make a state, nothing is kept.
 */
static int
get_to_know(struct run *r, struct db *db, const struct token_conf *conf, struct token **t,
	struct secret **pin, struct capabilities *ret, struct err *e)
{
	const struct probe probe = {.services = r->services,
		.conf = conf,
		.road = token_road(*t),
		.pin = pin,
		.config_path = r->config->path};
	struct life *l;

	if (!db)
		return probe_settle(&probe, t, ret, e);
	token_close(take(t));
	if (run_open_life(r, "check", &l, e) < 0)
		return -1;
	int rc = life_capabilities(l, conf->name, ret, e);
	life_close(l);
	return rc;
}

static int
look_at_token(struct run *r, struct db *db, const struct token_conf *conf, const char *where,
	bool *ret_lost, struct err *e)
{
	AUTO(token) struct token *t = NULL;
	AUTO(secret) struct secret *pin = NULL;
	AUTO(list) struct list ids = {0};
	struct capabilities c;
	bool known = false;

	if (token_open_once(db, r->services, conf, conf->road, &pin, &t, e) < 0 ||
		key_list(t, &ids, e) < 0)
		return -1;
	const struct token_identity *id = token_identity_of(t);
	run_finding(r, "ok", where, "", "label '%s', serial %s, %s; %zu private keys", id->label,
		id->serial, id->manufacturer, ids.count);
	list_sort(&ids);
	if (check_keys(r, db, conf, &ids, where, ret_lost, e) < 0)
		return -1;
	if (check_identity_keys(r, t, ret_lost, e) < 0)
		return -1;
	if (db && capabilities_load(db, t, &c, &known, e) < 0)
		return -1;
	bool other_road = known && conf->road == ROAD_AUTO && capabilities_road_wrong(&c);
	if ((!known || other_road) && get_to_know(r, db, conf, &t, &pin, &c, e) < 0)
		return -1;
	show_capabilities(r, where, &c);
	return 0;
}

static void
check_tokens(struct run *r, struct db *db, struct worst *w)
{
	bool lost = false;
	struct err e;

	for (size_t i = 0; i < r->config->tokens; i++) {
		const struct token_conf *t = &r->config->token[i];
		char where[96];
		snprintf(where, sizeof where, "token '%s'", t->name);
		if (look_at_token(r, db, t, where, &lost, &e) < 0)
			found_fault(r, w, where, &e);
	}
	if (lost && w->status == EXIT_DONE)
		w->status = EXIT_TOKEN;
}

static int
ask_authority(struct run *r, struct db *db, const struct authority_conf *a, struct err *e)
{
	AUTO(char) char *anchors = NULL;

	if (a->ops->has_anchors && trust_known(db, a, &anchors, e) < 0)
		return -1;
	const struct ca_needs needs = {.services = r->services, .anchors = anchors};
	return a->ops->check(a, &needs, e);
}

/* What can be said of them without a question. */
static void
check_trusts(struct run *r, struct db *db, struct worst *w)
{
	for (size_t i = 0; i < r->config->authorities; i++) {
		const struct authority_conf *a = &r->config->authority[i];
		char where[96];
		snprintf(where, sizeof where, "authority '%s'", a->name);
		if (a->ops->has_anchors && !check_trust(r, db, a, where) && w->status == EXIT_DONE)
			w->status = EXIT_AUTHORITY;
	}
}

/* The enrolment identity of an authority may be a certificate of ours. */
static bool
is_identity(const struct run *r, const struct authority_conf *a, const struct certificate_conf *c)
{
	char live[4200];

	snprintf(live, sizeof live, "%s/live/%s/", r->config->state, c->name);
	return a->est.identity.certificate && text_starts(a->est.identity.certificate, live);
}

static void
check_authorities(struct run *r, struct db *db, struct worst *w)
{
	struct err e;

	for (size_t i = 0; i < r->config->authorities; i++) {
		const struct authority_conf *a = &r->config->authority[i];
		char where[96];
		snprintf(where, sizeof where, "authority '%s'", a->name);
		if (a->ops->by_hand)
			run_finding(r, "ok", where, "", "is asked by people%s%s%s",
				a->url ? ", at '" : "", a->url ? a->url : "", a->url ? "'" : "");
		else if (ask_authority(r, db, a, &e) < 0)
			found_fault(r, w, where, &e);
		else
			run_finding(r, "ok", where, "", "answers at '%s'", a->url);
		/* A worker of a web server that is broken into could sign as the account. */
		const char *token = authority_token(a);
		for (size_t k = 0; token && k < r->config->certificates; k++)
			if (text_same(r->config->certificate[k].token, token) &&
				!is_identity(r, a, &r->config->certificate[k])) {
				run_finding(r, "warn", where, "give it a token of its own",
					"its %s is in the token '%s' of web servers' keys",
					a->account_key.token ? "account key" : "identity", token);
				break;
			}
	}
}

static void
check_rules(struct run *r, const struct certificate_conf *c, const struct judgement judged[RULES],
	struct worst *w)
{
	char where[96], hint[128];

	snprintf(where, sizeof where, "certificate '%s'", c->name);
	snprintf(hint, sizeof hint, "see 'keystay policy explain %s'", c->name);
	for (int rule = 0; rule < RULES; rule++) {
		const struct judgement *j = &judged[rule];
		if (j->verdict <= VERDICT_OPEN)
			continue;
		bool refused = j->verdict == VERDICT_REFUSED;
		/* Somebody answers for what is waived. */
		const char *level = refused ? "fail" : j->verdict == VERDICT_WAIVED ? "ok" : "warn";
		run_finding(r, level, where, hint, "policy '%s', %s (%s): %s", c->policy,
			rule_word((enum rule)rule), j->value, j->text);
		if (refused && w->status == EXIT_DONE)
			w->status = EXIT_POLICY;
	}
}

static void
check_waivers(struct run *r, const struct policy *p)
{
	char where[96];

	snprintf(where, sizeof where, "policy '%s'", p->name);
	for (size_t i = 0; i < p->waivers; i++)
		if (!config_certificate(r->config, p->waiver[i].certificate))
			run_finding(r, "warn", where, "mend or remove the waiver",
				"a waiver for '%s' is for the certificate '%s', which is not "
				"configured",
				rule_word(p->waiver[i].rule), p->waiver[i].certificate);
}

/* The wish, and what is live of it. */
static void
check_policies(struct run *r, struct db *db, struct worst *w)
{
	AUTO(usage) struct usage *usage = NULL;
	const struct policy *p;
	struct err e;

	/* Without a ledger that can be read, a key signed not at all; check_targets says what
	 * is wrong with it. */
	(void)!usage_open(r->config, db, &usage, &e);
	for (size_t i = 0; i < r->config->certificates; i++) {
		const struct certificate_conf *c = &r->config->certificate[i];
		struct judgement judged[RULES];
		char where[96];
		snprintf(where, sizeof where, "certificate '%s'", c->name);
		if (judge_certificate(r, db, usage, c, false, judged, &e) < 0)
			found_fault(r, w, where, &e);
		else
			check_rules(r, c, judged, w);
	}
	for (size_t i = 0; (p = policy_at(r->config->policies, i)); i++)
		check_waivers(r, p);
}

/* Can the servers live with what is live now, and are their signatures counted? Only their own
 * tests are run, and a handshake made; nothing is reloaded. */
static void
check_targets(struct run *r, struct db *db, struct worst *w)
{
	AUTO(usage) struct usage *usage = NULL;
	struct err e;

	if (db && usage_open(r->config, db, &usage, &e) < 0)
		found_fault(r, w, "use ledger", &e);

	for (size_t i = 0; i < r->config->certificates; i++) {
		const struct certificate_conf *c = &r->config->certificate[i];
		char where[96], live[4200];
		snprintf(where, sizeof where, "certificate '%s'", c->name);
		snprintf(live, sizeof live, "%s/live/%s", r->config->state, c->name);
		if (access(live, F_OK) < 0)
			continue;
		for (size_t k = 0; k < c->installs; k++) {
			const struct target_conf *t = &c->install[k];
			if (!t->ops->test)
				continue;
			if (t->ops->test(t, r->services, &e) < 0)
				found_fault(r, w, where, &e);
			else
				run_finding(r, "ok", where, "", "its target '%s' passes its test",
					t->ops->word);
		}
		if (usage && check_counted(r, db, usage, c, where, &e) < 0)
			found_fault(r, w, where, &e);
	}
}

static int
main_check(struct run *r, int argc, char **argv)
{
	AUTO(db) struct db *db = NULL;
	struct worst w = {EXIT_DONE};
	bool online = false;
	struct err e;

	for (int i = 0; i < argc; i++) {
		if (!text_same(argv[i], "--online"))
			return run_unknown(r, &command_check, argv[i]);
		online = true;
	}
	if (run_need_state(r, "check", &db, &e) < 0)
		return run_fail(r, &e);
	run_finding(r, "ok", "configuration", "",
		"%zu tokens, %zu authorities, %zu certificates in '%s'", r->config->tokens,
		r->config->authorities, r->config->certificates, r->config->path);
	bool lost = false;
	if (check_files(r, db, &lost, &e) < 0)
		found_fault(r, &w, "files", &e);
	else if (lost)
		w.status = EXIT_FAILED;
	check_tokens(r, db, &w);
	check_trusts(r, db, &w);
	check_policies(r, db, &w);
	check_targets(r, db, &w);
	if (check_dated(r, db, &e) < 0)
		found_fault(r, &w, "contracts", &e);
	if (online)
		check_authorities(r, db, &w);
	return w.status;
}

static const struct command_option options[] = {
	{"--online", NULL, "also ask every authority whether it answers"},
	{0},
};

const struct command command_check = {
	.name = "check",
	.group = COMMANDS_SET_UP,
	.synopsis = "[--online]",
	.summary = "look at configuration, tokens, policies and servers, and say what to mend",
	.options = options,
	.example = "keystay check --online",
	.main = main_check,
};
