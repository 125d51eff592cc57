#include "commands.h"

#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "obstacles.h"

/* As far as durations go. */
#define UNTIL_MAX (3660 * DAY)

struct question {
	when_t until;
	bool watched, csv;
};

/* A day is meant with all its hours; a duration is from now on. */
static int
read_until(const char *text, when_t now, when_t *ret, struct err *e)
{
	bool day = false;

	if (duration_parse(text, ret))
		*ret += now;
	else if (!when_parse(text, ret, &day))
		return err_set(e, ERR_USAGE, "'%s' is no day, no moment and no duration", text);
	*ret += day ? DAY : 0;
	if (*ret <= now)
		return err_set(e, ERR_USAGE, "'%s' is past already", text);
	if (*ret > now + UNTIL_MAX)
		return err_set(e, ERR_USAGE, "'%s' is more than ten years away", text);
	return 0;
}

static int
foresee(struct run *r, const struct question *q, when_t now, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(estate) struct estate s = {0};
	AUTO(forecast) struct forecast f = {0};
	AUTO(dates) struct dates d = {0};

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		estate_read(r->config, db, now, q->watched, &s, e) < 0 ||
		forecast_make(s.item, s.items, now, q->until, FORECAST_JITTER, &f, e) < 0 ||
		dates_look(r->config, &s, now, &d, e) < 0)
		return -1;
	const struct foreseen all = {&s, &f, &d, now, q->until};
	if (q->csv)
		return print_months_csv(r, &all, e);
	if (r->json) {
		json_object_set_new(r->report, "from", json_when(now));
		json_object_set_new(r->report, "until", json_when(q->until));
	}
	if (show_months(r, &all, e) < 0)
		return -1;
	return show_obstacles(r, &all, e);
}

static int
main_forecast(struct run *r, int argc, char **argv)
{
	when_t now = services_now(r->services);
	struct question q = {.until = when_add_months(now, 12)};
	struct err e;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--until") && i + 1 < argc) {
			if (read_until(argv[++i], now, &q.until, &e) < 0)
				return run_usage(r, &command_forecast, "%s", e.text);
		} else if (text_same(argv[i], "--with-watched"))
			q.watched = true;
		else if (text_same(argv[i], "--csv"))
			q.csv = true;
		else
			return run_unknown(r, &command_forecast, argv[i]);
	}
	if (q.csv && r->json)
		return run_usage(r, &command_forecast, "--csv or --json, not both");
	if (run_need_config(r, &e) < 0 || foresee(r, &q, now, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

static const struct command_option options[] = {
	{"--until", "DATE|DURATION", "how far it looks; a year when it is not given"},
	{"--with-watched", NULL, "watched certificates too, as if they were added"},
	{"--csv", NULL, "the table alone, for a spreadsheet"},
	{0},
};

const struct command command_forecast = {
	.name = "forecast",
	.group = COMMANDS_LOOKING,
	.synopsis = "[--until DATE|DURATION] [--with-watched] [--csv]",
	.summary = "how many renewals come, month by month, and what stands in their way",
	.options = options,
	.example = "keystay forecast --until 2029-12-31",
	.main = main_forecast,
};
