#include "commands.h"

#include "renewing.h"

static int
main_issue(struct run *r, int argc, char **argv)
{
	AUTO(list) struct list names = {0};
	const struct wish wish = {.issue = true, .reason = "asked for by 'issue'"};
	when_t wait = WAIT_DEFAULT;
	bool all = false;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--all"))
			all = true;
		else if (text_same(argv[i], "--wait") && i + 1 < argc) {
			if (!duration_parse(argv[++i], &wait))
				return run_usage(r, &command_issue, "'%s' is no duration", argv[i]);
		} else if (argv[i][0] == '-')
			return run_unknown(r, &command_issue, argv[i]);
		else if (!list_add(&names, argv[i]))
			return EXIT_FAILED;
	}
	if (all == (names.count > 0))
		return run_usage(r, &command_issue, "name certificates, or --all");
	return renew_certificates(r, "issue", &names, &wish, wait);
}

static const struct command_option options[] = {
	{"--all", NULL, "all that are configured"},
	{"--wait", "DURATION", "how long to wait where nothing can move; 10m"},
	{0},
};

const struct command command_issue = {
	.name = "issue",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME... | --all  [--wait DURATION]",
	.summary = "obtain and install what is configured and not yet there",
	.options = options,
	.example = "keystay issue shop",
	.main = main_issue,
};
