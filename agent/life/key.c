/* Keys of certificates and accounts: chosen, made or found again, and loaded for signing. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "keystay/base/json.h"
#include "keystay/state/compromised.h"
#include "keystay/token/evidence.h"
#include "keystay/token/key.h"
#include "internal.h"
#include "ledger.h"

int
key_choose(struct db *db, const struct services *s, const char *purpose, const char *owner,
	const char *token, enum key_type type, struct key_row *ret, struct err *e)
{
	struct key_row k = {.created_at = services_now(s)};
	unsigned char id[16];
	char day[WHEN_TEXT];

	s->random(s->ctx, id, sizeof id);
	hex_encode(id, sizeof id, k.id);
	bool probe = text_same(purpose, "probe");
	snprintf(k.label, sizeof k.label, "%.48s-%s-%.8s", probe ? PROBE_LABEL : owner,
		when_format_day(k.created_at, day), k.id);
	text_copy(k.token, sizeof k.token, token);
	text_copy(k.type, sizeof k.type, key_type_word(type));
	text_copy(k.purpose, sizeof k.purpose, purpose);
	text_copy(k.owner, sizeof k.owner, owner);
	text_copy(k.state, sizeof k.state, KEY_RESERVED);
	if (db && key_reserve(db, &k, e) < 0)
		return -1;
	*ret = k;
	return 0;
}

int
life_key_reserve(struct life *l, const char *purpose, const char *owner, const char *token,
	enum key_type type, struct key_row *ret, struct err *e)
{
	return key_choose(l->db, l->services, purpose, owner, token, type, ret, e);
}

struct key_name
life_key_name(const struct key_row *row)
{
	struct key_name name = {.id = ""};

	text_copy(name.id, sizeof name.id, row->id);
	text_copy(name.label, sizeof name.label, row->label);
	return name;
}

static const char *
say_refused(unsigned refused, char *text, size_t size)
{
	AUTO(list) struct list words = {0};

	for (int i = 0; i < EXTRAS; i++)
		if (refused & 1u << i)
			(void)list_add(&words, template_extra_word((enum template_extra)i));
	return list_join(&words, text, size);
}

/* Stores what the token says of a key that was just made. */
static int
store_made(struct life *l, struct key_row *row, const struct key_facts *f, struct err *e)
{
	when_t now = services_now(l->services);
	AUTO(json_t) json_t *json = key_facts_json(f);
	json_object_set_new(
		json, "token_class", json_string(token_class_word(l->last_token->known.class)));
	AUTO(char) char *evidence = json ? json_line(json) : NULL;

	char refused[300];

	if (!evidence)
		return err_set(e, ERR_FAILED, "no memory");
	text_copy(row->public_hash, sizeof row->public_hash, f->public_hash);
	text_copy(row->state, sizeof row->state, KEY_STAGED);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (key_set_made(l->db, row->id, row->public_hash, row->uri, evidence, now, e) < 0 ||
		life_journal(l, text_same(row->purpose, "certificate") ? row->owner : "",
			row->public_hash, "key-made", "key", e,
			"%s key '%s' made in token '%s'%s%s", row->type, row->label, row->token,
			f->refused ? "; the token refused: " : "",
			say_refused(f->refused, refused, sizeof refused)) < 0) {
		db_rollback(l->db);
		return -1;
	}
	return db_commit(l->db, e);
}

int
key_adopt(struct life *l, struct key_row *row, const struct key_facts *facts, const char *state,
	const EVP_PKEY *public, struct err *e)
{
	when_t now = services_now(l->services);
	AUTO(json_t) json_t *json = key_facts_json(facts);
	json_object_set_new(
		json, "token_class", json_string(token_class_word(l->last_token->known.class)));
	AUTO(char) char *evidence = json ? json_line(json) : NULL;

	if (!evidence)
		return err_set(e, ERR_FAILED, "no memory");
	text_copy(row->public_hash, sizeof row->public_hash, facts->public_hash);
	text_copy(row->state, sizeof row->state, state);
	if (key_reserve(l->db, row, e) < 0 ||
		key_set_made(l->db, row->id, row->public_hash, row->uri, evidence, now, e) < 0 ||
		key_set_state(l->db, row->id, state, now, e) < 0 ||
		life_journal(l, text_same(row->purpose, "certificate") ? row->owner : "",
			row->public_hash, "key-found", "", e,
			"%s key '%s' was found in token '%s'; it is %s", row->type, row->label,
			row->token, state) < 0)
		return -1;
	ledger_register(l, row, facts->public_hash, public);
	return 0;
}

static int
make_key(struct token *t, const struct key_row *row, struct key_facts *facts, EVP_PKEY **ret_public,
	struct err *e)
{
	struct key_name name = life_key_name(row);
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

/* A public key that was compromised is refused wherever it turns up again. */
static int
refuse_compromised(
	struct life *l, const char *public_hash, const struct key_row *row, struct err *e)
{
	bool refused;

	if (compromised_has(l->db, public_hash, &refused, e) < 0)
		return -1;
	if (!refused)
		return 0;
	err_set(e, ERR_POLICY, "the public key of '%s' was compromised and is refused for ever",
		row->label);
	return err_hint(e, "'keystay renew --key new' makes another");
}

int
life_key_ensure(struct life *l, struct key_row *row, EVP_PKEY **ret_public, struct err *e)
{
	struct key_name name = life_key_name(row);
	struct key_facts facts;
	EVP_PKEY *public = NULL;
	struct token *t;

	if (life_token(l, row->token, &t, e) < 0 || key_find(t, &name, &facts, &public, e) < 0)
		return -1;
	/* Before anything is signed with it. */
	if (facts.presence == KEY_WHOLE && (text_same(row->state, KEY_RESERVED) ||
						   text_same(facts.public_hash, row->public_hash)))
		ledger_register(l, row, facts.public_hash, public);
	if (text_same(row->state, KEY_RESERVED)) {
		/*
		 * Found from before a crash: the token may have got no further than the names of
		 * the objects, or the public half. Only a signature tells that both are there.
		 */
		struct err unfinished;
		bool whole = facts.presence == KEY_WHOLE &&
			     key_judge(&facts, &name, &unfinished) == 0 &&
			     key_try(t, &name, public, &unfinished) == 0;
		if (!whole) {
			EVP_PKEY_free(public);
			public = NULL;
			if (make_key(t, row, &facts, &public, e) < 0)
				return -1;
			ledger_register(l, row, facts.public_hash, public);
		}
		if (key_judge(&facts, &name, e) < 0 ||
			refuse_compromised(l, facts.public_hash, row, e) < 0 ||
			key_uri(t, &name, row->uri, e) < 0 || store_made(l, row, &facts, e) < 0) {
			EVP_PKEY_free(public);
			return -1;
		}
	} else if (facts.presence != KEY_WHOLE) {
		/* A module that was started before another process made the key may not see it. */
		err_set(e, ERR_LOST, "token '%s': the key '%s' is gone", row->token, row->label);
		return err_hint(
			e, "was the token replaced, or the key destroyed by another program?");
	} else if (!text_same(facts.public_hash, row->public_hash)) {
		EVP_PKEY_free(public);
		err_set(e, ERR_TOKEN, "token '%s': the key '%s' is not the one that was made",
			row->token, row->label);
		return err_hint(e, "somebody else wrote to this token");
	} else if (refuse_compromised(l, facts.public_hash, row, e) < 0) {
		EVP_PKEY_free(public);
		return -1;
	}
	*ret_public = public;
	return 0;
}

int
life_key_load(struct life *l, const struct key_row *row, EVP_PKEY **ret, struct token **ret_token,
	struct err *e)
{
	struct key_name name = life_key_name(row);

	if (life_token(l, row->token, ret_token, e) < 0)
		return -1;
	return key_load(*ret_token, &name, row->public_hash, ret, e);
}
