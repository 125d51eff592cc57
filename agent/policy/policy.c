#include "keystay/policy/policy.h"

#include <stdio.h>
#include <string.h>

static const char *const words[RULES] = {
	[RULE_KEY_TYPES] = "key_types",
	[RULE_ROTATE] = "rotate",
	[RULE_MAX_KEY_AGE] = "max_key_age",
	[RULE_RENEW_AT] = "renew_at",
	[RULE_SUCCESSOR] = "successor",
	[RULE_DRAIN] = "drain",
	[RULE_DISABLE] = "disable",
	[RULE_MAX_SIGNATURES] = "max_signatures",
	[RULE_MIN_ROTATION] = "min_rotation_interval",
	[RULE_RATE_ALARM] = "rate_alarm",
};

const char *
rule_word(enum rule rule)
{
	return words[rule];
}

const char *
verdict_word(enum verdict verdict)
{
	static const char *const verdicts[] = {
		[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_REFUSED] = "refused"};
	return verdicts[verdict];
}

static bool
judge_key_types(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	list_join(&p->key_types, j->value, sizeof j->value);
	for (size_t i = 0; i < f->key_types; i++)
		if (!list_has(&p->key_types, f->key_type[i])) {
			snprintf(j->text, sizeof j->text, "a key of type %s is wanted",
				f->key_type[i]);
			return false;
		}
	return true;
}

static bool
judge_rotate(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT];
	(void)f;
	snprintf(j->value, sizeof j->value, "%s",
		p->rotate ? duration_format(p->rotate, text) : "every_renewal");
	return true;
}

static bool
judge_key_age(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT], made[WHEN_TEXT];

	snprintf(j->value, sizeof j->value, "%s", duration_format(p->max_key_age, text));
	if (f->key_made_at == 0 || f->now - f->key_made_at < p->max_key_age)
		return true;
	snprintf(j->text, sizeof j->text, "the key was made on %s",
		when_format_day(f->key_made_at, made));
	return false;
}

static bool
judge_renew_at(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%lld%% left", (long long)p->renew_at);
	return true;
}

/* These say how keys are looked after; nothing about a certificate can break them. */
static bool
judge_successor(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", p->successor ? "keep" : "none");
	return true;
}

static bool
judge_drain(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT];
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", duration_format(p->drain, text));
	return true;
}

static bool
judge_disable(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT];
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", duration_format(p->disable, text));
	return true;
}

const char *
hard_when_word(enum hard_when when)
{
	static const char *const when_words[] = {[HARD_SUCCESSOR_LIVE] = "successor_live",
		[HARD_ALWAYS] = "always",
		[HARD_NEVER] = "never"};
	return when_words[when];
}

static bool
judge_max_signatures(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char soft[48] = "", hard[64] = "";

	if (p->soft)
		snprintf(soft, sizeof soft, "soft %lld", (long long)p->soft);
	if (p->hard)
		snprintf(hard, sizeof hard, "hard %lld (%s)", (long long)p->hard,
			hard_when_word(p->hard_when));
	snprintf(j->value, sizeof j->value, "%s%s%s", soft, p->soft && p->hard ? ", " : "", hard);
	if (!policy_budget_spent(p, f->signatures))
		return true;
	snprintf(j->text, sizeof j->text, "the key made %lld signatures", (long long)f->signatures);
	return false;
}

static bool
judge_min_rotation(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT];
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", duration_format(p->min_rotation, text));
	return true;
}

static bool
judge_rate_alarm(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%lld times", (long long)p->rate_alarm);
	return true;
}

static bool (*const judges[RULES])(
	const struct policy *, const struct policy_facts *, struct judgement *) = {
	[RULE_KEY_TYPES] = judge_key_types,
	[RULE_ROTATE] = judge_rotate,
	[RULE_MAX_KEY_AGE] = judge_key_age,
	[RULE_RENEW_AT] = judge_renew_at,
	[RULE_SUCCESSOR] = judge_successor,
	[RULE_DRAIN] = judge_drain,
	[RULE_DISABLE] = judge_disable,
	[RULE_MAX_SIGNATURES] = judge_max_signatures,
	[RULE_MIN_ROTATION] = judge_min_rotation,
	[RULE_RATE_ALARM] = judge_rate_alarm,
};

enum verdict
policy_judge(const struct policy *p, const struct policy_facts *f, struct judgement ret[RULES])
{
	enum verdict worst = VERDICT_OK;

	for (int r = 0; r < RULES; r++) {
		ret[r] = (struct judgement){.verdict = VERDICT_OK, .value = "-"};
		if (!p->rule[r].set || judges[r](p, f, &ret[r]))
			continue;
		ret[r].verdict = p->rule[r].effect == EFFECT_WARN ? VERDICT_WARN : VERDICT_REFUSED;
		if (ret[r].verdict > worst)
			worst = ret[r].verdict;
	}
	return worst;
}

bool
policy_wants_new_key(const struct policy *p, when_t key_made_at, when_t now)
{
	if (!p->rule[RULE_ROTATE].set || p->rotate == 0)
		return true;
	when_t age = now - key_made_at;
	return age >= p->rotate || (p->rule[RULE_MAX_KEY_AGE].set && age >= p->max_key_age);
}

when_t
policy_share_at(const struct policy *p, when_t not_before, when_t not_after)
{
	when_t life = not_after - not_before;
	int64_t left = p->rule[RULE_RENEW_AT].set ? p->renew_at : 33;

	/* Short-lived certificates leave no time for a second try: half their life. */
	if (life < 10 * DAY && left < 50)
		left = 50;
	return not_after - life * left / 100;
}

when_t
policy_rotate_at(const struct policy *p, when_t key_made_at, const char **ret_reason)
{
	when_t due = 0;

	if (p->rule[RULE_ROTATE].set && p->rotate) {
		due = key_made_at + p->rotate;
		*ret_reason = "rotation interval";
	}
	if (p->rule[RULE_MAX_KEY_AGE].set && (due == 0 || key_made_at + p->max_key_age < due)) {
		due = key_made_at + p->max_key_age;
		*ret_reason = "age of the key";
	}
	return due;
}

when_t
policy_renew_at(const struct policy *p, when_t not_before, when_t not_after, when_t key_made_at,
	const char **ret_reason)
{
	const char *why = "";
	when_t due = policy_share_at(p, not_before, not_after);
	when_t rotate = policy_rotate_at(p, key_made_at, &why);

	*ret_reason = "share of lifetime";
	if (rotate == 0 || rotate >= due)
		return due;
	*ret_reason = why;
	return rotate;
}

bool
policy_keeps_successor(const struct policy *p)
{
	return p && p->rule[RULE_SUCCESSOR].set && p->successor;
}

when_t
policy_drain(const struct policy *p)
{
	return p && p->rule[RULE_DRAIN].set ? p->drain : DAY;
}

when_t
policy_disable(const struct policy *p)
{
	return p && p->rule[RULE_DISABLE].set ? p->disable : DAY;
}

bool
policy_budget_spent(const struct policy *p, int64_t signatures)
{
	if (!p || !p->rule[RULE_MAX_SIGNATURES].set)
		return false;
	return signatures >= (p->soft ? p->soft : p->hard);
}

int64_t
policy_hard_limit(const struct policy *p, bool tls_server, bool successor_live)
{
	if (!p || !p->rule[RULE_MAX_SIGNATURES].set || p->hard_when == HARD_NEVER)
		return 0;
	return p->hard_when == HARD_ALWAYS || !tls_server || successor_live ? p->hard : 0;
}

when_t
policy_min_rotation(const struct policy *p)
{
	return p && p->rule[RULE_MIN_ROTATION].set ? p->min_rotation : 2 * DAY;
}

int64_t
policy_rate_alarm(const struct policy *p)
{
	return p && p->rule[RULE_RATE_ALARM].set ? p->rate_alarm : 10;
}
