#include "keystay/state/uses.h"

#include "internal.h"

#define COLUMNS                                                                         \
	"public_hash, rsa, raw, params, label, serial, counts, last_use, alarmed_hour," \
	" token_count, token_ahead, token_hard, at"

static int
ledger_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct ledger_row *l = ctx;
	(void)e;
	DB_TEXT(row, 0, l->id);
	l->epoch = sqlite3_column_int64(row, 1);
	DB_TEXT(row, 2, l->counts);
	l->at = sqlite3_column_int64(row, 3);
	return 0;
}

int
ledger_row_get(struct db *db, struct ledger_row *ret, struct err *e)
{
	static const char sql[] = "SELECT id, epoch, counts, at FROM ledger WHERE one = 1";

	*ret = (struct ledger_row){.id = ""};
	return db_query(db, e, ledger_row, ret, sql, "");
}

int
ledger_row_save(struct db *db, const struct ledger_row *r, struct err *e)
{
	static const char sql[] = "INSERT OR REPLACE INTO ledger (one, id, epoch, counts, at)"
				  " VALUES (1, ?1, ?2, ?3, ?4)";

	return db_run(db, e, sql, "titi", r->id, r->epoch, r->counts, r->at);
}

int
use_row_save(struct db *db, const struct use_row *r, struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO use_count (" COLUMNS ", closed)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)";

	return db_run(db, e, sql, "titttttiiiiii", r->public_hash, (int64_t)r->rsa, r->raw,
		r->params, r->label, r->serial, r->counts, r->last_use, r->alarmed_hour,
		r->token_count, r->token_ahead, r->token_hard, r->at);
}

static void
read_row(sqlite3_stmt *row, struct use_row *u)
{
	DB_TEXT(row, 0, u->public_hash);
	u->rsa = sqlite3_column_int(row, 1);
	DB_TEXT(row, 2, u->raw);
	DB_TEXT(row, 3, u->params);
	DB_TEXT(row, 4, u->label);
	DB_TEXT(row, 5, u->serial);
	DB_TEXT(row, 6, u->counts);
	u->last_use = sqlite3_column_int64(row, 7);
	u->alarmed_hour = sqlite3_column_int64(row, 8);
	u->token_count = sqlite3_column_int64(row, 9);
	u->token_ahead = sqlite3_column_int64(row, 10);
	u->token_hard = sqlite3_column_int64(row, 11);
	u->at = sqlite3_column_int64(row, 12);
}

struct one {
	struct use_row *row;
	bool found;
};

static int
one_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct one *one = ctx;
	(void)e;
	read_row(row, one->row);
	one->found = true;
	return 0;
}

int
use_row_get(
	struct db *db, const char *public_hash, struct use_row *ret, bool *ret_found, struct err *e)
{
	static const char sql[] = "SELECT " COLUMNS " FROM use_count WHERE public_hash = ?1";
	struct one one = {ret, false};

	if (db_query(db, e, one_row, &one, sql, "t", public_hash) < 0)
		return -1;
	*ret_found = one.found;
	return 0;
}

struct each {
	int (*each)(void *ctx, const struct use_row *row, struct err *e);
	void *ctx;
};

static int
each_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	const struct each *all = ctx;
	struct use_row u;
	read_row(row, &u);
	return all->each(all->ctx, &u, e);
}

int
use_rows_each(struct db *db, int (*each)(void *ctx, const struct use_row *row, struct err *e),
	void *ctx, struct err *e)
{
	static const char sql[] =
		"SELECT " COLUMNS " FROM use_count WHERE closed = 0 ORDER BY public_hash";
	struct each all = {each, ctx};

	return db_query(db, e, each_row, &all, sql, "");
}

int
use_row_close(struct db *db, const char *public_hash, struct err *e)
{
	return db_run(
		db, e, "UPDATE use_count SET closed = 1 WHERE public_hash = ?1", "t", public_hash);
}

int
use_row_alarmed(struct db *db, const char *public_hash, int64_t hour, struct err *e)
{
	static const char sql[] = "UPDATE use_count SET alarmed_hour = ?2 WHERE public_hash = ?1";

	return db_run(db, e, sql, "ti", public_hash, hour);
}

static int
name_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);

	if (name && !list_add(ctx, name))
		return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

int
use_counting_tokens(struct db *db, struct list *ret, struct err *e)
{
	static const char sql[] =
		"SELECT DISTINCT k.token FROM use_count u JOIN key k USING (public_hash)"
		" WHERE u.token_count >= 0 AND k.state != 'destroyed'";

	return db_query(db, e, name_row, ret, sql, "");
}
