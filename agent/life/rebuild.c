#include "keystay/life/rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/state/compromised.h"
#include "keystay/state/due.h"
#include "keystay/state/inventory.h"
#include "keystay/state/memory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/keypem.h"
#include "alert.h"
#include "due.h"
#include "internal.h"
#include "ledger.h"
#include "watch.h"
#include "wish.h"

/* --- what there is */

/* The number at the end of "../versions/NAME/0007"; 0 for no link, or one of another form. */
static int64_t
linked_version(const struct config *c, const char *name)
{
	char path[4096], to[512], expected[512];
	int64_t number = 0;

	path_live(c, name, path);
	ssize_t n = readlink(path, to, sizeof to - 1);
	if (n <= 0)
		return 0;
	to[n] = '\0';
	const char *slash = strrchr(to, '/');
	if (!slash || !number_parse(slash + 1, 1, INT64_MAX, &number))
		return 0;
	snprintf(expected, sizeof expected, "../versions/%s/%04lld", name, (long long)number);
	return text_same(to, expected) ? number : 0;
}

static bool
version_is_there(const struct config *c, const char *name, int64_t number)
{
	char path[4096], file[4200];

	path_version(c, name, number, path);
	snprintf(file, sizeof file, "%s/fullchain.pem", path);
	return number > 0 && access(file, R_OK) == 0;
}

/* Calls `each` for every folder of a version; only whole ones have a plain number. */
static int
versions_each(const struct config *c, const char *name, int (*each)(void *ctx, int64_t number),
	void *ctx, struct err *e)
{
	char path[4096];
	struct dirent *d;
	int rc = 0;

	path_version(c, name, 0, path);
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0
				       : err_errno(e, ERR_FAILED, errno, "cannot read '%s'", path);
	while (rc == 0 && (d = readdir(dir))) {
		int64_t number;
		if (number_parse(d->d_name, 1, INT64_MAX, &number))
			rc = each(ctx, number);
	}
	closedir(dir);
	return rc == 0 ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static int
note_highest(void *ctx, int64_t number)
{
	int64_t *highest = ctx;

	if (number > *highest)
		*highest = number;
	return 0;
}

static void
judge(const struct config *c, const char *name, int64_t last_version, struct loss_found *f)
{
	bool live_there = version_is_there(c, name, f->linked);

	if (f->recorded && f->linked == f->recorded && live_there) {
		/* Numbers of a version that failed after it was written are in the database too. */
		if (f->highest <= last_version)
			return;
	}
	if (live_there && f->recorded == 0) {
		f->loss = LOSS_NEWER;
		snprintf(f->text, sizeof f->text,
			"its files are at version %lld, and the database knows of none: it is "
			"lost, or an old one was put back",
			(long long)f->linked);
	} else if (live_there && f->linked > last_version) {
		f->loss = LOSS_NEWER;
		snprintf(f->text, sizeof f->text,
			"its files are at version %lld, and the database is at version "
			"%lld: an old one was put back",
			(long long)f->linked, (long long)f->recorded);
	} else if (f->recorded == 0 && f->highest > last_version) {
		f->loss = LOSS_UNKNOWN;
		snprintf(f->text, sizeof f->text,
			"there are versions up to %lld, and neither live/%s nor the database knows "
			"of one",
			(long long)f->highest, name);
	} else if (f->recorded && !version_is_there(c, name, f->recorded)) {
		f->loss = LOSS_FILES;
		snprintf(f->text, sizeof f->text, "the files of version %lld are gone",
			(long long)f->recorded);
	} else if (f->recorded && f->linked != f->recorded) {
		f->loss = LOSS_LINK;
		snprintf(f->text, sizeof f->text,
			"live/%s does not show version %lld, which is the one that is recorded",
			name, (long long)f->recorded);
	} else if (f->highest > last_version) {
		/* Only the numbers matter: none is used twice. */
		f->loss = LOSS_NEWER;
		snprintf(f->text, sizeof f->text,
			"there are versions up to %lld, and the database knows of %lld",
			(long long)f->highest, (long long)last_version);
	}
}

/* `attempt` is the version of an attempt under way: what it wrote is no loss. */
static int
look(const struct config *c, const struct certificate_conf *conf, int64_t live_version,
	int64_t last_version, int64_t attempt, struct loss_found *ret, struct err *e)
{
	struct loss_found f = {.linked = linked_version(c, conf->name), .recorded = live_version};

	/* The usual case, for the price of two system calls. */
	if (attempt == 0 && f.recorded && f.linked == f.recorded &&
		!version_is_there(c, conf->name, last_version + 1) &&
		version_is_there(c, conf->name, f.linked)) {
		*ret = f;
		return 0;
	}
	if (versions_each(c, conf->name, note_highest, &f.highest, e) < 0)
		return -1;
	/* A new version is the last one; one that a person goes back to is older. */
	bool under_way = attempt && attempt <= last_version && f.highest <= last_version &&
			 (f.linked == attempt || f.linked == f.recorded);
	if (!under_way || (f.recorded && !version_is_there(c, conf->name, f.recorded)))
		judge(c, conf->name, last_version, &f);
	*ret = f;
	return 0;
}

int
rebuild_find(const struct config *c, struct db *db, const struct certificate_conf *conf,
	struct loss_found *ret, struct err *e)
{
	struct certificate_row row = {.name = ""};
	AUTO(attempt) struct attempt a = {0};
	bool found = false;

	if (db && (certificate_get(db, conf->name, &row, e) < 0 ||
			  attempt_load(db, conf->name, &a, &found, e) < 0))
		return -1;
	return look(c, conf, row.live_version, row.last_version, found ? a.version : 0, ret, e);
}

/* The same; of a certificate at rest the table of this pass knows enough. */
static int
find_loss(
	struct life *l, const struct certificate_conf *conf, struct loss_found *ret, struct err *e)
{
	const struct due *due;

	if (life_due(l, conf, &due, e) < 0)
		return -1;
	if (due->attempt || due->live_version == 0)
		return rebuild_find(l->config, l->db, conf, ret, e);
	return look(l->config, conf, due->live_version, due->last_version, 0, ret, e);
}

int
rebuild_look_soon(struct db *db, const char *token, struct err *e)
{
	char word[96];

	watch_token_word(token, word);
	return memory_set(db, word, 0, e);
}

/* --- what is taken over */

static int
read_pem(const char *folder, const char *word, const char *suffix, struct buf *ret, struct err *e)
{
	char path[4300];

	snprintf(path, sizeof path, "%s/%s%s.pem", folder, word, suffix);
	return file_read(path, ret, e);
}

/* The row of a key that a version's files name; made where the database does not know it. */
static int
adopt_key(struct life *l, const struct certificate_conf *conf, const char *uri,
	const struct leaf_facts *leaf, bool live, struct key_row *ret, bool *ret_there,
	struct err *e)
{
	struct key_row k = {.created_at = leaf->not_before};
	EVP_PKEY *public = NULL;
	struct key_name name;
	struct key_facts facts;
	struct token *t;
	bool refused;

	*ret_there = false;
	if (!uri_read(uri, &name))
		return 0;
	if (key_known(l->db, name.id, &k, ret_there, e) < 0)
		return -1;
	if (*ret_there) {
		*ret = k;
		return 0;
	}
	if (life_token(l, conf->token, &t, e) < 0 || key_find(t, &name, &facts, &public, e) < 0)
		return -1;
	/* What the certificate says is compared with what is in the token, not the names. */
	if (facts.presence != KEY_WHOLE || !text_same(facts.public_hash, leaf->public_hash)) {
		EVP_PKEY_free(public);
		return 0;
	}
	text_copy(k.id, sizeof k.id, name.id);
	text_copy(k.label, sizeof k.label, name.label);
	text_copy(k.token, sizeof k.token, conf->token);
	text_copy(k.type, sizeof k.type, key_type_word(facts.type));
	text_copy(k.purpose, sizeof k.purpose, "certificate");
	text_copy(k.owner, sizeof k.owner, conf->name);
	text_copy(k.uri, sizeof k.uri, uri);
	text_copy(k.state, sizeof k.state, KEY_RESERVED);
	int rc = compromised_has(l->db, facts.public_hash, &refused, e);
	if (rc == 0)
		rc = key_adopt(l, &k, &facts,
			refused ? KEY_COMPROMISED
			: live  ? KEY_ACTIVE
				: KEY_DRAINING,
			public, e);
	EVP_PKEY_free(public);
	if (rc < 0)
		return -1;
	*ret = k;
	*ret_there = true;
	return 0;
}

struct adopting {
	struct life *l;
	const struct certificate_conf *conf;
	int64_t number;
	bool live;
	bool known;                   /* the database has it */
	size_t parts;                 /* that are known now */
	struct list *names;           /* of the live leaf */
	struct certificate_conf held; /* what the files were made for */
};

/* One key type of a version: its certificate is read, its key looked for, its row written. */
static int
adopt_part(struct adopting *a, const char *folder, const char *suffix, struct err *e)
{
	struct life *l = a->l;
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX), key_pem = BUF(4096);
	AUTO(chain) struct chain *chain = NULL;
	AUTO(char) char *uri = NULL;
	struct version_row v = {.number = a->number, .installed_at = services_now(l->services)};
	struct leaf_facts facts;
	struct key_row key;
	enum key_type type;
	bool there;

	if (read_pem(folder, "fullchain", suffix, &pem, e) < 0 ||
		read_pem(folder, "key", suffix, &key_pem, e) < 0 ||
		chain_parse(buf_text(&pem), pem.len, &chain, e) < 0 ||
		chain_leaf_facts(chain, &facts, e) < 0 ||
		keypem_read(buf_text(&key_pem), key_pem.len, &uri, e) < 0 ||
		adopt_key(l, a->conf, uri, &facts, a->live, &key, &there, e) < 0)
		return -1;
	if (!there || !key_type_of(key.type, &type))
		return 0;
	if (a->live && a->parts == 0 && !chain_names(chain, a->names))
		list_free(a->names);
	if (a->live && a->held.keys < KEY_TYPES)
		a->held.key[a->held.keys++] = type;
	text_copy(v.certificate, sizeof v.certificate, a->conf->name);
	text_copy(v.key_type, sizeof v.key_type, key.type);
	text_copy(v.key_id, sizeof v.key_id, key.id);
	text_copy(v.authority, sizeof v.authority, a->conf->authority.item[0]);
	text_copy(v.serial, sizeof v.serial, facts.serial);
	text_copy(v.issuer, sizeof v.issuer, facts.issuer);
	text_copy(v.fingerprint, sizeof v.fingerprint, facts.fingerprint);
	text_copy(v.ari_id, sizeof v.ari_id, facts.ari_id);
	v.not_before = facts.not_before;
	v.not_after = facts.not_after;
	a->parts++;
	return version_save(l->db, &v, e);
}

static int
count_part(void *ctx, const struct version_row *v, struct err *e)
{
	size_t *parts = ctx;
	(void)v;
	(void)e;
	++*parts;
	return 0;
}

static int
adopt_version(struct adopting *a, struct err *e)
{
	char folder[4096], path[4300], suffix[20];

	/* What the database knows of a version is more than its files tell. */
	if (version_each(a->l->db, a->conf->name, a->number, count_part, &a->parts, e) < 0)
		return -1;
	a->known = a->parts > 0;
	if (a->known)
		return 0;
	path_version(a->l->config, a->conf->name, a->number, folder);
	if (adopt_part(a, folder, "", e) < 0)
		return -1;
	for (int t = 0; t < KEY_TYPES; t++) {
		snprintf(suffix, sizeof suffix, ".%s", key_type_word((enum key_type)t));
		snprintf(path, sizeof path, "%s/cert%s.pem", folder, suffix);
		if (access(path, R_OK) == 0 && adopt_part(a, folder, suffix, e) < 0)
			return -1;
	}
	return 0;
}

static int
collect_number(void *ctx, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%020lld", (long long)number);
	return list_add(ctx, text) ? 0 : -1;
}

/* Versions other than the live one: their keys are known again, and drain. A file that cannot be
 * read is no reason to stop. */
static int
adopt_others(struct life *l, const struct certificate_conf *conf, int64_t live, struct err *e)
{
	AUTO(list) struct list numbers = {0};
	struct err why;

	if (versions_each(l->config, conf->name, collect_number, &numbers, e) < 0)
		return -1;
	list_sort(&numbers);
	for (size_t i = 0; i < numbers.count; i++) {
		struct adopting a = {.l = l, .conf = conf};
		if (!number_parse(numbers.item[i], 1, INT64_MAX, &a.number) || a.number == live)
			continue;
		if (adopt_version(&a, &why) == 0)
			continue;
		if (why.kind == ERR_PIN || why.kind == ERR_TOKEN || why.kind == ERR_LOST) {
			*e = why;
			return -1;
		}
		life_warn(l, &why);
	}
	return 0;
}

/* Keys of the version that the database held for live, and that is not any more. */
static int
let_drain(void *ctx, const struct version_row *v, struct err *e)
{
	struct life *l = ctx;
	struct key_row key;

	if (key_get(l->db, v->key_id, &key, e) < 0)
		return -1;
	if (!text_same(key.state, KEY_ACTIVE))
		return 0;
	return key_set_state(l->db, key.id, KEY_DRAINING, services_now(l->services), e);
}

static int
activate(void *ctx, const struct version_row *v, struct err *e)
{
	struct life *l = ctx;
	struct key_row key;

	if (key_get(l->db, v->key_id, &key, e) < 0)
		return -1;
	if (text_same(key.state, KEY_ACTIVE) || text_same(key.state, KEY_COMPROMISED) ||
		text_same(key.state, KEY_DESTROYED))
		return 0;
	return key_set_state(l->db, key.id, KEY_ACTIVE, services_now(l->services), e);
}

/*
 * The certificate's row as its files have it. An attempt of the old database is dropped: the orders
 * and versions of its time are over.
 */
static int
adopt(struct life *l, const struct certificate_conf *conf, const struct loss_found *f, int64_t live,
	struct err *e)
{
	AUTO(list) struct list names = {0};
	struct adopting a = {
		.l = l, .conf = conf, .number = live, .live = true, .names = &names, .held = *conf};
	struct certificate_row row;

	a.held.keys = 0;
	if (certificate_get(l->db, conf->name, &row, e) < 0 || adopt_version(&a, e) < 0 ||
		adopt_others(l, conf, live, e) < 0)
		return -1;
	row.last_version = f->highest > row.last_version ? f->highest : row.last_version;
	if (a.parts) {
		if (row.live_version && row.live_version != live &&
			version_each(l->db, conf->name, row.live_version, let_drain, l, e) < 0)
			return -1;
		if (version_each(l->db, conf->name, live, activate, l, e) < 0)
			return -1;
		/* "": what it was made for is not known, and it is taken as it is. */
		a.held.names = names;
		if (!a.known)
			wish_text(&a.held, row.wish);
		else if (row.live_version != live)
			row.wish[0] = '\0';
		row.live_version = live;
		row.jitter = due_jitter(l->services);
	}
	if (f->recorded == 0 && memory_set(l->db, MEMORY_REBUILT, services_now(l->services), e) < 0)
		return -1;
	/* Of what an old database holds for a key some may be gone meanwhile. */
	char word[96];
	watch_token_word(conf->token, word);
	if (memory_set(l->db, word, 0, e) < 0)
		return -1;
	/* Without its key it cannot be served: another is obtained, under a number of its own. */
	if (attempt_delete(l->db, conf->name, e) < 0 || certificate_save(l->db, &row, e) < 0)
		return -1;
	return life_journal(l, conf->name, "", "rebuilt", "", e, "%s; %s", f->text,
		a.parts ? "the files and the token's keys were taken over"
			: "its key is not in the token, another certificate is obtained");
}

static int
link_again(struct life *l, const struct certificate_conf *conf, int64_t version, struct err *e)
{
	char live[4096], to[4096];

	path_live(l->config, conf->name, live);
	snprintf(to, sizeof to, "../versions/%s/%04lld", conf->name, (long long)version);
	return file_link_switch(live, to, e);
}

static int
mend(struct life *l, const struct certificate_conf *conf, const struct loss_found *f, struct err *e)
{
	bool news;

	switch (f->loss) {
	case LOSS_NONE:
		return 0;
	case LOSS_NEWER:
		return adopt(l, conf, f, f->linked ? f->linked : f->recorded, e);
	case LOSS_UNKNOWN:
		if (link_again(l, conf, f->highest, e) < 0)
			return -1;
		return adopt(l, conf, f, f->highest, e);
	case LOSS_LINK:
		if (link_again(l, conf, f->recorded, e) < 0)
			return -1;
		return life_journal(
			l, conf->name, "", "rebuilt", "", e, "%s; it is linked again", f->text);
	case LOSS_FILES:
		if (due_cause(l->db, conf->name, services_now(l->services), CAUSE_FILES_GONE,
			    CAUSE_SIGNATURES, &news, e) < 0)
			return -1;
		return news ? life_journal(l, conf->name, "", "rebuilt", "", e,
				      "%s; another certificate is obtained", f->text)
			    : 0;
	}
	return 0;
}

int
rebuild_one(struct life *l, const struct certificate_conf *conf, struct err *e)
{
	struct loss_found f;
	struct token *t;
	struct err why;

	if (l->compared)
		return 0;
	if (find_loss(l, conf, &f, e) < 0)
		return -1;
	if (f.loss == LOSS_NONE)
		return 0;
	/* The token is opened first: that may store things of its own. */
	if ((f.loss == LOSS_NEWER || f.loss == LOSS_UNKNOWN) &&
		life_token(l, conf->token, &t, e) < 0)
		return err_in(e, "certificate '%s': %s", conf->name, f.text);
	if (db_begin(l->db, e) < 0)
		return -1;
	if (mend(l, conf, &f, e) < 0 || db_commit(l->db, e) < 0) {
		db_rollback(l->db);
		return err_in(e, "certificate '%s': %s", conf->name, f.text);
	}
	life_due_again(l);
	err_set(&why, ERR_FAILED, "certificate '%s': %s", conf->name, f.text);
	err_hint(&why, "'keystay history %s' says what was done about it", conf->name);
	alert_warn(l, conf->name, "rebuilt", &why);
	alert_over(l, conf->name, "rebuild", "what could be rebuilt was");
	return 0;
}

int
rebuild_all(struct life *l, struct err *e)
{
	struct err why;
	bool failed = false;

	(void)e;
	for (size_t i = 0; i < l->config->certificates && !life_stopping(l); i++)
		if (rebuild_one(l, &l->config->certificate[i], &why) < 0) {
			alert_warn(l, l->config->certificate[i].name, "rebuild", &why);
			failed = true;
		}
	/* Those that failed are asked for once more when they are wanted. */
	l->compared = !failed;
	return 0;
}

/* --- account keys */

struct finding_account {
	struct life *l;
	const struct authority_conf *authority;
	struct token *token;
	struct key_row found;
};

/* AUTHORITY-2026-11-22-0123abcd, with the beginning of the id at its end (life/key.c). */
static bool
is_account_label(const char *label, const char *authority, const char *id)
{
	char begin[80];

	snprintf(begin, sizeof begin, "%.48s-", authority);
	if (!text_starts(label, begin))
		return false;
	const char *rest = label + strlen(begin);
	return strlen(rest) == strlen("2026-11-22-0123abcd") && rest[10] == '-' &&
	       strncmp(rest + 11, id, 8) == 0;
}

static int
look_at_name(void *ctx, const struct key_name *name, struct err *e)
{
	struct finding_account *f = ctx;
	struct key_row known;
	bool is_known;

	if (!is_account_label(name->label, f->authority->name, name->id))
		return 0;
	if (key_known(f->l->db, name->id, &known, &is_known, e) < 0)
		return -1;
	/* The date in the label orders them. */
	if (is_known || (f->found.id[0] && strcmp(name->label, f->found.label) <= 0))
		return 0;
	text_copy(f->found.id, sizeof f->found.id, name->id);
	text_copy(f->found.label, sizeof f->found.label, name->label);
	return 0;
}

int
rebuild_account_key(struct life *l, const struct authority_conf *a, struct key_row *ret,
	bool *ret_found, struct err *e)
{
	struct finding_account f = {.l = l, .authority = a};
	struct key_row *k = &f.found;
	EVP_PKEY *public = NULL;
	struct key_facts facts;
	struct err why;
	bool refused = false;

	*ret_found = false;
	if (life_token(l, a->account_key.token, &f.token, e) < 0 ||
		key_names(f.token, look_at_name, &f, e) < 0)
		return -1;
	if (!k->id[0])
		return 0;
	const struct key_name name = life_key_name(k);
	if (key_find(f.token, &name, &facts, &public, e) < 0)
		return -1;
	if (facts.presence != KEY_WHOLE || key_judge(&facts, &name, &why) < 0 ||
		facts.type != a->account_key.type) {
		EVP_PKEY_free(public);
		return 0;
	}
	if (compromised_has(l->db, facts.public_hash, &refused, e) < 0 || refused) {
		EVP_PKEY_free(public);
		return refused ? 0 : -1;
	}
	k->created_at = services_now(l->services);
	text_copy(k->token, sizeof k->token, a->account_key.token);
	text_copy(k->type, sizeof k->type, key_type_word(facts.type));
	text_copy(k->purpose, sizeof k->purpose, "account");
	text_copy(k->owner, sizeof k->owner, a->name);
	int rc = key_uri(f.token, &name, k->uri, e);
	if (rc == 0)
		rc = key_adopt(l, k, &facts, KEY_STAGED, public, e);
	EVP_PKEY_free(public);
	if (rc < 0)
		return -1;
	*ret = *k;
	*ret_found = true;
	return 0;
}
