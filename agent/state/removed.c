#include "keystay/state/removed.h"

#include "internal.h"

int
removed_save(struct db *db, const struct removed_row *r, struct err *e)
{
	static const char sql[] = "INSERT OR REPLACE INTO removed"
				  " (certificate, removed_at, keep_key, drain, disable, endpoints)"
				  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

	return db_run(db, e, sql, "tiiiit", r->certificate, r->removed_at, (int64_t)r->keep_key,
		r->drain, r->disable, r->endpoints);
}

struct each_removed {
	int (*each)(void *ctx, const struct removed_row *row, struct err *e);
	void *ctx;
};

static int
removed_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	const struct each_removed *all = ctx;
	struct removed_row r = {.removed_at = sqlite3_column_int64(row, 1),
		.keep_key = sqlite3_column_int64(row, 2) != 0,
		.drain = sqlite3_column_int64(row, 3),
		.disable = sqlite3_column_int64(row, 4)};

	DB_TEXT(row, 0, r.certificate);
	DB_TEXT(row, 5, r.endpoints);
	return all->each(all->ctx, &r, e);
}

#define SELECT "SELECT certificate, removed_at, keep_key, drain, disable, endpoints FROM removed"

struct one {
	struct removed_row *row;
	bool found;
};

static int
keep_one(void *ctx, const struct removed_row *row, struct err *e)
{
	struct one *one = ctx;

	(void)e;
	*one->row = *row;
	one->found = true;
	return 0;
}

int
removed_get(struct db *db, const char *certificate, struct removed_row *ret, bool *ret_found,
	struct err *e)
{
	struct one one = {.row = ret};
	struct each_removed all = {keep_one, &one};

	if (db_query(db, e, removed_row, &all, SELECT " WHERE certificate = ?1", "t", certificate) <
		0)
		return -1;
	*ret_found = one.found;
	return 0;
}

int
removed_delete(struct db *db, const char *certificate, struct err *e)
{
	return db_run(db, e, "DELETE FROM removed WHERE certificate = ?1", "t", certificate);
}

int
removed_each(struct db *db, int (*each)(void *ctx, const struct removed_row *row, struct err *e),
	void *ctx, struct err *e)
{
	struct each_removed all = {each, ctx};

	return db_query(db, e, removed_row, &all, SELECT " ORDER BY certificate", "");
}
