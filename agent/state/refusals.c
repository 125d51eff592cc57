#include "keystay/state/refusals.h"

#include "internal.h"

struct found {
	struct refusal *row;
	bool found;
};

static int
refusal_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct found *f = ctx;
	(void)e;
	DB_TEXT(row, 0, f->row->source);
	f->row->inode = sqlite3_column_int64(row, 1);
	f->row->changed_ns = sqlite3_column_int64(row, 2);
	f->row->size = sqlite3_column_int64(row, 3);
	f->row->at = sqlite3_column_int64(row, 4);
	DB_TEXT(row, 5, f->row->flag);
	f->found = true;
	return 0;
}

int
refusal_get(struct db *db, const char *token, struct refusal *ret, bool *ret_found, struct err *e)
{
	static const char sql[] =
		"SELECT source, inode, changed_ns, size, at, flag FROM pin_refused"
		" WHERE token = ?1";
	struct found f = {ret, false};

	if (db_query(db, e, refusal_row, &f, sql, "t", token) < 0)
		return -1;
	*ret_found = f.found;
	return 0;
}

int
refusal_save(struct db *db, const char *token, const struct refusal *r, struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO pin_refused (token, source, inode,"
		" changed_ns, size, at, flag) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

	return db_run(db, e, sql, "ttiiiit", token, r->source, r->inode, r->changed_ns, r->size,
		r->at, r->flag);
}

int
refusal_clear(struct db *db, const char *token, struct err *e)
{
	return db_run(db, e, "DELETE FROM pin_refused WHERE token = ?1", "t", token);
}
