/* Rules about how often keys sign. */
#include "kind.h"

#include <stdio.h>

#include "read.h"

static const char *const when_words[] = {
	[HARD_SUCCESSOR_LIVE] = "successor_live", [HARD_ALWAYS] = "always", [HARD_NEVER] = "never"};

const char *
hard_when_word(enum hard_when when)
{
	return when_words[when];
}

static int
read_hard_when(struct yaml *y, void *slot, struct err *e)
{
	size_t word;

	if (read_word(y, when_words, COUNT(when_words), &word, e) < 0)
		return -1;
	*(enum hard_when *)slot = (enum hard_when)word;
	return 0;
}

static const struct yaml_key limit_keys[] = {
	{"soft", yaml_number, offsetof(struct limits, soft), 0},
	{"hard", yaml_number, offsetof(struct limits, hard), 0},
	{"hard_when", read_hard_when, offsetof(struct limits, hard_when), 0},
};

static int
sane_limits(struct yaml *y, const void *slot, struct err *e)
{
	const struct limits *l = slot;

	if (l->soft == 0 && l->hard == 0)
		return yaml_fail(y, e, "a limit has 'soft' or 'hard', at least 1");
	if (l->soft && l->hard && l->hard < l->soft)
		return yaml_fail(y, e,
			"the hard limit is below the soft one: the key would stop before it is "
			"replaced");
	return 0;
}

static int
read_limits(struct yaml *y, void *slot, struct err *e)
{
	if (yaml_mapping(y, "'max_signatures'", limit_keys, COUNT(limit_keys), slot, e) < 0)
		return -1;
	return sane_limits(y, slot, e);
}

static enum verdict
judge_max_signatures(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char soft[48] = "", hard[64] = "";
	const struct limits *l = &p->limits;

	if (l->soft)
		snprintf(soft, sizeof soft, "soft %lld", (long long)l->soft);
	if (l->hard)
		snprintf(hard, sizeof hard, "hard %lld (%s)", (long long)l->hard,
			hard_when_word(l->hard_when));
	snprintf(j->value, sizeof j->value, "%s%s%s", soft, l->soft && l->hard ? ", " : "", hard);
	if (!policy_budget_spent(p, f->signatures))
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the key made %lld signatures", (long long)f->signatures);
	return VERDICT_REFUSED;
}

const struct rule_kind kind_max_signatures = {.word = "max_signatures",
	.read = read_limits,
	.keys = limit_keys,
	.key_count = COUNT(limit_keys),
	.sane = sane_limits,
	RULE_SLOT(limits),
	.judge = judge_max_signatures};

static enum verdict
judge_min_rotation(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char text[WHEN_TEXT];
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", duration_format(p->min_rotation, text));
	return VERDICT_OK;
}

const struct rule_kind kind_min_rotation = {.word = "min_rotation_interval",
	.read = yaml_duration,
	RULE_SLOT(min_rotation),
	.judge = judge_min_rotation,
	.quiet = true};

static int
read_rate_alarm(struct yaml *y, void *slot, struct err *e)
{
	int64_t *times = slot;

	if (yaml_number(y, times, e) < 0)
		return -1;
	if (*times < 2 || *times > 1000000)
		return yaml_fail(y, e, "a number from 2 to 1000000 is expected here");
	return 0;
}

static enum verdict
judge_rate_alarm(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%lld times", (long long)p->rate_alarm);
	return VERDICT_OK;
}

const struct rule_kind kind_rate_alarm = {.word = "rate_alarm",
	.read = read_rate_alarm,
	RULE_SLOT(rate_alarm),
	.judge = judge_rate_alarm,
	.quiet = true};

bool
policy_budget_spent(const struct policy *p, int64_t signatures)
{
	if (!p || !p->rule[RULE_MAX_SIGNATURES].set)
		return false;
	return signatures >= (p->limits.soft ? p->limits.soft : p->limits.hard);
}

int64_t
policy_hard_limit(const struct policy *p, bool tls_server, bool successor_live)
{
	if (!p || !p->rule[RULE_MAX_SIGNATURES].set || p->limits.hard_when == HARD_NEVER)
		return 0;
	bool armed = p->limits.hard_when == HARD_ALWAYS || !tls_server || successor_live;
	return armed ? p->limits.hard : 0;
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
