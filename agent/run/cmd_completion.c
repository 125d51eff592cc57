#include "commands.h"

#include "completing.h"
#include "takes.h"

#define SCRIPT_MAX (256 * 1024)

/* A name a line. */
static void
say_names(struct run *r, enum takes takes)
{
	const struct config *c = r->config;
	const struct policy *p;

	if (takes == TAKES_CERTIFICATE)
		for (size_t i = 0; i < c->certificates; i++)
			run_say(r, "%s", c->certificate[i].name);
	if (takes == TAKES_AUTHORITY)
		for (size_t i = 0; i < c->authorities; i++)
			run_say(r, "%s", c->authority[i].name);
	if (takes == TAKES_TOKEN)
		for (size_t i = 0; i < c->tokens; i++)
			run_say(r, "%s", c->token[i].name);
	if (takes == TAKES_POLICY)
		for (size_t i = 0; (p = policy_at(c->policies, i)); i++)
			run_say(r, "%s", p->name);
}

/*
 * For the scripts, in the middle of somebody's line: what cannot be read is no reason to say
 * anything there.
 */
static int
main_names(struct run *r, const char *kind)
{
	struct err ignored;

	if (config_read(r->config_path, &r->config, &ignored) < 0)
		return EXIT_USAGE;
	for (int takes = TAKES_CERTIFICATE; takes < TAKES; takes++)
		if (text_same(kind, takes_word((enum takes)takes)))
			say_names(r, (enum takes)takes);
	return EXIT_DONE;
}

static const struct {
	const char *word;
	void (*write)(const struct command *const *commands, struct buf *out);
} shells[] = {
	{"bash", complete_bash},
	{"zsh", complete_zsh},
};

static int
main_completion(struct run *r, int argc, char **argv)
{
	AUTO(buf) struct buf script = BUF(SCRIPT_MAX);
	size_t shell = 0;

	if (argc == 2 && text_same(argv[0], "--names"))
		return main_names(r, argv[1]);
	while (argc && shell < COUNT(shells) && !text_same(argv[0], shells[shell].word))
		shell++;
	if (argc == 0 || shell == COUNT(shells))
		return run_no_verb(r, &command_completion, argc ? argv[0] : NULL);
	if (argc > 1)
		return run_unknown(r, &command_completion, argv[1]);
	shells[shell].write(r->commands, &script);
	if (script.full)
		BUG("the table of commands has outgrown its scripts");
	run_report(r, "lines", json_string(buf_text(&script)));
	run_say(r, "%s", buf_text(&script));
	return EXIT_DONE;
}

static const struct command_verb texts[] = {
	{"bash", "", "a script for bash"},
	{"zsh", "", "a script for zsh"},
	{0},
};

const struct command command_completion = {
	.name = "completion",
	.group = COMMANDS_SET_UP,
	.synopsis = "bash | zsh",
	.summary = "the script by which a shell completes what is typed",
	.verbs = texts,
	.example = "keystay completion bash >/etc/bash_completion.d/keystay",
	.main = main_completion,
};
