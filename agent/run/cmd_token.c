#include "commands.h"

#include <string.h>

#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/state/refusals.h"
#include "keystay/state/db.h"
#include "keystay/token/admin.h"
#include "keystay/token/pin.h"

static int
show_slot(void *ctx, const struct token_slot *s, struct err *e)
{
	struct run *r = ctx;
	(void)e;
	run_report(r, "tokens",
		json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "label", s->identity.label, "serial",
			s->identity.serial, "manufacturer", s->identity.manufacturer, "model",
			s->identity.model, "initialized", s->initialized, "pin_locked",
			s->pin_locked));
	run_say(r, "  %-24s serial %-17s %s, %s%s", s->initialized ? s->identity.label : "(free)",
		s->identity.serial, s->identity.manufacturer, s->identity.model,
		s->pin_locked                   ? ", PIN LOCKED"
		: s->initialized && !s->pin_set ? ", no user PIN"
						: "");
	return 0;
}

static int
list(struct run *r, struct err *e)
{
	struct config *c = r->config;

	for (size_t i = 0; i < c->tokens; i++) {
		const struct token_conf *t = &c->token[i];
		bool seen = false;
		for (size_t k = 0; k < i; k++)
			seen = seen || text_same(c->token[k].module, t->module);
		if (seen)
			continue;
		run_say(r, "%s", t->module);
		if (token_slots(t->module, t->init_args, show_slot, r, e) < 0)
			return -1;
	}
	return 0;
}

static int
init(struct run *r, const struct token_conf *t, const char *so_source, struct err *e)
{
	AUTO(secret) struct secret *so_pin = NULL, *user_pin = NULL;

	if (pin_get(so_source, "SO PIN", &so_pin, e) < 0 ||
		pin_get(t->pin, "user PIN", &user_pin, e) < 0 ||
		token_init(t, so_pin, user_pin, e) < 0)
		return -1;
	run_say(r, "token '%s': initialised, label '%s'", t->name, t->label);
	return 0;
}

/* Forgets that the PIN was refused; the next command tries it once. */
static int
retry_pin(struct run *r, const struct token_conf *t, struct err *e)
{
	AUTO(db) struct db *db = NULL;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0 ||
		(db && refusal_clear(db, t->name, e) < 0))
		return -1;
	run_say(r, "token '%s': the PIN is tried again by the next command", t->name);
	return 0;
}

static int
main_pin(struct run *r, int argc, char **argv)
{
	struct err e;

	if (argc != 3 || !text_same(argv[2], "--retry"))
		return run_usage(r, &command_token, "pin takes a token and --retry");
	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	const struct token_conf *t = config_token(r->config, argv[1]);
	if (!t)
		err_set(&e, ERR_USAGE, "there is no token '%s' in '%s'", argv[1], r->config->path);
	if (!t || retry_pin(r, t, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

static int
main_token(struct run *r, int argc, char **argv)
{
	struct err e;

	if (argc == 1 && text_same(argv[0], "list")) {
		if (run_need_config(r, &e) < 0 || become_owner(r->config->state, &e) < 0 ||
			list(r, &e) < 0)
			return run_fail(r, &e);
		return EXIT_DONE;
	}
	if (argc >= 1 && text_same(argv[0], "init")) {
		const char *so = NULL, *name = NULL;
		for (int i = 1; i < argc; i++)
			if (text_same(argv[i], "--so-pin") && i + 1 < argc)
				so = argv[++i];
			else if (argv[i][0] != '-' && !name)
				name = argv[i];
			else
				return run_usage(r, &command_token, "what is '%s'?", argv[i]);
		if (!name || !so)
			return run_usage(r, &command_token, "init needs a token and --so-pin");
		if (!pin_source_valid(so) || text_starts(so, "env:"))
			return run_usage(r, &command_token,
				"--so-pin is 'file:PATH', 'credential:NAME' or 'prompt'");
		if (run_need_config(r, &e) < 0)
			return run_fail(r, &e);
		const struct token_conf *t = config_token(r->config, name);
		if (!t) {
			err_set(&e, ERR_USAGE, "there is no token '%s' in '%s'", name,
				r->config->path);
			return run_fail(r, &e);
		}
		if (become_owner(r->config->state, &e) < 0 || init(r, t, so, &e) < 0)
			return run_fail(r, &e);
		return EXIT_DONE;
	}
	if (argc >= 1 && text_same(argv[0], "pin"))
		return main_pin(r, argc, argv);
	return run_usage(r, &command_token, "list, init or pin?");
}

const struct command command_token = {
	.name = "token",
	.synopsis = "list | init TOKEN --so-pin file:PATH|credential:NAME|prompt | "
		    "pin TOKEN --retry",
	.summary = "show the tokens of the modules; initialise one; try a refused PIN again",
	.main = main_token,
};
