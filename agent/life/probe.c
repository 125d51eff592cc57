#include "keystay/life/probe.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/json.h"
#include "keystay/base/log.h"
#include "keystay/life/pins.h"
#include "keystay/state/capability.h"
#include "keystay/base/source.h"
#include "keystay/token/roads.h"
#include "internal.h"

static int
capability_key_of(
	struct token *t, struct module_identity *m, struct capability_key *ret, struct err *e)
{
	const struct token_identity *id = token_identity_of(t);

	if (module_identify(token_module(t), m, e) < 0)
		return -1;
	*ret = (struct capability_key){.module = m->path,
		.label = id->label,
		.serial = id->serial,
		.road = road_word(token_road(t)),
		.library_sha256 = m->library_sha256,
		.firmware = id->firmware};
	return 0;
}

int
capabilities_load(
	struct db *db, struct token *t, struct capabilities *ret, bool *ret_known, struct err *e)
{
	AUTO(char) char *answer = NULL;
	AUTO(json_t) json_t *json = NULL;
	struct module_identity m;
	struct capability_key key;

	*ret_known = false;
	if (capability_key_of(t, &m, &key, e) < 0 || capability_get(db, &key, &answer, e) < 0)
		return -1;
	if (!answer)
		return 0;
	/* What is damaged is found out anew: it must not keep the token from being used. */
	*ret_known = json_read(answer, strlen(answer), &json, e) == 0 &&
		     capabilities_read(json, ret, e) == 0;
	if (!*ret_known)
		log_debug("token '%s': %s", token_conf_of(t)->name, e->text);
	return 0;
}

static int
store(const struct probe *p, struct token *t, const struct capabilities *c, struct err *e)
{
	AUTO(json_t) json_t *json = capabilities_json(c);
	AUTO(char) char *answer = json ? json_line(json) : NULL;
	struct module_identity m;
	struct capability_key key;

	if (!answer)
		return err_set(e, ERR_FAILED, "no memory");
	if (capability_key_of(t, &m, &key, e) < 0)
		return -1;
	return capability_save(p->db, &key, answer, services_now(p->services), e);
}

/* What a probe left behind: reserved, so nothing was ever done with it. */
struct leftovers {
	const char *token;
	struct list ids;
};

static int
note_leftover(void *ctx, const struct key_row *k, struct err *e)
{
	struct leftovers *left = ctx;

	if (text_same(k->purpose, "probe") && text_same(k->state, KEY_RESERVED) &&
		text_same(k->token, left->token) && !list_add(&left->ids, k->id))
		return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

static int
remove_leftover(const struct probe *p, struct token *t, const char *id, struct err *e)
{
	struct key_row row;

	if (key_get(p->db, id, &row, e) < 0)
		return -1;
	struct key_name name = life_key_name(&row);
	if (key_discard(t, &name, e) < 0)
		return -1;
	return key_set_state(p->db, id, KEY_DESTROYED, services_now(p->services), e);
}

static int
clean_up(const struct probe *p, struct token *t, struct err *e)
{
	struct leftovers left = {p->conf->name, {0}};

	if (!p->db)
		return 0;
	int rc = keys_each(p->db, p->conf->name, note_leftover, &left, e);
	for (size_t i = 0; rc == 0 && i < left.ids.count; i++)
		rc = remove_leftover(p, t, left.ids.item[i], e);
	list_free(&left.ids);
	return rc;
}

/* This program in another process, by the hidden `token witness`; it reads the PIN for itself. */
static int
call_witness(void *ctx, const struct key_name *name, bool make, struct err *e)
{
	const struct probe *p = ctx;
	char *argv[] = {(char *)"/proc/self/exe", (char *)"--config", (char *)p->config_path,
		(char *)"token", (char *)"witness", p->conf->name, (char *)name->id,
		(char *)name->label, (char *)(make ? "make" : "remove"), NULL};
	struct child child = {.argv = argv, .time_limit_ms = 60000};

	return p->services->run(p->services->ctx, &child, e);
}

/* A new start of the module, where no other token of it is open; else only of the token. */
static int
open_anew(const struct probe *p, struct token **t, struct err *e)
{
	struct module *m;
	struct err why;

	token_close(take(t));
	if (module_load(p->conf->module, p->conf->init_args, &m, e) < 0)
		return -1;
	if (module_restart(m, &why) < 0)
		log_debug("token '%s': %s", p->conf->name, why.text);
	return token_open_once(p->db, p->services, p->conf, p->road, p->pin, t, e);
}

static int
choose_name(const struct probe *p, enum key_type type, struct key_name *ret, struct err *e)
{
	struct key_row row;

	if (key_choose(p->db, p->services, "probe", p->conf->name, p->conf->name, type, &row, e) <
		0)
		return -1;
	*ret = life_key_name(&row);
	return 0;
}

/* Makes and tries a key, and removes it. A TPM keeps the place of a key that it had loaded when it
 * was destroyed, so there it is removed after a new start. */
static int
try_type(const struct probe *p, struct token **t, const struct key_name *name, enum key_type type,
	bool again, struct capabilities *c, struct err *e)
{
	if (token_probe_type(*t, name, type, again, c, e) < 0)
		return -1;
	if (c->class == CLASS_TPM && open_anew(p, t, e) < 0)
		return -1;
	return key_discard(*t, name, e);
}

/* Twice at most: a module that is lost in the middle is there again after a new start. */
static int
probe_type(const struct probe *p, struct token **t, enum key_type type, struct capabilities *c,
	struct err *e)
{
	struct key_name name;
	struct err why;

	for (int round = 0; round < 2; round++) {
		if (choose_name(p, type, &name, e) < 0)
			return -1;
		if (try_type(p, t, &name, type, round > 0, c, &why) == 0)
			return 0;
		log_debug("token '%s': probe: %s", p->conf->name, why.text);
		if (why.kind != ERR_LOST) {
			*e = why;
			return -1;
		}
		if (open_anew(p, t, e) < 0)
			return -1;
	}
	if (c->type[type] != MADE_YES)
		c->type[type] = MADE_NO;
	text_copy(c->why_not[type], sizeof c->why_not[type], why.text);
	return 0;
}

static int
probe_types(const struct probe *p, struct token **t, struct capabilities *c, struct err *e)
{
	for (int i = 0; i < KEY_TYPES; i++) {
		enum key_type type = (enum key_type)i;
		bool wanted = p->all_types || type == key_family_least(key_type_family(type));
		if (wanted && c->type[i] != MADE_NO && probe_type(p, t, type, c, e) < 0)
			return -1;
	}
	return 0;
}

int
probe_token(const struct probe *p, struct token **t, struct capabilities *ret, struct err *e)
{
	struct key_name name;

	/* A PIN that is read only once, or typed, is not there for another process. */
	bool again = p->config_path && source_is_file(p->conf->pin);
	if (clean_up(p, *t, e) < 0 || token_probe_begin(*t, ret, e) < 0 ||
		probe_types(p, t, ret, e) < 0 || choose_name(p, KEY_EC_P256, &name, e) < 0 ||
		token_probe_sight(*t, &name, again ? call_witness : NULL, (void *)p, ret, e) < 0)
		return -1;
	/* What the witness may have left is seen by such a module after a new start only. */
	if (ret->sees_others == SAID_NO && open_anew(p, t, e) < 0)
		return -1;
	if (clean_up(p, *t, e) < 0)
		return -1;
	return p->db ? store(p, *t, ret, e) : 0;
}

bool
capabilities_road_wrong(const struct capabilities *c)
{
	for (int f = 0; f < KEY_FAMILIES; f++)
		if (c->family[f].tried && c->family[f].road_signs == SAID_NO)
			return true;
	return false;
}

static int
know(const struct probe *p, struct token **t, struct capabilities *ret, struct err *e)
{
	bool known = false;

	if (p->db && capabilities_load(p->db, *t, ret, &known, e) < 0)
		return -1;
	return known ? 0 : probe_token(p, t, ret, e);
}

int
probe_settle(const struct probe *p, struct token **t, struct capabilities *ret, struct err *e)
{
	struct probe other = *p;
	struct module *m;
	struct err why;

	if (know(p, t, ret, e) < 0)
		return -1;
	if (p->conf->road != ROAD_AUTO || token_road(*t) != ROAD_PROVIDER ||
		!capabilities_road_wrong(ret))
		return 0;
	log_debug("token '%s': the provider signs wrongly, libp11 is taken", p->conf->name);
	other.road = ROAD_LIBP11;
	token_close(take(t));
	if (module_load(p->conf->module, p->conf->init_args, &m, e) < 0)
		return -1;
	/* Another token of the module is open by the provider: this one stays with it. */
	if (module_restart(m, &why) < 0)
		other.road = ROAD_AUTO;
	if (token_open_once(p->db, p->services, p->conf, other.road, p->pin, t, e) < 0)
		return -1;
	return know(&other, t, ret, e);
}

struct probe
life_probe_of(struct life *l, struct open_token *o)
{
	const struct token_conf *conf = &l->config->token[o - l->token];

	return (struct probe){.db = l->db,
		.services = l->services,
		.conf = conf,
		.road = o->token ? token_road(o->token) : conf->road,
		.pin = &o->pin,
		.config_path = l->conf.witness ? l->config->path : NULL};
}

int
life_probe(struct life *l, const char *name, struct capabilities *ret, struct err *e)
{
	const struct token_conf *conf = config_token(l->config, name);
	struct token *t;

	if (!conf) {
		err_set(e, ERR_USAGE, "there is no token '%s' under 'tokens:'", name);
		return hint_token(l->config, name, e);
	}
	l->probing = true;
	if (life_token(l, name, &t, e) < 0)
		return -1;
	struct open_token *o = &l->token[conf - l->config->token];
	struct probe p = life_probe_of(l, o);
	p.all_types = true;
	if (probe_token(&p, &o->token, ret, e) < 0)
		return -1;
	p.all_types = false;
	enum road tried = ret->road;
	struct capabilities settled;
	if (probe_settle(&p, &o->token, &settled, e) < 0)
		return -1;
	if (settled.road == tried)
		return 0;
	/* By the other road: all of it once more. */
	p = life_probe_of(l, o);
	p.all_types = true;
	return probe_token(&p, &o->token, ret, e);
}

int
life_capabilities(struct life *l, const char *name, struct capabilities *ret, struct err *e)
{
	struct token *t;

	if (life_token(l, name, &t, e) < 0)
		return -1;
	*ret = l->last_token->known;
	return 0;
}
