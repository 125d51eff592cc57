#include "keystay/state/memory.h"

#include "internal.h"

static int
number_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)e;
	*(int64_t *)ctx = sqlite3_column_int64(row, 0);
	return 0;
}

int
memory_get(struct db *db, const char *word, int64_t *ret, struct err *e)
{
	int64_t value = 0;

	if (db_query(db, e, number_row, &value, "SELECT value FROM memory WHERE word = ?1", "t",
		    word) < 0)
		return -1;
	*ret = value;
	return 0;
}

int
memory_set(struct db *db, const char *word, int64_t value, struct err *e)
{
	return db_run(db, e, "INSERT OR REPLACE INTO memory (word, value) VALUES (?1, ?2)", "ti",
		word, value);
}

int
alert_note(struct db *db, const char *subject, const char *kind, const char *text, when_t now,
	when_t again, bool *ret_news, struct err *e)
{
	/* A clock that was ahead when it was told must not silence it for longer than that. */
	static const char sql[] =
		"INSERT INTO alert (subject, kind, text, told_at) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (subject, kind) DO UPDATE SET text = ?3, told_at = ?4"
		" WHERE text <> ?3 OR told_at <= ?4 - ?5 OR told_at > ?4";

	if (db_run(db, e, sql, "tttii", subject, kind, text, now, again) < 0)
		return -1;
	*ret_news = sqlite3_changes(db->sql) > 0;
	return 0;
}

static int
subject_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	const char *subject = (const char *)sqlite3_column_text(row, 0);

	return list_add(ctx, subject ? subject : "") ? 0 : err_set(e, ERR_FAILED, "no memory");
}

int
alert_subjects(struct db *db, const char *kind, struct list *ret, struct err *e)
{
	AUTO(list) struct list subjects = {0};

	if (db_query(db, e, subject_row, &subjects, "SELECT subject FROM alert WHERE kind = ?1",
		    "t", kind) < 0)
		return -1;
	*ret = subjects;
	subjects = (struct list){0};
	return 0;
}

int
alert_clear(struct db *db, const char *subject, const char *kind, bool *ret_was, struct err *e)
{
	static const char sql[] = "DELETE FROM alert WHERE subject = ?1 AND kind = ?2";

	if (db_run(db, e, sql, "tt", subject, kind) < 0)
		return -1;
	*ret_was = sqlite3_changes(db->sql) > 0;
	return 0;
}
