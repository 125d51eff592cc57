#include "losses.h"

#include <stdio.h>
#include <unistd.h>

#include "keystay/life/rebuild.h"
#include "keystay/state/keys.h"

int
check_files(struct run *r, struct db *db, bool *ret_lost, struct err *e)
{
	struct loss_found f;
	char where[96];

	for (size_t i = 0; i < r->config->certificates; i++) {
		const struct certificate_conf *c = &r->config->certificate[i];
		if (rebuild_find(r->config, db, c, &f, e) < 0)
			return -1;
		if (f.loss == LOSS_NONE)
			continue;
		*ret_lost = true;
		snprintf(where, sizeof where, "certificate '%s'", c->name);
		run_finding(r, "fail", where,
			"the next 'keystay renew --due' rebuilds what can be rebuilt", "%s",
			f.text);
	}
	return 0;
}

struct comparing {
	const struct token_conf *conf;
	const struct list *ids; /* sorted */
	struct list known, gone;
};

static int
look_at_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct comparing *c = ctx;

	if (!text_same(k->token, c->conf->name) || text_same(k->state, KEY_DESTROYED))
		return 0;
	if (!list_add(&c->known, k->id))
		return err_set(e, ERR_FAILED, "no memory");
	if (text_same(k->state, KEY_RESERVED) || text_same(k->purpose, "probe") ||
		list_sorted_has(c->ids, k->id))
		return 0;
	return list_add(&c->gone, k->label) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

int
check_keys(struct run *r, struct db *db, const struct token_conf *conf, const struct list *ids,
	const char *where, bool *ret_lost, struct err *e)
{
	struct comparing c = {.conf = conf, .ids = ids};
	char labels[300];
	size_t unknown = 0;

	int rc = db ? keys_each(db, NULL, look_at_key, &c, e) : 0;
	if (rc == 0 && c.gone.count) {
		*ret_lost = true;
		run_finding(r, "fail", where,
			"was the token replaced or wiped? the next 'keystay renew --due' makes new "
			"keys for certificates that lived by them",
			"%zu %s gone: %s", c.gone.count, c.gone.count == 1 ? "key is" : "keys are",
			list_join(&c.gone, labels, sizeof labels));
		rc = rebuild_look_soon(db, conf->name, e);
	}
	list_sort(&c.known);
	for (size_t i = 0; i < ids->count; i++)
		unknown += !list_sorted_has(&c.known, ids->item[i]);
	if (rc == 0 && unknown)
		run_finding(r, "ok", where, "",
			"%zu private keys in it are not keystay's, or from before the database was "
			"lost; they are never touched",
			unknown);
	list_free(&c.known);
	list_free(&c.gone);
	return rc;
}
