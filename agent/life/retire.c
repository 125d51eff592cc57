/* The end of replaced keys, when their time has come. */
#include <string.h>

#include "keystay/base/log.h"
#include "keystay/life/keys.h"
#include "internal.h"
#include "removed.h"

/* A step of the way, with the moment when it is due. */
struct turn {
	struct key_row key;
	int (*step)(struct life *l, struct key_row *row, struct err *e);
};

struct turns {
	struct life *l;
	struct turn *item;
	size_t count;
};

static int
add_turn(struct turns *all, const struct key_row *k,
	int (*step)(struct life *, struct key_row *, struct err *), struct err *e)
{
	struct turn *more = realloc(all->item, (all->count + 1) * sizeof *more);

	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	all->item = more;
	all->item[all->count++] = (struct turn){*k, step};
	return 0;
}

static bool
in_use(const struct key_uses *u)
{
	return u->live || u->attempts || u->accounts || u->served;
}

/* How long its key drains and is watched: as its policy says, or as it was when it was removed. */
struct patience {
	when_t drain, disable;
	bool removed;
};

static int
patience_of(struct life *l, const struct key_row *k, struct patience *ret, struct err *e)
{
	AUTO(removed_row) struct removed_row row = {.removed_at = 0};
	bool certificate = text_same(k->purpose, "certificate"), removed = false;
	const struct certificate_conf *c =
		certificate ? config_certificate(l->config, k->owner) : NULL;
	const struct policy *p = c ? policy_find(l->config->policies, c->policy) : NULL;

	if (certificate && removed_owner(l, k->owner, &row, &removed, e) < 0)
		return -1;
	*ret = (struct patience){.drain = removed ? row.drain : policy_drain(p),
		.disable = removed ? row.disable : policy_disable(p),
		.removed = removed && !row.keep_key};
	return 0;
}

/* One that was to be made for a certificate that was removed meanwhile; half of it may be there. */
static int
discard(struct life *l, struct key_row *k, struct err *e)
{
	struct key_name name = life_key_name(k);
	struct token *t;

	if (life_token(l, k->token, &t, e) < 0 || key_discard(t, &name, e) < 0)
		return -1;
	return key_set_state(l->db, k->id, KEY_DESTROYED, services_now(l->services), e);
}

/* The moment at which a key's next step is due, and which; 0 for one that stays as it is. */
static int
turn_at(struct life *l, const struct key_row *k, when_t *ret,
	int (**ret_step)(struct life *l, struct key_row *row, struct err *e), struct err *e)
{
	struct patience p;

	*ret = 0;
	*ret_step = life_key_destroy;
	if (text_same(k->state, KEY_COMPROMISED))
		return *ret = k->state_at, 0;
	if (!text_same(k->state, KEY_DRAINING) && !text_same(k->state, KEY_DISABLED) &&
		!text_same(k->state, KEY_RESERVED))
		return 0;
	if (patience_of(l, k, &p, e) < 0)
		return -1;
	if (text_same(k->state, KEY_DRAINING)) {
		*ret_step = life_key_disable;
		*ret = k->state_at + p.drain;
	} else if (text_same(k->state, KEY_RESERVED)) {
		*ret_step = discard;
		*ret = p.removed ? k->state_at + p.drain : 0;
	} else if (text_same(k->state_before, KEY_DRAINING)) {
		*ret = k->state_at + p.disable;
	}
	return 0;
}

/*
 * Draining keys are switched off after `drain`, switched-off ones destroyed after `disable`; one
 * that a person disabled while it was in use stays. A compromised key does not drain: it is
 * destroyed as soon as nothing lives by it.
 */
static int
look_at_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct turns *all = ctx;
	struct life *l = all->l;
	int (*step)(struct life *, struct key_row *, struct err *);
	struct key_uses uses;
	when_t at;

	if (turn_at(l, k, &at, &step, e) < 0)
		return -1;
	if (at == 0 || at > services_now(l->services))
		return 0;
	if (key_uses(l->db, k->id, &uses, e) < 0)
		return -1;
	if (in_use(&uses)) {
		log_debug("key '%s' is still in use", k->label);
		return 0;
	}
	return add_turn(all, k, step, e);
}

/* With a new start of the module once, where it lost its state. */
static int
take_turn(struct life *l, struct turn *turn, struct err *e)
{
	if (turn->step(l, &turn->key, e) == 0)
		return 0;
	db_rollback(l->db);
	if (!life_recovered(l, e))
		return -1;
	if (turn->step(l, &turn->key, e) == 0)
		return 0;
	db_rollback(l->db);
	return -1;
}

/* The token is known to go on signing with keys that are switched off: that is no news. */
static bool
no_news(const struct life *l, const struct key_row *k)
{
	const struct token_conf *t = config_token(l->config, k->token);
	enum key_type type;

	if (!t || !key_type_of(k->type, &type))
		return false;
	const struct family_probe *f =
		&l->token[t - l->config->token].known.family[key_type_family(type)];
	return f->tried && f->off != SWITCH_WORKS;
}

/* One look at all keys; *ret_done = 0 when nothing more is to be done. */
static int
one_pass(struct life *l, size_t *ret_done, struct err *e)
{
	struct turns all = {.l = l};
	struct err why;

	*ret_done = 0;
	int rc = keys_each(l->db, NULL, look_at_key, &all, e);
	for (size_t i = 0; rc == 0 && i < all.count; i++) {
		bool was_disabled = text_same(all.item[i].key.state, KEY_DISABLED);
		if (take_turn(l, &all.item[i], &why) == 0) {
			++*ret_done;
			continue;
		}
		/* Its time goes on, though the module goes on signing with it. */
		if (!was_disabled && text_same(all.item[i].key.state, KEY_DISABLED)) {
			++*ret_done;
			if (!no_news(l, &all.item[i].key))
				life_warn(l, &why);
			continue;
		}
		err_in(&why, "the old key '%s' stays for now", all.item[i].key.label);
		life_warn(l, &why);
	}
	free(all.item);
	return rc;
}

/* A TPM behind a resource manager has 27 places for a process. */
#define DESTROYED_MAX 16

int
life_retire(struct life *l, size_t *ret_done, struct err *e)
{
	struct err why;
	size_t done;

	*ret_done = 0;
	if (removed_look(l, e) < 0)
		return -1;
	/* Twice: with no time to wait a key is switched off and destroyed in one go. */
	for (int pass = 0; pass < 2; pass++) {
		if (one_pass(l, &done, e) < 0)
			return -1;
		*ret_done += done;
		if (done == 0)
			break;
	}
	if (removed_tidy(l, e) < 0)
		return -1;
	if (l->destroyed < DESTROYED_MAX)
		return 0;
	l->destroyed = 0;
	if (life_refresh_tokens(l, &why) < 0)
		life_warn(l, &why);
	return 0;
}

struct next_turn {
	struct life *l;
	when_t at;
};

static int
next_of_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct next_turn *n = ctx;
	int (*step)(struct life *, struct key_row *, struct err *);
	struct key_uses uses;
	when_t at;

	if (turn_at(n->l, k, &at, &step, e) < 0)
		return -1;
	if (at == 0 || (n->at && n->at <= at))
		return 0;
	if (key_uses(n->l->db, k->id, &uses, e) < 0)
		return -1;
	/* What could not be done when its time came is tried again by a later pass. */
	if (!in_use(&uses) && at > services_now(n->l->services))
		n->at = at;
	return 0;
}

int
life_retire_next(struct life *l, when_t *ret, struct err *e)
{
	struct next_turn n = {.l = l};

	if (keys_each(l->db, NULL, next_of_key, &n, e) < 0)
		return -1;
	*ret = n.at;
	return 0;
}
