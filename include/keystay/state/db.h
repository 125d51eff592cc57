/*
 * The database: one SQLite file (WAL, synchronous FULL), opened by one process at a time under the
 * lock of the state folder. It stores the next step to do, never "doing"; words, never numbers of
 * an enum. A change of the schema is a numbered migration (state/migrations.c) with a backup
 * beside it.
 */
#ifndef KEYSTAY_STATE_DB_H
#define KEYSTAY_STATE_DB_H

#include "keystay/base/err.h"

struct db;

/*
 * Opens or makes the database and brings its schema up to date; before a migration the old file is
 * copied to PATH.before-N. ERR_FAILED with a hint when it is damaged, newer than this program, or
 * its folder is not writable. The caller frees *ret with db_close.
 */
int db_open(const char *path, struct db **ret, struct err *e) MUST_USE;
void db_close(struct db *db);

/* What is done between begin and commit is there as a whole after a crash, or not at all. */
int db_begin(struct db *db, struct err *e) MUST_USE;
int db_commit(struct db *db, struct err *e) MUST_USE;

/* Undoes what was done since db_begin; nothing to do outside a transaction. */
void db_rollback(struct db *db);

static inline void
auto_db(struct db **slot)
{
	db_close(*slot);
}

#endif
