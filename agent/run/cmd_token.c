#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "capabilities.h"
#include "identity.h"
#include "keystay/life/life.h"
#include "keystay/life/pins.h"
#include "keystay/life/probe.h"
#include "keystay/state/refusals.h"
#include "keystay/state/db.h"
#include "keystay/token/admin.h"
#include "keystay/token/key.h"
#include "keystay/base/source.h"
#include "living.h"

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

	if (source_get(so_source, "SO PIN", &so_pin, e) < 0 ||
		source_get(t->pin, "user PIN", &user_pin, e) < 0 ||
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

static const struct token_conf *
named_token(struct run *r, const char *name, struct err *e)
{
	if (run_need_config(r, e) < 0)
		return NULL;
	const struct token_conf *t = config_token(r->config, name);
	if (!t) {
		err_set(e, ERR_USAGE, "there is no token '%s' in '%s'", name, r->config->path);
		hint_token(r->config, name, e);
	}
	return t;
}

/* The user PIN is changed on the token; what holds it for keystay and servers is the user's. */
static int
change_pin(struct run *r, const struct token_conf *t, const char *source, struct err *e)
{
	AUTO(secret) struct secret *new_pin = NULL;
	AUTO(db) struct db *db = NULL;

	if (run_need_state(r, "token pin", &db, e) < 0 ||
		source_get(source, "new PIN", &new_pin, e) < 0 ||
		token_change_pin_once(db, r->services, t, new_pin, e) < 0)
		return -1;
	run_say(r, "token '%s': the PIN is changed; put it where '%s' has the old one", t->name,
		t->pin);
	return 0;
}

static int
main_pin(struct run *r, int argc, char **argv)
{
	bool retry = argc == 3 && text_same(argv[2], "--retry");
	bool change = argc == 4 && text_same(argv[2], "--new") && source_valid(argv[3]) &&
		      !text_starts(argv[3], "env:");
	struct err e;

	if (!retry && !change)
		return run_usage(r, &command_token,
			"pin takes a token, and --retry or --new file:PATH|credential:NAME|prompt");
	const struct token_conf *t = named_token(r, argv[1], &e);
	if (!t || (retry ? retry_pin(r, t, &e) : change_pin(r, t, argv[3], &e)) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

static int
main_list(struct run *r, int argc, char **argv)
{
	struct err e;

	if (argc != 1)
		return run_unknown(r, &command_token, argv[1]);
	if (run_need_config(r, &e) < 0 || become_owner(r->config->state, &e) < 0 || list(r, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

static int
main_init(struct run *r, int argc, char **argv)
{
	const char *so = NULL, *name = NULL;
	struct err e;

	for (int i = 1; i < argc; i++)
		if (text_same(argv[i], "--so-pin") && i + 1 < argc)
			so = argv[++i];
		else if (argv[i][0] != '-' && !name)
			name = argv[i];
		else
			return run_unknown(r, &command_token, argv[i]);
	if (!name || !so)
		return run_usage(r, &command_token, "init needs a token and --so-pin");
	if (!source_valid(so) || text_starts(so, "env:"))
		return run_usage(r, &command_token,
			"--so-pin is 'file:PATH', 'credential:NAME' or 'prompt'");
	const struct token_conf *t = named_token(r, name, &e);
	if (!t || become_owner(r->config->state, &e) < 0 || init(r, t, so, &e) < 0)
		return run_fail(r, &e);
	return EXIT_DONE;
}

static int
main_probe(struct run *r, int argc, char **argv)
{
	struct capabilities c;
	struct life *l;
	char where[96];
	struct err e;

	if (argc < 2)
		return run_usage(r, &command_token, "which token?");
	if (argc > 2)
		return run_unknown(r, &command_token, argv[2]);
	if (run_open_life(r, "token probe", &l, &e) < 0)
		return run_fail(r, &e);
	int rc = life_probe(l, argv[1], &c, &e);
	life_close(l);
	if (rc < 0)
		return run_fail(r, &e);
	snprintf(where, sizeof where, "token '%s'", argv[1]);
	show_capabilities(r, where, &c);
	return EXIT_DONE;
}

/* For the probe of another keystay: makes or removes a key from this process. Not for people. */
static int
main_witness(struct run *r, int argc, char **argv)
{
	AUTO(token) struct token *t = NULL;
	struct key_name name;
	struct err e;

	if (argc != 5 || !text_copy(name.id, sizeof name.id, argv[2]) ||
		!text_copy(name.label, sizeof name.label, argv[3]) ||
		strlen(name.id) != 2 * KEY_ID_BYTES ||
		strspn(name.id, "0123456789abcdef") != 2 * KEY_ID_BYTES ||
		!text_starts(name.label, PROBE_LABEL))
		return run_usage(r, &command_token, "witness is not for people");
	const struct token_conf *conf = named_token(r, argv[1], &e);
	if (!conf || become_owner(r->config->state, &e) < 0 ||
		token_open_once(NULL, r->services, conf, conf->road, NULL, &t, &e) < 0)
		return run_fail(r, &e);
	int rc = text_same(argv[4], "make") ? key_make(t, &name, KEY_EC_P256, &e)
					    : key_discard(t, &name, &e);
	if (rc < 0 && text_same(argv[4], "make"))
		rc = key_make(t, &name, KEY_RSA_2048, &e);
	return rc < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct {
	const char *word;
	int (*main)(struct run *r, int argc, char **argv);
} verbs[] = {
	{"list", main_list},
	{"init", main_init},
	{"pin", main_pin},
	{"probe", main_probe},
	{"witness", main_witness},
};

static int
main_token(struct run *r, int argc, char **argv)
{
	for (size_t i = 0; argc >= 1 && i < COUNT(verbs); i++)
		if (text_same(argv[0], verbs[i].word))
			return verbs[i].main(r, argc, argv);
	return run_no_verb(r, &command_token, argc ? argv[0] : NULL);
}

static const struct command_option options[] = {
	{"--so-pin", "file:PATH|credential:NAME|prompt", "of init: the SO PIN"},
	{"--new", "file:PATH|credential:NAME|prompt", "of pin: the new PIN"},
	{"--retry", NULL, "of pin: forget that the PIN was refused"},
	{0},
};

static const struct command_verb texts[] = {
	{"list", "", "the tokens of all configured modules"},
	{"init", "TOKEN --so-pin SOURCE",
		"make a free token usable, with the configured label and PIN"},
	{"pin", "TOKEN --retry | --new SOURCE", "try the PIN once more, or change it on the token"},
	{"probe", "TOKEN", "find out anew what the token can do"},
	{0},
};

const struct command command_token = {
	.name = "token",
	.group = COMMANDS_SET_UP,
	.synopsis = "list | init TOKEN --so-pin file:PATH|credential:NAME|prompt | "
		    "pin TOKEN --retry | pin TOKEN --new file:PATH|credential:NAME|prompt | "
		    "probe TOKEN",
	.summary = "show the tokens of the modules; initialise one; its PIN; what it can do",
	.options = options,
	.verbs = texts,
	.example = "keystay token init web --so-pin file:/etc/keystay/so.pin",
	.main = main_token,
};
