#include "keystay/state/accounts.h"

#include "internal.h"

static int
account_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct account_row *a = ctx;
	(void)e;
	DB_TEXT(row, 0, a->authority);
	DB_TEXT(row, 1, a->directory);
	DB_TEXT(row, 2, a->key_id);
	DB_TEXT(row, 3, a->url);
	return 0;
}

int
account_get(struct db *db, const char *authority, const char *directory, struct account_row *ret,
	bool *ret_found, struct err *e)
{
	static const char sql[] = "SELECT authority, directory, key_id, url FROM account"
				  " WHERE authority = ?1 AND directory = ?2";
	struct account_row a = {0};

	if (db_query(db, e, account_row, &a, sql, "tt", authority, directory) < 0)
		return -1;
	*ret_found = a.authority[0] != '\0';
	*ret = a;
	return 0;
}

int
account_save(struct db *db, const struct account_row *a, struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO account (authority, directory, key_id, url)"
		" VALUES (?1, ?2, ?3, ?4)";

	return db_run(db, e, sql, "tttt", a->authority, a->directory, a->key_id, a->url);
}

int
account_delete(struct db *db, const char *authority, const char *directory, struct err *e)
{
	return db_run(db, e, "DELETE FROM account WHERE authority = ?1 AND directory = ?2", "tt",
		authority, directory);
}
