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

struct run {
	const char *config_path;
	bool json;
	bool quiet;
	bool yes;
	bool unattended; /* nobody reads what is said: what is wrong is told by alerts */
	bool terminal;   /* standard output is one, and not --json */
	bool (*stopping)(void *run); /* of the daemon: a pass is to end; NULL = never */
	struct config *config;
	const struct services *services;
	json_t *report; /* with --json: the object that is printed at the end */
};

/* An option of one command, for its help and for completion in shells. */
struct command_option {
	const char *word;  /* "--wait" */
	const char *value; /* "DURATION", "new|same|auto"; NULL = it takes none */
	const char *text;  /* what it does, in a few words, lower case */
};

struct command {
	const char *name;
	const char *synopsis; /* what stands behind the name in a usage line */
	const char *summary;
	const struct command_option *options; /* {0} behind the last; NULL = it has none */
	const char *example; /* lines to paste, "keystay renew --due"; NULL = none */
	/* Gets its own arguments, without the name; returns an exit status. */
	int (*main)(struct run *r, int argc, char **argv);
};

/* The exit status that a kind of error calls for. */
enum exit_status exit_status_of(enum err_kind kind);

/* Says the error (stderr, or "error" of the report) and returns its exit status. */
int run_fail(struct run *r, const struct err *e);

/* A usage error of a command, with the command's usage line as its hint. */
int run_usage(struct run *r, const struct command *c, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Reads the configuration if it is not there yet. */
int run_need_config(struct run *r, struct err *e) MUST_USE;

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
