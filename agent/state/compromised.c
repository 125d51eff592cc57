#include "keystay/state/compromised.h"

#include "internal.h"

int
compromised_add(
	struct db *db, const char *public_hash, const char *reason, when_t now, struct err *e)
{
	static const char sql[] = "INSERT OR IGNORE INTO compromised (public_hash, reason, at)"
				  " VALUES (?1, ?2, ?3)";

	return db_run(db, e, sql, "tti", public_hash, reason, now);
}

static int
found_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)row;
	(void)e;
	*(bool *)ctx = true;
	return 0;
}

int
compromised_has(struct db *db, const char *public_hash, bool *ret, struct err *e)
{
	bool found = false;

	if (db_query(db, e, found_row, &found, "SELECT 1 FROM compromised WHERE public_hash = ?1",
		    "t", public_hash) < 0)
		return -1;
	*ret = found;
	return 0;
}
