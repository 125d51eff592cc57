#include "commands.h"

#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "keystay/state/journal.h"

static int
show_event(void *ctx, const struct event *v, struct err *e)
{
	struct run *r = ctx;
	char at[WHEN_TEXT];

	(void)e;
	run_report(r, "events",
		json_pack("{s:o, s:s, s:s, s:s, s:s, s:s}", "at", json_when(v->at), "certificate",
			v->certificate, "key", v->key_hash, "kind", v->kind, "step", v->step,
			"text", v->text));
	run_say(r, "%s  %-16s %-12s %s", when_format(v->at, at),
		*v->certificate ? v->certificate : "-", v->kind, v->text);
	return 0;
}

static int
main_history(struct run *r, int argc, char **argv)
{
	AUTO(db) struct db *db = NULL;
	struct err e;

	if (argc > 1 || (argc == 1 && argv[0][0] == '-'))
		return run_unknown(r, &command_history, argv[argc > 1]);
	if (run_need_config(r, &e) < 0 || become_owner(r->config->state, &e) < 0 ||
		life_open_state(r->config, &db, &e) < 0)
		return run_fail(r, &e);
	run_array(r, "events");
	if (db && journal_each(db, argc ? argv[0] : NULL, show_event, r, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

const struct command command_history = {
	.name = "history",
	.group = COMMANDS_LOOKING,
	.synopsis = "[NAME]",
	.summary = "the journal: what happened, when",
	.example = "keystay history shop",
	.main = main_history,
};
