#include "keystay/state/db.h"

#include <stdarg.h>
#include <string.h>
#include <sys/statvfs.h>

#include "keystay/base/buf.h"
#include "internal.h"

/* True when the file system has no room left: SQLite may call that an I/O error. */
static bool
no_room(const char *path)
{
	struct statvfs fs;
	return statvfs(path, &fs) == 0 && fs.f_bavail < 16;
}

int
db_fail(struct db *db, struct err *e, const char *doing)
{
	int code = db->sql ? sqlite3_errcode(db->sql) : SQLITE_NOMEM;

	if ((code & 0xff) == SQLITE_IOERR && no_room(db->path))
		code = SQLITE_FULL;

	err_set(e, ERR_FAILED, "the database '%s': %s: %s", db->path, doing,
		db->sql ? sqlite3_errmsg(db->sql) : "no memory");
	switch (code & 0xff) {
	case SQLITE_FULL:
		return err_hint(e, "the disk is full: make room; nothing is lost");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_hint(e,
			"put back a backup, or move it away with its '-wal' and '-shm': the next "
			"'keystay renew --due' makes another from the files and the tokens");
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return err_hint(e, "run keystay as root or as the owner of the state folder");
	case SQLITE_BUSY:
		return err_hint(e, "another program holds the database open");
	default:
		return -1;
	}
}

int
db_open(const char *path, struct db **ret, struct err *e)
{
	static const char settings[] = "PRAGMA journal_mode = WAL;"
				       "PRAGMA cache_size = -128;" /* KiB */
				       "PRAGMA synchronous = FULL;"
				       "PRAGMA foreign_keys = ON;"
				       "PRAGMA trusted_schema = OFF;";
	AUTO(db) struct db *db = calloc(1, sizeof *db);

	if (!db || !(db->path = strdup(path)))
		return err_set(e, ERR_FAILED, "no memory to open the database '%s'", path);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK)
		return db_fail(db, e, "cannot open it");
	sqlite3_extended_result_codes(db->sql, 1);
	sqlite3_busy_timeout(db->sql, 5000);
	if (sqlite3_exec(db->sql, settings, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, e, "cannot set it up");
	if (db_migrate(db, e) < 0)
		return -1;
	*ret = take(&db);
	return 0;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

int
db_begin(struct db *db, struct err *e)
{
	if (db->in_transaction)
		BUG("a transaction within a transaction");
	if (sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, e, "cannot begin a change");
	db->in_transaction = true;
	return 0;
}

int
db_commit(struct db *db, struct err *e)
{
	if (sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		db_fail(db, e, "cannot store a change");
		db_rollback(db);
		return -1;
	}
	db->in_transaction = false;
	return 0;
}

void
db_rollback(struct db *db)
{
	if (db->in_transaction)
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	db->in_transaction = false;
}

static int
bind(sqlite3_stmt *s, const char *types, va_list ap)
{
	for (int i = 0; types[i]; i++) {
		int rc = SQLITE_MISUSE;
		if (types[i] == 't') {
			rc = sqlite3_bind_text(
				s, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else if (types[i] == 'i') {
			rc = sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
		} else if (types[i] == 'b') {
			const void *data = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);
			rc = sqlite3_bind_blob64(s, i + 1, data, len, SQLITE_STATIC);
		}
		if (rc != SQLITE_OK)
			return -1;
	}
	return sqlite3_bind_parameter_count(s) == (int)strlen(types) ? 0 : -1;
}

static int
step_through(struct db *db, struct err *e, db_row_fn each, void *ctx, const char *sql,
	const char *types, va_list ap)
{
	sqlite3_stmt *s = NULL;
	int rc, result = 0;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) != SQLITE_OK || bind(s, types, ap) < 0) {
		sqlite3_finalize(s);
		return db_fail(db, e, "cannot ask it");
	}
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && result == 0)
		result = each ? each(ctx, s, e) : 0;
	if (result == 0 && rc != SQLITE_DONE)
		result = db_fail(db, e, each ? "cannot read it" : "cannot write it");
	sqlite3_finalize(s);
	return result;
}

int
db_run(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int rc = step_through(db, e, NULL, NULL, sql, types, ap);
	va_end(ap);
	return rc;
}

int
db_query(struct db *db, struct err *e, db_row_fn each, void *ctx, const char *sql,
	const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int rc = step_through(db, e, each, ctx, sql, types, ap);
	va_end(ap);
	return rc;
}

void
db_text(sqlite3_stmt *row, int column, char *dst, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	text_copy(dst, size, text ? text : "");
}

char *
db_text_copy(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	return text ? strdup(text) : NULL;
}

void
db_list_text(const struct list *l, struct buf *ret)
{
	for (size_t i = 0; i < l->count; i++)
		buf_addf(ret, "%s%s", i ? " " : "", l->item[i]);
}

bool
db_list(sqlite3_stmt *row, int column, struct list *ret)
{
	AUTO(char) char *text = db_text_copy(row, column);
	char *rest = NULL;
	bool whole = true;

	for (char *w = text ? strtok_r(text, " ", &rest) : NULL; w; w = strtok_r(NULL, " ", &rest))
		whole = list_add(ret, w) && whole;
	return whole;
}
