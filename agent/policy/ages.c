/* Rules about how long keys and certificates live, and when what is due. */
#include "kind.h"

#include <stdio.h>
#include <string.h>

#include "read.h"

/* The share of a lifetime that is left when a certificate is due, in percent. */
static int64_t
share_left(const struct policy *p, when_t life)
{
	int64_t left = p->rule[RULE_RENEW_AT].set ? p->renew_at : 33;

	/* Short-lived certificates leave no time for a second try: half their life. */
	return life < 10 * DAY && left < 50 ? 50 : left;
}

static enum verdict
show_duration(when_t duration, struct judgement *j)
{
	char text[WHEN_TEXT];

	snprintf(j->value, sizeof j->value, "%s", duration_format(duration, text));
	return VERDICT_OK;
}

static int
read_rotate(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	when_t *rotate = slot;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (text_same(text, "every_renewal"))
		*rotate = 0;
	else if (!duration_parse(text, rotate) || *rotate < DAY)
		return yaml_fail(
			y, e, "'every_renewal' or a duration of at least 1d, not '%s'", text);
	return 0;
}

static enum verdict
judge_rotate(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	if (p->rotate)
		return show_duration(p->rotate, j);
	snprintf(j->value, sizeof j->value, "every_renewal");
	return VERDICT_OK;
}

const struct rule_kind kind_rotate = {.word = "rotate",
	.read = read_rotate,
	RULE_SLOT(rotate),
	.judge = judge_rotate,
	.quiet = true};

/* True when a key that is certified at `now` for so long will be too old before the next time. */
static bool
crosses_age(const struct policy *p, when_t made_at, when_t validity, when_t now)
{
	if (validity <= 0)
		return false;
	when_t next = now + validity * (100 - share_left(p, validity)) / 100;
	return made_at + p->max_key_age < next;
}

static enum verdict
judge_key_age(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	char made[WHEN_TEXT];

	show_duration(p->max_key_age, j);
	if (f->key_made_at == 0)
		return VERDICT_OK;
	bool old = f->now - f->key_made_at >= p->max_key_age;
	if (!old && !crosses_age(p, f->key_made_at, f->validity, f->now))
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the key was made on %s%s",
		when_format_day(f->key_made_at, made),
		old ? "" : ", and would be too old before the next renewal");
	return VERDICT_REFUSED;
}

const struct rule_kind kind_max_key_age = {.word = "max_key_age",
	.read = yaml_duration,
	RULE_SLOT(max_key_age),
	.judge = judge_key_age};

static int
read_renew_at(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	size_t len = strlen(text);
	if (len < 2 || text[len - 1] != '%')
		return yaml_fail(y, e, "a share such as 33%% is expected here, not '%s'", text);
	text[len - 1] = '\0';
	if (!number_parse(text, 1, 95, slot))
		return yaml_fail(y, e, "a share is 1%% to 95%%");
	return 0;
}

static enum verdict
judge_renew_at(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%lld%% left", (long long)p->renew_at);
	return VERDICT_OK;
}

const struct rule_kind kind_renew_at = {.word = "renew_at",
	.read = read_renew_at,
	RULE_SLOT(renew_at),
	.judge = judge_renew_at,
	.quiet = true};

static const char *const successor_words[] = {"keep", "none"};

static int
read_successor(struct yaml *y, void *slot, struct err *e)
{
	size_t word;

	if (read_word(y, successor_words, COUNT(successor_words), &word, e) < 0)
		return -1;
	*(bool *)slot = word == 0;
	return 0;
}

/* These say how keys are looked after; nothing about a certificate can break them. */
static enum verdict
judge_successor(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	snprintf(j->value, sizeof j->value, "%s", successor_words[!p->successor]);
	return VERDICT_OK;
}

const struct rule_kind kind_successor = {.word = "successor",
	.read = read_successor,
	RULE_SLOT(successor),
	.judge = judge_successor,
	.quiet = true};

static enum verdict
judge_drain(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	return show_duration(p->drain, j);
}

const struct rule_kind kind_drain = {.word = "drain",
	.read = yaml_duration,
	RULE_SLOT(drain),
	.judge = judge_drain,
	.quiet = true};

static enum verdict
judge_disable(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)f;
	return show_duration(p->disable, j);
}

const struct rule_kind kind_disable = {.word = "disable",
	.read = yaml_duration,
	RULE_SLOT(disable),
	.judge = judge_disable,
	.quiet = true};

bool
policy_wants_new_key(const struct policy *p, when_t key_made_at, when_t validity, when_t now)
{
	if (!p->rule[RULE_ROTATE].set || p->rotate == 0)
		return true;
	when_t age = now - key_made_at;
	if (age >= p->rotate)
		return true;
	return p->rule[RULE_MAX_KEY_AGE].set &&
	       (age >= p->max_key_age || crosses_age(p, key_made_at, validity, now));
}

when_t
policy_share_at(const struct policy *p, when_t not_before, when_t not_after)
{
	when_t life = not_after - not_before;

	return not_after - life * share_left(p, life) / 100;
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

when_t
policy_deadline(const struct policy *p, when_t not_before, when_t not_after)
{
	when_t life = not_after - not_before;

	return not_after - life * share_left(p, life) / 200;
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
