/*
 * The agent: what is due is done, then it waits for the next moment. Between two passes nothing is
 * open but this process: no token, no connection, no lock.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alerting.h"
#include "commands.h"
#include "identity.h"
#include "keystay/base/lock.h"
#include "keystay/base/log.h"
#include "keystay/token/module.h"
#include "living.h"
#include "notify.h"
#include "renewing.h"
#include "waiting.h"

/* How long a pass goes on while all is parked; then the rest of the estate is looked at anew. */
#define PASS_WAIT (10 * MINUTE)

/* After a pass that could not be done at all (the clock, the database, the lock). */
#define AGAIN (10 * MINUTE)

/* Passes that follow one another at once get further and further apart, up to this. */
#define BREATH_MAX MINUTE

struct agent {
	struct run *r;
	struct lock *alone; /* STATE/agent.lock, held as long as it lives */
	struct waiting waiting;
	struct services services; /* the system's, but that sleep wakes up for a signal */
	struct life_next next;
	when_t breath; /* seconds between this pass and the next, where that is to come at once */
	bool ready;
};

/* There is one agent in a process; services and watchers know of no other struct. */
static struct agent *agent;

static void
agent_sleep_ms(void *ctx, int ms)
{
	(void)ctx;
	int alive = notify_alive_in();
	waiting_sleep(&agent->waiting, alive >= 0 && alive < ms ? alive : ms);
	notify_alive();
}

/* Asked between steps: a good moment for a sign of life. */
static bool
agent_stopping(void *run)
{
	(void)run;
	notify_alive();
	waiting_look(&agent->waiting);
	return agent->waiting.stop || agent->waiting.reload;
}

/* Nobody could answer a question, and what the environment has is gone after the first read. */
static bool
cannot_be_had(const char *source)
{
	return text_starts(source, "env:") || text_same(source, "prompt");
}

static int
refuse_sources(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->tokens; i++) {
		const struct token_conf *t = &c->token[i];
		if (!cannot_be_had(t->pin))
			continue;
		mark_fail(&t->at, e, "token '%s': 'run' cannot take its PIN from '%s'", t->name,
			t->pin);
		return err_hint(e, "use 'file:PATH' or 'credential:NAME'");
	}
	for (size_t i = 0; i < c->authorities; i++) {
		const struct authority_conf *a = &c->authority[i];
		if (!a->est.password || !cannot_be_had(a->est.password))
			continue;
		mark_fail(&a->at, e, "authority '%s': 'run' cannot take its password from '%s'",
			a->name, a->est.password);
		return err_hint(e, "use 'file:PATH' or 'credential:NAME'");
	}
	return 0;
}

static void
say_status(struct agent *a)
{
	char at[WHEN_TEXT];
	const struct life_next *n = &a->next;

	if (n->certificate[0])
		notify_status("%zu certificates; next: %s at %s (%s)", a->r->config->certificates,
			n->certificate, when_format(n->certificate_at, at), n->why);
	else
		notify_status("%zu certificates; nothing to do", a->r->config->certificates);
}

/* After the first look at the state: what cannot start, cannot be ready. */
static void
say_ready(struct agent *a)
{
	if (!a->ready)
		notify_ready();
	a->ready = true;
}

static int
do_what_is_due(struct agent *a, struct life *l, struct err *e)
{
	const struct wish wish = {.due = true, .reason = "due"};
	const struct config *c = a->r->config;
	bool started;

	for (size_t i = 0; i < c->certificates; i++)
		if (life_want(l, &c->certificate[i], &wish, &started, e) < 0)
			return -1;
	if (life_result_at(l, 0))
		notify_status("%zu certificates; works on '%s'", c->certificates,
			life_result_at(l, 0)->conf->name);
	say_ready(a);
	if (life_go(l, PASS_WAIT, e) < 0)
		return -1;
	for (size_t i = 0; life_result_at(l, i); i++)
		(void)show_result(a->r, life_result_at(l, i));
	fflush(stdout);
	return life_next(l, &a->next, e);
}

/*
 * Whatever was worked out, there is a breath between two passes: what cannot be done (files whose
 * token is away) is due again at once, and a large estate is looked at in many passes.
 */
static void
take_breath(struct agent *a)
{
	when_t now = services_now(a->r->services);
	bool at_once = a->next.at <= now + a->breath;

	a->breath = !at_once ? 0 : a->breath == 0 ? 1 : 2 * a->breath;
	if (a->breath > BREATH_MAX)
		a->breath = BREATH_MAX;
	if (a->next.at < now + a->breath)
		a->next.at = now + a->breath;
}

/* One pass; what cannot be done at all is told and tried again. */
static void
pass(struct agent *a)
{
	when_t now = services_now(a->r->services);
	struct life *l;
	struct err e;

	a->next = (struct life_next){.at = now + AGAIN};
	int rc = run_open_life(a->r, "run", &l, &e);
	if (rc == 0) {
		rc = life_look_ahead(l, &e);
		if (rc == 0)
			rc = do_what_is_due(a, l, &e);
		life_close(l);
	}
	modules_finish();
	malloc_trim(0);
	say_ready(a);
	if (rc == 0) {
		take_breath(a);
		/* A pass that was cut short knows of nothing that is next. */
		if (!a->waiting.stop && !a->waiting.reload)
			say_status(a);
		return;
	}
	a->next.at = now + AGAIN;
	(void)run_fail(a->r, &e);
	notify_status("%s", e.text);
}

static void
tell_reload_failed(struct agent *a, const struct err *why)
{
	const struct alert alert = {.subject = "configuration",
		.kind = "configuration",
		.text = why->text,
		.hint = "the configuration of before goes on",
		.at = services_now(a->r->services)};

	send_alert(a->r, &alert);
	notify_status("the new configuration is not taken: %s", why->text);
}

/* The new configuration is read and judged whole before the old one goes. */
static int
read_again(struct agent *a, struct err *e)
{
	AUTO(config) struct config *fresh = NULL;

	if (config_read(a->r->config_path, &fresh, e) < 0 || refuse_sources(fresh, e) < 0)
		return -1;
	if (!text_same(fresh->state, a->r->config->state)) {
		err_set(e, ERR_CONFIG, "'state:' is another folder now ('%s')", fresh->state);
		return err_hint(e, "restart the agent for that");
	}
	config_free(a->r->config);
	a->r->config = take(&fresh);
	return 0;
}

static void
reload(struct agent *a)
{
	struct err e;

	a->waiting.reload = false;
	notify_reloading();
	if (read_again(a, &e) < 0) {
		tell_reload_failed(a, &e);
	} else {
		run_say(a->r, "the configuration was read again: %zu certificates",
			a->r->config->certificates);
		fflush(stdout);
		/* What was asked for and what is there may differ now. */
		a->next.at = 0;
	}
	notify_ready();
}

static void
wait_for_next(struct agent *a)
{
	while (!waiting_until(&a->waiting, a->next.at, notify_alive_in()))
		notify_alive();
	notify_alive();
}

/* A command that had the lock after the pass, and whose end was forgotten with that of the pass. */
static bool
somebody_came(const struct agent *a)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/lock", a->r->config->state);
	pid_t last = lock_left_by(path);
	return last != 0 && last != getpid();
}

static void
live(struct agent *a)
{
	while (!a->waiting.stop) {
		pass(a);
		waiting_forget(&a->waiting);
		if (somebody_came(a))
			continue;
		/* A broken configuration leaves all as it was, the waiting too. */
		do {
			if (a->waiting.reload)
				reload(a);
			if (a->waiting.stop || a->next.at == 0)
				break;
			wait_for_next(a);
		} while (a->waiting.reload);
	}
}

/* Two agents would wake each other up for ever: each has a pass when the other one had one. */
static int
be_alone(struct agent *a, struct err *e)
{
	const char *state = a->r->config->state;
	char path[4096], self[LOCK_TEXT], holder[LOCK_TEXT] = "";
	bool held;

	snprintf(path, sizeof path, "%s/agent.lock", state);
	snprintf(self, sizeof self, "keystay run, process %d", (int)getpid());
	if (lock_try(path, self, &a->alone, &held, holder, e) < 0 || held)
		return held ? 0 : -1;
	err_set(e, ERR_WAIT, "the state folder '%s' has its agent already: %s", state,
		*holder ? holder : "another process");
	return err_hint(e, "one is enough; 'keystay status' shows what it does");
}

/* The lock is what commands change last: its file must be there to be watched. */
static int
prepare(struct agent *a, struct err *e)
{
	struct life *l;

	if (run_need_config(a->r, e) < 0 || refuse_sources(a->r->config, e) < 0 ||
		run_open_life(a->r, "run", &l, e) < 0)
		return -1;
	life_close(l);
	if (be_alone(a, e) < 0)
		return -1;
	return waiting_watch(&a->waiting, a->r->config->state, e);
}

static int
main_run(struct run *r, int argc, char **argv)
{
	static struct agent a;
	struct err e;

	if (argc)
		return run_unknown(r, &command_run, argv[0]);
	if (r->json)
		return run_usage(
			r, &command_run, "there is no --json: 'keystay status --json' has it");
	a.r = r;
	a.services = *r->services;
	agent = &a;
	a.services.sleep_ms = agent_sleep_ms;
	r->services = &a.services;
	r->unattended = true;
	r->stopping = agent_stopping;
	if (waiting_open(&a.waiting, &e) < 0 || prepare(&a, &e) < 0)
		return run_fail(r, &e);
	live(&a);
	notify_stopping();
	notify_status("ends");
	waiting_close(&a.waiting);
	lock_release(a.alone);
	return EXIT_DONE;
}

const struct command command_run = {
	.name = "run",
	.group = COMMANDS_DAILY,
	.synopsis = "",
	.summary = "the agent: do what is due, wait, go on; tells systemd how it is",
	.example = "keystay run",
	.main = main_run,
};
