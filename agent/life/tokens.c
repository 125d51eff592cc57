/* Tokens and authorities, opened once in a run and late; and the keys in them. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "keystay/base/json.h"
#include "keystay/life/pins.h"
#include "keystay/state/accounts.h"
#include "keystay/token/key.h"
#include "internal.h"

int
life_token(struct life *l, const char *name, struct token **ret, struct err *e)
{
	const struct token_conf *t = config_token(l->config, name);

	if (!t)
		return err_set(e, ERR_CONFIG, "there is no token '%s' under 'tokens:'", name);
	struct open_token *o = &l->token[t - l->config->token];
	if (!o->token && !o->failed &&
		token_open_once(l->db, l->services, t, &o->token, &o->err) < 0)
		o->failed = true;
	if (o->failed) {
		*e = o->err;
		return -1;
	}
	*ret = o->token;
	return 0;
}

int
life_key_reserve(struct life *l, const char *purpose, const char *owner, const char *token,
	enum key_type type, struct key_row *ret, struct err *e)
{
	struct key_row k = {.created_at = services_now(l->services)};
	unsigned char id[16];
	char day[WHEN_TEXT];

	l->services->random(l->services->ctx, id, sizeof id);
	hex_encode(id, sizeof id, k.id);
	snprintf(k.label, sizeof k.label, "%.48s-%s-%.8s", owner,
		when_format_day(k.created_at, day), k.id);
	text_copy(k.token, sizeof k.token, token);
	text_copy(k.type, sizeof k.type, key_type_word(type));
	text_copy(k.purpose, sizeof k.purpose, purpose);
	text_copy(k.owner, sizeof k.owner, owner);
	text_copy(k.state, sizeof k.state, KEY_RESERVED);
	if (key_reserve(l->db, &k, e) < 0)
		return -1;
	*ret = k;
	return 0;
}

static struct key_name
name_of(const struct key_row *row)
{
	struct key_name name = {.id = ""};

	text_copy(name.id, sizeof name.id, row->id);
	text_copy(name.label, sizeof name.label, row->label);
	return name;
}

/* Stores what the token says of a key that was just made. */
static int
store_made(struct life *l, struct key_row *row, const struct key_facts *f, struct err *e)
{
	when_t now = services_now(l->services);
	AUTO(json_t)
	json_t *json = json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "sensitive",
		f->sensitive, "always_sensitive", f->always_sensitive, "extractable",
		f->extractable, "never_extractable", f->never_extractable, "local", f->local,
		"sign", f->sign, "decrypt", f->decrypt, "unwrap", f->unwrap, "derive", f->derive);
	AUTO(char) char *evidence = json ? json_line(json) : NULL;

	if (!evidence)
		return err_set(e, ERR_FAILED, "no memory");
	text_copy(row->public_hash, sizeof row->public_hash, f->public_hash);
	text_copy(row->state, sizeof row->state, KEY_STAGED);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (key_set_made(l->db, row->id, row->public_hash, row->uri, evidence, now, e) < 0 ||
		life_journal(l, text_same(row->purpose, "certificate") ? row->owner : "",
			row->public_hash, "key-made", "key", e, "%s key '%s' made in token '%s'",
			row->type, row->label, row->token) < 0) {
		db_rollback(l->db);
		return -1;
	}
	return db_commit(l->db, e);
}

static int
make_key(struct token *t, const struct key_row *row, struct key_facts *facts, EVP_PKEY **ret_public,
	struct err *e)
{
	struct key_name name = name_of(row);
	enum key_type type;

	if (!key_type_of(row->type, &type))
		return err_set(
			e, ERR_FAILED, "the database names an unknown type of key '%s'", row->type);
	if (facts->presence != KEY_ABSENT && key_discard(t, &name, e) < 0)
		return -1;
	if (key_make(t, &name, type, e) < 0 || key_find(t, &name, facts, ret_public, e) < 0)
		return -1;
	if (facts->presence != KEY_WHOLE || facts->type != type)
		return err_set(e, ERR_TOKEN, "token '%s': the key '%s' was made but is not there",
			row->token, row->label);
	return 0;
}

int
life_key_ensure(struct life *l, struct key_row *row, EVP_PKEY **ret_public, struct err *e)
{
	struct key_name name = name_of(row);
	struct key_facts facts;
	EVP_PKEY *public = NULL;
	struct token *t;

	if (life_token(l, row->token, &t, e) < 0 || key_find(t, &name, &facts, &public, e) < 0)
		return -1;
	if (text_same(row->state, KEY_RESERVED)) {
		/*
		 * Found from before a crash: the token may have got no further than the names of
		 * the objects. What it sets with the value (CKA_LOCAL and the rest) tells.
		 */
		struct err unfinished;
		bool whole = facts.presence == KEY_WHOLE && facts.local &&
			     key_judge(&facts, &name, &unfinished) == 0;
		if (!whole) {
			EVP_PKEY_free(public);
			public = NULL;
			if (make_key(t, row, &facts, &public, e) < 0)
				return -1;
		}
		if (key_judge(&facts, &name, e) < 0 || key_uri(t, &name, row->uri, e) < 0 ||
			store_made(l, row, &facts, e) < 0) {
			EVP_PKEY_free(public);
			return -1;
		}
	} else if (facts.presence != KEY_WHOLE) {
		err_set(e, ERR_TOKEN, "token '%s': the key '%s' is gone", row->token, row->label);
		return err_hint(
			e, "was the token replaced, or the key destroyed by another program?");
	} else if (!text_same(facts.public_hash, row->public_hash)) {
		EVP_PKEY_free(public);
		err_set(e, ERR_TOKEN, "token '%s': the key '%s' is not the one that was made",
			row->token, row->label);
		return err_hint(e, "somebody else wrote to this token");
	}
	*ret_public = public;
	return 0;
}

int
life_key_load(struct life *l, const struct key_row *row, EVP_PKEY **ret, struct token **ret_token,
	struct err *e)
{
	struct key_name name = name_of(row);

	if (life_token(l, row->token, ret_token, e) < 0)
		return -1;
	return key_load(*ret_token, &name, row->public_hash, ret, e);
}

/* The row of an authority's account, with a key reserved for it where there is none. */
static int
need_account(struct life *l, const struct authority_conf *a, struct account_row *row, struct err *e)
{
	struct key_row key;
	bool found;

	if (account_get(l->db, a->name, a->url, row, &found, e) < 0)
		return -1;
	if (found)
		return 0;
	*row = (struct account_row){0};
	if (!text_copy(row->authority, sizeof row->authority, a->name) ||
		!text_copy(row->directory, sizeof row->directory, a->url))
		return err_set(e, ERR_CONFIG, "the url of authority '%s' is too long", a->name);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (life_key_reserve(l, "account", a->name, a->account_key.token, a->account_key.type, &key,
		    e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	text_copy(row->key_id, sizeof row->key_id, key.id);
	if (account_save(l->db, row, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	return db_commit(l->db, e);
}

static int
open_authority(struct life *l, const struct authority_conf *a, struct open_ca *o, struct err *e)
{
	struct account_row account;
	struct key_row key;
	struct token *t;

	if (need_account(l, a, &account, e) < 0 || key_get(l->db, account.key_id, &key, e) < 0 ||
		life_key_ensure(l, &key, &o->public, e) < 0)
		return err_in(e, "authority '%s': account key", a->name);
	if (!text_same(key.state, KEY_ACTIVE) &&
		key_set_state(l->db, key.id, KEY_ACTIVE, services_now(l->services), e) < 0)
		return -1;
	if (life_key_load(l, &key, &o->key, &t, e) < 0)
		return err_in(e, "authority '%s': account key", a->name);
	const struct ca_needs needs = {
		.services = l->services,
		.account_key = o->key,
		.account_public = o->public,
		.account_url = account.url,
	};
	return a->ops->open(a, &needs, &o->session, e);
}

int
life_authority(struct life *l, const char *name, struct open_ca **ret, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, name);

	if (!a)
		return err_set(
			e, ERR_CONFIG, "there is no authority '%s' under 'authorities:'", name);
	struct open_ca *o = &l->ca[a - l->config->authority];
	if (!o->session && !o->failed && open_authority(l, a, o, &o->err) < 0)
		o->failed = true;
	if (o->failed) {
		*e = o->err;
		return -1;
	}
	*ret = o;
	return 0;
}

void
life_close_authorities(struct life *l)
{
	for (size_t i = 0; i < l->config->authorities; i++) {
		if (l->ca[i].session)
			l->config->authority[i].ops->close(l->ca[i].session);
		EVP_PKEY_free(l->ca[i].key);
		EVP_PKEY_free(l->ca[i].public);
	}
}
