/* Tell every server; one reload serves all certificates that became live before it. */
#include <stdlib.h>

#include "internal.h"

static bool
same_argv(const struct list *a, const struct list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!text_same(a->item[i], b->item[i]))
			return false;
	return true;
}

/* The record of the last reload that this target shares; made when missing. NULL without memory. */
static struct done_reload *
find_reload(struct life *l, const struct target_conf *t)
{
	for (struct done_reload *r = l->reloads; r; r = r->next)
		if (r->target->ops == t->ops && same_argv(&r->target->reload, &t->reload))
			return r;
	struct done_reload *r = calloc(1, sizeof *r);
	if (r) {
		r->target = t;
		r->next = l->reloads;
		l->reloads = r;
	}
	return r;
}

int
reload_all(struct life *l, struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->conf->installs; i++) {
		const struct target_conf *t = &w->conf->install[i];
		struct done_reload *r = find_reload(l, t);
		if (!t->ops->reload || (r && w->activated && r->clock > w->activated))
			continue;
		if (t->ops->reload(t, l->services, e) < 0)
			return -1;
		if (r)
			r->clock = ++l->clock;
	}
	return 0;
}

int
step_reload(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	*ret = OUTCOME_NEXT;
	if (reload_all(l, w, e) < 0)
		return roll_back(l, w, true, e);
	return 0;
}
