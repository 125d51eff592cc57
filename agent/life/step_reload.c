/* Tell every server; one reload serves all certificates that became live before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystay/base/file.h"
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

/* STATE/.deployed changes whenever servers have something new to read: a path unit of root may
 * watch it and reload them, where the agent itself has no right to. */
static int
touch_deployed(struct life *l, struct work *w, struct err *e)
{
	char path[4096], text[LOCK_TEXT];

	snprintf(path, sizeof path, "%s/.deployed", l->config->state);
	snprintf(text, sizeof text, "%s\n", w->conf->name);
	return file_replace(path, text, strlen(text), 0644, FILE_SAME_OWNER, FILE_SAME_GROUP, e);
}

int
reload_all(struct life *l, struct work *w, struct err *e)
{
	if (touch_deployed(l, w, e) < 0)
		return -1;
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
