#include "keystay/life/plan.h"

#include <stdio.h>
#include <string.h>

#include "keystay/life/facts.h"
#include "keystay/state/inventory.h"
#include "due.h"

struct plans {
	const struct config *config;
	struct db *db;
	struct usage *usage;
	when_t now;
	struct due *due;
};

int
plans_open(const struct config *c, struct db *db, struct usage *usage, when_t now,
	struct plans **ret, struct err *e)
{
	struct plans *p = calloc(1, sizeof *p);

	if (!p)
		return err_set(e, ERR_FAILED, "no memory");
	*p = (struct plans){.config = c, .db = db, .usage = usage, .now = now};
	if (due_look(db, c, now, false, &p->due, e) < 0) {
		free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void
plans_free(struct plans *p)
{
	if (!p)
		return;
	free(p->due);
	free(p);
}

when_t
plan_due_at(const struct plans *p, const struct certificate_conf *c, const char **ret_reason)
{
	const struct due *d = &p->due[c - p->config->certificate];

	*ret_reason = d->reason;
	return d->at;
}

/* The same questions as in step_policy.c, asked of the live key of one type. */
struct choosing {
	struct plans *plans;
	const struct certificate_conf *conf;
	const struct policy *policy;
	const struct wish *wish;
	struct plan *plan;
};

static void
say_new(struct plan *p, size_t i, const char *why)
{
	p->key[i].is_new = true;
	text_copy(p->key[i].why, sizeof p->key[i].why, why);
}

static int
choose_for(void *ctx, const struct version_row *v, struct err *e)
{
	struct choosing *c = ctx;
	struct key_usage used;
	struct key_row key;
	size_t i = 0;

	while (i < c->plan->keys && !text_same(key_type_word(c->plan->key[i].type), v->key_type))
		i++;
	if (i == c->plan->keys)
		return 0;
	if (key_get(c->plans->db, v->key_id, &key, e) < 0 ||
		usage_of(c->plans->usage, &key, &used, e) < 0)
		return -1;
	c->plan->key[i].is_new = false;
	if (!text_same(key.token, c->conf->token))
		say_new(c->plan, i, "another token");
	else if (!text_same(key.state, KEY_ACTIVE))
		say_new(c->plan, i, key.state);
	else if (c->wish->key == KEY_NEW)
		say_new(c->plan, i, "asked for");
	else if (c->wish->key == KEY_AUTO && policy_wants_new_key(c->policy, key.created_at,
						     v->not_after - v->not_before, c->plans->now))
		say_new(c->plan, i, "by policy");
	else if (c->wish->key == KEY_AUTO && policy_budget_spent(c->policy, used.signatures))
		say_new(c->plan, i, CAUSE_SIGNATURES);
	return 0;
}

static int
choose_keys(struct plans *p, const struct certificate_conf *c, const struct wish *wish,
	const struct certificate_row *row, struct plan *ret, struct err *e)
{
	struct choosing choosing = {p, c, policy_find(p->config->policies, c->policy), wish, ret};

	for (size_t i = 0; i < c->keys; i++) {
		ret->key[i].type = c->key[i];
		say_new(ret, i, "the first");
	}
	ret->keys = c->keys;
	if (!row->live_version)
		return 0;
	return version_each(p->db, c->name, row->live_version, choose_for, &choosing, e);
}

static int
plan_attempt(struct plans *p, const struct certificate_conf *c, const struct wish *wish,
	struct plan *ret, struct err *e)
{
	AUTO(attempt) struct attempt a = {0};
	bool found = false;

	if (p->db && attempt_load(p->db, c->name, &a, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	text_copy(ret->step, sizeof ret->step, a.step);
	text_copy(ret->authority, sizeof ret->authority, a.authority);
	/* A person who asks by name has what failed tried now, unless the authority said when. */
	bool waits = a.error_kind == ERR_NONE || a.error_kind == ERR_BUSY || wish->due;
	ret->at = waits && a.not_before > p->now ? a.not_before : 0;
	ret->starts = ret->at == 0;
	snprintf(ret->reason, sizeof ret->reason, "%s%s%s", a.reason, *a.error_text ? "; " : "",
		a.error_text);
	return 0;
}

/* Which authority it would be, and what stands against it. */
static int
judge_wish_of(struct plans *p, const struct certificate_conf *c, struct plan *ret, struct err *e)
{
	AUTO(facts) struct facts f = {0};
	AUTO(buf) struct buf broken = BUF(sizeof ret->refused - 1);
	struct judgement judged[RULES];

	facts_wish(c, p->now, &f);
	if (facts_judge_wish(
		    p->config, p->db, c, *ret->step ? ret->authority : NULL, &f, judged, e) < 0)
		return -1;
	text_copy(ret->authority, sizeof ret->authority, f.policy.authority);
	for (int r = 0; r < RULES; r++)
		if (judged[r].verdict == VERDICT_REFUSED)
			buf_addf(&broken, "%s%s: %s", broken.len ? "; " : "",
				rule_word((enum rule)r), judged[r].text);
	text_copy(ret->refused, sizeof ret->refused, buf_text(&broken));
	return 0;
}

int
plan_of(struct plans *p, const struct certificate_conf *c, const struct wish *wish,
	struct plan *ret, struct err *e)
{
	struct certificate_row row = {.name = ""};
	struct plan plan = {.at = 0};
	const char *due_for;

	if (p->db && certificate_get(p->db, c->name, &row, e) < 0)
		return -1;
	when_t due = plan_due_at(p, c, &due_for);
	text_copy(plan.authority, sizeof plan.authority, c->authority.item[0]);
	if (choose_keys(p, c, wish, &row, &plan, e) < 0 || plan_attempt(p, c, wish, &plan, e) < 0)
		return -1;
	if (judge_wish_of(p, c, &plan, e) < 0)
		return -1;
	if (!plan.step[0]) {
		plan.starts = !row.live_version || (!wish->issue && (!wish->due || due <= p->now));
		plan.at = plan.starts ? 0 : due;
		text_copy(plan.reason, sizeof plan.reason,
			!row.live_version           ? "it is not there yet"
			: wish->due || !plan.starts ? due_for
						    : wish->reason);
	}
	*ret = plan;
	return 0;
}
