#include "telling.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "screen.h"

/* A second, so that seconds are seen to pass. */
#define TICK_MS 1000

#define FRAME_MAX (256 * 1024)

/* There is one of it in a process: services that sleep know of no other struct. */
static struct telling {
	struct progress *progress; /* NULL = plain lines */
	struct screen screen;
	bool drawn;
	struct services services; /* the run's, but that they draw while they sleep */
	const struct services *before;
	char (*said)[160]; /* per certificate: the last that was said of it, in plain lines */
} telling;

static size_t
index_of(const struct run *r, const struct certificate_conf *c)
{
	return (size_t)(c - r->config->certificate);
}

static void
draw(void)
{
	AUTO(buf) struct buf lines = BUF(FRAME_MAX);
	struct telling *t = &telling;

	screen_measure(&t->screen);
	progress_draw(
		t->progress, t->screen.width, t->screen.height, services_now(t->before), &lines);
	if (!lines.full)
		screen_draw(&t->screen, buf_text(&lines));
	t->drawn = true;
}

static void
clear(void)
{
	screen_clear(&telling.screen);
}

static void
sleep_and_draw(void *ctx, int ms)
{
	const struct services *s = telling.before;

	(void)ctx;
	while (ms > 0) {
		int part = ms < TICK_MS ? ms : TICK_MS;
		/* Not while the lock is waited for, before anything began. */
		if (telling.drawn)
			draw();
		s->sleep_ms(s->ctx, part);
		ms -= part;
	}
}

/* What is typed would stand between the lines. */
static bool
asks_somebody(const struct config *c)
{
	for (size_t i = 0; i < c->tokens; i++)
		if (text_same(c->token[i].pin, "prompt"))
			return true;
	for (size_t i = 0; i < c->authorities; i++)
		if (c->authority[i].est.password &&
			text_same(c->authority[i].est.password, "prompt"))
			return true;
	return false;
}

void
telling_begin(struct run *r)
{
	struct telling *t = &telling;

	/* The daemon may have another configuration than before. */
	free(t->said);
	t->said = calloc(r->config->certificates + 1, sizeof *t->said);
	if (t->progress || !r->terminal || r->quiet || r->verbose || r->stopping ||
		!screen_possible(STDOUT_FILENO) || asks_somebody(r->config))
		return;
	t->progress = progress_new(r->config->certificates);
	if (!t->progress)
		return;
	t->screen.fd = STDOUT_FILENO;
	t->before = r->services;
	t->services = *r->services;
	t->services.sleep_ms = sleep_and_draw;
	r->services = &t->services;
	r->clear = clear;
}

void
telling_expect(struct run *r, const struct certificate_conf *c)
{
	if (telling.progress)
		progress_expect(telling.progress, index_of(r, c), c->name);
}

/* The same is said once, not at every look. */
static bool
is_news(const struct run *r, const struct life_moment *m)
{
	char line[sizeof *telling.said];

	if (!telling.said)
		return true;
	char *last = telling.said[index_of(r, m->conf)];
	snprintf(line, sizeof line, "%s: %s", m->step, m->doing);
	if (text_same(line, last))
		return false;
	memcpy(last, line, sizeof line);
	return true;
}

static void
say_plain(struct run *r, const struct life_moment *m)
{
	if (*m->doing && is_news(r, m))
		run_say(r, "%s: %s: %s", m->conf->name, m->step, m->doing);
	else if (!*m->doing && r->verbose)
		run_say(r, "%s: %s", m->conf->name, m->step);
	fflush(stdout);
}

void
telling_progress(void *run, const struct life_moment *m)
{
	struct run *r = run;

	if (!telling.progress) {
		say_plain(r, m);
		return;
	}
	size_t i = index_of(r, m->conf);
	progress_expect(telling.progress, i, m->conf->name);
	if (*m->doing)
		progress_wait(telling.progress, i, m->step, m->doing, m->authority, m->not_before);
	else
		progress_step(telling.progress, i, m->step);
	draw();
}

void
telling_finished(void *run, const struct life_result *result)
{
	static const enum progress_end ends[] = {[LIFE_DONE] = PROGRESS_DONE,
		[LIFE_FAILED] = PROGRESS_FAILED,
		[LIFE_WAITING] = PROGRESS_LATER};
	struct run *r = run;

	if (!telling.progress) {
		if (r->finished)
			r->finished(r, result);
		fflush(stdout);
		return;
	}
	size_t i = index_of(r, result->conf);
	progress_expect(telling.progress, i, result->conf->name);
	progress_end(telling.progress, i, ends[result->state],
		result->state == LIFE_FAILED ? result->err.text : "");
	draw();
}
