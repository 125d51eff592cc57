#include "keystay/state/anchors.h"

#include "internal.h"

int
anchor_save(struct db *db, const struct anchor_row *row, struct err *e)
{
	static const char sql[] =
		"INSERT INTO anchor (authority, fingerprint, vouched_by, pem, added_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (authority, fingerprint) DO UPDATE SET vouched_by = ?3, added_at = ?5";

	return db_run(db, e, sql, "tttti", row->authority, row->fingerprint, row->vouched_by,
		row->pem, row->added_at);
}

struct each_anchor {
	int (*each)(void *ctx, const struct anchor_row *row, struct err *e);
	void *ctx;
};

static int
anchor_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_anchor *all = ctx;
	AUTO(char) char *pem = db_text_copy(row, 3);
	struct anchor_row a = {.pem = pem ? pem : "", .added_at = sqlite3_column_int64(row, 4)};

	DB_TEXT(row, 0, a.authority);
	DB_TEXT(row, 1, a.fingerprint);
	DB_TEXT(row, 2, a.vouched_by);
	return all->each(all->ctx, &a, e);
}

int
anchors_each(struct db *db, const char *authority,
	int (*each)(void *ctx, const struct anchor_row *row, struct err *e), void *ctx,
	struct err *e)
{
	static const char sql[] = "SELECT authority, fingerprint, vouched_by, pem, added_at"
				  " FROM anchor WHERE authority = ?1 ORDER BY rowid";
	struct each_anchor all = {each, ctx};

	return db_query(db, e, anchor_row, &all, sql, "t", authority);
}
