#include "commands.h"

#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "keystay/life/usage.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"

static int
list(struct run *r)
{
	const struct policy *p;

	for (size_t i = 0; (p = policy_at(r->config->policies, i)); i++) {
		run_report(r, "policies",
			json_pack("{s:s, s:s?, s:s}", "name", p->name, "extends", p->extends,
				"file", p->at.file));
		run_say(r, "%-16s %s", p->name, p->at.file);
	}
	return EXIT_DONE;
}

/* The oldest key of the live version, and the one that was used most. */
struct oldest {
	struct db *db;
	struct usage *usage;
	when_t made_at;
	int64_t signatures;
};

static int
look_at_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct oldest *o = ctx;
	struct key_usage used;
	struct key_row key;

	if (key_get(o->db, v->key_id, &key, e) < 0)
		return -1;
	if (o->made_at == 0 || key.created_at < o->made_at)
		o->made_at = key.created_at;
	if (usage_of(o->usage, &key, &used, e) < 0)
		return -1;
	if (used.signatures > o->signatures)
		o->signatures = used.signatures;
	return 0;
}

static int
look_at_keys(
	struct run *r, const struct certificate_conf *c, struct policy_facts *ret, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;
	struct certificate_row row;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		usage_open(r->config, db, &usage, e) < 0)
		return -1;
	struct oldest oldest = {.db = db, .usage = usage};
	if (db && (certificate_get(db, c->name, &row, e) < 0 ||
			  (row.live_version && version_each(db, c->name, row.live_version,
						       look_at_key, &oldest, e) < 0)))
		return -1;
	ret->key_made_at = oldest.made_at;
	ret->signatures = oldest.signatures;
	return 0;
}

static int
explain(struct run *r, const char *name)
{
	const struct certificate_conf *c = config_certificate(r->config, name);
	const char *types[KEY_TYPES];
	struct policy_facts facts = {.key_type = types, .now = services_now(r->services)};
	struct judgement judged[RULES];
	struct err e;

	if (!c) {
		err_set(&e, ERR_USAGE, "there is no certificate '%s' in '%s'", name,
			r->config->path);
		return run_fail(r, &e);
	}
	if (look_at_keys(r, c, &facts, &e) < 0)
		return run_fail(r, &e);
	for (size_t i = 0; i < c->keys; i++)
		types[facts.key_types++] = key_type_word(c->key[i]);
	const struct policy *p = policy_find(r->config->policies, c->policy);
	enum verdict worst = policy_judge(p, &facts, judged);
	run_say(r, "certificate '%s', policy '%s' (%s)", c->name, p->name, p->at.file);
	for (int i = 0; i < RULES; i++) {
		const struct policy_rule *rule = &p->rule[i];
		const char *source = rule->source ? rule->source : "";
		const char *word = rule->set ? verdict_word(judged[i].verdict) : "not set";
		run_report(r, "rules",
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "rule",
				rule_word((enum rule)i), "value", judged[i].value, "verdict", word,
				"source", source, "text", judged[i].text, "from", rule->from));
		run_say(r, "  %-8s %-12s %s%s%s%s%s%s", word, rule_word((enum rule)i),
			judged[i].value, *judged[i].text ? ": " : "", judged[i].text,
			*source ? "  [" : "", source, *source ? "]" : "");
	}
	return worst == VERDICT_REFUSED ? EXIT_POLICY : EXIT_DONE;
}

static int
main_policy(struct run *r, int argc, char **argv)
{
	struct err e;
	bool is_list = argc == 1 && text_same(argv[0], "list");
	bool is_explain = argc == 2 && text_same(argv[0], "explain");

	if (!is_list && !is_explain)
		return run_usage(r, &command_policy, "list, or explain and a certificate?");
	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	return is_list ? list(r) : explain(r, argv[1]);
}

const struct command command_policy = {
	.name = "policy",
	.synopsis = "list | explain NAME",
	.summary = "the policies; every rule, its verdict and its source for one certificate",
	.main = main_policy,
};
