#include "keystay/state/capability.h"

#include "internal.h"

static int
answer_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	char **answer = ctx;

	*answer = db_text_copy(row, 0);
	return *answer ? 0 : err_set(e, ERR_FAILED, "no memory");
}

int
capability_get(struct db *db, const struct capability_key *k, char **ret, struct err *e)
{
	static const char sql[] =
		"SELECT answer FROM capability WHERE module = ?1 AND label = ?2 AND serial = ?3"
		" AND library_sha256 = ?4 AND firmware = ?5 AND road = ?6";
	char *answer = NULL;

	if (db_query(db, e, answer_row, &answer, sql, "tttttt", k->module, k->label, k->serial,
		    k->library_sha256, k->firmware, k->road) < 0)
		return -1;
	*ret = answer;
	return 0;
}

int
capability_save(struct db *db, const struct capability_key *k, const char *answer, when_t now,
	struct err *e)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO capability (module, label, serial, library_sha256,"
		" firmware, answer, at, road) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

	return db_run(db, e, sql, "ttttttit", k->module, k->label, k->serial, k->library_sha256,
		k->firmware, answer, now, k->road);
}
