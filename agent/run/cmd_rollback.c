#include "commands.h"

#include "keystay/life/go_back.h"
#include "living.h"

static int
tell(struct run *r, const char *name, const struct went_back *w, struct err *e)
{
	const struct life_result *result = &w->result;
	char due[WHEN_TEXT];
	bool done = result->state == LIFE_DONE;

	run_report(r, "certificates",
		json_pack("{s:s, s:s, s:I, s:I, s:o, s:s}", "name", name, "result",
			done                            ? "done"
			: result->state == LIFE_WAITING ? "waiting"
							: "failed",
			"version", (json_int_t)(done ? w->to : w->from), "version_before",
			(json_int_t)w->from, "renew_at", json_when(w->due_at), "renew_reason",
			w->due_reason));
	if (!done) {
		*e = result->err;
		return -1;
	}
	run_say(r, "%s: version %lld is live again, in place of version %lld", name,
		(long long)w->to, (long long)w->from);
	if (w->due_at <= services_now(r->services))
		run_say(r, "it is due now (%s): 'keystay renew --due' replaces it", w->due_reason);
	else
		run_say(r, "it is due at %s (%s)", when_format(w->due_at, due), w->due_reason);
	return 0;
}

static int
roll_back(struct run *r, const char *name, int64_t to, struct err *e)
{
	struct went_back w;
	struct life *l;

	if (run_open_life(r, "rollback", &l, e) < 0)
		return -1;
	const struct certificate_conf *c = config_certificate(r->config, name);
	int rc = c ? life_go_back(l, c, to, &w, e) : run_no_certificate(r, name, e);
	if (rc == 0)
		rc = tell(r, name, &w, e);
	life_close(l);
	return rc;
}

static int
main_rollback(struct run *r, int argc, char **argv)
{
	const char *name = NULL;
	int64_t to = 0;
	struct err e;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--to") && i + 1 < argc) {
			if (!number_parse(argv[++i], 1, INT32_MAX, &to))
				return run_usage(
					r, &command_rollback, "'%s' is no version", argv[i]);
		} else if (argv[i][0] == '-' || name)
			return run_unknown(r, &command_rollback, argv[i]);
		else
			name = argv[i];
	}
	if (!name)
		return run_usage(r, &command_rollback, "which certificate?");
	return roll_back(r, name, to, &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct command_option options[] = {
	{"--to", "N", "the version of that number, instead of the one before"},
	{0},
};

const struct command command_rollback = {
	.name = "rollback",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME [--to N]",
	.summary = "make the version before live again, proven by handshakes",
	.options = options,
	.example = "keystay rollback shop",
	.main = main_rollback,
};
