#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "alert.h"
#include "keystay/base/file.h"
#include "keystay/state/anchors.h"
#include "keystay/state/memory.h"
#include "keystay/x509/anchors.h"

/* What an anchor stands by, as the database has it. */
#define BY_SYSTEM "system " /* and the URL: the system's CAs vouched for that server */
#define BY_BOOTSTRAP "bootstrap:"

/* The file whose CAs are anchors by the configuration's word. */
static const char *
seed_file(const struct authority_conf *a)
{
	if (a->issuer)
		return a->issuer;
	return a->trust && !text_same(a->trust, "system") ? a->trust : NULL;
}

static int
read_bundle(const char *path, struct certs **ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(CERTS_ONLY_MAX);
	bool plain;

	if (file_read(path, &text, e) < 0)
		return -1;
	return certs_only_read(buf_text(&text), text.len, ret, &plain, e);
}

/* The file of the configuration could not be read. */
static int
read_failed(const struct authority_conf *a, const char *key, struct err *e)
{
	e->kind = ERR_CONFIG;
	err_in(e, "authority '%s'", a->name);
	return err_hint(e, "mend '%s:' of the authority", key);
}

/* Filled by rounds: what stands by one that was added in the round before is added in the next. */
struct gathering {
	const struct authority_conf *conf;
	struct certs *anchors;
	bool more;
};

static bool
has_fingerprint(const struct certs *c, const char *wanted)
{
	char hex[65];

	for (size_t i = 0; i < certs_count(c); i++)
		if (anchor_fingerprint(certs_at(c, i), hex) && text_same(hex, wanted))
			return true;
	return false;
}

static bool
stands(const struct gathering *g, const char *by)
{
	const struct authority_conf *a = g->conf;

	if (text_starts(by, BY_BOOTSTRAP))
		return a->est.bootstrap && text_same(by + strlen(BY_BOOTSTRAP), a->est.bootstrap);
	if (text_starts(by, BY_SYSTEM))
		return a->trust && text_same(a->trust, "system") && !a->issuer &&
		       !a->est.bootstrap && text_same(by + strlen(BY_SYSTEM), a->url);
	return has_fingerprint(g->anchors, by);
}

static int
gather(void *ctx, const struct anchor_row *row, struct err *e)
{
	struct gathering *g = ctx;
	AUTO(certs) struct certs *one = NULL;
	bool plain;

	if (has_fingerprint(g->anchors, row->fingerprint) || !stands(g, row->vouched_by))
		return 0;
	if (certs_only_read(row->pem, strlen(row->pem), &one, &plain, e) < 0)
		return err_in(e, "an anchor in the database");
	g->more = true;
	return certs_add(g->anchors, certs_at(one, 0), e);
}

int
trust_known(struct db *db, const struct authority_conf *a, char **ret, struct err *e)
{
	AUTO(certs) struct certs *anchors = NULL;
	const char *seeds = seed_file(a);

	if (seeds && read_bundle(seeds, &anchors, e) < 0)
		return read_failed(a, a->issuer ? "issuer" : "trust", e);
	if (!anchors && !(anchors = certs_new()))
		return err_set(e, ERR_FAILED, "no memory for anchors");
	struct gathering g = {a, anchors, db != NULL};
	while (g.more) {
		g.more = false;
		if (anchors_each(db, a->name, gather, &g, e) < 0)
			return -1;
	}
	return certs_pem(anchors, ret, e);
}

static void
bundle_path(const struct life *l, const struct authority_conf *a, char path[4096])
{
	snprintf(path, 4096, "%s/anchors/%s.pem", l->config->state, a->name);
}

static int
store(struct life *l, const struct authority_conf *a, X509 *ca, const char *by, struct err *e)
{
	AUTO(certs) struct certs *one = certs_new();
	AUTO(char) char *pem = NULL;
	struct anchor_row row = {.added_at = services_now(l->services)};
	char name[200];

	if (!one || certs_add(one, ca, e) < 0 || certs_pem(one, &pem, e) < 0 ||
		!anchor_fingerprint(ca, row.fingerprint))
		return err_set(e, ERR_FAILED, "no memory for an anchor");
	text_copy(row.authority, sizeof row.authority, a->name);
	if (!text_copy(row.vouched_by, sizeof row.vouched_by, by))
		return err_set(e, ERR_CONFIG, "the url of authority '%s' is too long", a->name);
	row.pem = pem;
	anchor_name(ca, name);
	if (anchor_save(l->db, &row, e) < 0)
		return -1;
	return life_journal(l, "", "", "anchor", "", e,
		"authority '%s': the CA '%s' (SHA-256 %s) is an anchor now, by the word of %s",
		a->name, name, row.fingerprint, by);
}

/*
 * What those of a bundle are said to stand by: what is configured now, and so they go when that
 * goes. By whose word they were learned is not known any more.
 */
static bool
basis(const struct authority_conf *a, const struct certs *seeds, const struct certs *bundle,
	char by[600])
{
	if (seeds)
		return anchor_fingerprint(certs_at(seeds, 0), by);
	if (!a->est.bootstrap)
		return snprintf(by, 600, BY_SYSTEM "%s", a->url) < 600;
	text_copy(by, 600, a->est.bootstrap);
	return has_fingerprint(bundle, a->est.bootstrap);
}

static int
take_over_bundle(
	struct life *l, const struct authority_conf *a, const struct certs *bundle, struct err *e)
{
	AUTO(certs) struct certs *seeds = NULL;
	char by[600], hex[65], first[600];

	if (seed_file(a) && read_bundle(seed_file(a), &seeds, e) < 0)
		return read_failed(a, a->issuer ? "issuer" : "trust", e);
	if (!basis(a, seeds, bundle, by))
		return 0;
	snprintf(first, sizeof first, BY_BOOTSTRAP "%s", a->est.bootstrap ? a->est.bootstrap : "");
	for (size_t i = 0; i < certs_count(bundle); i++) {
		X509 *x = certs_at(bundle, i);
		bool is_first = anchor_fingerprint(x, hex) && a->est.bootstrap &&
				text_same(hex, a->est.bootstrap);
		/* Those that are configured stand by that alone. */
		if (seeds && certs_has(seeds, x))
			continue;
		if (store(l, a, x, is_first ? first : by, e) < 0)
			return -1;
	}
	return 0;
}

/*
 * A database that has not met this authority, beside a bundle that an earlier one wrote: that one
 * was lost. What it held is taken over, once.
 */
static int
take_over(struct life *l, const struct authority_conf *a, const char *path, struct err *e)
{
	AUTO(certs) struct certs *bundle = NULL;
	char word[96];
	int64_t met;
	struct err ignored;

	snprintf(word, sizeof word, "anchors_of:%s", a->name);
	if (memory_get(l->db, word, &met, e) < 0)
		return -1;
	if (met)
		return 0;
	if (db_begin(l->db, e) < 0)
		return -1;
	int rc = memory_set(l->db, word, services_now(l->services), e);
	if (rc == 0 && read_bundle(path, &bundle, &ignored) == 0)
		rc = take_over_bundle(l, a, bundle, e);
	if (rc == 0)
		return db_commit(l->db, e);
	db_rollback(l->db);
	return -1;
}

static int
write_bundle(const char *path, const char *pem, struct err *e)
{
	AUTO(buf) struct buf is = BUF(2 * CERTS_ONLY_MAX);
	AUTO(char) char *folder = strdup(path);
	struct err ignored;

	if (!folder)
		return err_set(e, ERR_FAILED, "no memory for anchors");
	if (file_read(path, &is, &ignored) == 0 && text_same(buf_text(&is), pem))
		return 0;
	*strrchr(folder, '/') = '\0';
	if (folder_make(folder, 0755, e) < 0)
		return -1;
	return file_replace(path, pem, strlen(pem), 0644, FILE_SAME_OWNER, FILE_SAME_GROUP, e);
}

int
trust_https(struct db *db, const struct authority_conf *a, char **ret, struct err *e)
{
	AUTO(char) char *anchors = NULL;
	AUTO(buf) struct buf file = BUF(CERTS_ONLY_MAX), all = BUF(3 * CERTS_ONLY_MAX);
	bool own = a->trust && !text_same(a->trust, "system");

	if (trust_known(db, a, &anchors, e) < 0)
		return -1;
	if (own && file_read(a->trust, &file, e) < 0)
		return read_failed(a, "trust", e);
	buf_addf(&all, "%s%s%s", buf_text(&file), own ? "\n" : "", anchors);
	if (all.full)
		return err_set(e, ERR_FAILED, "no memory for anchors");
	*ret = strdup(buf_text(&all));
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for anchors");
}

int
trust_settle(struct life *l, const struct authority_conf *a, char path[4096], char **ret_pem,
	struct err *e)
{
	AUTO(char) char *pem = NULL;

	bundle_path(l, a, path);
	if (take_over(l, a, path, e) < 0 || trust_known(l->db, a, &pem, e) < 0)
		return -1;
	if (*pem && write_bundle(path, pem, e) < 0)
		return -1;
	if (!*pem)
		path[0] = '\0';
	if (ret_pem)
		*ret_pem = take(&pem);
	return 0;
}

static int
tell_stranger(struct life *l, const struct authority_conf *a, X509 *ca)
{
	char hex[65] = "", name[200];
	struct err why;

	anchor_name(ca, name);
	(void)anchor_fingerprint(ca, hex);
	err_set(&why, ERR_AUTHORITY,
		"authority '%s' names a CA that no anchor vouches for: '%s' (SHA-256 %s); it is not "
		"trusted",
		a->name, name, hex);
	if (seed_file(a))
		err_hint(&why, "ask the authority; if it is its new root, add it to '%s'",
			seed_file(a));
	else
		err_hint(&why,
			"ask the authority; if it is its new root, put it into a file and name "
			"that in 'issuer:'");
	alert_warn(l, a->name, "anchor", &why);
	return 0;
}

int
trust_learn(struct life *l, const struct authority_conf *a, X509 *ca, const char *voucher,
	struct err *e)
{
	char path[4096], by[600];

	if (!voucher)
		return tell_stranger(l, a, ca);
	if (text_same(voucher, "system"))
		snprintf(by, sizeof by, BY_SYSTEM "%s", a->url);
	else
		text_copy(by, sizeof by, voucher);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (store(l, a, ca, by, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	if (db_commit(l->db, e) < 0)
		return -1;
	return trust_settle(l, a, path, NULL, e);
}
