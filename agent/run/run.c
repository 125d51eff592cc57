#include "keystay/run/run.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "installed.h"
#include "keystay/token/front.h"

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

int
run_fail(struct run *r, const struct err *e)
{
	if (r->json) {
		json_object_set_new(r->report, "error",
			json_pack("{s:s, s:s, s:s}", "kind", err_word(e->kind), "text", e->text,
				"hint", e->hint));
	} else {
		fflush(stdout);
		fprintf(stderr, "keystay: %s\n", e->text);
		if (e->hint[0])
			fprintf(stderr, "keystay: hint: %s\n", e->hint);
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
	err_hint(&e, "usage: keystay %s %s", c->name, c->synopsis);
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
