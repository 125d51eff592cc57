#include "keystay/life/add.h"

#include <string.h>

#include "keystay/state/journal.h"
#include "keystay/state/watched.h"
#include "internal.h"

static int
note_last(void *ctx, const struct event *v, struct err *e)
{
	bool *added = ctx;

	(void)e;
	if (text_same(v->kind, "added"))
		*added = true;
	else if (text_same(v->kind, "removed"))
		*added = false;
	return 0;
}

static int
note(struct life *l, const struct certificate_conf *c, bool changed, bool *ret_news, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	char end[WHEN_TEXT];
	bool watched, added = false;

	if (watched_get(l->db, c->name, &w, &watched, e) < 0 ||
		journal_each(l->db, c->name, note_last, &added, e) < 0)
		return -1;
	*ret_news = changed || watched || !added;
	if (!*ret_news)
		return 0;
	if (!watched)
		return life_journal(
			l, c->name, "", "added", "", e, "managed from now on, by '%s'", c->at.file);
	if (watched_delete(l->db, c->name, e) < 0)
		return -1;
	return life_journal(l, c->name, "", "added", "", e,
		"managed from now on, by '%s'; it was watched (%s '%s', serial %s, ends %s)",
		c->at.file, w.source, w.place, *w.serial ? w.serial : "not known",
		when_format_day(w.not_after, end));
}

int
life_added(struct life *l, const struct certificate_conf *c, bool changed, bool *ret_news,
	struct err *e)
{
	if (db_begin(l->db, e) < 0)
		return -1;
	if (note(l, c, changed, ret_news, e) == 0)
		return db_commit(l->db, e);
	db_rollback(l->db);
	return -1;
}
