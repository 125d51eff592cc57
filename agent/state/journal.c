#include "keystay/state/journal.h"

#include "internal.h"

int
journal_add(struct db *db, const struct event *v, struct err *e)
{
	static const char sql[] =
		"INSERT INTO journal (at, certificate, key_hash, kind, step, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

	return db_run(db, e, sql, "ittttt", v->at, v->certificate ? v->certificate : "",
		v->key_hash ? v->key_hash : "", v->kind, v->step ? v->step : "", v->text);
}

struct each {
	int (*each)(void *ctx, const struct event *event, struct err *e);
	void *ctx;
};

static int
event_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each *all = ctx;
	struct event v = {
		.at = sqlite3_column_int64(row, 0),
		.certificate = (const char *)sqlite3_column_text(row, 1),
		.key_hash = (const char *)sqlite3_column_text(row, 2),
		.kind = (const char *)sqlite3_column_text(row, 3),
		.step = (const char *)sqlite3_column_text(row, 4),
		.text = (const char *)sqlite3_column_text(row, 5),
	};
	return all->each(all->ctx, &v, e);
}

int
journal_each(struct db *db, const char *certificate,
	int (*each)(void *ctx, const struct event *event, struct err *e), void *ctx, struct err *e)
{
	static const char sql[] = "SELECT at, certificate, key_hash, kind, step, text FROM journal"
				  " WHERE ?1 IS NULL OR certificate = ?1 ORDER BY sequence";
	struct each all = {each, ctx};

	return db_query(db, e, event_row, &all, sql, "t", certificate);
}
