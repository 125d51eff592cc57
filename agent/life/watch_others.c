#include "watch_others.h"

#include <stdio.h>
#include <string.h>

#include "keystay/state/memory.h"
#include "keystay/state/watched.h"
#include "adopt.h"
#include "alert.h"

#define LOOK_EVERY DAY

/* Endpoints that do not answer take their time: the rest of them comes with the next pass. */
#define LOOK_SECONDS 30

/* With so many days left people are told; the last is the end itself. */
static const int days_told[] = {30, 14, 7, 3, 1, 0};

/* --- what it is now */

static int
look_once_more(struct life *l, const struct watched_row *w, struct chain **ret, struct err *e)
{
	char endpoint[WATCHED_PLACE];
	const char *blank = strchr(w->place, ' ');

	if (text_same(w->source, WATCHED_FILE))
		return adopt_read_file(w->place, ret, e);
	text_copy(endpoint, sizeof endpoint, w->place);
	if (blank)
		endpoint[blank - w->place] = '\0';
	return adopt_look(l->services, endpoint, blank ? blank + 1 : NULL, ret, e);
}

static void
tell_problem(struct life *l, const struct watched_row *w, struct err *why)
{
	err_in(why, "watched certificate '%s'", w->name);
	err_hint(why, "'keystay adopt' says where it is now, 'keystay remove %s' forgets it",
		w->name);
	alert_tell(l, w->name, "not-seen", why);
}

static int
note_look(struct life *l, struct watched_row *w, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	bool seen_before = !*w->problem;
	char before[65], end[WHEN_TEXT];
	struct err why;

	w->looked_at = services_now(l->services);
	text_copy(before, sizeof before, w->fingerprint);
	if (look_once_more(l, w, &chain, &why) < 0 || adopt_facts(w, chain, &why) < 0) {
		text_copy(w->problem, sizeof w->problem, why.text);
		/* Told once, not each day. */
		if (seen_before)
			tell_problem(l, w, &why);
		return watched_save(l->db, w, e);
	}
	w->problem[0] = '\0';
	if (!seen_before)
		alert_over(l, w->name, "not-seen", "it can be looked at again");
	if (watched_save(l->db, w, e) < 0)
		return -1;
	if (text_same(before, w->fingerprint))
		return 0;
	return life_journal(l, w->name, "", "adopted", "", e,
		"another certificate is at %s '%s' now: serial %s, ends %s", w->source, w->place,
		w->serial, when_format_day(w->not_after, end));
}

/* --- how long it lasts */

/* 1 for the first threshold that is behind us, up to their number; 0 = there is time. */
static int64_t
level_of(when_t left)
{
	int64_t level = 0;

	for (size_t i = 0; i < COUNT(days_told); i++)
		if (left <= days_told[i] * DAY)
			level = (int64_t)i + 1;
	return level;
}

static int
tell_end(struct life *l, const struct watched_row *w, struct err *e)
{
	when_t left = w->not_after - services_now(l->services);
	int64_t level = w->not_after ? level_of(left) : 0, told;
	char word[96], end[WHEN_TEXT];
	struct err why;

	snprintf(word, sizeof word, "watched:%s", w->name);
	if (memory_get(l->db, word, &told, e) < 0)
		return -1;
	if (level == told)
		return 0;
	if (level < told) {
		alert_over(l, w->name, "expiring", "another certificate is there");
		alert_over(l, w->name, "expired", "another certificate is there");
		if (level == 0)
			return memory_set(l->db, word, 0, e);
	}
	bool over = level == COUNT(days_told);
	err_set(&why, ERR_FAILED, "watched certificate '%s' %s on %s%s%s", w->name,
		over ? "ended" : "ends", when_format_day(w->not_after, end),
		*w->owner ? "; it belongs to " : "", w->owner);
	err_hint(&why, "'keystay add --from-watched %s' manages it from now on", w->name);
	alert_tell(l, w->name, over ? "expired" : "expiring", &why);
	return memory_set(l->db, word, level, e);
}

/* --- all of them */

static int
collect(void *ctx, const struct watched_row *w, struct err *e)
{
	return list_add(ctx, w->name) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static int
take_turn(struct life *l, const char *name, when_t until, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	when_t now = services_now(l->services);
	bool found;

	if (watched_get(l->db, name, &w, &found, e) < 0)
		return -1;
	bool turn = w.looked_at > now || w.looked_at + LOOK_EVERY <= now;
	if (found && turn && now < until && !text_same(w.source, WATCHED_LIST) &&
		note_look(l, &w, e) < 0)
		return -1;
	/* Where nobody is told, it counts as not told. */
	return found && l->conf.unattended ? tell_end(l, &w, e) : 0;
}

int
watch_others(struct life *l, struct err *e)
{
	when_t until = services_now(l->services) + LOOK_SECONDS;
	AUTO(list) struct list names = {0};

	if (watched_each(l->db, collect, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.count && !life_stopping(l); i++)
		if (take_turn(l, names.item[i], until, e) < 0)
			return -1;
	return 0;
}
