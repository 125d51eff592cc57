#include "keystay/state/keys.h"

#include "internal.h"

#define COLUMNS                                                                                  \
	"id, label, token, type, purpose, owner, state, public_hash, uri, created_at, state_at," \
	" state_before"

int
key_reserve(struct db *db, const struct key_row *k, struct err *e)
{
	static const char sql[] =
		"INSERT INTO key (id, label, token, type, purpose, owner, state, created_at, state_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, '" KEY_RESERVED "', ?7, ?7)";

	return db_run(db, e, sql, "tttttti", k->id, k->label, k->token, k->type, k->purpose,
		k->owner, k->created_at);
}

/* An update that found no row would be a state that nobody stored. */
static int
one_changed(struct db *db, const char *id, struct err *e)
{
	if (sqlite3_changes(db->sql) == 1)
		return 0;
	return err_set(e, ERR_FAILED, "the database knows no key '%s' in that state", id);
}

int
key_set_made(struct db *db, const char *id, const char *public_hash, const char *uri,
	const char *evidence, when_t now, struct err *e)
{
	static const char sql[] =
		"UPDATE key SET state = '" KEY_STAGED "', public_hash = ?2, uri = ?3,"
		" evidence = ?4, state_at = ?5 WHERE id = ?1 AND state = '" KEY_RESERVED "'";

	if (db_run(db, e, sql, "tttti", id, public_hash, uri, evidence, now) < 0)
		return -1;
	return one_changed(db, id, e);
}

int
key_set_state(struct db *db, const char *id, const char *state, when_t now, struct err *e)
{
	static const char sql[] = "UPDATE key SET state = ?2, state_at = ?3 WHERE id = ?1";

	if (db_run(db, e, sql, "tti", id, state, now) < 0)
		return -1;
	return one_changed(db, id, e);
}

int
key_set_disabled(struct db *db, const char *id, when_t now, struct err *e)
{
	static const char sql[] =
		"UPDATE key SET state_before = state, state = '" KEY_DISABLED "', state_at = ?2"
		" WHERE id = ?1 AND state IN ('" KEY_STAGED "', '" KEY_ACTIVE "', '" KEY_DRAINING
		"')";

	if (db_run(db, e, sql, "ti", id, now) < 0)
		return -1;
	return one_changed(db, id, e);
}

int
key_set_drained(struct db *db, const char *id, when_t now, struct err *e)
{
	static const char sql[] = "UPDATE key SET state_before = '" KEY_DRAINING "', state_at = ?2"
				  " WHERE id = ?1 AND state = '" KEY_DISABLED "'";

	if (db_run(db, e, sql, "ti", id, now) < 0)
		return -1;
	return one_changed(db, id, e);
}

int
key_watch_again(struct db *db, const char *id, when_t now, struct err *e)
{
	static const char sql[] =
		"UPDATE key SET state_at = ?2 WHERE id = ?1 AND state = '" KEY_DISABLED "'";

	return db_run(db, e, sql, "ti", id, now);
}

static int
uses_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct key_uses *u = ctx;
	(void)e;
	u->live = sqlite3_column_int64(row, 0);
	u->attempts = sqlite3_column_int64(row, 1);
	u->accounts = sqlite3_column_int64(row, 2);
	u->served = sqlite3_column_int64(row, 3);
	DB_TEXT(row, 4, u->certificate);
	return 0;
}

int
key_uses(struct db *db, const char *id, struct key_uses *ret, struct err *e)
{
	/* What an endpoint showed counts only while its certificate is still looked after. */
	static const char sql[] =
		"WITH live AS (SELECT c.name FROM version v JOIN certificate c"
		"  ON c.name = v.certificate AND c.live_version = v.number WHERE v.key_id = ?1)"
		" SELECT (SELECT count(*) FROM live),"
		" (SELECT count(*) FROM part WHERE key_id = ?1),"
		" (SELECT count(*) FROM account WHERE key_id = ?1),"
		" (SELECT count(*) FROM served s WHERE s.fingerprint IN"
		"  (SELECT fingerprint FROM version WHERE key_id = ?1)),"
		" (SELECT name FROM live ORDER BY name LIMIT 1)";
	struct key_uses uses = {0};

	if (db_query(db, e, uses_row, &uses, sql, "t", id) < 0)
		return -1;
	*ret = uses;
	return 0;
}

static void
read_row(sqlite3_stmt *row, struct key_row *k)
{
	DB_TEXT(row, 0, k->id);
	DB_TEXT(row, 1, k->label);
	DB_TEXT(row, 2, k->token);
	DB_TEXT(row, 3, k->type);
	DB_TEXT(row, 4, k->purpose);
	DB_TEXT(row, 5, k->owner);
	DB_TEXT(row, 6, k->state);
	DB_TEXT(row, 7, k->public_hash);
	DB_TEXT(row, 8, k->uri);
	k->created_at = sqlite3_column_int64(row, 9);
	k->state_at = sqlite3_column_int64(row, 10);
	DB_TEXT(row, 11, k->state_before);
}

struct one {
	struct key_row *row;
	bool found;
};

static int
one_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct one *one = ctx;
	(void)e;
	read_row(row, one->row);
	one->found = true;
	return 0;
}

int
key_known(struct db *db, const char *id, struct key_row *ret, bool *ret_found, struct err *e)
{
	static const char sql[] = "SELECT " COLUMNS " FROM key WHERE id = ?1";
	struct one one = {ret, false};

	if (db_query(db, e, one_row, &one, sql, "t", id) < 0)
		return -1;
	*ret_found = one.found;
	return 0;
}

int
key_get(struct db *db, const char *id, struct key_row *ret, struct err *e)
{
	bool found;

	if (key_known(db, id, ret, &found, e) < 0)
		return -1;
	return found ? 0 : err_set(e, ERR_FAILED, "the database knows no key '%s'", id);
}

static int
evidence_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)e;
	*(char **)ctx = db_text_copy(row, 0);
	return 0;
}

int
key_evidence_get(struct db *db, const char *id, char **ret, struct err *e)
{
	char *evidence = NULL;

	if (db_query(db, e, evidence_row, &evidence, "SELECT evidence FROM key WHERE id = ?1", "t",
		    id) < 0)
		return -1;
	*ret = evidence;
	return 0;
}

int
key_find_spare(struct db *db, const char *owner, const char *token, const char *type,
	struct key_row *ret, bool *ret_found, struct err *e)
{
	static const char sql[] =
		"SELECT " COLUMNS " FROM key WHERE owner = ?1 AND token = ?2 AND type = ?3"
		" AND purpose = 'certificate' AND state IN ('" KEY_RESERVED "', '" KEY_STAGED "')"
		" ORDER BY created_at DESC, id LIMIT 1";
	struct one one = {ret, false};

	if (db_query(db, e, one_row, &one, sql, "ttt", owner, token, type) < 0)
		return -1;
	*ret_found = one.found;
	return 0;
}

int
key_find_next(struct db *db, const char *authority, const char *key_id, struct key_row *ret,
	bool *ret_found, struct err *e)
{
	static const char sql[] =
		"SELECT " COLUMNS " FROM key WHERE owner = ?1 AND purpose = 'account' AND id <> ?2"
		" AND state IN ('" KEY_RESERVED "', '" KEY_STAGED "')"
		" AND id NOT IN (SELECT key_id FROM account)"
		" ORDER BY created_at DESC, id LIMIT 1";
	struct one one = {ret, false};

	if (db_query(db, e, one_row, &one, sql, "tt", authority, key_id) < 0)
		return -1;
	*ret_found = one.found;
	return 0;
}

struct each {
	int (*each)(void *ctx, const struct key_row *row, struct err *e);
	void *ctx;
};

static int
each_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each *each = ctx;
	struct key_row k;
	read_row(row, &k);
	return each->each(each->ctx, &k, e);
}

int
keys_each(struct db *db, const char *owner,
	int (*each)(void *ctx, const struct key_row *row, struct err *e), void *ctx, struct err *e)
{
	static const char sql[] = "SELECT " COLUMNS " FROM key WHERE ?1 IS NULL OR owner = ?1"
				  " ORDER BY created_at, label";
	struct each all = {each, ctx};

	return db_query(db, e, each_row, &all, sql, "t", owner);
}
