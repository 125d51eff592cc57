#include "commands.h"

#include <stdio.h>

#include "asked.h"
#include "columns.h"
#include "dated_shown.h"
#include "estate_calendar.h"
#include "estate_csv.h"
#include "estate_json.h"
#include "estate_table.h"
#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "living.h"
#include "story.h"

static void
say_line(void *ctx, const char *text)
{
	run_say(ctx, "%s", text);
}

/* With the ends that CSV has. */
static void
put_line(void *ctx, const char *text)
{
	const struct run *r = ctx;

	if (!r->quiet)
		fputs(text, stdout);
}

static bool
colours(const struct run *r)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return r->terminal && !(no && *no) && term && *term && !text_same(term, "dumb");
}

static void
say_table(struct run *r, const struct estate_pick *p, size_t all, when_t now, const struct asked *a)
{
	size_t width = columns_of_output();
	const struct table_look look = {
		.width = width ? width : TABLE_WIDTH, .wide = a->wide, .colour = colours(r)};
	AUTO(buf) struct buf summary = BUF(4096);

	estate_table(p, now, &look, say_line, r);
	estate_summary(p, all, now, &summary);
	run_say(r, "%s", buf_text(&summary));
}

static int
report(struct run *r, struct estate *s, const struct estate_pick *p, when_t now,
	const struct asked *a, struct err *e)
{
	if (a->calendar) {
		json_object_set_new(r->report, "weeks", estate_calendar_json(p, now, a->weeks));
		return 0;
	}
	run_array(r, "certificates");
	for (size_t i = 0; i < p->count; i++) {
		json_t *item;
		if (estate_json(s, p->row[i], now, &item, e) < 0)
			return -1;
		run_report(r, "certificates", item);
	}
	return 0;
}

static int
answer(struct run *r, struct estate *s, struct db *db, const struct estate_pick *p, when_t now,
	const struct asked *a, struct err *e)
{
	size_t all = estate_count(s), width = columns_of_output();

	if (r->json)
		return report(r, s, p, now, a, e);
	if (a->csv)
		return estate_csv(p, now, put_line, r, e);
	if (all == 0)
		run_say(r, "there are no certificates in '%s'", r->config->path);
	else if (p->count == 0)
		run_say(r, "none of %zu certificates is like that", all);
	else if (a->calendar)
		estate_calendar(p, now, a->weeks, width ? width : TABLE_WIDTH, say_line, r);
	else if (a->plain && a->filter.names.count == 1)
		return story_say(r, s, db, p->row[0], now, e);
	else
		say_table(r, p, all, now, a);
	return 0;
}

static int
check_names(struct run *r, const struct estate *s, const struct list *names, struct err *e)
{
	for (size_t i = 0; i < names->count; i++)
		if (!estate_find(s, names->item[i]))
			return run_no_certificate(r, names->item[i], e);
	return 0;
}

static int
show(struct run *r, struct asked *a, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(estate) struct estate *s = NULL;
	struct estate_pick p = {.count = 0};
	when_t now = services_now(r->services);

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		estate_open(r->config, db, now, &s, e) < 0 ||
		check_names(r, s, &a->filter.names, e) < 0)
		return -1;
	a->filter.until = a->expiring ? now + a->expiring : 0;
	p.row = calloc(estate_count(s) + 1, sizeof *p.row);
	if (!p.row)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < estate_count(s); i++)
		if (estate_matches(&a->filter, estate_at(s, i)))
			p.row[p.count++] = estate_at(s, i);
	/* For programs the order of the configuration is the steady one. */
	if (a->sorted || !(r->json || a->csv))
		estate_pick_sort(&p, a->sort, a->reverse);
	int rc = answer(r, s, db, &p, now, a, e);
	/* What concerns the estate as a whole. */
	if (rc == 0 && estate_is_whole(&a->filter) && !a->csv && !a->calendar)
		rc = show_dated(r, db, e);
	free(p.row);
	return rc;
}

static int
main_status(struct run *r, int argc, char **argv)
{
	AUTO(asked) struct asked a = {.weeks = CALENDAR_WEEKS};
	struct err e;
	int status = asked_read(r, argc, argv, &a);

	if (status)
		return status;
	if (run_need_config(r, &e) < 0 || show(r, &a, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.group = COMMANDS_LOOKING,
	.synopsis = "[NAME...] [OPTION...]",
	.summary = "what is there, what is next and why, what is wrong and how to mend it",
	.options = asked_options,
	.example = "keystay status\n"
		   "keystay status payments\n"
		   "keystay status --expiring 30d --sort expiry\n"
		   "keystay status --csv >estate.csv",
	.main = main_status,
};
