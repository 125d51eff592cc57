#include "keystay/state/attempts.h"

#include <string.h>

#include "internal.h"

static int
save_parts(struct db *db, const struct attempt *a, struct err *e)
{
	static const char sql[] =
		"INSERT INTO part (certificate, position, key_type, key_id, csr, cookie, chain)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

	if (db_run(db, e, "DELETE FROM part WHERE certificate = ?1", "t", a->certificate) < 0)
		return -1;
	for (size_t i = 0; i < a->parts; i++) {
		const struct part *p = &a->part[i];
		if (db_run(db, e, sql, "tittbtt", a->certificate, (int64_t)i, p->key_type,
			    p->key_id, (const void *)p->csr, p->csr_len, p->cookie, p->chain) < 0)
			return -1;
	}
	return 0;
}

int
attempt_save(struct db *db, const struct attempt *a, struct err *e)
{
	static const char sql[] =
		"INSERT INTO attempt (certificate, step, reason, key_mode, authority, version,"
		" started_at, not_before, deadline, tries, error_kind, error_text, error_hint,"
		" tries_here)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
		" ON CONFLICT (certificate) DO UPDATE SET step = ?2, reason = ?3, key_mode = ?4,"
		" authority = ?5, version = ?6, not_before = ?8, deadline = ?9, tries = ?10,"
		" error_kind = ?11, error_text = ?12, error_hint = ?13, tries_here = ?14";
	bool own = !db->in_transaction;

	if (own && db_begin(db, e) < 0)
		return -1;
	if (db_run(db, e, sql, "tttttiiiiittti", a->certificate, a->step, a->reason, a->key_mode,
		    a->authority, a->version, a->started_at, a->not_before, a->deadline, a->tries,
		    err_word(a->error_kind), a->error_text, a->error_hint, a->tries_here) < 0 ||
		save_parts(db, a, e) < 0) {
		if (own)
			db_rollback(db);
		return -1;
	}
	return own ? db_commit(db, e) : 0;
}

static int
attempt_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct attempt *a = ctx;
	char word[16];

	(void)e;
	DB_TEXT(row, 0, a->certificate);
	DB_TEXT(row, 1, a->step);
	DB_TEXT(row, 2, a->reason);
	DB_TEXT(row, 3, a->key_mode);
	DB_TEXT(row, 4, a->authority);
	a->version = sqlite3_column_int64(row, 5);
	a->started_at = sqlite3_column_int64(row, 6);
	a->not_before = sqlite3_column_int64(row, 7);
	a->deadline = sqlite3_column_int64(row, 8);
	a->tries = sqlite3_column_int64(row, 9);
	DB_TEXT(row, 10, word);
	a->error_kind = err_kind_of(word);
	DB_TEXT(row, 11, a->error_text);
	DB_TEXT(row, 12, a->error_hint);
	a->tries_here = sqlite3_column_int64(row, 13);
	return 0;
}

static int
part_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct attempt *a = ctx;

	if (a->parts == PARTS_MAX)
		return err_set(
			e, ERR_FAILED, "the database holds too many parts of '%s'", a->certificate);
	struct part *p = &a->part[a->parts++];
	*p = (struct part){0};
	DB_TEXT(row, 0, p->key_type);
	DB_TEXT(row, 1, p->key_id);
	const void *csr = sqlite3_column_blob(row, 2);
	if (csr) {
		p->csr_len = (size_t)sqlite3_column_bytes(row, 2);
		p->csr = malloc(p->csr_len);
		if (!p->csr)
			return err_set(e, ERR_FAILED, "no memory to load an attempt");
		memcpy(p->csr, csr, p->csr_len);
	}
	p->cookie = db_text_copy(row, 3);
	p->chain = db_text_copy(row, 4);
	return 0;
}

int
attempt_load(
	struct db *db, const char *certificate, struct attempt *ret, bool *ret_found, struct err *e)
{
	static const char sql[] =
		"SELECT certificate, step, reason, key_mode, authority, version, started_at,"
		" not_before, deadline, tries, error_kind, error_text, error_hint, tries_here"
		" FROM attempt WHERE certificate = ?1";
	static const char parts_sql[] = "SELECT key_type, key_id, csr, cookie, chain FROM part"
					" WHERE certificate = ?1 ORDER BY position";
	struct attempt a = {0};

	if (db_query(db, e, attempt_row, &a, sql, "t", certificate) < 0)
		return -1;
	*ret_found = a.certificate[0] != '\0';
	if (*ret_found && db_query(db, e, part_row, &a, parts_sql, "t", certificate) < 0) {
		attempt_free(&a);
		return -1;
	}
	*ret = a;
	return 0;
}

void
attempt_free(struct attempt *a)
{
	for (size_t i = 0; i < a->parts; i++) {
		free(a->part[i].csr);
		free(a->part[i].cookie);
		free(a->part[i].chain);
	}
	a->parts = 0;
}

int
attempt_delete(struct db *db, const char *certificate, struct err *e)
{
	return db_run(db, e, "DELETE FROM attempt WHERE certificate = ?1", "t", certificate);
}

int
attempts_park(
	struct db *db, const char *authority, const char *step, when_t not_before, struct err *e)
{
	static const char sql[] = "UPDATE attempt SET not_before = ?3"
				  " WHERE authority = ?1 AND step = ?2 AND not_before < ?3";

	return db_run(db, e, sql, "tti", authority, step, not_before);
}

int
attempts_unpark(struct db *db, when_t now, when_t latest, struct err *e)
{
	return db_run(db, e, "UPDATE attempt SET not_before = ?1 WHERE not_before > ?2", "ii", now,
		latest);
}

struct each_attempt {
	int (*each)(void *ctx, const struct attempt_place *a, struct err *e);
	void *ctx;
};

static int
place_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct each_attempt *all = ctx;
	struct attempt_place a = {.not_before = sqlite3_column_int64(row, 2)};

	DB_TEXT(row, 0, a.certificate);
	DB_TEXT(row, 1, a.step);
	return all->each(all->ctx, &a, e);
}

int
attempts_each(struct db *db, int (*each)(void *ctx, const struct attempt_place *a, struct err *e),
	void *ctx, struct err *e)
{
	struct each_attempt all = {each, ctx};

	return db_query(
		db, e, place_row, &all, "SELECT certificate, step, not_before FROM attempt", "");
}
