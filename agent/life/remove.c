#include "keystay/life/remove.h"

#include "keystay/policy/policy.h"
#include "keystay/state/inventory.h"
#include "keystay/state/removed.h"
#include "keystay/state/watched.h"
#include "settle.h"

int
life_last_version(struct db *db, const char *certificate, int64_t *ret, struct err *e)
{
	return version_before(db, certificate, INT64_MAX, ret, e);
}

static int
add_served(void *ctx, const struct served_row *s, struct err *e)
{
	struct list *endpoints = ctx;

	if (list_has(endpoints, s->endpoint) || list_add(endpoints, s->endpoint))
		return 0;
	return err_set(e, ERR_FAILED, "no memory");
}

int
life_remove_note(struct life *l, const struct certificate_conf *conf, bool keep_key, struct err *e)
{
	const struct policy *p = policy_find(l->config->policies, conf->policy);
	AUTO(removed_row)
	struct removed_row row = {.removed_at = services_now(l->services),
		.keep_key = keep_key,
		.drain = policy_drain(p),
		.disable = policy_disable(p)};

	text_copy(row.certificate, sizeof row.certificate, conf->name);
	for (size_t i = 0; i < conf->installs; i++) {
		const struct list *endpoints = &conf->install[i].endpoints;
		for (size_t k = 0; k < endpoints->count; k++)
			if (!list_has(&row.endpoints, endpoints->item[k]) &&
				!list_add(&row.endpoints, endpoints->item[k]))
				return err_set(e, ERR_FAILED, "no memory");
	}
	return removed_save(l->db, &row, e);
}

int
life_remove_undo(struct life *l, const char *certificate, struct err *e)
{
	return removed_delete(l->db, certificate, e);
}

int
life_remove_lost(
	struct life *l, const char *certificate, bool keep_key, bool *ret_found, struct err *e)
{
	AUTO(removed_row)
	struct removed_row row = {.removed_at = services_now(l->services),
		.keep_key = keep_key,
		.drain = policy_drain(NULL),
		.disable = policy_disable(NULL)};
	struct certificate_row known;

	text_copy(row.certificate, sizeof row.certificate, certificate);
	if (certificate_get(l->db, certificate, &known, e) < 0)
		return -1;
	*ret_found = known.live_version || known.last_version;
	if (!*ret_found)
		return 0;
	/* Where it was served is known only as far as it was looked at. */
	if (served_each(l->db, certificate, add_served, &row.endpoints, e) < 0 ||
		removed_save(l->db, &row, e) < 0)
		return -1;
	return life_removed_settle(l, e);
}

int
life_forget_watched(struct life *l, const char *name, bool *ret_found, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};

	if (watched_get(l->db, name, &w, ret_found, e) < 0)
		return -1;
	if (!*ret_found)
		return 0;
	if (db_begin(l->db, e) < 0)
		return -1;
	if (watched_delete(l->db, name, e) == 0 &&
		life_journal(l, name, "", "forgotten", "", e,
			"it is not watched any more (%s '%s')", w.source, w.place) == 0)
		return db_commit(l->db, e);
	db_rollback(l->db);
	return -1;
}
