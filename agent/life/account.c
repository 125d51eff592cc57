#include "keystay/life/account.h"

#include <string.h>

#include "account_key.h"
#include "ledger.h"
#include "session.h"

void
account_view_free(struct account_view *v)
{
	list_free(&v->at.contact);
}

/* One look, or its end; `account` and ret->key are there. */
static int
ask_once(struct life *l, const struct authority_conf *a, const struct account_row *account,
	bool deactivate, struct account_view *ret, struct err *e)
{
	AUTO(session) struct session s = {.conf = a};

	if (session_open(l, a, account->url, &ret->key, &s, e) < 0)
		return -1;
	return a->ops->show_account(s.ca, deactivate, &ret->at, e);
}

static int
ask(struct life *l, const struct authority_conf *a, bool deactivate, struct account_row *account,
	struct account_view *ret, struct err *e)
{
	bool found;

	if (account_get(l->db, a->name, a->url, account, &found, e) < 0 ||
		(found && key_get(l->db, account->key_id, &ret->key, e) < 0))
		return -1;
	/* Its key was chosen, but never made: nobody can have been told of it. */
	ret->made = found && !text_same(ret->key.state, KEY_RESERVED);
	if (!ret->made)
		return 0;
	if (account_key_settle(l, a, account, &ret->key, e) == 0 &&
		ask_once(l, a, account, deactivate, ret, e) == 0)
		return 0;
	db_rollback(l->db);
	if (!life_recovered(l, e))
		return -1;
	return ask_once(l, a, account, deactivate, ret, e);
}

static int
find_authority(struct life *l, const char *name, const struct authority_conf **ret, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, name);

	if (!a) {
		err_set(e, ERR_USAGE, "there is no authority '%s' in '%s'", name, l->config->path);
		return hint_authority(l->config, name, e);
	}
	if (!a->ops->show_account) {
		err_set(e, ERR_USAGE, "authority '%s' (%s) has no account that could be asked for",
			name, a->ops->word);
		return err_hint(e, "accounts are at authorities with 'protocol: acme'");
	}
	*ret = a;
	return 0;
}

int
life_account(struct life *l, const char *authority, struct account_view *ret, struct err *e)
{
	const struct authority_conf *a;
	struct account_row account;

	*ret = (struct account_view){.made = false};
	return find_authority(l, authority, &a, e) < 0 ? -1 : ask(l, a, false, &account, ret, e);
}

/* --- its end */

static int
add_attempt(void *ctx, const struct attempt_place *a, struct err *e)
{
	return list_add(ctx, a->certificate) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

/* Orders belong to the account: the next try makes others. */
static int
forget_orders_of(
	struct life *l, const struct authority_conf *a, const char *certificate, struct err *e)
{
	AUTO(attempt) struct attempt attempt = {0};
	bool found, changed = false;

	if (attempt_load(l->db, certificate, &attempt, &found, e) < 0)
		return -1;
	if (!found || !text_same(attempt.authority, a->name))
		return 0;
	for (size_t i = 0; i < attempt.parts; i++) {
		struct part *p = &attempt.part[i];
		if (!p->cookie || p->chain)
			continue;
		free(take(&p->cookie));
		changed = true;
	}
	return changed ? attempt_save(l->db, &attempt, e) : 0;
}

static int
forget_orders(struct life *l, const struct authority_conf *a, struct err *e)
{
	AUTO(list) struct list certificates = {0};

	if (attempts_each(l->db, add_attempt, &certificates, e) < 0)
		return -1;
	for (size_t i = 0; i < certificates.count; i++)
		if (forget_orders_of(l, a, certificates.item[i], e) < 0)
			return -1;
	return 0;
}

static int
forget(struct life *l, const struct authority_conf *a, const struct account_row *account,
	const struct account_view *v, struct err *e)
{
	bool drains = text_same(v->key.state, KEY_ACTIVE) || text_same(v->key.state, KEY_STAGED);

	if (db_begin(l->db, e) < 0 || account_delete(l->db, a->name, a->url, e) < 0 ||
		forget_orders(l, a, e) < 0 ||
		(drains && key_set_state(l->db, v->key.id, KEY_DRAINING, services_now(l->services),
				   e) < 0) ||
		life_journal(l, "", v->key.public_hash, "account-deactivated", "", e,
			"authority '%s': the account %s is %s, and forgotten", a->name,
			*account->url ? account->url : v->at.url, v->at.status) < 0)
		return -1;
	return db_commit(l->db, e);
}

int
life_account_deactivate(
	struct life *l, const char *authority, struct account_view *ret, struct err *e)
{
	const struct authority_conf *a;
	struct account_row account;

	*ret = (struct account_view){.made = false};
	if (find_authority(l, authority, &a, e) < 0 || ask(l, a, true, &account, ret, e) < 0)
		return -1;
	if (!ret->made)
		return 0;
	if (text_same(ret->at.status, "valid"))
		return err_set(e, ERR_AUTHORITY,
			"authority '%s': the account %s is still valid, though it was deactivated",
			a->name, ret->at.url);
	if (forget(l, a, &account, ret, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	life_close_authorities(l);
	if (key_get(l->db, ret->key.id, &ret->key, e) < 0)
		return -1;
	ledger_follow(l, &ret->key);
	return 0;
}
