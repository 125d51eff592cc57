#include "keystay/state/inventory.h"

#include <string.h>

#include "internal.h"

static int
certificate_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct certificate_row *c = ctx;
	(void)e;
	c->live_version = sqlite3_column_int64(row, 0);
	c->last_version = sqlite3_column_int64(row, 1);
	c->not_served = sqlite3_column_int64(row, 2) != 0;
	c->renew_at = sqlite3_column_int64(row, 3);
	DB_TEXT(row, 4, c->renew_reason);
	c->cause_at = sqlite3_column_int64(row, 5);
	DB_TEXT(row, 6, c->cause);
	DB_TEXT(row, 7, c->wish);
	c->jitter = sqlite3_column_int64(row, 8);
	return 0;
}

int
certificate_get(struct db *db, const char *name, struct certificate_row *ret, struct err *e)
{
	static const char sql[] =
		"SELECT live_version, last_version, not_served, renew_at, renew_reason, cause_at,"
		" cause, wish, jitter FROM certificate WHERE name = ?1";
	struct certificate_row c = {0};

	text_copy(c.name, sizeof c.name, name);
	if (db_query(db, e, certificate_row, &c, sql, "t", name) < 0)
		return -1;
	*ret = c;
	return 0;
}

int
certificate_save(struct db *db, const struct certificate_row *c, struct err *e)
{
	static const char sql[] =
		"INSERT INTO certificate (name, live_version, last_version, not_served, renew_at,"
		" renew_reason, cause_at, cause, wish, jitter)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		" ON CONFLICT (name) DO UPDATE SET live_version = ?2, last_version = ?3,"
		" not_served = ?4, renew_at = ?5, renew_reason = ?6, cause_at = ?7, cause = ?8,"
		" wish = ?9, jitter = ?10";

	return db_run(db, e, sql, "tiiiititti", c->name, c->live_version, c->last_version,
		(int64_t)c->not_served, c->renew_at, c->renew_reason, c->cause_at, c->cause,
		c->wish, c->jitter);
}

int
version_save(struct db *db, const struct version_row *v, struct err *e)
{
	static const char sql[] =
		"INSERT INTO version (certificate, number, key_type, key_id, authority, serial,"
		" issuer, not_before, not_after, fingerprint, anchored, installed_at, ari_id,"
		" account, revoked_at, revoked_for)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
		" ON CONFLICT (certificate, number, key_type) DO UPDATE SET key_id = ?4,"
		" authority = ?5, serial = ?6, issuer = ?7, not_before = ?8, not_after = ?9,"
		" fingerprint = ?10, anchored = ?11, installed_at = ?12, ari_id = ?13,"
		" account = ?14, revoked_at = ?15, revoked_for = ?16";

	return db_run(db, e, sql, "titttttiitiittit", v->certificate, v->number, v->key_type,
		v->key_id, v->authority, v->serial, v->issuer, v->not_before, v->not_after,
		v->fingerprint, (int64_t)v->anchored, v->installed_at, v->ari_id, v->account,
		v->revoked_at, v->revoked_for);
}

#define VERSION_COLUMNS                                                                 \
	"certificate, number, key_type, key_id, authority, serial, issuer,"             \
	" not_before, not_after, fingerprint, anchored, installed_at, ari_id, account," \
	" revoked_at, revoked_for"

struct each_version {
	int (*each)(void *ctx, const struct version_row *row, struct err *e);
	void *ctx;
};

static int
version_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_version *all = ctx;
	struct version_row v;

	DB_TEXT(row, 0, v.certificate);
	v.number = sqlite3_column_int64(row, 1);
	DB_TEXT(row, 2, v.key_type);
	DB_TEXT(row, 3, v.key_id);
	DB_TEXT(row, 4, v.authority);
	DB_TEXT(row, 5, v.serial);
	DB_TEXT(row, 6, v.issuer);
	v.not_before = sqlite3_column_int64(row, 7);
	v.not_after = sqlite3_column_int64(row, 8);
	DB_TEXT(row, 9, v.fingerprint);
	v.anchored = sqlite3_column_int64(row, 10) != 0;
	v.installed_at = sqlite3_column_int64(row, 11);
	DB_TEXT(row, 12, v.ari_id);
	DB_TEXT(row, 13, v.account);
	v.revoked_at = sqlite3_column_int64(row, 14);
	DB_TEXT(row, 15, v.revoked_for);
	return all->each(all->ctx, &v, e);
}

int
version_each(struct db *db, const char *certificate, int64_t number,
	int (*each)(void *ctx, const struct version_row *row, struct err *e), void *ctx,
	struct err *e)
{
	static const char sql[] = "SELECT " VERSION_COLUMNS " FROM version"
				  " WHERE certificate = ?1 AND number = ?2 ORDER BY rowid";
	struct each_version all = {each, ctx};

	return db_query(db, e, version_row, &all, sql, "ti", certificate, number);
}

static int
keep_version(void *ctx, const struct version_row *row, struct err *e)
{
	struct version_row *keep = ctx;

	(void)e;
	*keep = *row;
	return 0;
}

int
version_last_of(struct db *db, const char *authority, struct version_row *ret, bool *ret_found,
	struct err *e)
{
	static const char sql[] =
		"SELECT certificate, number, key_type, key_id, authority, serial, issuer,"
		" not_before, not_after, fingerprint, anchored, installed_at, ari_id, account,"
		" revoked_at, revoked_for FROM version"
		" WHERE authority = ?1 ORDER BY installed_at DESC, rowid DESC LIMIT 1";
	struct version_row found = {.number = 0};
	struct each_version all = {keep_version, &found};

	if (db_query(db, e, version_row, &all, sql, "t", authority) < 0)
		return -1;
	*ret_found = found.number != 0;
	if (*ret_found)
		*ret = found;
	return 0;
}

struct each_count {
	int (*each)(void *ctx, const char *authority, int64_t certificates, struct err *e);
	void *ctx;
};

static int
count_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_count *all = ctx;
	char authority[65];

	DB_TEXT(row, 0, authority);
	return all->each(all->ctx, authority, sqlite3_column_int64(row, 1), e);
}

int
versions_count(struct db *db,
	int (*each)(void *ctx, const char *authority, int64_t certificates, struct err *e),
	void *ctx, struct err *e)
{
	struct each_count all = {each, ctx};

	return db_query(db, e, count_row, &all,
		"SELECT authority, count(*) FROM version GROUP BY authority", "");
}

struct each_time {
	int (*each)(
		void *ctx, const char *authority, when_t at, int64_t certificates, struct err *e);
	void *ctx;
};

static int
time_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_time *all = ctx;
	char authority[65];

	DB_TEXT(row, 0, authority);
	return all->each(
		all->ctx, authority, sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2), e);
}

int
versions_since(struct db *db, when_t since,
	int (*each)(
		void *ctx, const char *authority, when_t at, int64_t certificates, struct err *e),
	void *ctx, struct err *e)
{
	static const char sql[] =
		"SELECT authority, installed_at, count(*) FROM version WHERE installed_at > ?1"
		" GROUP BY authority, certificate, number, installed_at ORDER BY installed_at";
	struct each_time all = {each, ctx};

	return db_query(db, e, time_row, &all, sql, "i", since);
}

int
version_each_of_key(struct db *db, const char *key_id,
	int (*each)(void *ctx, const struct version_row *row, struct err *e), void *ctx,
	struct err *e)
{
	static const char sql[] = "SELECT " VERSION_COLUMNS " FROM version"
				  " WHERE key_id = ?1 ORDER BY rowid";
	struct each_version all = {each, ctx};

	return db_query(db, e, version_row, &all, sql, "t", key_id);
}

static int
name_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)e;
	db_text(row, 0, ctx, 65);
	return 0;
}

int
version_live_of(struct db *db, const char *fingerprint, char ret_name[65], struct err *e)
{
	static const char sql[] = "SELECT c.name FROM version v JOIN certificate c"
				  " ON c.name = v.certificate AND c.live_version = v.number"
				  " WHERE v.fingerprint = ?1 ORDER BY c.name LIMIT 1";
	char name[65] = "";

	if (db_query(db, e, name_row, name, sql, "t", fingerprint) < 0)
		return -1;
	memcpy(ret_name, name, sizeof name);
	return 0;
}

static int
number_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)e;
	*(int64_t *)ctx = sqlite3_column_int64(row, 0);
	return 0;
}

int
version_before(struct db *db, const char *certificate, int64_t number, int64_t *ret, struct err *e)
{
	static const char sql[] = "SELECT coalesce(max(number), 0) FROM version"
				  " WHERE certificate = ?1 AND number < ?2";
	int64_t before = 0;

	if (db_query(db, e, number_row, &before, sql, "ti", certificate, number) < 0)
		return -1;
	*ret = before;
	return 0;
}

int
served_save(struct db *db, const char *certificate, const struct served_row *s, struct err *e)
{
	static const char sql[] = "INSERT INTO served (certificate, endpoint, sni, key_type,"
				  " ok, fingerprint, checked_at)"
				  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
				  " ON CONFLICT (certificate, endpoint, sni, key_type) DO UPDATE"
				  " SET ok = ?5, fingerprint = ?6, checked_at = ?7";

	return db_run(db, e, sql, "ttttiti", certificate, s->endpoint, s->sni, s->key_type,
		(int64_t)s->ok, s->fingerprint, s->checked_at);
}

int
served_clear(struct db *db, const char *certificate, struct err *e)
{
	return db_run(db, e, "DELETE FROM served WHERE certificate = ?1", "t", certificate);
}

struct each_served {
	int (*each)(void *ctx, const struct served_row *row, struct err *e);
	void *ctx;
};

static int
served_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_served *all = ctx;
	struct served_row s;

	DB_TEXT(row, 0, s.endpoint);
	DB_TEXT(row, 1, s.sni);
	DB_TEXT(row, 2, s.key_type);
	s.ok = sqlite3_column_int64(row, 3) != 0;
	DB_TEXT(row, 4, s.fingerprint);
	s.checked_at = sqlite3_column_int64(row, 5);
	return all->each(all->ctx, &s, e);
}

int
served_each(struct db *db, const char *certificate,
	int (*each)(void *ctx, const struct served_row *row, struct err *e), void *ctx,
	struct err *e)
{
	static const char sql[] = "SELECT endpoint, sni, key_type, ok, fingerprint, checked_at"
				  " FROM served WHERE certificate = ?1 ORDER BY rowid";
	struct each_served all = {each, ctx};

	return db_query(db, e, served_row, &all, sql, "t", certificate);
}

struct each_age {
	int (*each)(void *ctx, const char *certificate, when_t looked_at, struct err *e);
	void *ctx;
};

static int
age_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_age *all = ctx;
	char name[65];

	DB_TEXT(row, 0, name);
	return all->each(all->ctx, name, sqlite3_column_int64(row, 1), e);
}

int
served_ages(struct db *db,
	int (*each)(void *ctx, const char *certificate, when_t looked_at, struct err *e), void *ctx,
	struct err *e)
{
	static const char sql[] =
		"SELECT c.name, coalesce(max(s.checked_at), 0) FROM certificate AS c"
		" LEFT JOIN served AS s ON s.certificate = c.name"
		" WHERE c.live_version > 0 GROUP BY c.name";
	struct each_age all = {each, ctx};

	return db_query(db, e, age_row, &all, sql, "");
}
