#include "commands.h"

#include <stdio.h>

#include "keystay/token/key.h"
#include "keystay/token/pin.h"

/* The worst finding decides the exit status. */
struct worst {
	int status;
};

static void
found_fault(struct run *r, struct worst *w, const char *where, const struct err *e)
{
	run_finding(r, "fail", where, e->hint, "%s", e->text);
	if (w->status == EXIT_DONE)
		w->status = exit_status_of(e->kind);
}

static int
look_at_token(struct run *r, const struct token_conf *conf, const char *where, struct err *e)
{
	AUTO(secret) struct secret *pin = NULL;
	AUTO(token) struct token *t = NULL;
	AUTO(list) struct list ids = {0};
	char what[128];
	bool refused;

	snprintf(what, sizeof what, "PIN of token '%s'", conf->name);
	if (pin_get(conf->pin, what, &pin, e) < 0 || token_open(conf, pin, &t, &refused, e) < 0 ||
		key_list(t, &ids, e) < 0)
		return -1;
	const struct token_identity *id = token_identity_of(t);
	run_finding(r, "ok", where, "", "label '%s', serial %s, %s; %zu private keys", id->label,
		id->serial, id->manufacturer, ids.count);
	return 0;
}

static void
check_tokens(struct run *r, struct worst *w)
{
	struct err e;

	for (size_t i = 0; i < r->config->tokens; i++) {
		const struct token_conf *t = &r->config->token[i];
		char where[96];
		snprintf(where, sizeof where, "token '%s'", t->name);
		if (look_at_token(r, t, where, &e) < 0)
			found_fault(r, w, where, &e);
	}
}

static int
main_check(struct run *r, int argc, char **argv)
{
	struct worst w = {EXIT_DONE};
	struct err e;

	if (argc)
		return run_usage(r, &command_check, "what is '%s'?", argv[0]);
	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	run_finding(r, "ok", "configuration", "", "%zu tokens, %zu certificates in '%s'",
		r->config->tokens, r->config->certificates, r->config->path);
	check_tokens(r, &w);
	return w.status;
}

const struct command command_check = {
	.name = "check",
	.synopsis = "",
	.summary = "look at configuration and tokens, change nothing, say what to mend",
	.main = main_check,
};
