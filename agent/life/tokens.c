/* Tokens, opened once in a run and late; brought back once when they are lost. */
#include <stdio.h>
#include <string.h>

#include "keystay/base/json.h"
#include "keystay/base/log.h"
#include "keystay/life/pins.h"
#include "keystay/life/probe.h"
#include "keystay/token/module.h"
#include "internal.h"

static struct open_token *
slot_of(struct life *l, const char *name, struct err *e)
{
	const struct token_conf *t = config_token(l->config, name);

	if (!t) {
		err_set(e, ERR_CONFIG, "there is no token '%s' under 'tokens:'", name);
		return NULL;
	}
	return &l->token[t - l->config->token];
}

static int
open_token(struct life *l, struct open_token *o, enum road road, struct err *e)
{
	const struct token_conf *t = &l->config->token[o - l->token];

	return token_open_once(l->db, l->services, t, road, &o->pin, &o->token, e);
}

/* What the token can do, and by which road. */
static int
get_to_know(struct life *l, struct open_token *o, struct err *e)
{
	const struct token_conf *t = &l->config->token[o - l->token];
	const struct probe p = life_probe_of(l, o);
	struct err why;

	if (l->probing)
		return 0;
	if (probe_settle(&p, &o->token, &o->known, e) < 0)
		return -1;
	token_know(o->token, &o->known);
	if (token_road(o->token) == ROAD_PROVIDER && capabilities_road_wrong(&o->known)) {
		err_set(&why, ERR_TOKEN,
			"token '%s': signatures by the OpenSSL provider do not verify for some of its "
			"keys",
			t->name);
		err_hint(&why, "write 'road: libp11' for the tokens of this module");
		life_warn(l, &why);
	}
	return 0;
}

int
life_token(struct life *l, const char *name, struct token **ret, struct err *e)
{
	struct open_token *o = slot_of(l, name, e);

	if (!o)
		return -1;
	l->last_token = o;
	if (!o->token && !o->failed) {
		const struct token_conf *t = &l->config->token[o - l->token];
		if (open_token(l, o, t->road, &o->err) < 0 || get_to_know(l, o, &o->err) < 0) {
			token_close(take(&o->token));
			o->failed = true;
		}
	}
	if (o->failed) {
		*e = o->err;
		return -1;
	}
	*ret = o->token;
	return 0;
}

void
life_close_tokens(struct life *l)
{
	for (size_t i = 0; l->token && i < l->config->tokens; i++)
		token_close(take(&l->token[i].token));
}

void
life_forget_pins(struct life *l)
{
	for (size_t i = 0; l->token && i < l->config->tokens; i++) {
		secret_free(l->token[i].pin);
		l->token[i].pin = NULL;
	}
}

/* The module of the token that was used last when it failed, and of each that does not answer. */
static bool
is_lost(struct open_token *o, const struct life *l, const struct err *why)
{
	if (o->token)
		return (o == l->last_token && why->kind == ERR_LOST) || !token_alive(o->token);
	return o == l->last_token && o->failed &&
	       (o->err.kind == ERR_LOST || o->err.kind == ERR_TOKEN);
}

static bool
lost_token(struct life *l, const struct err *why)
{
	if (why->kind != ERR_LOST && why->kind != ERR_TOKEN)
		return false;
	for (size_t i = 0; i < l->config->tokens; i++)
		if (is_lost(&l->token[i], l, why))
			return true;
	return false;
}

/* Keys first, then the tokens they are in, then the modules of those that are marked. */
static int
start_anew(struct life *l, const char *marked, struct err *e)
{
	int rc = 0;

	life_close_authorities(l);
	life_close_tokens(l);
	for (size_t i = 0; i < l->works; i++)
		memset(l->work[i]->armed, 0, sizeof l->work[i]->armed);
	for (size_t i = 0; i < l->config->tokens; i++) {
		const struct token_conf *t = &l->config->token[i];
		struct module *m;
		if (!marked[i])
			continue;
		l->token[i].failed = false;
		if (module_load(t->module, t->init_args, &m, e) < 0 || module_restart(m, e) < 0)
			rc = -1;
	}
	return rc;
}

int
life_recover_tokens(struct life *l, const struct err *why, struct err *e)
{
	AUTO(char) char *lost = calloc(l->config->tokens + 1, 1);

	if (!lost)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < l->config->tokens; i++)
		lost[i] = is_lost(&l->token[i], l, why);
	return start_anew(l, lost, e);
}

int
life_refresh_tokens(struct life *l, struct err *e)
{
	AUTO(char) char *open = calloc(l->config->tokens + 1, 1);

	if (!open)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < l->config->tokens; i++)
		open[i] = l->token[i].token != NULL;
	return start_anew(l, open, e);
}

bool
life_recovered(struct life *l, const struct err *why)
{
	struct err failed;

	if (!lost_token(l, why))
		return false;
	log_debug("%s; the module is started anew", why->text);
	return life_recover_tokens(l, why, &failed) == 0;
}
