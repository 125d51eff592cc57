/*
 * One run of the program: its options, its configuration, and how it speaks.
 */
#ifndef KEYSTAY_RUN_RUN_H
#define KEYSTAY_RUN_RUN_H

#include "keystay/base/json.h"
#include "keystay/base/services.h"
#include "keystay/config/config.h"

/* What a command leaves behind; 7 of them, in DESIGN order. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_POLICY = 3,
	EXIT_TOKEN = 4,
	EXIT_AUTHORITY = 5,
	EXIT_NOT_SERVED = 6,
	EXIT_WAITING = 7,
};

struct life_result;

struct run {
	const char *config_path;
	bool json;
	bool quiet;
	bool yes;
	bool verbose;
	bool unattended; /* nobody reads what is said: what is wrong is told by alerts */
	bool terminal;   /* standard output is one, and not --json */
	bool (*stopping)(void *run); /* of the daemon: a pass is to end; NULL = never */
	/* In plain lines each result is told when it is there; NULL = all in the end. */
	void (*finished)(struct run *r, const struct life_result *result);
	void (*clear)(void); /* takes what is drawn off the terminal; NULL = nothing is */
	struct config *config;
	const struct services *services;
	json_t *report; /* with --json: the object that is printed at the end */
	const struct command *const *commands; /* all of them; NULL behind the last */
};

/* An option of one command, for its help and for completion in shells. */
struct command_option {
	const char *word;  /* "--wait" */
	const char *value; /* "DURATION", "new|same|auto"; NULL = it takes none */
	const char *text;  /* what it does, in a few words, lower case */
};

/* What stands behind the name of a command that does several things: "keys list". */
struct command_verb {
	const char *word;
	const char *arguments; /* "KEY [--all]"; "" = none */
	const char *text;      /* as of an option */
};

/* What people do with it; its place in 'keystay --help'. */
enum command_group {
	COMMANDS_DAILY,
	COMMANDS_LOOKING,
	COMMANDS_ESTATE,
	COMMANDS_KEYS,
	COMMANDS_SET_UP,
	COMMAND_GROUPS
};

struct command {
	const char *name;
	enum command_group group;
	const char *synopsis; /* what stands behind the name in a usage line */
	const char *summary;
	const struct command_option *options; /* {0} behind the last; NULL = it has none */
	const struct command_verb *verbs;     /* likewise */
	const char *example; /* lines to paste, "keystay renew --due"; NULL = none */
	/* Gets its own arguments, without the name; returns an exit status. */
	int (*main)(struct run *r, int argc, char **argv);
};

/* The options of all commands; {0} behind the last. */
extern const struct command_option common_options[];

/* The exit status that a kind of error calls for. */
enum exit_status exit_status_of(enum err_kind kind);

/* Says the error (stderr, or "error" of the report) and returns its exit status. */
int run_fail(struct run *r, const struct err *e);

/* A usage error of a command, with the command's usage line as its hint. */
int run_usage(struct run *r, const struct command *c, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * A usage error for the argument that a command has no place for: an option that it does not know,
 * or whose value is missing, or a word too many. The nearest option is the hint.
 */
int run_unknown(struct run *r, const struct command *c, const char *argument);

/* A usage error for a value that is none of those that the table has for that option. */
int run_no_value(struct run *r, const struct command *c, const char *option, const char *value);

/* A usage error for what stands where the command wants one of its verbs; NULL = nothing does. */
int run_no_verb(struct run *r, const struct command *c, const char *word);

/* Reads the configuration if it is not there yet. */
int run_need_config(struct run *r, struct err *e) MUST_USE;

/* What is drawn on the terminal goes, before a line that stays. run_say and run_fail do it. */
void run_clear(const struct run *r);

/* One line on standard output for a person; nothing with --json or --quiet. */
void run_say(struct run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The array of that name in the report, made when missing; NULL without --json. Borrowed. */
json_t *run_array(struct run *r, const char *name);

/* Appends `item` (stolen) to an array of the report; without --json it is only freed. */
void run_report(struct run *r, const char *array, json_t *item);

/* A finding of `check`: level "ok", "warn" or "fail". */
void run_finding(struct run *r, const char *level, const char *where, const char *hint,
	const char *fmt, ...) PRINTF_LIKE(5, 6);

/* A moment for JSON: RFC 3339 text, or null for none. New reference. */
json_t *json_when(when_t when);

#endif
