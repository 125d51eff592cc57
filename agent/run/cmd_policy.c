#include "commands.h"

#include "identity.h"
#include "judged.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "living.h"

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
		run_no_certificate(r, name, &e);
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
	bool is_list = argc && text_same(argv[0], "list");
	int takes = is_list ? 1 : 2;

	if (!is_list && (!argc || !text_same(argv[0], "explain")))
		return run_no_verb(r, &command_policy, argc ? argv[0] : NULL);
	if (argc < takes)
		return run_usage(r, &command_policy, "which certificate?");
	if (argc > takes)
		return run_unknown(r, &command_policy, argv[takes]);
	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	return is_list ? list(r) : explain(r, argv[1]);
}

static const struct command_verb verbs[] = {
	{"list", "", "the policies, and the file of each"},
	{"explain", "NAME", "every rule, its verdict, value and source"},
	{0},
};

const struct command command_policy = {
	.name = "policy",
	.group = COMMANDS_LOOKING,
	.synopsis = "list | explain NAME",
	.summary = "the policies; every rule, its verdict and its source for one certificate",
	.verbs = verbs,
	.example = "keystay policy explain shop",
	.main = main_policy,
};
