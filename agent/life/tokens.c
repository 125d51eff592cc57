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

/*
 * The provider's signatures of some module do not verify: where the configuration leaves the
 * choice, libp11 signs. The two are never there together: the first is closed and the module
 * started anew.
 */
static int
leave_provider(struct life *l, struct open_token *o, struct err *e)
{
	const struct token_conf *t = &l->config->token[o - l->token];
	struct module *m = token_module(o->token);

	for (size_t i = 0; i < l->config->tokens; i++)
		if (l->token[i].token && &l->token[i] != o && token_module(l->token[i].token) == m)
			return 0;
	log_debug("token '%s': the provider signs wrongly, libp11 is taken", t->name);
	token_close(take(&o->token));
	if (module_restart(m, e) < 0)
		return -1;
	return open_token(l, o, ROAD_LIBP11, e);
}

static bool
provider_signs_wrongly(const struct capabilities *c)
{
	for (int f = 0; f < KEY_FAMILIES; f++)
		if (c->family[f].tried && c->family[f].road_signs == SAID_NO)
			return c->road == ROAD_PROVIDER;
	return false;
}

/* What the token can do: from the database, or found out now. */
static int
get_to_know(struct life *l, struct open_token *o, struct err *e)
{
	const struct token_conf *t = &l->config->token[o - l->token];
	struct capabilities c;
	bool known;

	if (capabilities_load(l->db, o->token, &c, &known, e) < 0)
		return -1;
	if (!known && l->probing)
		return 0;
	if (!known && life_probe_token(l, o, false, &c, e) < 0)
		return -1;
	if (t->road == ROAD_AUTO && token_road(o->token) == ROAD_PROVIDER &&
		provider_signs_wrongly(&c) && leave_provider(l, o, e) < 0)
		return -1;
	token_know(o->token, &c);
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

bool
life_lost_token(struct life *l, const struct err *why)
{
	if (why->kind != ERR_LOST && why->kind != ERR_TOKEN)
		return false;
	for (size_t i = 0; i < l->config->tokens; i++)
		if (is_lost(&l->token[i], l, why))
			return true;
	return false;
}

int
life_recover_tokens(struct life *l, const struct err *why, struct err *e)
{
	AUTO(char) char *lost = calloc(l->config->tokens + 1, 1);
	int rc = 0;

	if (!lost)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < l->config->tokens; i++)
		lost[i] = is_lost(&l->token[i], l, why);
	/* Keys first, then the tokens they are in, then the modules. */
	life_close_authorities(l);
	life_close_tokens(l);
	for (size_t i = 0; i < l->works; i++)
		memset(l->work[i]->armed, 0, sizeof l->work[i]->armed);
	for (size_t i = 0; i < l->config->tokens; i++) {
		const struct token_conf *t = &l->config->token[i];
		struct module *m;
		l->token[i].failed = l->token[i].failed && !lost[i];
		if (!lost[i] || module_load(t->module, t->init_args, &m, e) < 0)
			continue;
		if (module_restart(m, e) < 0)
			rc = -1;
	}
	return rc;
}
