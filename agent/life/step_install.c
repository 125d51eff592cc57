/*
 * A version folder is written beside its place, renamed into it, and made live by one rename of a
 * link: a pair is never half there.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keystay/base/file.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/keypem.h"
#include "back.h"
#include "internal.h"
#include "ledger.h"
#include "trust.h"

/* The number of the new version, stored before anything is written under it. */
static int
reserve_version(struct life *l, struct work *w, struct err *e)
{
	struct certificate_row row;

	if (w->attempt.version)
		return 0;
	if (db_begin(l->db, e) < 0)
		return -1;
	if (certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	w->attempt.version = ++row.last_version;
	if (certificate_save(l->db, &row, e) < 0 || attempt_save(l->db, &w->attempt, e) < 0) {
		w->attempt.version = 0;
		return -1;
	}
	return db_commit(l->db, e);
}

static int
write_one(const char *folder, const char *word, const char *suffix, const char *text, mode_t mode,
	gid_t group, struct err *e)
{
	char path[4400];

	snprintf(path, sizeof path, "%s/%s%s.pem", folder, word, suffix);
	return file_replace(path, text, strlen(text), mode, FILE_SAME_OWNER, group, e);
}

/* cert, chain, fullchain, key and combined of one key type. */
static int
write_part(struct life *l, struct work *w, size_t index, const char *folder, gid_t group,
	struct err *e)
{
	const struct part *p = &w->attempt.part[index];
	AUTO(chain) struct chain *chain = NULL;
	AUTO(char) char *cert = NULL, *rest = NULL, *all = NULL, *key = NULL;
	AUTO(buf) struct buf combined = BUF(2 * CHAIN_MAX);
	struct key_row row;
	char suffix[20];

	if (key_get(l->db, p->key_id, &row, e) < 0 ||
		chain_parse(p->chain, strlen(p->chain), &chain, e) < 0 ||
		chain_pem(chain, 0, 1, &cert, e) < 0 ||
		chain_pem(chain, 1, chain_count(chain), &rest, e) < 0 ||
		chain_pem(chain, 0, chain_count(chain), &all, e) < 0 ||
		keypem_make(row.uri, &key, e) < 0)
		return -1;
	buf_addf(&combined, "%s%s", all, key);
	part_suffix(&w->attempt, index, suffix);
	if (write_one(folder, "cert", suffix, cert, 0644, FILE_SAME_GROUP, e) < 0 ||
		write_one(folder, "chain", suffix, rest, 0644, FILE_SAME_GROUP, e) < 0 ||
		write_one(folder, "fullchain", suffix, all, 0644, FILE_SAME_GROUP, e) < 0 ||
		write_one(folder, "key", suffix, key, 0640, group, e) < 0 ||
		write_one(folder, "combined", suffix, buf_text(&combined), 0640, group, e) < 0)
		return -1;
	return 0;
}

/*
 * What the authority may issue by is not of one version: a link to the bundle, which follows it.
 * Without anchors there is none.
 */
static int
link_anchors(struct life *l, const struct work *w, const char *folder, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, w->attempt.authority);
	char bundle[4096], link[4400], to[128];

	if (!a || !a->ops->has_anchors)
		return 0;
	if (trust_settle(l, a, bundle, NULL, e) < 0)
		return -1;
	if (!*bundle)
		return 0;
	snprintf(link, sizeof link, "%s/anchors.pem", folder);
	snprintf(to, sizeof to, "../../../anchors/%s.pem", a->name);
	return file_link_switch(link, to, e);
}

/* The servers' group, from the token's `share:`. */
static int
servers_group(struct life *l, struct work *w, gid_t *ret, struct err *e)
{
	const struct token_conf *t = config_token(l->config, w->conf->token);

	*ret = FILE_SAME_GROUP;
	if (!t->share.group)
		return 0;
	const struct group *g = getgrnam(t->share.group);
	if (!g) {
		err_set(e, ERR_CONFIG, "there is no group '%s'", t->share.group);
		return err_hint(e, "mend 'share:' of the token '%s'", t->name);
	}
	*ret = g->gr_gid;
	return 0;
}

static int
write_version(struct life *l, struct work *w, struct err *e)
{
	char place[4096], folder[4200], all[4096];
	struct stat st;
	gid_t group;

	path_version(l->config, w->conf->name, w->attempt.version, place);
	/* Only a whole folder is ever renamed into its place. */
	if (stat(place, &st) == 0)
		return 0;
	path_version(l->config, w->conf->name, 0, all);
	snprintf(folder, sizeof folder, "%s.new", place);
	if (servers_group(l, w, &group, e) < 0 || folder_make(all, 0755, e) < 0 ||
		folder_remove(folder, e) < 0 || folder_make(folder, 0755, e) < 0)
		return -1;
	for (size_t i = 0; i < w->attempt.parts; i++)
		if (write_part(l, w, i, folder, group, e) < 0)
			return -1;
	if (link_anchors(l, w, folder, e) < 0 || folder_sync(folder, e) < 0)
		return -1;
	if (rename(folder, place) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot rename '%s'", folder);
	return folder_sync(all, e);
}

/* Servers may sign with the new keys from the moment that they are to be seen. */
static int
serve_keys(struct life *l, const struct work *w, struct err *e)
{
	struct key_row key;

	for (size_t i = 0; i < w->attempt.parts; i++) {
		if (key_get(l->db, w->attempt.part[i].key_id, &key, e) < 0)
			return -1;
		ledger_serve(l, &key);
	}
	return 0;
}

int
place_version(struct life *l, struct work *w, int64_t version, struct err *e)
{
	char folder[4096], live[4096], to[4096];

	path_version(l->config, w->conf->name, version, folder);
	path_live(l->config, w->conf->name, live);
	snprintf(to, sizeof to, "../versions/%s/%04lld", w->conf->name, (long long)version);
	for (size_t i = 0; i < w->conf->installs; i++) {
		const struct target_conf *t = &w->conf->install[i];
		if (t->ops->stage && t->ops->stage(t, folder, e) < 0)
			return -1;
	}
	/* From here on it is visible. */
	w->activated = ++l->clock;
	if (file_link_switch(live, to, e) < 0)
		return -1;
	for (size_t i = 0; i < w->conf->installs; i++) {
		const struct target_conf *t = &w->conf->install[i];
		if (t->ops->activate && t->ops->activate(t, e) < 0)
			return -1;
	}
	return 0;
}

int
test_all(struct life *l, struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->conf->installs; i++) {
		const struct target_conf *t = &w->conf->install[i];
		if (t->ops->test && t->ops->test(t, l->services, e) < 0)
			return -1;
	}
	return 0;
}

int
step_install(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	*ret = OUTCOME_NEXT;
	w->attempt.deadline = 0;
	/* It was live before: there is nothing to write, but much may have happened since. */
	if (goes_back(&w->attempt)) {
		if (back_prepare(l, w, e) < 0)
			return roll_back(l, w, true, e);
	} else if (reserve_version(l, w, e) < 0 || write_version(l, w, e) < 0 ||
		   serve_keys(l, w, e) < 0)
		return -1;
	if (place_version(l, w, w->attempt.version, e) < 0 || test_all(l, w, e) < 0)
		return roll_back(l, w, false, e);
	return 0;
}
