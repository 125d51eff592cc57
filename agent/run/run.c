#include "keystay/run/run.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "installed.h"
#include "keystay/base/guess.h"
#include "keystay/token/front.h"

const struct command_option common_options[] = {
	{"--config", "FILE", "the configuration, instead of /etc/keystay/keystay.yaml"},
	{"--json", NULL, "one JSON object instead of text"},
	{"--quiet", NULL, "nothing on standard output; errors are still told"},
	{"--verbose", NULL, "tell on standard error what is done"},
	{"--yes", NULL, "take the answer yes where a question is asked"},
	{"--help", NULL, "this text"},
	{0},
};

static const enum exit_status statuses[ERR_KINDS] = {
	[ERR_NONE] = EXIT_DONE,
	[ERR_FAILED] = EXIT_FAILED,
	[ERR_USAGE] = EXIT_USAGE,
	[ERR_CONFIG] = EXIT_USAGE,
	[ERR_POLICY] = EXIT_POLICY,
	[ERR_TOKEN] = EXIT_TOKEN,
	[ERR_LOST] = EXIT_TOKEN,
	[ERR_PIN] = EXIT_TOKEN,
	[ERR_AUTHORITY] = EXIT_AUTHORITY,
	[ERR_NETWORK] = EXIT_AUTHORITY,
	[ERR_BUSY] = EXIT_AUTHORITY,
	[ERR_SERVED] = EXIT_NOT_SERVED,
	[ERR_WAIT] = EXIT_WAITING,
};

enum exit_status
exit_status_of(enum err_kind kind)
{
	return statuses[kind];
}

void
run_clear(const struct run *r)
{
	if (r->clear)
		r->clear();
}

/* Where the one who failed had nothing better to say. */
static const char *const mends[ERR_KINDS] = {
	[ERR_CONFIG] = "mend it there; keystay.yaml(5) says what may stand",
	[ERR_TOKEN] = "'keystay check' looks at the tokens, 'keystay token list' shows them",
	[ERR_LOST] = "'keystay check' looks at the tokens, 'keystay token list' shows them",
	[ERR_AUTHORITY] = "'keystay check --online' asks the authorities",
	[ERR_NETWORK] = "'keystay check --online' asks the authorities",
	[ERR_WAIT] = "run the command again later",
};

int
run_fail(struct run *r, const struct err *e)
{
	const char *hint = e->hint[0] ? e->hint : mends[e->kind] ? mends[e->kind] : "";

	run_clear(r);
	if (r->json) {
		json_object_set_new(r->report, "error",
			json_pack("{s:s, s:s, s:s}", "kind", err_word(e->kind), "text", e->text,
				"hint", hint));
	} else {
		fflush(stdout);
		fprintf(stderr, "keystay: %s\n", e->text);
		if (*hint)
			fprintf(stderr, "keystay: hint: %s\n", hint);
	}
	return exit_status_of(e->kind);
}

int
run_usage(struct run *r, const struct command *c, const char *fmt, ...)
{
	char text[512];
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&e, ERR_USAGE, "%s: %s", c->name, text);
	if (c->verbs)
		err_hint(&e, "'keystay %s --help' shows what it takes", c->name);
	else
		err_hint(
			&e, "usage: keystay %s%s%s", c->name, *c->synopsis ? " " : "", c->synopsis);
	return run_fail(r, &e);
}

/* Whether it is one of them, else the nearest of them is tried. */
static const struct command_option *
find_option(const struct command_option *o, const char *word, struct guess *g)
{
	for (; o && o->word; o++) {
		if (text_same(o->word, word))
			return o;
		guess_try(g, o->word);
	}
	return NULL;
}

int
run_unknown(struct run *r, const struct command *c, const char *argument)
{
	struct guess g = {.wrong = argument};
	struct err e;

	if (argument[0] != '-')
		return run_usage(r, c, "'%s' is one too many", argument);
	const struct command_option *known = find_option(c->options, argument, &g);
	if (known && known->value)
		return run_usage(r, c, "%s needs a value, %s", known->word, known->value);
	if (known)
		return run_usage(r, c, "%s is of no use here", known->word);
	(void)find_option(common_options, argument, &g);
	err_set(&e, ERR_USAGE, "%s: there is no option '%s'", c->name, argument);
	guess_hint(&g, &e, "'keystay %s --help' shows the options", c->name);
	return run_fail(r, &e);
}

int
run_no_value(struct run *r, const struct command *c, const char *option, const char *value)
{
	struct guess g = {.wrong = value}, unused = {.wrong = option};
	const struct command_option *o = find_option(c->options, option, &unused);
	AUTO(list) struct list known = {0};
	char word[64], words[400];
	struct err e;

	for (const char *v = o ? o->value : ""; *v; v += *v == '|') {
		snprintf(word, sizeof word, "%.*s", (int)strcspn(v, "|"), v);
		(void)list_add(&known, word);
		v += strcspn(v, "|");
	}
	for (size_t i = 0; i < known.count; i++)
		guess_try(&g, known.item[i]);
	err_set(&e, ERR_USAGE, "%s: %s '%s' is none of: %s", c->name, option, value,
		list_join(&known, words, sizeof words));
	guess_hint(&g, &e, "'keystay %s --help' shows the options", c->name);
	return run_fail(r, &e);
}

int
run_no_verb(struct run *r, const struct command *c, const char *word)
{
	struct guess g = {.wrong = word};
	char words[200];
	size_t n = 0;
	struct err e;

	words[0] = '\0';
	for (const struct command_verb *v = c->verbs; v->word; v++) {
		if (word)
			guess_try(&g, v->word);
		if (n < sizeof words)
			n += (size_t)snprintf(words + n, sizeof words - n, "%s%s",
				v == c->verbs ? "" : ", ", v->word);
	}
	if (word)
		err_set(&e, ERR_USAGE, "%s: '%s' is none of: %s", c->name, word, words);
	else
		err_set(&e, ERR_USAGE, "%s: it needs one of: %s", c->name, words);
	guess_hint(&g, &e, "'keystay %s --help' shows what each does", c->name);
	return run_fail(r, &e);
}

int
run_need_config(struct run *r, struct err *e)
{
	char guard[PATH_MAX];

	if (r->config)
		return 0;
	if (config_read(r->config_path, &r->config, e) < 0)
		return -1;
	installed_guard(guard, sizeof guard);
	return front_set(guard, r->config->state, e);
}

void
run_say(struct run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->json || r->quiet)
		return;
	run_clear(r);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

json_t *
run_array(struct run *r, const char *name)
{
	if (!r->json)
		return NULL;
	if (!json_object_get(r->report, name))
		json_object_set_new(r->report, name, json_array());
	return json_object_get(r->report, name);
}

void
run_report(struct run *r, const char *array, json_t *item)
{
	json_t *to = run_array(r, array);

	if (to)
		json_array_append_new(to, item);
	else
		json_decref(item);
}

void
run_finding(
	struct run *r, const char *level, const char *where, const char *hint, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	run_report(r, "findings",
		json_pack("{s:s, s:s, s:s, s:s}", "level", level, "where", where, "text", text,
			"hint", hint));
	run_say(r, "%-4s  %s: %s", level, where, text);
	if (*hint)
		run_say(r, "      hint: %s", hint);
}

json_t *
json_when(when_t when)
{
	char text[WHEN_TEXT];

	return when ? json_string(when_format(when, text)) : json_null();
}
