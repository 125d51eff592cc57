#include "living.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "alerting.h"
#include "identity.h"
#include "telling.h"

static void
show_lock(void *ctx, const char *holder)
{
	struct run *r = ctx;

	run_clear(r);
	if (!r->quiet)
		fprintf(stderr, "keystay: waiting for the lock: %s\n",
			*holder ? holder : "another process");
}

static void
show_warning(void *ctx, const struct err *why)
{
	struct run *r = ctx;

	run_report(r, "findings",
		json_pack("{s:s, s:s, s:s, s:s}", "level", "warn", "where", "", "text", why->text,
			"hint", why->hint));
	if (r->json)
		return;
	run_clear(r);
	fflush(stdout);
	fprintf(stderr, "keystay: warning: %s\n", why->text);
	if (why->hint[0])
		fprintf(stderr, "keystay: hint: %s\n", why->hint);
}

int
run_open_life(struct run *r, const char *command, struct life **ret, struct err *e)
{
	if (run_need_config(r, e) < 0 || become_owner(r->config->state, e) < 0)
		return -1;
	telling_begin(r);
	const struct life_conf conf = {
		.config = r->config,
		.services = r->services,
		.command = command,
		.watcher = {.progress = telling_progress,
			.finished = telling_finished,
			.waiting_for_lock = show_lock,
			.warning = show_warning,
			.alert = send_alert,
			.stopping = r->stopping,
			.ctx = r},
		.unattended = r->unattended,
		.witness = true,
	};
	return life_open(&conf, ret, e);
}

int
run_need_state(struct run *r, const char *command, struct db **ret, struct err *e)
{
	struct life *l;
	struct err ignored;

	if (run_need_config(r, e) < 0 || become_owner(r->config->state, e) < 0 ||
		life_open_state(r->config, ret, e) < 0)
		return -1;
	if (*ret || run_open_life(r, command, &l, &ignored) < 0)
		return 0;
	life_close(l);
	return life_open_state(r->config, ret, e);
}

int
run_no_certificate(struct run *r, const char *name, struct err *e)
{
	err_set(e, ERR_USAGE, "there is no certificate '%s' in '%s'", name, r->config->path);
	return hint_certificate(r->config, name, e);
}

int
run_confirm(struct run *r, struct err *e, const char *fmt, ...)
{
	char question[512], answer[16] = "";
	va_list ap;

	if (r->yes)
		return 0;
	va_start(ap, fmt);
	vsnprintf(question, sizeof question, fmt, ap);
	va_end(ap);
	if (r->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		err_set(e, ERR_USAGE, "%s: this needs a yes", question);
		return err_hint(e, "say --yes");
	}
	run_clear(r);
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	err_set(e, ERR_USAGE, "nothing was done");
	return err_hint(e, "answer y, or say --yes");
}
