#include "judge.h"

#include <string.h>

/* Broken, and nobody at the shell answers for it. */
static bool
is_refused(const struct work *w, const struct judgement judged[RULES], int rule)
{
	return judged[rule].verdict == VERDICT_REFUSED && !(w->waived & 1u << rule);
}

static int
refuse(const struct work *w, const struct judgement judged[RULES], struct err *e)
{
	AUTO(buf) struct buf broken = BUF(1200);

	for (int r = 0; r < RULES; r++)
		if (is_refused(w, judged, r))
			buf_addf(&broken, "%s%s (%s): %s", broken.len ? "; " : "",
				rule_word((enum rule)r), judged[r].value, judged[r].text);
	err_set(e, ERR_POLICY, "policy '%s' refuses it: %s", w->policy->name, buf_text(&broken));
	return err_hint(e, "see 'keystay policy explain %s'", w->conf->name);
}

static int
tell_rule(struct life *l, struct work *w, enum rule rule, const struct judgement *j, struct err *e)
{
	struct err why;

	if (j->verdict == VERDICT_REFUSED)
		return life_journal(l, w->conf->name, "", "waived", w->attempt.step, e,
			"policy '%s', %s (%s): %s; waived by hand: %s", w->policy->name,
			rule_word(rule), j->value, j->text, w->waived_for);
	if (j->verdict == VERDICT_WAIVED)
		return life_journal(l, w->conf->name, "", "waived", w->attempt.step, e,
			"policy '%s', %s (%s): %s", w->policy->name, rule_word(rule), j->value,
			j->text);
	err_set(&why, ERR_POLICY, "certificate '%s': policy '%s' warns: %s (%s): %s", w->conf->name,
		w->policy->name, rule_word(rule), j->value, j->text);
	err_hint(&why, "see 'keystay policy explain %s'", w->conf->name);
	life_warn(l, &why);
	return 0;
}

static int
follow(struct life *l, struct work *w, const struct judgement judged[RULES], struct err *e)
{
	bool refused = false;

	for (int r = 0; r < RULES; r++)
		refused = refused || is_refused(w, judged, r);
	if (refused)
		return refuse(w, judged, e);
	for (int r = 0; r < RULES; r++) {
		bool tell = judged[r].verdict >= VERDICT_WARN;
		if (!tell || w->told & 1u << r)
			continue;
		w->told |= 1u << r;
		if (tell_rule(l, w, (enum rule)r, &judged[r], e) < 0)
			return -1;
	}
	return 0;
}
_Static_assert(RULES <= 32, "a bit of work.told for every rule");

int
judge_wish(struct life *l, struct work *w, struct facts *f, struct err *e)
{
	struct judgement judged[RULES];
	struct attempt *a = &w->attempt;

	if (facts_judge_wish(l->config, l->db, w->conf, a->authority, f, judged, e) < 0 ||
		follow(l, w, judged, e) < 0)
		return -1;
	if (text_same(f->policy.authority, a->authority))
		return 0;
	if (life_journal(l, a->certificate, "", "authority-next", a->step, e,
		    "from authority '%s' to '%s': policy '%s' refuses the first", a->authority,
		    f->policy.authority, w->policy->name) < 0)
		return -1;
	text_copy(a->authority, sizeof a->authority, f->policy.authority);
	return 0;
}

/* The wish at the attempt's own authority, and what else is known by now. */
static int
judge_facts(struct life *l, struct work *w, struct facts *f, struct err *e)
{
	struct judgement judged[RULES];

	if (facts_authority(l->config, l->db, w->attempt.authority, f, e) < 0)
		return -1;
	(void)policy_judge(w->policy, &f->policy, judged);
	return follow(l, w, judged, e);
}

int
judge_order(struct life *l, struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->attempt.parts; i++) {
		AUTO(facts) struct facts f = {0};
		facts_wish(w->conf, services_now(l->services), &f);
		if (facts_key(l->db, w->attempt.part[i].key_id, NULL, &f, e) < 0)
			return -1;
		if (judge_facts(l, w, &f, e) == 0)
			continue;
		/* The next authority gets its turn, or else another key may do. */
		if (e->kind == ERR_POLICY && w->conf->authority.count == 1)
			text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_POLICY));
		return -1;
	}
	return 0;
}

int
judge_key(struct life *l, struct work *w, const char *key_id, const EVP_PKEY *public, struct err *e)
{
	AUTO(facts) struct facts f = {0};

	facts_wish(w->conf, services_now(l->services), &f);
	if (facts_key(l->db, key_id, public, &f, e) < 0)
		return -1;
	return judge_facts(l, w, &f, e);
}

int
judge_chain(struct life *l, struct work *w, const char *key_id, const EVP_PKEY *public,
	const struct chain *c, struct err *e)
{
	AUTO(facts) struct facts f = {0};
	struct judgement judged[RULES];

	/* What the authority used last does not matter any more: it is here what it used now. */
	facts_wish(w->conf, services_now(l->services), &f);
	f.policy.authority = w->attempt.authority;
	if (facts_key(l->db, key_id, public, &f, e) < 0 || facts_chain(c, &f, e) < 0)
		return -1;
	(void)policy_judge(w->policy, &f.policy, judged);
	return follow(l, w, judged, e);
}
