#include "commands.h"

#include <unistd.h>

#include "renewing.h"

static int
main_renew(struct run *r, int argc, char **argv)
{
	AUTO(list) struct list names = {0};
	struct wish wish = {.due = true, .reason = "due"};
	when_t wait = WAIT_DEFAULT;
	bool due = false, force = false, dry_run = false;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--due"))
			due = true;
		else if (text_same(argv[i], "--force"))
			force = true;
		else if (text_same(argv[i], "--dry-run"))
			dry_run = true;
		else if (text_same(argv[i], "--key") && i + 1 < argc) {
			if (!key_mode_of(argv[++i], &wish.key))
				return run_no_value(r, &command_renew, "--key", argv[i]);
		} else if (text_same(argv[i], "--wait") && i + 1 < argc) {
			if (!duration_parse(argv[++i], &wait))
				return run_usage(r, &command_renew, "'%s' is no duration", argv[i]);
		} else if (argv[i][0] == '-')
			return run_unknown(r, &command_renew, argv[i]);
		else if (!list_add(&names, argv[i]))
			return EXIT_FAILED;
	}
	if (due && force)
		return run_usage(r, &command_renew, "--due or --force, not both");
	/* Without either, a certificate named by a person is meant; all together only if due. */
	if (force || (!due && names.count > 0)) {
		wish.due = false;
		wish.reason = force ? "forced by 'renew --force'" : "asked for by 'renew'";
	}
	if (dry_run)
		return plan_certificates(r, &names, &wish);
	/* All that is due: a timer's work. */
	r->unattended = wish.due && names.count == 0 && !isatty(STDERR_FILENO);
	return renew_certificates(r, "renew", &names, &wish, wait);
}

static const struct command_option options[] = {
	{"--due", NULL, "only those that are due; so it is without names"},
	{"--force", NULL, "now, also without names"},
	{"--key", "new|same|auto", "another key, the same, or as the policy says (auto)"},
	{"--wait", "DURATION", "how long to wait where nothing can move; 10m"},
	{"--dry-run", NULL, "only say what would be done, and why"},
	{0},
};

const struct command command_renew = {
	.name = "renew",
	.group = COMMANDS_DAILY,
	.synopsis = "[NAME...] [--due|--force] [--key new|same|auto] [--wait DURATION] [--dry-run]",
	.summary = "renew the named certificates; without names those that are due",
	.options = options,
	.example = "keystay renew --due\n"
		   "keystay renew shop --key new",
	.main = main_renew,
};
