/* Sessions with authorities, opened once in a run and late, and their account keys. */
#include <openssl/evp.h>
#include <string.h>

#include "keystay/life/rebuild.h"
#include "keystay/state/accounts.h"
#include "keystay/state/compromised.h"
#include "keystay/state/memory.h"
#include "account_key.h"
#include "internal.h"
#include "ledger.h"
#include "limits.h"
#include "shown.h"
#include "trust.h"

/* A new key for the account; the authority's account of the old one is left behind. */
static int
new_account(struct life *l, const struct authority_conf *a, struct account_row *row, struct err *e)
{
	struct key_row key;
	int64_t rebuilt;
	bool there = false;

	/* The token is opened first: that may store things of its own. */
	if (memory_get(l->db, MEMORY_REBUILT, &rebuilt, e) < 0 ||
		(rebuilt && life_token(l, a->account_key.token, &(struct token *){NULL}, e) < 0))
		return -1;
	*row = (struct account_row){0};
	if (!text_copy(row->authority, sizeof row->authority, a->name) ||
		!text_copy(row->directory, sizeof row->directory, a->url))
		return err_set(e, ERR_CONFIG, "the url of authority '%s' is too long", a->name);
	if (db_begin(l->db, e) < 0)
		return -1;
	/* Where the database was lost, the key of the account is still there, and leads to it. */
	if ((rebuilt && rebuild_account_key(l, a, &key, &there, e) < 0) ||
		(!there && life_key_reserve(l, "account", a->name, a->account_key.token,
				   a->account_key.type, &key, e) < 0)) {
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

/* The row of an authority's account and its key; made where there is none, or none that may be. */
static int
need_account(struct life *l, const struct authority_conf *a, struct account_row *row,
	struct key_row *key, struct err *e)
{
	bool found, compromised = false;

	if (account_get(l->db, a->name, a->url, row, &found, e) < 0 ||
		(found && key_get(l->db, row->key_id, key, e) < 0) ||
		(found && compromised_has(l->db, key->public_hash, &compromised, e) < 0))
		return -1;
	bool gone = found && text_same(key->state, KEY_DESTROYED);
	if (found && !compromised && !gone) {
		if (!text_same(key->state, KEY_DISABLED))
			return 0;
		err_set(e, ERR_POLICY, "its key '%s' is disabled", key->label);
		return err_hint(e, "'keystay keys enable %.12s'", key->id);
	}
	if ((compromised || gone) &&
		life_journal(l, "", key->public_hash, "account-left", "", e,
			"authority '%s': the account of the key '%s', which is %s, is left, "
			"another is made",
			a->name, key->label, compromised ? "compromised" : "gone") < 0)
		return -1;
	if (new_account(l, a, row, e) < 0)
		return -1;
	return key_get(l->db, row->key_id, key, e);
}

/* The account and its key, for protocols that have them. */
static int
prepare_account(struct life *l, const struct authority_conf *a, struct open_ca *o,
	struct account_row *account, struct err *e)
{
	struct key_row key;
	struct token *t;

	if (need_account(l, a, account, &key, e) < 0 ||
		account_key_settle(l, a, account, &key, e) < 0 ||
		life_key_ensure(l, &key, &o->public, e) < 0)
		return err_in(e, "authority '%s': account key", a->name);
	if (!text_same(key.state, KEY_ACTIVE) &&
		key_set_state(l->db, key.id, KEY_ACTIVE, services_now(l->services), e) < 0)
		return -1;
	if (life_key_load(l, &key, &o->key, &t, e) < 0)
		return err_in(e, "authority '%s': account key", a->name);
	text_copy(key.state, sizeof key.state, KEY_ACTIVE);
	ledger_follow(l, &key);
	o->account_key = key;
	return 0;
}

/* Who a session's word about an anchor is from. */
struct naming {
	struct life *l;
	const struct authority_conf *conf;
};

static int
learn(void *naming, X509 *ca, const char *voucher, struct err *e)
{
	const struct naming *n = naming;

	return trust_learn(n->l, n->conf, ca, voucher, e);
}

static int
prepare_identity(struct life *l, const struct authority_conf *a, struct open_ca *o, struct err *e)
{
	if (!(o->identity = calloc(1, sizeof *o->identity)) ||
		!(o->naming = calloc(1, sizeof *o->naming)))
		return err_set(e, ERR_FAILED, "no memory for a session");
	*o->naming = (struct naming){l, a};
	return shown_identity(l, a, o->identity, e);
}

static int
open_authority(struct life *l, const struct authority_conf *a, struct open_ca *o, struct err *e)
{
	struct account_row account = {.url = ""};
	AUTO(char) char *anchors = NULL;
	char path[4096];

	if ((a->ops->needs_account && prepare_account(l, a, o, &account, e) < 0) ||
		(a->ops->signs && prepare_identity(l, a, o, e) < 0) ||
		(a->ops->has_anchors && trust_settle(l, a, path, &anchors, e) < 0))
		return -1;
	const struct ca_needs needs = {
		.services = l->services,
		.account_key = o->key,
		.account_public = o->public,
		.account_url = account.url,
		.anchors = anchors,
		.identity = o->identity && o->identity->there ? &o->identity->id : NULL,
		.no_identity = o->identity ? o->identity->why : NULL,
		.anchor = learn,
		.ctx = o->naming,
	};
	return a->ops->open(a, &needs, &o->session, e);
}

/*
 * The guard lets every call of the agent pass, so the agent keeps to its own key's limit itself:
 * before each step that goes to the authority.
 */
int
authority_keep_limit(
	struct life *l, const struct authority_conf *a, const struct key_row *k, struct err *e)
{
	int64_t hard = limits_hard(limits_policy(l->config, k), k);
	int64_t made = hard ? ledger_signatures(l, k->public_hash) : 0;

	if (hard == 0 || made < hard)
		return 0;
	err_set(e, ERR_POLICY,
		"authority '%s': the account key '%s' made %lld signatures, and its limit is %lld",
		a->name, k->label, (long long)made, (long long)hard);
	return err_hint(e,
		"'keystay keys compromise %.12s' has the agent make another account; or raise "
		"'max_signatures' in the policy '%s'",
		k->id, a->policy);
}

int
life_authority(struct life *l, const char *name, struct open_ca **ret, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, name);

	if (!a)
		return err_set(
			e, ERR_CONFIG, "there is no authority '%s' under 'authorities:'", name);
	struct open_ca *o = &l->ca[a - l->config->authority];
	/* What fails now, fails by the token of its account key, or of its identity. */
	if (authority_token(a))
		l->last_token =
			&l->token[config_token(l->config, authority_token(a)) - l->config->token];
	if (!o->session && !o->failed && open_authority(l, a, o, &o->err) < 0)
		o->failed = true;
	if (o->failed) {
		*e = o->err;
		return -1;
	}
	if (a->ops->needs_account && authority_keep_limit(l, a, &o->account_key, e) < 0)
		return -1;
	*ret = o;
	return 0;
}

void
life_close_authorities(struct life *l)
{
	for (size_t i = 0; i < l->config->authorities; i++) {
		struct open_ca *o = &l->ca[i];
		if (o->session)
			l->config->authority[i].ops->close(o->session);
		EVP_PKEY_free(o->key);
		EVP_PKEY_free(o->public);
		if (o->identity)
			shown_free(o->identity);
		free(o->identity);
		free(o->naming);
		*o = (struct open_ca){.down_until = o->down_until, .err = o->err};
	}
}
