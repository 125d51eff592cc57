#include "keystay/state/due.h"

#include "internal.h"

static const char *
text_of(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	return text ? text : "";
}

struct each_due {
	int (*each)(void *ctx, const struct due_row *row, struct err *e);
	void *ctx;
};

static int
due_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_due *all = ctx;
	const struct due_row d = {
		.certificate = text_of(row, 0),
		.renew_at = sqlite3_column_int64(row, 1),
		.renew_reason = text_of(row, 2),
		.cause_at = sqlite3_column_int64(row, 3),
		.cause = text_of(row, 4),
		.wish = text_of(row, 5),
		.jitter = sqlite3_column_int64(row, 6),
		.key_type = text_of(row, 7),
		.authority = text_of(row, 8),
		.not_before = sqlite3_column_int64(row, 9),
		.not_after = sqlite3_column_int64(row, 10),
		.ari_id = text_of(row, 11),
		.key_made_at = sqlite3_column_int64(row, 12),
		.key_state = text_of(row, 13),
		.window_start = sqlite3_column_int64(row, 14),
		.window_end = sqlite3_column_int64(row, 15),
		.chosen_at = sqlite3_column_int64(row, 16),
		.ask_at = sqlite3_column_int64(row, 17),
		.live_version = sqlite3_column_int64(row, 18),
		.last_version = sqlite3_column_int64(row, 19),
		.installed_at = sqlite3_column_int64(row, 20),
	};

	return all->each(all->ctx, &d, e);
}

int
due_rows_each(struct db *db, int (*each)(void *ctx, const struct due_row *row, struct err *e),
	void *ctx, struct err *e)
{
	static const char sql[] =
		"SELECT c.name, c.renew_at, c.renew_reason, c.cause_at, c.cause, c.wish, c.jitter,"
		" v.key_type, v.authority, v.not_before, v.not_after, v.ari_id,"
		" k.created_at, k.state, r.window_start, r.window_end, r.chosen_at, r.ask_at,"
		" c.live_version, c.last_version, v.installed_at"
		" FROM certificate AS c"
		" JOIN version AS v ON v.certificate = c.name AND v.number = c.live_version"
		" JOIN key AS k ON k.id = v.key_id"
		" LEFT JOIN renewal_info AS r ON r.ari_id = v.ari_id"
		" WHERE c.live_version > 0 ORDER BY c.name, v.rowid";
	struct each_due all = {each, ctx};

	return db_query(db, e, due_row, &all, sql, "");
}

int
due_save(struct db *db, const char *certificate, when_t renew_at, const char *reason,
	const char *wish, struct err *e)
{
	static const char sql[] = "UPDATE certificate SET renew_at = ?2, renew_reason = ?3,"
				  " wish = coalesce(?4, wish) WHERE name = ?1";

	return db_run(db, e, sql, "titt", certificate, renew_at, reason, wish);
}

int
due_cause(struct db *db, const char *certificate, when_t at, const char *cause, const char *lesser,
	bool *ret_news, struct err *e)
{
	static const char sql[] =
		"UPDATE certificate SET cause_at = ?2, cause = ?3,"
		" renew_reason = CASE WHEN renew_at > ?2 THEN ?3 ELSE renew_reason END,"
		" renew_at = min(renew_at, ?2)"
		" WHERE name = ?1 AND live_version > 0 AND (cause_at = 0 OR cause_at > ?2"
		" OR (cause = ?4 AND cause <> ?3))";

	if (db_run(db, e, sql, "titt", certificate, at, cause, lesser) < 0)
		return -1;
	*ret_news = sqlite3_changes(db->sql) > 0;
	return 0;
}

static int
info_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct renewal_info_row *r = ctx;
	(void)e;
	DB_TEXT(row, 0, r->authority);
	r->window_start = sqlite3_column_int64(row, 1);
	r->window_end = sqlite3_column_int64(row, 2);
	r->chosen_at = sqlite3_column_int64(row, 3);
	DB_TEXT(row, 4, r->explanation);
	r->ask_at = sqlite3_column_int64(row, 5);
	r->failures = sqlite3_column_int64(row, 6);
	return 0;
}

int
renewal_info_get(struct db *db, const char *ari_id, struct renewal_info_row *ret, struct err *e)
{
	static const char sql[] = "SELECT authority, window_start, window_end, chosen_at,"
				  " explanation, ask_at, failures FROM renewal_info"
				  " WHERE ari_id = ?1";
	struct renewal_info_row r = {0};

	text_copy(r.ari_id, sizeof r.ari_id, ari_id);
	if (db_query(db, e, info_row, &r, sql, "t", ari_id) < 0)
		return -1;
	*ret = r;
	return 0;
}

int
renewal_info_save(struct db *db, const struct renewal_info_row *r, struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO renewal_info (ari_id, authority, window_start, window_end,"
		" chosen_at, explanation, ask_at, failures)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

	return db_run(db, e, sql, "ttiiitii", r->ari_id, r->authority, r->window_start,
		r->window_end, r->chosen_at, r->explanation, r->ask_at, r->failures);
}

int
renewal_info_tidy(struct db *db, struct err *e)
{
	static const char sql[] =
		"DELETE FROM renewal_info WHERE ari_id NOT IN (SELECT v.ari_id FROM certificate AS"
		" c JOIN version AS v ON v.certificate = c.name AND v.number = c.live_version)";

	return db_run(db, e, sql, "");
}
