#include "commands.h"

#include "identity.h"
#include "judged.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"

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

static int
judge(struct run *r, const struct certificate_conf *c, struct judgement judged[RULES],
	struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		usage_open(r->config, db, &usage, e) < 0)
		return -1;
	return judge_certificate(r, db, usage, c, true, judged, e);
}

static void
show_rule(struct run *r, const struct policy *p, enum rule number, const struct judgement *j)
{
	const struct policy_rule *rule = &p->rule[number];
	const char *source = rule->source ? rule->source : "";
	const char *word = rule->set ? verdict_word(j->verdict) : "not set";

	run_report(r, "rules",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "rule", rule_word(number), "value",
			j->value, "verdict", word, "source", source, "text", j->text, "from",
			rule->from));
	run_say(r, "  %-8s %-12s %s%s%s%s%s%s", word, rule_word(number), j->value,
		*j->text ? ": " : "", j->text, *source ? "  [" : "", source, *source ? "]" : "");
}

static int
explain(struct run *r, const char *name)
{
	const struct certificate_conf *c = config_certificate(r->config, name);
	struct judgement judged[RULES];
	struct err e;
	int status = EXIT_DONE;

	if (!c) {
		err_set(&e, ERR_USAGE, "there is no certificate '%s' in '%s'", name,
			r->config->path);
		return run_fail(r, &e);
	}
	const struct policy *p = policy_find(r->config->policies, c->policy);
	run_say(r, "certificate '%s', policy '%s' (%s)", c->name, p->name, p->at.file);
	if (judge(r, c, judged, &e) < 0)
		return run_fail(r, &e);
	for (int i = 0; i < RULES; i++) {
		show_rule(r, p, (enum rule)i, &judged[i]);
		if (judged[i].verdict == VERDICT_REFUSED)
			status = EXIT_POLICY;
	}
	return status;
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
