#include "renewing.h"

#include <stdio.h>
#include <string.h>

#include "living.h"
#include "planning.h"
#include "telling.h"

bool
key_mode_of(const char *word, enum key_mode *ret)
{
	static const char *const words[] = {
		[KEY_AUTO] = "auto", [KEY_NEW] = "new", [KEY_SAME] = "same"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (text_same(words[i], word)) {
			*ret = (enum key_mode)i;
			return true;
		}
	return false;
}

static bool
is_meant(const struct list *names, const struct certificate_conf *c)
{
	return names->count == 0 || list_has(names, c->name);
}

static int
want_all(struct run *r, struct life *l, const struct list *names, const struct wish *wish,
	bool *started, struct err *e)
{
	if (wish->due && life_look_ahead(l, e) < 0)
		return -1;
	/* Configuration order, whatever the order on the command line. */
	for (size_t i = 0; i < r->config->certificates; i++)
		if (is_meant(names, &r->config->certificate[i]) &&
			life_want(l, &r->config->certificate[i], wish, &started[i], e) < 0)
			return -1;
	for (size_t i = 0; i < r->config->certificates; i++)
		if (started[i])
			telling_expect(r, &r->config->certificate[i]);
	return 0;
}

static const char *
state_text(enum life_state state)
{
	static const char *const words[] = {
		[LIFE_DONE] = "done", [LIFE_FAILED] = "failed", [LIFE_WAITING] = "waiting"};
	return words[state];
}

static void
report_result(struct run *r, const struct life_result *result)
{
	json_t *json = json_pack(
		"{s:s, s:s}", "name", result->conf->name, "result", state_text(result->state));

	if (result->state == LIFE_FAILED || result->state == LIFE_WAITING)
		json_object_set_new(json, "error",
			json_pack("{s:s, s:s, s:s}", "kind", err_word(result->err.kind), "text",
				result->err.text, "hint", result->err.hint));
	if (result->state == LIFE_WAITING)
		json_object_set_new(json, "not_before", json_when(result->not_before));
	run_report(r, "certificates", json);
}

static void
say_result(struct run *r, const struct life_result *result)
{
	bool by_hand = result->err.kind == ERR_WAIT && result->err.hint[0];
	const char *name = result->conf->name;
	char text[WHEN_TEXT];

	switch (result->state) {
	case LIFE_DONE:
		run_say(r, "%s: done", name);
		return;
	case LIFE_WAITING:
		/* For what a person can do about it no time of day matters. */
		if (by_hand)
			run_say(r, "%s: waiting", name);
		else
			run_say(r, "%s: waiting, not before %s%s", name,
				when_format(result->not_before, text),
				r->stopping ? "" : "; run the command again then");
		run_say(r, "  %s", result->err.text);
		if (by_hand)
			run_say(r, "  hint: %s", result->err.hint);
		return;
	case LIFE_FAILED:
		if (!r->json)
			(void)run_fail(r, &result->err);
		return;
	}
}

static int
status_of(const struct life_result *result)
{
	if (result->state == LIFE_FAILED)
		return exit_status_of(result->err.kind);
	return result->state == LIFE_WAITING ? EXIT_WAITING : EXIT_DONE;
}

int
show_result(struct run *r, const struct life_result *result)
{
	report_result(r, result);
	if (!r->finished)
		say_result(r, result);
	return status_of(result);
}

static void
show_nothing(struct run *r, const char *name)
{
	run_report(r, "certificates",
		json_pack("{s:s, s:s}", "name", name, "result", "nothing to do"));
	run_say(r, "%s: nothing to do", name);
}

/* All were asked for and none is due: one line says so, and what comes next. */
static int
show_next(struct run *r, struct life *l, struct err *e)
{
	char at[WHEN_TEXT];
	struct life_next next;

	if (life_next(l, &next, e) < 0)
		return -1;
	if (!next.certificate[0]) {
		run_say(r, "nothing to do");
		return 0;
	}
	run_say(r, "nothing to do; next: %s at %s (%s)", next.certificate,
		when_format(next.certificate_at, at), next.why);
	if (r->json)
		json_object_set_new(r->report, "next",
			json_pack("{s:s, s:o, s:s}", "certificate", next.certificate, "at",
				json_when(next.certificate_at), "reason", next.why));
	return 0;
}

static int
go(struct run *r, struct life *l, const struct list *names, const struct wish *wish, when_t wait,
	bool *started)
{
	int status = EXIT_DONE;
	bool waiting = false;
	const struct life_result *result;
	struct err e;

	if (want_all(r, l, names, wish, started, &e) < 0)
		return run_fail(r, &e);
	if (!r->clear)
		r->finished = say_result;
	if (life_go(l, wait, &e) < 0)
		return run_fail(r, &e);
	run_array(r, "certificates");
	for (size_t i = 0, k = 0; i < r->config->certificates; i++) {
		if (!started[i]) {
			if (names->count && is_meant(names, &r->config->certificate[i]))
				show_nothing(r, r->config->certificate[i].name);
			continue;
		}
		result = life_result_at(l, k++);
		int s = show_result(r, result);
		waiting = waiting || s == EXIT_WAITING;
		if (status == EXIT_DONE && s != EXIT_WAITING)
			status = s;
	}
	if (names->count == 0 && !life_result_at(l, 0) && show_next(r, l, &e) < 0)
		return run_fail(r, &e);
	return status == EXIT_DONE && waiting ? EXIT_WAITING : status;
}

static int
need_names(struct run *r, const struct list *names, struct err *e)
{
	if (run_need_config(r, e) < 0)
		return -1;
	for (size_t i = 0; i < names->count; i++)
		if (!config_certificate(r->config, names->item[i]))
			return run_no_certificate(r, names->item[i], e);
	return 0;
}

int
plan_certificates(struct run *r, const struct list *names, const struct wish *wish)
{
	struct err e;

	return need_names(r, names, &e) < 0 ? run_fail(r, &e) : show_plans(r, names, wish);
}

int
renew_certificates(struct run *r, const char *command, const struct list *names,
	const struct wish *wish, when_t wait)
{
	struct life *l;
	struct err e;

	if (need_names(r, names, &e) < 0 || run_open_life(r, command, &l, &e) < 0)
		return run_fail(r, &e);
	bool *started = calloc(r->config->certificates + 1, sizeof *started);
	int status = started ? go(r, l, names, wish, wait, started) : EXIT_FAILED;
	free(started);
	life_close(l);
	return status;
}
