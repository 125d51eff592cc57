#include "keystay/state/watched.h"

#include <string.h>

#include "keystay/base/buf.h"
#include "internal.h"

/* 250 names of full length, and some. */
#define NAMES_TEXT_MAX (256 * 1024)

int
watched_save(struct db *db, const struct watched_row *w, struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO watched (name, names, source, place, config, subject, owner,"
		" authority, policy, token, key_type, endpoints, notes, issuer, serial, fingerprint,"
		" not_before, not_after, added_at, looked_at, problem) VALUES"
		" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
		" ?19, ?20, ?21)";
	AUTO(buf) struct buf names = BUF(NAMES_TEXT_MAX), endpoints = BUF(NAMES_TEXT_MAX);

	db_list_text(&w->names, &names);
	db_list_text(&w->endpoints, &endpoints);
	if (names.full || endpoints.full)
		return err_set(e, ERR_FAILED, "certificate '%s': its names are too long", w->name);
	return db_run(db, e, sql, "ttttttttttttttttiiiit", w->name, buf_text(&names), w->source,
		w->place, w->config, w->subject, w->owner, w->authority, w->policy, w->token,
		w->key_type, buf_text(&endpoints), w->notes, w->issuer, w->serial, w->fingerprint,
		w->not_before, w->not_after, w->added_at, w->looked_at, w->problem);
}

#define COLUMNS                                                                                   \
	"name, names, source, place, config, subject, owner, authority, policy, token, key_type," \
	" endpoints, notes, issuer, serial, fingerprint, not_before, not_after, added_at,"        \
	" looked_at, problem"

static int
read_row(sqlite3_stmt *row, struct watched_row *w, struct err *e)
{
	DB_TEXT(row, 0, w->name);
	DB_TEXT(row, 2, w->source);
	DB_TEXT(row, 3, w->place);
	DB_TEXT(row, 4, w->config);
	DB_TEXT(row, 5, w->subject);
	DB_TEXT(row, 6, w->owner);
	DB_TEXT(row, 7, w->authority);
	DB_TEXT(row, 8, w->policy);
	DB_TEXT(row, 9, w->token);
	DB_TEXT(row, 10, w->key_type);
	DB_TEXT(row, 12, w->notes);
	DB_TEXT(row, 13, w->issuer);
	DB_TEXT(row, 14, w->serial);
	DB_TEXT(row, 15, w->fingerprint);
	w->not_before = sqlite3_column_int64(row, 16);
	w->not_after = sqlite3_column_int64(row, 17);
	w->added_at = sqlite3_column_int64(row, 18);
	w->looked_at = sqlite3_column_int64(row, 19);
	DB_TEXT(row, 20, w->problem);
	if (db_list(row, 1, &w->names) && db_list(row, 11, &w->endpoints))
		return 0;
	return err_set(e, ERR_FAILED, "no memory for a certificate's names");
}

struct one_row {
	struct watched_row *row;
	bool found;
};

static int
get_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct one_row *one = ctx;

	one->found = true;
	return read_row(row, one->row, e);
}

int
watched_get(
	struct db *db, const char *name, struct watched_row *ret, bool *ret_found, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	struct one_row one = {.row = &w};

	if (db_query(db, e, get_row, &one, "SELECT " COLUMNS " FROM watched WHERE name = ?1", "t",
		    name) < 0)
		return -1;
	*ret_found = one.found;
	*ret = w;
	memset(&w, 0, sizeof w);
	return 0;
}

int
watched_delete(struct db *db, const char *name, struct err *e)
{
	return db_run(db, e, "DELETE FROM watched WHERE name = ?1", "t", name);
}

struct each_watched {
	int (*each)(void *ctx, const struct watched_row *row, struct err *e);
	void *ctx;
};

static int
each_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	const struct each_watched *all = ctx;

	return read_row(row, &w, e) < 0 ? -1 : all->each(all->ctx, &w, e);
}

int
watched_each(struct db *db, int (*each)(void *ctx, const struct watched_row *row, struct err *e),
	void *ctx, struct err *e)
{
	struct each_watched all = {each, ctx};

	return db_query(db, e, each_row, &all, "SELECT " COLUMNS " FROM watched ORDER BY name", "");
}

void
watched_free(struct watched_row *w)
{
	list_free(&w->names);
	list_free(&w->endpoints);
}
