/*
 * Statements in two calls, for the files of this folder. SQL is always a constant and always bound.
 */
#ifndef KEYSTAY_STATE_INTERNAL_H
#define KEYSTAY_STATE_INTERNAL_H

#include "keystay/base/text.h"
#include "keystay/base/when.h"
#include "keystay/state/db.h"

#include <sqlite3.h>

struct db {
	sqlite3 *sql;
	char *path;
	bool in_transaction;
};

/*
 * Runs a statement that gives no rows. `types` has a letter per parameter: t a `const char *`
 * (NULL = null), i an int64_t, b a `const void *` and a size_t.
 */
int db_run(struct db *db, struct err *e, const char *sql, const char *types, ...) MUST_USE;

/* Runs a query and calls `each` per row; a row's callback may stop the query by returning -1. */
typedef int (*db_row_fn)(void *ctx, sqlite3_stmt *row, struct err *e);
int db_query(struct db *db, struct err *e, db_row_fn each, void *ctx, const char *sql,
	const char *types, ...) MUST_USE;

/* "" for null; cut to the size of an array field. */
void db_text(sqlite3_stmt *row, int column, char *dst, size_t size);
#define DB_TEXT(row, column, field) db_text(row, column, field, sizeof(field))

/* A copy of a text column, NULL for null; the caller frees. */
char *db_text_copy(sqlite3_stmt *row, int column);

/* In the database a list is one text, with blanks between words that have none. */
struct buf;
void db_list_text(const struct list *l, struct buf *ret);
bool db_list(sqlite3_stmt *row, int column, struct list *ret); /* false without memory */

/* Brings the schema to the version of this program. */
int db_migrate(struct db *db, struct err *e) MUST_USE;

int db_fail(struct db *db, struct err *e, const char *doing);

#endif
