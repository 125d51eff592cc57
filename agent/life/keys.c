#include "keystay/life/keys.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/guess.h"
#include "keystay/state/compromised.h"
#include "keystay/state/inventory.h"
#include "back.h"
#include "due.h"
#include "internal.h"
#include "ledger.h"

#define PREFIX_LEAST 6

struct picking {
	struct db *db;
	const char *word;
	struct key_row found;
	size_t count;
	struct guess guess;
	char near[96]; /* the best of the guess */
};

/* Keys are named by their labels, and by their certificates. */
static void
guess_key(struct picking *p, const struct key_row *k)
{
	const char *words[] = {k->owner, k->label};

	for (size_t i = 0; i < COUNT(words); i++) {
		/* A certificate that has no live key. */
		if (text_same(words[i], p->word))
			continue;
		guess_try(&p->guess, words[i]);
		if (p->guess.best != words[i])
			continue;
		text_copy(p->near, sizeof p->near, words[i]);
		p->guess.best = p->near;
	}
}

static int
pick_one(void *ctx, const struct key_row *k, struct err *e)
{
	struct picking *p = ctx;
	struct key_uses uses;

	bool meant = text_same(k->label, p->word) ||
		     (strlen(p->word) >= PREFIX_LEAST && text_starts(k->id, p->word));
	if (!meant && text_same(k->owner, p->word) && text_same(k->purpose, "certificate")) {
		if (key_uses(p->db, k->id, &uses, e) < 0)
			return -1;
		meant = uses.live > 0;
	}
	if (!meant) {
		guess_key(p, k);
		return 0;
	}
	p->found = *k;
	p->count++;
	return 0;
}

int
key_pick(struct db *db, const char *word, struct key_row *ret, struct err *e)
{
	struct picking p = {.db = db, .word = word, .guess = {.wrong = word}};

	if (keys_each(db, NULL, pick_one, &p, e) < 0)
		return -1;
	if (p.count == 1) {
		*ret = p.found;
		return 0;
	}
	if (p.count == 0)
		err_set(e, ERR_USAGE, "there is no key '%s'", word);
	else
		err_set(e, ERR_USAGE, "'%s' stands for %zu keys", word, p.count);
	if (p.count)
		p.guess.best = NULL;
	return guess_hint(
		&p.guess, e, "name it by its id or label: 'keystay keys list --all' shows them");
}

static const char *
certificate_of(const struct key_row *row)
{
	return text_same(row->purpose, "certificate") ? row->owner : "";
}

static int
fail_state(const struct key_row *row, const char *verb, struct err *e)
{
	err_set(e, ERR_USAGE, "key '%s' is %s: it cannot be %s", row->label, row->state, verb);
	return err_hint(e, "'keystay keys show %.12s' says what became of it", row->id);
}

int
life_key_disable(struct life *l, struct key_row *row, struct err *e)
{
	static const char *const texts[] = {[SWITCH_WORKS] = "switched off (CKA_SIGN=false)",
		[SWITCH_IGNORED] = "switched off, but the module signs all the same",
		[SWITCH_REFUSED] = "to be left alone; the module does not let it be switched off"};
	struct key_name name = life_key_name(row);
	when_t now = services_now(l->services);
	enum sign_switch answer;
	struct token *t;

	if (!text_same(row->state, KEY_STAGED) && !text_same(row->state, KEY_ACTIVE) &&
		!text_same(row->state, KEY_DRAINING))
		return fail_state(row, "disabled", e);
	if (life_token(l, row->token, &t, e) < 0 ||
		key_set_sign(t, &name, row->public_hash, false, &answer, e) < 0)
		return -1;
	if (db_begin(l->db, e) < 0 || key_set_disabled(l->db, row->id, now, e) < 0 ||
		life_journal(l, certificate_of(row), row->public_hash, "key-disabled", "", e,
			"key '%s' is %s", row->label, texts[answer]) < 0 ||
		db_commit(l->db, e) < 0)
		return -1;
	text_copy(row->state_before, sizeof row->state_before, row->state);
	text_copy(row->state, sizeof row->state, KEY_DISABLED);
	ledger_follow(l, row);
	if (answer == SWITCH_WORKS)
		return 0;
	err_set(e, ERR_TOKEN, "token '%s': the key '%s' is %s", row->token, row->label,
		texts[answer]);
	return err_hint(e, "only 'keystay keys destroy' stops this key for certain");
}

int
life_key_enable(struct life *l, struct key_row *row, struct err *e)
{
	struct key_name name = life_key_name(row);
	when_t now = services_now(l->services);
	enum sign_switch answer;
	struct token *t;

	if (!text_same(row->state, KEY_DISABLED))
		return fail_state(row, "enabled", e);
	if (life_token(l, row->token, &t, e) < 0 ||
		key_set_sign(t, &name, row->public_hash, true, &answer, e) < 0)
		return -1;
	if (answer == SWITCH_REFUSED)
		return err_set(e, ERR_TOKEN, "token '%s': the key '%s' cannot be switched on again",
			row->token, row->label);
	if (db_begin(l->db, e) < 0 ||
		key_set_state(l->db, row->id, row->state_before, now, e) < 0 ||
		life_journal(l, certificate_of(row), row->public_hash, "key-enabled", "", e,
			"key '%s' may sign again; it is %s", row->label, row->state_before) < 0 ||
		db_commit(l->db, e) < 0)
		return -1;
	text_copy(row->state, sizeof row->state, row->state_before);
	row->state_before[0] = '\0';
	ledger_follow(l, row);
	return 0;
}

static int
refuse_used(struct life *l, const struct key_row *row, struct err *e)
{
	struct key_uses uses;

	if (key_uses(l->db, row->id, &uses, e) < 0)
		return -1;
	if (uses.live) {
		err_set(e, ERR_POLICY, "key '%s' is the live key of certificate '%s'", row->label,
			uses.certificate);
		return err_hint(e, "first 'keystay renew --force --key new %s'", uses.certificate);
	}
	if (uses.attempts) {
		err_set(e, ERR_POLICY, "key '%s' is used by an attempt under way", row->label);
		return err_hint(e, "'keystay renew %s' goes on with that", row->owner);
	}
	if (uses.accounts) {
		err_set(e, ERR_POLICY, "key '%s' is the key of the account at '%s'", row->label,
			row->owner);
		return err_hint(e, "first 'keystay account rollover %s'", row->owner);
	}
	if (uses.served) {
		err_set(e, ERR_POLICY,
			"key '%s' was still served when its endpoints were looked at last",
			row->label);
		return err_hint(
			e, "'keystay install %s' tells the servers again, and looks", row->owner);
	}
	return 0;
}

/* Nothing there may mean that this module does not see it: it is looked for after a new start. */
static int
destroy_objects(struct life *l, const struct key_row *row, struct err *e)
{
	struct key_name name = life_key_name(row);
	struct token *t;
	struct err blind;
	bool found;

	if (life_token(l, row->token, &t, e) < 0 ||
		key_destroy(t, &name, row->public_hash, &found, e) < 0)
		return -1;
	if (found)
		return 0;
	err_set(&blind, ERR_LOST, "nothing of the key '%s' is there", row->label);
	if (life_recover_tokens(l, &blind, e) < 0 || life_token(l, row->token, &t, e) < 0)
		return -1;
	return key_destroy(t, &name, row->public_hash, &found, e);
}

int
life_key_destroy(struct life *l, struct key_row *row, struct err *e)
{
	when_t now = services_now(l->services);

	if (text_same(row->state, KEY_DESTROYED) || text_same(row->state, KEY_RESERVED))
		return fail_state(row, "destroyed", e);
	if (refuse_used(l, row, e) < 0 || destroy_objects(l, row, e) < 0)
		return -1;
	/* A kill before this line is harmless: what is gone is no error the next time. */
	if (db_begin(l->db, e) < 0 || key_set_state(l->db, row->id, KEY_DESTROYED, now, e) < 0 ||
		life_journal(l, certificate_of(row), row->public_hash, "key-destroyed", "", e,
			"key '%s' was destroyed in token '%s'", row->label, row->token) < 0 ||
		db_commit(l->db, e) < 0)
		return -1;
	text_copy(row->state, sizeof row->state, KEY_DESTROYED);
	ledger_follow(l, row);
	l->destroyed++;
	return 0;
}

/* The certificates whose live version uses the key become due; attempts that use it end. */
struct compromising {
	struct life *l;
	const struct key_row *key;
	struct list *certificates;
	bool uses;
};

static int
uses_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct compromising *c = ctx;
	(void)e;
	c->uses = c->uses || text_same(v->key_id, c->key->id);
	return 0;
}

static int
make_due(struct compromising *c, const struct certificate_conf *conf, struct err *e)
{
	struct life *l = c->l;
	struct certificate_row row;
	struct attempt a;
	bool found, news, with_key = false;

	if (attempt_load(l->db, conf->name, &a, &found, e) < 0)
		return -1;
	for (size_t i = 0; found && i < a.parts; i++)
		with_key = with_key || text_same(a.part[i].key_id, c->key->id);
	/* One that goes back may have made the key's certificate live: it undoes that itself. */
	with_key = with_key && !goes_back(&a);
	attempt_free(&a);
	if (with_key && attempt_delete(l->db, conf->name, e) < 0)
		return -1;
	if (certificate_get(l->db, conf->name, &row, e) < 0)
		return -1;
	c->uses = false;
	if (row.live_version &&
		version_each(l->db, conf->name, row.live_version, uses_key, c, e) < 0)
		return -1;
	if (!c->uses)
		return 0;
	if (!list_add(c->certificates, conf->name))
		return err_set(e, ERR_FAILED, "no memory");
	return due_cause(l->db, conf->name, services_now(l->services), CAUSE_COMPROMISED,
		CAUSE_SIGNATURES, &news, e);
}

/* A spare key of this type: one that is there, or a new one. */
static int
stage_one(struct life *l, const struct certificate_conf *c, enum key_type type, struct err *e)
{
	EVP_PKEY *public = NULL;
	struct key_row key;
	bool spare;

	if (key_find_spare(l->db, c->name, c->token, key_type_word(type), &key, &spare, e) < 0)
		return -1;
	if (spare && text_same(key.state, KEY_STAGED))
		return 0;
	if (!spare && life_key_reserve(l, "certificate", c->name, c->token, type, &key, e) < 0)
		return -1;
	if (life_key_ensure(l, &key, &public, e) < 0)
		return err_in(e, "certificate '%s': the next key", c->name);
	EVP_PKEY_free(public);
	return 0;
}

static int
stage_all(struct life *l, const struct certificate_conf *c, struct err *e)
{
	for (size_t i = 0; i < c->keys; i++)
		if (stage_one(l, c, c->key[i], e) < 0)
			return -1;
	return 0;
}

int
life_stage_successors(struct life *l, const struct certificate_conf *c, struct err *e)
{
	if (!policy_keeps_successor(policy_find(l->config->policies, c->policy)))
		return 0;
	return stage_all(l, c, e);
}

int
life_key_compromise(struct life *l, struct key_row *row, const char *reason,
	struct list *ret_certificates, bool *ret_staged, struct err *e)
{
	struct compromising c = {l, row, ret_certificates, false};
	when_t now = services_now(l->services);
	struct err why;

	*ret_staged = true;
	if (!row->public_hash[0])
		return fail_state(row, "compromised", e);
	if (db_begin(l->db, e) < 0 || compromised_add(l->db, row->public_hash, reason, now, e) < 0)
		return -1;
	if (!text_same(row->state, KEY_DESTROYED) &&
		key_set_state(l->db, row->id, KEY_COMPROMISED, now, e) < 0)
		return -1;
	if (life_journal(l, certificate_of(row), row->public_hash, "key-compromised", "", e,
		    "key '%s': its public key is refused for ever (%s)", row->label, reason) < 0)
		return -1;
	for (size_t i = 0; i < l->config->certificates; i++)
		if (make_due(&c, &l->config->certificate[i], e) < 0)
			return -1;
	if (db_commit(l->db, e) < 0)
		return -1;
	if (!text_same(row->state, KEY_DESTROYED))
		text_copy(row->state, sizeof row->state, KEY_COMPROMISED);
	ledger_follow(l, row);
	for (size_t i = 0; i < ret_certificates->count; i++)
		if (stage_all(l, config_certificate(l->config, ret_certificates->item[i]), &why) <
			0) {
			life_warn(l, &why);
			*ret_staged = false;
		}
	return 0;
}

int
life_key_prove(struct life *l, const struct key_row *row, struct key_evidence *ret, struct err *e)
{
	struct key_name name = life_key_name(row);
	struct token *t;

	if (text_same(row->state, KEY_DESTROYED) || text_same(row->state, KEY_RESERVED))
		return err_set(e, ERR_USAGE, "key '%s' is %s: there is nothing to prove",
			row->label, row->state);
	if (life_token(l, row->token, &t, e) < 0)
		return -1;
	return key_prove(t, &name, row->public_hash, ret, e);
}
