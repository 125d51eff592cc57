#include "account_key.h"

#include <string.h>

#include "ledger.h"
#include "session.h"

int
account_key_taken(struct life *l, const struct authority_conf *a, const struct account_row *account,
	const struct key_row *new, struct ca_account *ret_at, bool *ret, struct err *e)
{
	AUTO(session) struct session s = {.conf = a};

	if (session_open(l, a, "", new, &s, e) < 0 ||
		a->ops->show_account(s.ca, false, ret_at, e) < 0)
		return -1;
	*ret = text_same(ret_at->status, "valid") && text_same(ret_at->url, account->url);
	if (!*ret)
		list_free(&ret_at->contact);
	return 0;
}

int
account_key_store(struct life *l, const struct authority_conf *a, struct account_row *account,
	struct key_row *old, struct key_row *new, struct err *e)
{
	when_t now = services_now(l->services);

	text_copy(account->key_id, sizeof account->key_id, new->id);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (account_save(l->db, account, e) < 0 ||
		key_set_state(l->db, new->id, KEY_ACTIVE, now, e) < 0 ||
		(text_same(old->state, KEY_ACTIVE) &&
			key_set_state(l->db, old->id, KEY_DRAINING, now, e) < 0) ||
		life_journal(l, "", new->public_hash, "account-key-changed", "", e,
			"authority '%s': the account %s is that of key '%s' now, and no more of '%s'",
			a->name, account->url, new->label, old->label) < 0) {
		db_rollback(l->db);
		return -1;
	}
	if (db_commit(l->db, e) < 0 || key_get(l->db, old->id, old, e) < 0 ||
		key_get(l->db, new->id, new, e) < 0)
		return -1;
	ledger_follow(l, old);
	ledger_follow(l, new);
	return 0;
}

int
account_key_settle(struct life *l, const struct authority_conf *a, struct account_row *account,
	struct key_row *key, struct err *e)
{
	struct ca_account at = {.url = ""};
	struct key_row new;
	bool found, taken;

	if (!a->ops->change_key || !account->url[0])
		return 0;
	if (key_find_next(l->db, a->name, key->id, &new, &found, e) < 0)
		return -1;
	/* One that was not made yet signed nothing. */
	if (!found || !text_same(new.state, KEY_STAGED))
		return 0;
	if (account_key_taken(l, a, account, &new, &at, &taken, e) < 0)
		return -1;
	list_free(&at.contact);
	if (!taken)
		return 0;
	if (account_key_store(l, a, account, key, &new, e) < 0)
		return -1;
	*key = new;
	return 0;
}
