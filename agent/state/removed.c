#include "keystay/state/removed.h"

#include "keystay/base/buf.h"
#include "internal.h"

/* More endpoints than any certificate has. */
#define ENDPOINTS_TEXT_MAX (64 * 1024)

int
removed_save(struct db *db, const struct removed_row *r, struct err *e)
{
	static const char sql[] = "INSERT OR REPLACE INTO removed (certificate, removed_at,"
				  " keep_key, drain, disable, endpoints)"
				  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
	AUTO(buf) struct buf endpoints = BUF(ENDPOINTS_TEXT_MAX);

	db_list_text(&r->endpoints, &endpoints);
	if (endpoints.full)
		return err_set(e, ERR_FAILED, "certificate '%s': its endpoints are too long",
			r->certificate);
	return db_run(db, e, sql, "tiiiit", r->certificate, r->removed_at, (int64_t)r->keep_key,
		r->drain, r->disable, buf_text(&endpoints));
}

struct one_row {
	struct removed_row *row;
	bool found;
};

static int
get_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct one_row *one = ctx;

	one->found = true;
	DB_TEXT(row, 0, one->row->certificate);
	one->row->removed_at = sqlite3_column_int64(row, 1);
	one->row->keep_key = sqlite3_column_int64(row, 2) != 0;
	one->row->drain = sqlite3_column_int64(row, 3);
	one->row->disable = sqlite3_column_int64(row, 4);
	if (db_list(row, 5, &one->row->endpoints))
		return 0;
	return err_set(e, ERR_FAILED, "no memory for a certificate's endpoints");
}

int
removed_get(struct db *db, const char *certificate, struct removed_row *ret, bool *ret_found,
	struct err *e)
{
	static const char sql[] = "SELECT certificate, removed_at, keep_key, drain, disable,"
				  " endpoints FROM removed WHERE certificate = ?1";
	AUTO(removed_row) struct removed_row r = {.removed_at = 0};
	struct one_row one = {.row = &r};

	if (db_query(db, e, get_row, &one, sql, "t", certificate) < 0)
		return -1;
	*ret_found = one.found;
	*ret = r;
	r.endpoints = (struct list){0};
	return 0;
}

int
removed_delete(struct db *db, const char *certificate, struct err *e)
{
	return db_run(db, e, "DELETE FROM removed WHERE certificate = ?1", "t", certificate);
}

static int
name_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	char name[65];

	DB_TEXT(row, 0, name);
	return list_add(ctx, name) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

int
removed_names(struct db *db, struct list *ret, struct err *e)
{
	return db_query(
		db, e, name_row, ret, "SELECT certificate FROM removed ORDER BY certificate", "");
}

void
removed_free(struct removed_row *r)
{
	list_free(&r->endpoints);
}
