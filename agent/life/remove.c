#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/net/probe.h"
#include "keystay/state/inventory.h"
#include "alert.h"
#include "ledger.h"

#define PROBE_LIMIT_MS 5000

/* --- the beginning */

static void
join_endpoints(const struct certificate_conf *c, char *ret, size_t size)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; i < c->installs; i++)
		for (size_t k = 0; k < c->install[i].endpoints.count && len < size; k++)
			len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? " " : "",
				c->install[i].endpoints.item[k]);
}

int
life_removal_begin(struct life *l, const struct certificate_conf *c, bool keep_key,
	struct removed_row *ret, struct err *e)
{
	const struct policy *p = policy_find(l->config->policies, c->policy);
	struct removed_row row = {.removed_at = 0};
	bool found;

	if (removed_get(l->db, c->name, &row, &found, e) < 0)
		return -1;
	if (!found)
		row.removed_at = services_now(l->services);
	text_copy(row.certificate, sizeof row.certificate, c->name);
	row.keep_key = keep_key;
	row.drain = policy_drain(p);
	row.disable = policy_disable(p);
	join_endpoints(c, row.endpoints, sizeof row.endpoints);
	*ret = row;
	return removed_save(l->db, &row, e);
}

/* --- the keys */

struct leaving {
	struct life *l;
	when_t now;
	bool keep, any;
};

/* One that is in use, or was made ahead: from now on it is on its way out. */
static int
let_drain(void *ctx, const struct key_row *k, struct err *e)
{
	struct leaving *out = ctx;

	if (!text_same(k->purpose, "certificate"))
		return 0;
	out->any = true;
	if (out->keep || (!text_same(k->state, KEY_ACTIVE) && !text_same(k->state, KEY_STAGED)))
		return 0;
	return key_set_state(out->l->db, k->id, KEY_DRAINING, out->now, e);
}

static int
forget(struct life *l, const struct removed_row *row, bool *ret_any, struct err *e)
{
	struct leaving out = {.l = l, .now = services_now(l->services), .keep = row->keep_key};
	struct certificate_row c;

	if (keys_each(l->db, row->certificate, let_drain, &out, e) < 0 ||
		certificate_get(l->db, row->certificate, &c, e) < 0)
		return -1;
	*ret_any = out.any || c.last_version;
	if (!*ret_any)
		return removed_delete(l->db, row->certificate, e);
	if (c.live_version == 0 && c.last_version == 0 && !out.any)
		return 0;
	bool news = c.live_version != 0;
	c.live_version = 0;
	c.not_served = false;
	c.renew_at = c.cause_at = 0;
	c.renew_reason[0] = c.cause[0] = '\0';
	if (certificate_save(l->db, &c, e) < 0 || attempt_delete(l->db, row->certificate, e) < 0)
		return -1;
	if (news && life_journal(l, row->certificate, "", "removed", "", e,
			    row->keep_key ? "it is not managed any more; its key stays"
					  : "it is not managed any more; its key drains") < 0)
		return -1;
	return row->keep_key ? removed_delete(l->db, row->certificate, e) : 0;
}

int
life_removal_go(struct life *l, const char *certificate, bool *ret_known, struct err *e)
{
	struct removed_row row = {.removed_at = services_now(l->services),
		.drain = policy_drain(NULL),
		.disable = policy_disable(NULL)};
	bool found;

	text_copy(row.certificate, sizeof row.certificate, certificate);
	if (removed_get(l->db, certificate, &row, &found, e) < 0 || db_begin(l->db, e) < 0)
		return -1;
	if ((!found && removed_save(l->db, &row, e) < 0) || forget(l, &row, ret_known, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	return db_commit(l->db, e);
}

/* --- what endpoints show */

struct looking {
	struct life *l;
	const char *certificate;
	struct served_row row[64]; /* one for each endpoint and name; more are not looked at */
	size_t rows;
};

static int
keep_row(void *ctx, const struct served_row *s, struct err *e)
{
	struct looking *look = ctx;

	(void)e;
	if (look->rows < COUNT(look->row) && s->fingerprint[0])
		look->row[look->rows++] = *s;
	return 0;
}

/* Whether an endpoint shows what it showed, or else is forgotten. What does not answer shows
 * nothing. */
static int
look_again(struct life *l, const char *certificate, struct served_row *s, bool *ret_shows,
	struct err *e)
{
	struct probe_answer answer = {.fingerprint = ""};
	struct err ignored;
	const struct probe_request request = {.endpoint = s->endpoint,
		.sni = s->sni,
		.key = text_starts(s->key_type, "rsa") ? PROBE_RSA : PROBE_ECDSA,
		.limit_ms = PROBE_LIMIT_MS};

	bool said = l->services->probe(l->services->ctx, &request, &answer, &ignored) == 0;
	*ret_shows = said && text_same(answer.fingerprint, s->fingerprint);
	if (*ret_shows)
		return 0;
	s->fingerprint[0] = '\0'; /* whose it is now is not ours to say */
	s->ok = false;
	s->checked_at = services_now(l->services);
	return served_save(l->db, certificate, s, e);
}

int
life_still_served(struct life *l, const char *certificate, char *text, size_t size,
	bool *ret_served, struct err *e)
{
	struct looking *look = calloc(1, sizeof *look);
	AUTO(list) struct list at = {0};
	int rc = -1;

	if (!look)
		return err_set(e, ERR_FAILED, "no memory");
	if (served_each(l->db, certificate, keep_row, look, e) == 0)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < look->rows; i++) {
		bool shows;
		rc = look_again(l, certificate, &look->row[i], &shows, e);
		if (rc == 0 && shows && !list_has(&at, look->row[i].endpoint))
			(void)list_add(&at, look->row[i].endpoint);
	}
	free(look);
	*ret_served = at.count > 0;
	list_join(&at, text, size);
	return rc;
}

/* --- the end */

/* Its links and versions, which nothing shows any more. */
static int
remove_files(struct life *l, const char *name, struct err *e)
{
	char path[4096], one[4400];
	struct dirent *d;
	int rc = 0;

	path_live(l->config, name, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", path);
	path_version(l->config, name, 0, path);
	DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? 0
				       : err_errno(e, ERR_FAILED, errno, "cannot read '%s'", path);
	while (rc == 0 && (d = readdir(folder)))
		if (d->d_name[0] != '.') {
			snprintf(one, sizeof one, "%s/%s", path, d->d_name);
			rc = folder_remove(one, e);
		}
	closedir(folder);
	return rc < 0 ? -1 : folder_remove(path, e);
}

static int
is_left(void *ctx, const struct key_row *k, struct err *e)
{
	(void)e;
	if (text_same(k->purpose, "certificate") && !text_same(k->state, KEY_DESTROYED) &&
		!text_same(k->state, KEY_RESERVED))
		*(bool *)ctx = true;
	return 0;
}

static int
end_removal(struct life *l, const struct removed_row *r, struct err *e)
{
	bool left = false;

	if (keys_each(l->db, r->certificate, is_left, &left, e) < 0)
		return -1;
	if (left)
		return 0;
	if (remove_files(l, r->certificate, e) < 0 ||
		life_journal(l, r->certificate, "", "removal-ended", "", e,
			"its keys and its files are gone") < 0)
		return -1;
	return removed_delete(l->db, r->certificate, e);
}

static int
go_on(struct life *l, const struct removed_row *r, struct err *e)
{
	char at[512];
	bool known, served = false;
	struct certificate_row c;
	struct err why;

	if (config_certificate(l->config, r->certificate))
		return 0; /* not taken out yet, or added again */
	if (certificate_get(l->db, r->certificate, &c, e) < 0 ||
		(c.live_version && life_removal_go(l, r->certificate, &known, e) < 0))
		return -1;
	if (services_now(l->services) < r->removed_at + r->drain)
		return 0;
	if (life_still_served(l, r->certificate, at, sizeof at, &served, e) < 0)
		return -1;
	if (!served) {
		alert_over(l, r->certificate, "still-served", "it is not served any more");
		return end_removal(l, r, e);
	}
	err_set(&why, ERR_SERVED,
		"certificate '%s' was removed and is still served at %s; its key is left as it is",
		r->certificate, at);
	err_hint(&why, "take it out of the server's configuration, or 'keystay add' it again");
	alert_tell(l, r->certificate, "still-served", &why);
	return 0;
}

struct all_removed {
	struct removed_row *row;
	size_t rows;
};

static int
collect(void *ctx, const struct removed_row *r, struct err *e)
{
	struct all_removed *all = ctx;
	struct removed_row *more = realloc(all->row, (all->rows + 1) * sizeof *more);

	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	all->row = more;
	all->row[all->rows++] = *r;
	return 0;
}

void
life_look_at_removed(struct life *l)
{
	struct all_removed all = {.rows = 0};
	struct err why;

	if (removed_each(l->db, collect, &all, &why) < 0)
		life_warn(l, &why);
	for (size_t i = 0; i < all.rows && !life_stopping(l); i++)
		if (go_on(l, &all.row[i], &why) < 0) {
			db_rollback(l->db);
			err_in(&why, "certificate '%s', which was removed", all.row[i].certificate);
			life_warn(l, &why);
		}
	free(all.row);
}
