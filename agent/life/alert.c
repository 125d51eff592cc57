#include "alert.h"

#include <string.h>

#include "keystay/state/memory.h"
#include "due.h"

/* The same is told again after a day. */
#define AGAIN DAY

/* A century: what was told once of a stage is not told again. */
#define NEVER_AGAIN (36525 * DAY)

/* Tries at an authority or over the network before a person is told. */
#define TRIES_TOLD 3

static void
send(struct life *l, const struct alert *a)
{
	if (l->conf.watcher.alert)
		l->conf.watcher.alert(l->conf.watcher.ctx, a);
}

/* Moments, process ids and counts differ from try to try: that is no other news. */
static void
without_numbers(const char *text, char ret[sizeof((struct err *)0)->text])
{
	size_t n = 0;

	for (; *text && n < sizeof((struct err *)0)->text - 1; text++)
		if (*text < '0' || *text > '9')
			ret[n++] = *text;
	ret[n] = '\0';
}

static void
tell(struct life *l, const char *subject, const char *kind, const struct err *why, bool said)
{
	when_t now = services_now(l->services);
	struct err ignored;
	char told[sizeof why->text];
	bool news = true;

	if (!l->conf.unattended)
		return;
	without_numbers(why->text, told);
	/* A database that cannot be written is no reason for silence. */
	if (alert_note(l->db, subject, kind, told, now, AGAIN, &news, &ignored) < 0 || news) {
		const struct alert a = {.subject = subject,
			.kind = kind,
			.text = why->text,
			.hint = why->hint,
			.said = said,
			.at = now};
		send(l, &a);
	}
}

void
alert_stage(struct life *l, const char *subject, const char *kind, const char *stage,
	const struct err *why)
{
	when_t now = services_now(l->services);
	struct err ignored;
	bool news = true;

	if (!l->conf.unattended)
		return;
	if (alert_note(l->db, subject, kind, stage, now, NEVER_AGAIN, &news, &ignored) < 0 ||
		news) {
		const struct alert a = {.subject = subject,
			.kind = kind,
			.text = why->text,
			.hint = why->hint,
			.at = now};
		send(l, &a);
	}
}

void
alert_tell(struct life *l, const char *subject, const char *kind, const struct err *why)
{
	tell(l, subject, kind, why, false);
}

void
alert_also(struct life *l, const char *subject, const char *kind, const struct err *why)
{
	tell(l, subject, kind, why, true);
}

void
alert_warn(struct life *l, const char *subject, const char *kind, const struct err *why)
{
	life_warn(l, why);
	alert_also(l, subject, kind, why);
}

void
alert_over(struct life *l, const char *subject, const char *kind, const char *text)
{
	struct err ignored;
	bool was;

	if (alert_clear(l->db, subject, kind, &was, &ignored) == 0 && was) {
		const struct alert a = {.subject = subject,
			.kind = kind,
			.text = text,
			.hint = "",
			.over = true,
			.at = services_now(l->services)};
		send(l, &a);
	}
}

void
alert_failure(struct life *l, const struct work *w, const struct err *why)
{
	bool mends_itself = why->kind == ERR_NETWORK || why->kind == ERR_BUSY ||
			    why->kind == ERR_AUTHORITY || why->kind == ERR_LOST;

	if (!mends_itself || w->attempt.tries >= TRIES_TOLD)
		alert_also(l, w->conf->name, "failed", why);
}

void
alert_success(struct life *l, const char *certificate)
{
	alert_over(l, certificate, "failed", "it was renewed");
	alert_over(l, certificate, "expiring", "it was renewed");
	alert_over(l, certificate, "expired", "it was renewed");
	alert_over(l, certificate, "by-hand", "its certificate was brought and installed");
}

void
alert_expiries(struct life *l)
{
	when_t now = services_now(l->services);
	const struct due *due;
	char end[WHEN_TEXT];
	struct err why;

	for (size_t i = 0; l->conf.unattended && i < l->config->certificates; i++) {
		const struct certificate_conf *c = &l->config->certificate[i];
		if (life_due(l, c, &due, &why) < 0)
			return;
		if (due->at == 0 || now < due->press_at)
			continue;
		/* Each may cost the time of a command that hangs: the service manager is to hear of
		 * us. */
		if (life_stopping(l))
			return;
		bool over = now >= due->not_after;
		err_set(&why, ERR_FAILED, "certificate '%s' %s on %s and is not renewed", c->name,
			over ? "ended" : "ends", when_format(due->not_after, end));
		err_hint(&why, "'keystay status %s' says what stands in the way", c->name);
		alert_tell(l, c->name, over ? "expired" : "expiring", &why);
	}
}
