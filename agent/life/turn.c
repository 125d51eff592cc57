#include "turn.h"

#include <string.h>

#include "due.h"

static bool
concerns_authority(enum step step, const struct err *why)
{
	if (step == STEP_VERIFY)
		return why->kind == ERR_AUTHORITY || why->kind == ERR_POLICY;
	return step == STEP_ORDER && (why->kind == ERR_AUTHORITY || why->kind == ERR_NETWORK ||
					     why->kind == ERR_BUSY || why->kind == ERR_POLICY);
}

/* There is no time for patience: nothing is served, or half of the time for trying is over. */
static bool
presses(struct life *l, const struct work *w)
{
	const struct due *due;
	struct err ignored;

	return life_due(l, w->conf, &due, &ignored) < 0 || due->at == 0 || due->urgent ||
	       services_now(l->services) >= due->press_at;
}

static bool
its_turn(struct life *l, const struct work *w, const struct err *why)
{
	bool tried = w->attempt.tries_here >= TRIES_EACH;

	/* What a policy refuses once, it refuses again. */
	if (why->kind == ERR_POLICY)
		return true;
	/* It is there, and says when to come back: as long as there is time its order goes on. */
	if (why->kind == ERR_BUSY)
		return (tried || why->retry_at > services_now(l->services) + HOUR) && presses(l, w);
	return tried || presses(l, w);
}

/* What was ordered there is left: taken away outside, and forgotten. */
static void
leave(struct life *l, struct work *w)
{
	const struct authority_conf *a = config_authority(l->config, w->attempt.authority);
	struct open_ca *ca = a ? &l->ca[a - l->config->authority] : NULL;

	for (size_t i = 0; i < w->attempt.parts; i++) {
		struct part *p = &w->attempt.part[i];
		const struct ca_order order = {.certificate = w->conf->name,
			.names = &w->conf->names,
			.challenge = &w->conf->challenge,
			.cookie = p->cookie};
		if (p->cookie && ca && ca->session)
			a->ops->settle(ca->session, &order);
		free(p->cookie);
		free(p->chain);
		p->cookie = p->chain = NULL;
		w->armed[i] = false;
		w->part_not_before[i] = 0;
	}
}

bool
turn_to_next(struct life *l, struct work *w, enum step step, const struct err *why)
{
	struct attempt *a = &w->attempt;
	const struct list *all = &w->conf->authority;
	struct err ignored;
	size_t i = 0;

	if (all->count < 2 || !concerns_authority(step, why) || !its_turn(l, w, why))
		return false;
	while (i < all->count && !text_same(all->item[i], a->authority))
		i++;
	size_t next = i + 1 < all->count ? i + 1 : 0;
	leave(l, w);
	(void)!life_journal(l, a->certificate, "", "authority-next", step_word(step), &ignored,
		"from authority '%s' to '%s': %s", a->authority, all->item[next], why->text);
	text_copy(a->authority, sizeof a->authority, all->item[next]);
	text_copy(a->step, sizeof a->step, step_word(STEP_ORDER));
	a->tries_here = 0;
	if (next != 0)
		a->not_before = 0;
	return true;
}
