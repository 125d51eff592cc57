#include "keystay/life/rollover.h"

#include <openssl/evp.h>
#include <string.h>

#include "account_key.h"
#include "ledger.h"
#include "session.h"

struct looking {
	struct life *l;
	const struct authority_conf *conf;
	char certificate[65];
};

static int
look_at_attempt(void *ctx, const struct attempt_place *place, struct err *e)
{
	AUTO(attempt) struct attempt a = {0};
	struct looking *look = ctx;
	bool found;

	if (attempt_load(look->l->db, place->certificate, &a, &found, e) < 0)
		return -1;
	if (!found || !text_same(a.authority, look->conf->name))
		return 0;
	for (size_t i = 0; i < a.parts; i++)
		if (a.part[i].cookie && !a.part[i].chain)
			text_copy(look->certificate, sizeof look->certificate, place->certificate);
	return 0;
}

/* Challenges are answered with the key's thumbprint (RFC 8555 8.1). */
static int
refuse_during_orders(struct life *l, const struct authority_conf *a, struct err *e)
{
	struct looking look = {.l = l, .conf = a};

	if (attempts_each(l->db, look_at_attempt, &look, e) < 0)
		return -1;
	if (!look.certificate[0])
		return 0;
	err_set(e, ERR_WAIT, "authority '%s': an order for certificate '%s' is under way", a->name,
		look.certificate);
	return err_hint(e, "'keystay renew %s' brings it to its end", look.certificate);
}

/* The key that takes the place: one of a change that was cut short, or another. */
static int
next_key(struct life *l, const struct authority_conf *a, const struct key_row *old,
	struct key_row *ret, struct err *e)
{
	EVP_PKEY *public = NULL;
	bool found;

	if (key_find_next(l->db, a->name, old->id, ret, &found, e) < 0 ||
		(!found && life_key_reserve(l, "account", a->name, a->account_key.token,
				   a->account_key.type, ret, e) < 0) ||
		life_key_ensure(l, ret, &public, e) < 0)
		return -1;
	EVP_PKEY_free(public);
	return 0;
}

static int
tell_authority(struct life *l, const struct authority_conf *a, const struct account_row *account,
	const struct key_row *old, const struct key_row *new, struct err *e)
{
	AUTO(session) struct session by_old = {.conf = a}, by_new = {.conf = a};

	if (session_open(l, a, account->url, old, &by_old, e) < 0 ||
		session_open(l, a, "", new, &by_new, e) < 0)
		return -1;
	return a->ops->change_key(by_old.ca, by_new.key, by_new.public, e);
}

/* The authority will not have it: the key is of no use, and the next change makes another. */
static void
give_up_key(struct life *l, struct key_row *new)
{
	struct err ignored;

	if (key_set_state(l->db, new->id, KEY_DRAINING, services_now(l->services), &ignored) < 0)
		return;
	text_copy(new->state, sizeof new->state, KEY_DRAINING);
	ledger_follow(l, new);
}

static int
change(struct life *l, const struct authority_conf *a, struct account_row *account,
	struct key_row *old, struct account_view *ret, struct err *e)
{
	struct key_row *new = &ret->key;
	struct err why;
	bool taken;

	if (next_key(l, a, old, new, e) < 0)
		return -1;
	int rc = tell_authority(l, a, account, old, new, &why);
	if (rc < 0 && why.kind != ERR_AUTHORITY) {
		*e = why;
		return -1;
	}
	/* Whatever it said, or did not say: what counts is whether the account is that of the new
	 * key.
	 */
	if (account_key_taken(l, a, account, new, &ret->at, &taken, e) < 0)
		return -1;
	if (taken)
		return account_key_store(l, a, account, old, new, e);
	give_up_key(l, new);
	*e = why;
	return rc < 0 ? -1
		      : err_set(e, ERR_AUTHORITY,
				"authority '%s' took another key for the account, but it is '%s'",
				a->name, ret->at.status);
}

static int
roll_over(struct life *l, const struct authority_conf *a, struct account_view *ret, struct err *e)
{
	struct account_row account;
	struct key_row old;
	bool found;

	*ret = (struct account_view){.made = false};
	if (account_get(l->db, a->name, a->url, &account, &found, e) < 0)
		return -1;
	ret->made = found && account.url[0];
	if (!ret->made)
		return 0;
	if (refuse_during_orders(l, a, e) < 0 || key_get(l->db, account.key_id, &old, e) < 0 ||
		account_key_settle(l, a, &account, &old, e) < 0)
		return -1;
	return change(l, a, &account, &old, ret, e);
}

int
life_account_rollover(
	struct life *l, const char *authority, struct account_view *ret, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, authority);

	*ret = (struct account_view){.made = false};
	if (!a) {
		err_set(e, ERR_USAGE, "there is no authority '%s' in '%s'", authority,
			l->config->path);
		return hint_authority(l->config, authority, e);
	}
	if (!a->ops->change_key) {
		err_set(e, ERR_USAGE, "authority '%s' (%s) has no account with a key", a->name,
			a->ops->word);
		return err_hint(e, "accounts are at authorities with 'protocol: acme'");
	}
	if (roll_over(l, a, ret, e) == 0)
		return 0;
	db_rollback(l->db);
	if (!life_recovered(l, e))
		return -1;
	account_view_free(ret);
	return roll_over(l, a, ret, e);
}
