#include "alerting.h"

#include <stdio.h>
#include <syslog.h>

#include "keystay/run/run.h"

/* The lock is held meanwhile, and a command waits for that no longer than 30 s. */
#define COMMAND_LIMIT_MS 10000

static void
run_alert_command(struct run *r, const struct alert *a)
{
	AUTO(json_t)
	json_t *json = json_pack("{s:i, s:o, s:s, s:s, s:s, s:s, s:b}", "schema", 1, "at",
		json_when(a->at), "subject", a->subject, "kind", a->kind, "text", a->text, "hint",
		a->hint, "over", a->over);
	AUTO(char) char *text = json ? json_line(json) : NULL;
	struct err e;

	if (!text || r->config->alert.count == 0)
		return;
	const struct child c = {.argv = list_argv(&r->config->alert),
		.input = text,
		.time_limit_ms = COMMAND_LIMIT_MS};
	if (r->services->run(r->services->ctx, &c, &e) < 0) {
		syslog(LOG_ERR, "the command of 'alert:' failed: %s", e.text);
		run_clear(r);
		fprintf(stderr, "keystay: the command of 'alert:' failed: %s\n", e.text);
	}
}

void
send_alert(void *run, const struct alert *a)
{
	static bool opened;
	struct run *r = run;

	if (!opened)
		openlog("keystay", LOG_PID, LOG_DAEMON);
	opened = true;
	syslog(a->over ? LOG_NOTICE : LOG_ERR, "%s: %s%s%s%s", a->subject, a->over ? "over: " : "",
		a->text, *a->hint ? "; " : "", a->hint);
	if (!a->said) {
		run_clear(r);
		fflush(stdout);
		fprintf(stderr, "keystay: alert%s: %s: %s\n", a->over ? " is over" : "", a->subject,
			a->text);
		if (*a->hint)
			fprintf(stderr, "keystay: hint: %s\n", a->hint);
	}
	run_alert_command(r, a);
}
