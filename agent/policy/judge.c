/* policy_judge: what each rule says, then its effect, then waivers. */
#include "keystay/policy/policy.h"

#include <stdio.h>
#include <string.h>

#include "rule.h"
#include "waiver.h"

const char *
verdict_word(enum verdict verdict)
{
	static const char *const verdicts[] = {[VERDICT_OK] = "ok",
		[VERDICT_OPEN] = "open",
		[VERDICT_WARN] = "warn",
		[VERDICT_WAIVED] = "waived",
		[VERDICT_REFUSED] = "refused"};
	return verdicts[verdict];
}

/* A waiver that ended waives nothing any more, and says so. */
static enum verdict
answer_for(const struct waiver *w, when_t now, enum verdict broken, struct judgement *j)
{
	size_t used = strlen(j->text);
	bool holds = now < w->until;

	snprintf(j->text + used, sizeof j->text - used,
		holds ? " (waived by %s until %s: %s)" : " (the waiver of %s ended: %s)", w->owner,
		w->until_text, w->reason);
	return holds ? VERDICT_WAIVED : broken;
}

static enum verdict
judge_rule(
	const struct policy *p, const struct policy_facts *f, enum rule rule, struct judgement *j)
{
	if (!p->rule[rule].set)
		return VERDICT_OK;
	enum verdict verdict = rule_kind(rule)->judge(p, f, j);
	if (verdict != VERDICT_REFUSED)
		return verdict;
	if (p->rule[rule].effect == EFFECT_WARN)
		verdict = VERDICT_WARN;
	const struct waiver *w = waiver_find(p, rule, f->certificate);
	return w ? answer_for(w, f->now, verdict, j) : verdict;
}

enum verdict
policy_judge(const struct policy *p, const struct policy_facts *f, struct judgement ret[RULES])
{
	enum verdict worst = VERDICT_OK;

	for (int r = 0; r < RULES; r++) {
		ret[r] = (struct judgement){.verdict = VERDICT_OK, .value = "-"};
		ret[r].verdict = judge_rule(p, f, (enum rule)r, &ret[r]);
		if (ret[r].verdict > worst)
			worst = ret[r].verdict;
	}
	return worst;
}

enum verdict
policy_worse(struct judgement worst[RULES], const struct judgement other[RULES])
{
	enum verdict all = VERDICT_OK;

	for (int r = 0; r < RULES; r++) {
		if (other[r].verdict > worst[r].verdict)
			worst[r] = other[r];
		if (worst[r].verdict > all)
			all = worst[r].verdict;
	}
	return all;
}
