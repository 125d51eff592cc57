/*
 * keystay - certificates whose private keys stay in the token.
 * This file: the table of commands, the options that all of them take, and the start of a process
 * that holds secrets.
 */
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "commands.h"
#include "help.h"
#include "keystay/base/guess.h"
#include "keystay/base/log.h"
#include "keystay/run/system.h"
#include "keystay/token/module.h"

#define VERSION "0.1"

static const struct command *const commands[] = {
	&command_check,
	&command_issue,
	&command_renew,
	&command_run,
	&command_csr,
	&command_import,
	&command_add,
	&command_remove,
	&command_adopt,
	&command_install,
	&command_rollback,
	&command_revoke,
	&command_status,
	&command_history,
	&command_forecast,
	&command_keys,
	&command_account,
	&command_policy,
	&command_server_config,
	&command_token,
	&command_completion,
	NULL,
};

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"json", no_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"yes", no_argument, NULL, 'y'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

/* PINs must not reach a core file or another process of the same user. */
static void
protect_process(void)
{
	struct rlimit none = {0, 0};

	/* The system's openssl.cnf is for servers; it may load the very provider that the token's
	 * road loads for itself. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	/* A parent that ignores it would make us lose the exit status of our children. */
	signal(SIGCHLD, SIG_DFL);
}

/* With --json: the one object. It is freed in any case. */
static void
print_report(struct run *r)
{
	if (r->json) {
		AUTO(char) char *text = json_dumps(r->report, JSON_INDENT(2));
		puts(text ? text : "{}");
	}
	json_decref(r->report);
	r->report = NULL;
}

static int
run_command(struct run *r, const struct command *c, int argc, char **argv)
{
	int status = c->main(r, argc, argv);

	print_report(r);
	modules_finish();
	config_free(r->config);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = EXIT_FAILED;
	return status;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* What the command line asks for before a command is chosen. */
struct request {
	bool help;
	bool version;
	const char *lacks; /* the option of all commands that stands without its value */
	char **rest;       /* the command and its own arguments */
	int count;
};

/*
 * Options of all commands may stand before and behind the command; what is not known here is the
 * command's own.
 */
static void
read_options(struct run *r, struct request *q, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "-:vqhV", options, NULL)) != -1)
		switch (option) {
		case 'c':
			r->config_path = optarg;
			break;
		case 'j':
			r->json = true;
			break;
		case 'v':
			r->verbose = true;
			log_enable(true);
			break;
		case 'q':
			r->quiet = true;
			break;
		case 'y':
			r->yes = true;
			break;
		case 'h':
			q->help = true;
			break;
		case 'V':
			/* Behind a command it is that command's: `revoke --version 3`. */
			if (q->count)
				q->rest[q->count++] = argv[optind - 1];
			else
				q->version = true;
			break;
		case ':':
			q->lacks = argv[optind - 1];
			break;
		case 1:
			q->rest[q->count++] = optarg;
			break;
		default:
			q->rest[q->count++] = argv[optind - 1];
			break;
		}
	while (optind < argc)
		q->rest[q->count++] = argv[optind++];
	/* "help renew" is "renew --help". */
	if (q->count && strcmp(q->rest[0], "help") == 0) {
		q->help = true;
		q->rest++;
		q->count--;
	}
}

/* What cannot be done at all: no such command, or none is meant. */
static int
refuse(struct run *r, const struct request *q)
{
	const char *word = q->count ? q->rest[0] : "";
	struct guess g = {.wrong = word};
	struct err e;

	err_set(&e, ERR_USAGE, *word == '-' ? "there is no option '%s'" : "unknown command '%s'",
		word);
	for (size_t i = 0; *word != '-' && commands[i]; i++)
		guess_try(&g, commands[i]->name);
	for (const struct command_option *o = common_options; *word == '-' && o->word; o++)
		guess_try(&g, o->word);
	guess_hint(&g, &e, "'keystay --help' lists the %s", *word == '-' ? "options" : "commands");
	if (q->lacks) {
		err_set(&e, ERR_USAGE, "'%s' needs a value", q->lacks);
		err_hint(&e, "'%s FILE', or '%s=FILE'", q->lacks, q->lacks);
	}
	int status = run_fail(r, &e);
	print_report(r);
	return status;
}

/*
 * "--wait=1m" for an option of the command's own that takes a value is "--wait" and "1m". `words`
 * has room for twice as many; the count is returned.
 */
static int
split_values(const struct command *c, int count, char **from, char **words)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		const struct command_option *o = c->options;
		char *value = text_starts(from[i], "--") ? strchr(from[i], '=') : NULL;
		size_t len = value ? (size_t)(value - from[i]) : 0;
		while (value && o && o->word &&
			!(o->value && strlen(o->word) == len && text_starts(from[i], o->word)))
			o++;
		words[n++] = from[i];
		if (!value || !o || !o->word)
			continue;
		*value = '\0';
		words[n++] = value + 1;
	}
	return n;
}

static int
do_request(struct run *r, const struct request *q)
{
	const struct command *c = q->count ? find_command(q->rest[0]) : NULL;

	if (q->version) {
		puts("keystay " VERSION);
		return EXIT_DONE;
	}
	if (q->count == 0 && !q->lacks) {
		help_print(commands);
		return q->help ? EXIT_DONE : EXIT_USAGE;
	}
	if (c && q->help) {
		help_print_command(c);
		return EXIT_DONE;
	}
	r->report = json_pack("{s:i}", "schema", 1);
	r->terminal = !r->json && isatty(STDOUT_FILENO);
	if (!c || q->lacks)
		return refuse(r, q);
	char **words = calloc(2 * (size_t)q->count, sizeof *words);
	if (!words)
		return EXIT_FAILED;
	int count = split_values(c, q->count - 1, q->rest + 1, words);
	int status = run_command(r, c, count, words);
	free(words);
	return status;
}

/*
 * What is read without --config. A program with more rights than its caller has is not told by
 * him what to read.
 */
static const char *
default_config(void)
{
	const char *path = secure_getenv("KEYSTAY_CONFIG");

	return path && *path ? path : "/etc/keystay/keystay.yaml";
}

int
main(int argc, char **argv)
{
	struct run r = {.config_path = default_config(),
		.services = system_services(),
		.commands = commands};
	char **words = calloc((size_t)argc + 1, sizeof *words);
	struct request q = {.rest = words};

	if (!words)
		return EXIT_FAILED;
	protect_process();
	read_options(&r, &q, argc, argv);
	int status = do_request(&r, &q);
	free(words);
	return status;
}
