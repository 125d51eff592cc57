/*
 * The nine steps, and the loop that walks them. A step is blocking, short and repeatable: the
 * database holds the next one to do, and a kill at any instruction leaves a state that the next
 * run continues.
 */
#include <string.h>

#include "keystay/base/log.h"
#include "keystay/life/by_hand.h"
#include "keystay/life/keys.h"
#include "alert.h"
#include "counters.h"
#include "due.h"
#include "internal.h"
#include "turn.h"
#include "uses.h"

static const struct {
	const char *word;
	step_fn run;
} steps[] = {
	[STEP_POLICY] = {"policy", step_policy},
	[STEP_KEY] = {"key", step_key},
	[STEP_CSR] = {"csr", step_csr},
	[STEP_ORDER] = {"order", step_order},
	[STEP_VERIFY] = {"verify", step_verify},
	[STEP_INSTALL] = {"install", step_install},
	[STEP_RELOAD] = {"reload", step_reload},
	[STEP_SERVED] = {"served", step_served},
	[STEP_RECORD] = {"record", step_record},
};
_Static_assert(COUNT(steps) == STEPS, "a row for every step");

const char *
step_word(enum step step)
{
	return steps[step].word;
}

enum step
step_of(const char *word)
{
	int s = 0;
	while (s < STEPS && !text_same(steps[s].word, word))
		s++;
	return (enum step)s;
}

static void
set_step(struct attempt *a, enum step step)
{
	text_copy(a->step, sizeof a->step, steps[step].word);
	a->not_before = 0;
}

/* The tries stay: a step that goes well before the one that fails each time (an order that is
 * taken, and its validation) must not have it tried every minute for ever. */
static void
forget_error(struct attempt *a)
{
	a->error_kind = ERR_NONE;
	a->error_text[0] = a->error_hint[0] = '\0';
}

/*
 * Stores a failure with the moment of the next try; the step stays, unless it is the next
 * authority's turn. *ret_over says whether there is nothing more to do for now.
 */
static int
store_failure(struct life *l, struct work *w, enum step step, const struct err *why, bool *ret_over,
	struct err *e)
{
	struct attempt *a = &w->attempt;
	when_t now = services_now(l->services);

	a->tries++;
	a->tries_here += step == STEP_ORDER || step == STEP_VERIFY;
	a->error_kind = why->kind;
	text_copy(a->error_text, sizeof a->error_text, why->text);
	text_copy(a->error_hint, sizeof a->error_hint, why->hint);
	a->not_before = retry_at(why, a->tries, now);
	/* The table of this pass; a failure is no time for a new one. */
	if (l->due && l->due[w->conf - l->config->certificate].at)
		a->not_before = retry_in_time(why, a->not_before, now,
			l->due[w->conf - l->config->certificate].not_after);
	(void)turn_to_next(l, w, step, why);
	*ret_over = a->not_before > now;
	if (db_begin(l->db, e) < 0)
		return -1;
	if (attempt_save(l->db, a, e) < 0 || life_journal(l, a->certificate, "", "failed",
						     step_word(step), e, "%s", why->text) < 0) {
		db_rollback(l->db);
		return -1;
	}
	if (db_commit(l->db, e) < 0)
		return -1;
	alert_failure(l, w, why);
	return 0;
}

static void
tell_finished(struct life *l, const struct work *w)
{
	if (l->conf.watcher.finished)
		l->conf.watcher.finished(l->conf.watcher.ctx, &w->result);
}

static void
give_up(struct life *l, struct work *w, enum life_state state, const struct err *why)
{
	w->open = false;
	w->result.state = state;
	w->result.not_before = w->attempt.not_before;
	if (why)
		w->result.err = *why;
	tell_finished(l, w);
}

/* Goes where a step led; the attempt is stored before anything else is done. */
static int
follow(struct life *l, struct work *w, enum step step, enum outcome outcome, struct err *e)
{
	struct attempt *a = &w->attempt;

	switch (outcome) {
	case OUTCOME_NEXT:
		/* The last step deletes the attempt in its own transaction. */
		if (step == STEP_RECORD) {
			give_up(l, w, LIFE_DONE, NULL);
			alert_success(l, w->conf->name);
			return 0;
		}
		set_step(a, (enum step)(step + 1));
		forget_error(a);
		break;
	case OUTCOME_PARK:
		forget_error(a);
		break;
	case OUTCOME_TO_CSR:
		set_step(a, STEP_CSR);
		break;
	}
	return attempt_save(l->db, a, e);
}

/*
 * A step that failed because a token or its module lost its state is done once more after a new
 * start of the module: steps are repeatable. Once, and then it is parked like any other failure.
 */
static int
run_step(struct life *l, struct work *w, enum step step, enum outcome *ret, struct err *why)
{
	if (steps[step].run(l, w, ret, why) == 0)
		return 0;
	db_rollback(l->db);
	if (!life_recovered(l, why))
		return -1;
	*ret = OUTCOME_NEXT;
	return steps[step].run(l, w, ret, why);
}

/* One step of one certificate. -1 only when the outcome could not be stored. */
static int
do_step(struct life *l, struct work *w, struct err *e)
{
	enum step step = step_of(w->attempt.step);
	enum outcome outcome = OUTCOME_NEXT;
	struct err why;
	bool over;

	if (step == STEPS)
		return err_set(e, ERR_FAILED,
			"certificate '%s': the database names an unknown step", w->conf->name);
	life_progress(l, w, steps[step].word, "");
	w->doing[0] = '\0';
	log_debug("certificate '%s': step %s", w->conf->name, steps[step].word);
	if (run_step(l, w, step, &outcome, &why) == 0) {
		if (follow(l, w, step, outcome, e) < 0)
			return -1;
		if (outcome == OUTCOME_PARK)
			life_progress(l, w, steps[step].word, w->doing);
		return 0;
	}
	db_rollback(l->db);
	err_in(&why, "certificate '%s'", w->conf->name);
	if (w->dropped)
		over = true;
	else if (store_failure(l, w, step, &why, &over, e) < 0)
		return -1;
	if (over)
		give_up(l, w, LIFE_FAILED, &why);
	return 0;
}

/*
 * One round: a step of each that may move. Round by round, and not certificate by certificate, so
 * that all orders are in flight together and one reload serves all that became live before it.
 */
static int
do_round(struct life *l, bool *ret_moved, struct err *e)
{
	*ret_moved = false;
	for (size_t i = 0; i < l->works && !life_stopping(l); i++) {
		struct work *w = l->work[i];
		if (!w->open || w->attempt.not_before > services_now(l->services))
			continue;
		if (do_step(l, w, e) < 0)
			return -1;
		*ret_moved = true;
	}
	return 0;
}

/* The earliest moment at which something can move; 0 when nothing is open. */
static when_t
next_moment(const struct life *l)
{
	when_t next = 0;

	for (size_t i = 0; i < l->works; i++) {
		const struct work *w = l->work[i];
		if (w->open && (next == 0 || w->attempt.not_before < next))
			next = w->attempt.not_before ? w->attempt.not_before : 1;
	}
	return next;
}

/* What another process did to our attempts while we had given the lock back. */
static int
load_again(struct life *l, struct err *e)
{
	for (size_t i = 0; i < l->works; i++) {
		struct work *w = l->work[i];
		struct attempt fresh;
		bool found;
		if (!w->open)
			continue;
		if (attempt_load(l->db, w->conf->name, &fresh, &found, e) < 0)
			return -1;
		if (!found) {
			/* It was brought to its end elsewhere. */
			give_up(l, w, LIFE_DONE, NULL);
			continue;
		}
		for (size_t p = 0; p < fresh.parts; p++) {
			const char *was = p < w->attempt.parts ? w->attempt.part[p].cookie : NULL;
			const char *is = fresh.part[p].cookie;
			if (!was || !is || !text_same(was, is))
				w->armed[p] = false;
		}
		attempt_free(&w->attempt);
		w->attempt = fresh;
	}
	return 0;
}

static int
sleep_until(struct life *l, when_t moment, struct err *e)
{
	when_t now = services_now(l->services);

	if (life_pause(l,
		    (int)(moment - now > 60 ? 60
			    : moment > now  ? moment - now
					    : 0) *
			    1000,
		    e) < 0)
		return -1;
	return load_again(l, e);
}

/* What is done when the certificates are: keys for the next time, and the end of old ones. */
static int
look_after_keys(struct life *l, struct err *e)
{
	size_t done;
	struct err why;

	for (size_t i = 0; i < l->works; i++)
		if (l->work[i]->result.state == LIFE_DONE)
			l->idle[l->work[i]->conf - l->config->certificate] = 1;
	for (size_t i = 0; i < l->config->certificates && !life_stopping(l); i++) {
		const struct certificate_conf *c = &l->config->certificate[i];
		if (!l->idle[i] || life_stage_successors(l, c, &why) == 0)
			continue;
		db_rollback(l->db);
		if (!life_recovered(l, &why) || life_stage_successors(l, c, &why) < 0)
			life_warn(l, &why);
	}
	/* Before keys are destroyed: did anything try to use them? */
	uses_look(l);
	counters_look(l);
	return life_retire(l, &done, e);
}

/* What is open is waited for by somebody else. */
static void
say_waiting(const struct life *l, const struct work *w, struct err *ret)
{
	const struct authority_conf *a = config_authority(l->config, w->attempt.authority);

	if (a && a->ops->by_hand && step_of(w->attempt.step) == STEP_ORDER) {
		hand_waits(w->conf, a, ret);
		return;
	}
	err_set(ret, ERR_WAIT, "certificate '%s': step %s%s%s", w->conf->name, w->attempt.step,
		*w->doing ? ": " : "", w->doing);
}

static int
go(struct life *l, when_t wait, struct err *e)
{
	when_t start = services_now(l->services), until = start + wait;
	bool moved;

	/* What was wanted, and was over before it began. */
	for (size_t i = 0; i < l->works; i++)
		if (!l->work[i]->open)
			tell_finished(l, l->work[i]);
	for (;;) {
		if (do_round(l, &moved, e) < 0)
			return -1;
		/* A clock that was put back makes `until` a moment far away. */
		if (life_stopping(l) || services_now(l->services) < start - MINUTE)
			break;
		if (moved)
			continue;
		when_t next = next_moment(l);
		if (next == 0)
			return 0;
		if (next > until)
			break;
		if (sleep_until(l, next, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < l->works; i++)
		if (l->work[i]->open) {
			struct err why;
			say_waiting(l, l->work[i], &why);
			give_up(l, l->work[i], LIFE_WAITING, &why);
		}
	return 0;
}

int
life_go(struct life *l, when_t wait, struct err *e)
{
	if (go(l, wait, e) < 0)
		return -1;
	return look_after_keys(l, e);
}
