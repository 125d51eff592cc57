#include "commands.h"

#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/db.h"
#include "keystay/state/keys.h"

static int
show_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct run *r = ctx;
	char day[WHEN_TEXT];

	(void)e;
	run_report(r, "keys",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", k->id,
			"label", k->label, "token", k->token, "type", k->type, "purpose",
			k->purpose, "owner", k->owner, "state", k->state, "public_key_sha256",
			k->public_hash, "uri", k->uri, "created_at", json_when(k->created_at)));
	run_say(r, "%-9s %-8s %-11s %-10s %s  %s", k->state, k->type, k->purpose, k->token,
		when_format_day(k->created_at, day), k->label);
	return 0;
}

static int
main_keys(struct run *r, int argc, char **argv)
{
	AUTO(db) struct db *db = NULL;
	struct err e;

	if (argc != 1 || !text_same(argv[0], "list"))
		return run_usage(r, &command_keys, "list?");
	if (run_need_config(r, &e) < 0 || become_owner(r->config->state, &e) < 0 ||
		life_open_state(r->config, &db, &e) < 0)
		return run_fail(r, &e);
	run_array(r, "keys");
	if (db && keys_each(db, NULL, show_key, r, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

const struct command command_keys = {
	.name = "keys",
	.synopsis = "list",
	.summary = "the keys that the agent made, and their state",
	.main = main_keys,
};
