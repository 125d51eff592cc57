#include "internal.h"

#include <stdio.h>

/*
 * Each row brings the schema from version I to I + 1; rows are only ever added.
 */
static const char *const migrations[] = {
	/* 1: the beginning */
	"CREATE TABLE certificate ("
	"  name TEXT PRIMARY KEY,"
	"  live_version INTEGER NOT NULL DEFAULT 0," /* 0 = none recorded */
	"  last_version INTEGER NOT NULL DEFAULT 0," /* numbers are never used again */
	"  not_served INTEGER NOT NULL DEFAULT 0,"
	"  renew_at INTEGER NOT NULL DEFAULT 0,"
	"  renew_reason TEXT NOT NULL DEFAULT '') STRICT;"

	"CREATE TABLE key ("
	"  id TEXT PRIMARY KEY," /* CKA_ID, hex */
	"  label TEXT NOT NULL UNIQUE,"
	"  token TEXT NOT NULL,"
	"  type TEXT NOT NULL,"
	"  purpose TEXT NOT NULL," /* certificate, account */
	"  owner TEXT NOT NULL,"   /* the certificate or authority */
	"  state TEXT NOT NULL,"
	"  public_hash TEXT,"
	"  uri TEXT,"
	"  evidence TEXT," /* what was read back, JSON */
	"  created_at INTEGER NOT NULL,"
	"  state_at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX key_owner ON key (owner, purpose, type);"

	"CREATE TABLE version ("
	"  certificate TEXT NOT NULL,"
	"  number INTEGER NOT NULL,"
	"  key_type TEXT NOT NULL,"
	"  key_id TEXT NOT NULL REFERENCES key (id),"
	"  authority TEXT NOT NULL,"
	"  serial TEXT NOT NULL,"
	"  issuer TEXT NOT NULL,"
	"  not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL,"
	"  fingerprint TEXT NOT NULL,"
	"  anchored INTEGER NOT NULL,"
	"  installed_at INTEGER NOT NULL,"
	"  PRIMARY KEY (certificate, number, key_type)) STRICT;"

	"CREATE TABLE attempt ("
	"  certificate TEXT PRIMARY KEY,"
	"  step TEXT NOT NULL," /* the next one to do */
	"  reason TEXT NOT NULL,"
	"  key_mode TEXT NOT NULL,"
	"  authority TEXT NOT NULL,"
	"  version INTEGER NOT NULL DEFAULT 0,"
	"  started_at INTEGER NOT NULL,"
	"  not_before INTEGER NOT NULL DEFAULT 0,"
	"  deadline INTEGER NOT NULL DEFAULT 0," /* of the served check */
	"  tries INTEGER NOT NULL DEFAULT 0,"
	"  error_kind TEXT NOT NULL DEFAULT 'none',"
	"  error_text TEXT NOT NULL DEFAULT '',"
	"  error_hint TEXT NOT NULL DEFAULT '') STRICT;"

	"CREATE TABLE part ("
	"  certificate TEXT NOT NULL REFERENCES attempt (certificate) ON DELETE CASCADE,"
	"  position INTEGER NOT NULL,"
	"  key_type TEXT NOT NULL,"
	"  key_id TEXT NOT NULL REFERENCES key (id),"
	"  csr BLOB,"
	"  cookie TEXT," /* the authority's own memory of the order */
	"  chain TEXT,"
	"  PRIMARY KEY (certificate, key_type)) STRICT;"

	"CREATE TABLE account ("
	"  authority TEXT NOT NULL,"
	"  directory TEXT NOT NULL,"
	"  key_id TEXT NOT NULL REFERENCES key (id),"
	"  url TEXT NOT NULL DEFAULT '',"
	"  PRIMARY KEY (authority, directory)) STRICT;"

	"CREATE TABLE served ("
	"  certificate TEXT NOT NULL,"
	"  endpoint TEXT NOT NULL,"
	"  sni TEXT NOT NULL,"
	"  key_type TEXT NOT NULL,"
	"  ok INTEGER NOT NULL,"
	"  fingerprint TEXT NOT NULL,"
	"  checked_at INTEGER NOT NULL,"
	"  PRIMARY KEY (certificate, endpoint, sni, key_type)) STRICT;"

	"CREATE TABLE journal ("
	"  sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  at INTEGER NOT NULL,"
	"  certificate TEXT NOT NULL,"
	"  key_hash TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  step TEXT NOT NULL,"
	"  text TEXT NOT NULL) STRICT;"
	"CREATE INDEX journal_certificate ON journal (certificate);"

	"CREATE TABLE pin_refused ("
	"  token TEXT PRIMARY KEY,"
	"  source TEXT NOT NULL,"
	"  inode INTEGER NOT NULL,"
	"  changed_ns INTEGER NOT NULL,"
	"  size INTEGER NOT NULL,"
	"  at INTEGER NOT NULL) STRICT;",

	/* 2: the whole life of a key, and what tokens can do */
	"ALTER TABLE key ADD COLUMN state_before TEXT NOT NULL DEFAULT '';" /* of a disabled key */
	"ALTER TABLE pin_refused ADD COLUMN flag TEXT NOT NULL DEFAULT '';" /* CKF_USER_PIN_... */

	"CREATE TABLE compromised ("
	"  public_hash TEXT PRIMARY KEY," /* refused for ever, in any token, any certificate */
	"  reason TEXT NOT NULL,"
	"  at INTEGER NOT NULL) STRICT;"

	"CREATE TABLE capability ("
	"  module TEXT NOT NULL,"
	"  label TEXT NOT NULL,"
	"  serial TEXT NOT NULL,"
	"  road TEXT NOT NULL,"
	"  library_sha256 TEXT NOT NULL,"
	"  firmware TEXT NOT NULL,"
	"  answer TEXT NOT NULL," /* JSON */
	"  at INTEGER NOT NULL,"
	"  PRIMARY KEY (module, label, serial, road)) STRICT;",

	/* 3: the use ledger's checkpoints */
	"CREATE TABLE ledger ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1)," /* there is one ledger */
	"  id TEXT NOT NULL,"
	"  epoch INTEGER NOT NULL,"
	"  counts TEXT NOT NULL," /* JSON */
	"  at INTEGER NOT NULL) STRICT;"

	"CREATE TABLE use_count ("
	"  public_hash TEXT PRIMARY KEY,"
	"  rsa INTEGER NOT NULL,"
	"  raw TEXT NOT NULL," /* hex: what guards know the key by */
	"  params TEXT NOT NULL,"
	"  label TEXT NOT NULL,"
	"  serial TEXT NOT NULL,"
	"  counts TEXT NOT NULL," /* JSON */
	"  last_use INTEGER NOT NULL,"
	"  alarmed_hour INTEGER NOT NULL,"
	"  token_count INTEGER NOT NULL," /* -1 = the token has no counter */
	"  token_ahead INTEGER NOT NULL,"
	"  token_hard INTEGER NOT NULL," /* our limit that the token was told */
	"  closed INTEGER NOT NULL,"     /* the key is long gone: it needs no slot any more */
	"  at INTEGER NOT NULL) STRICT;",

	/* 4: what is due and why, renewal windows, authorities in turn, alerts, the clock */
	"ALTER TABLE certificate ADD COLUMN cause TEXT NOT NULL DEFAULT '';" /* beside its time */
	"ALTER TABLE certificate ADD COLUMN cause_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE certificate ADD COLUMN wish TEXT NOT NULL DEFAULT '';"     /* made for this */
	"ALTER TABLE certificate ADD COLUMN jitter INTEGER NOT NULL DEFAULT 0;" /* per mille */
	"UPDATE certificate SET cause = renew_reason, cause_at = renew_at"
	"  WHERE renew_reason IN ('its key is compromised', 'signatures of the key');"
	"ALTER TABLE version ADD COLUMN ari_id TEXT NOT NULL DEFAULT '';"  /* RFC 9773 4.1 */
	"ALTER TABLE version ADD COLUMN account TEXT NOT NULL DEFAULT '';" /* its URL */
	"ALTER TABLE version ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE version ADD COLUMN revoked_for TEXT NOT NULL DEFAULT '';"  /* the reason's word
										 */
	"ALTER TABLE attempt ADD COLUMN tries_here INTEGER NOT NULL DEFAULT 0;" /* this authority */

	"CREATE TABLE renewal_info ("
	"  ari_id TEXT PRIMARY KEY,"
	"  authority TEXT NOT NULL,"
	"  window_start INTEGER NOT NULL DEFAULT 0," /* 0 = the authority names none */
	"  window_end INTEGER NOT NULL DEFAULT 0,"
	"  chosen_at INTEGER NOT NULL DEFAULT 0," /* one moment in that window, chosen once */
	"  explanation TEXT NOT NULL DEFAULT '',"
	"  ask_at INTEGER NOT NULL DEFAULT 0," /* not before */
	"  failures INTEGER NOT NULL DEFAULT 0) STRICT;"

	"CREATE TABLE alert ("
	"  subject TEXT NOT NULL," /* the certificate, or what else it is about */
	"  kind TEXT NOT NULL,"
	"  text TEXT NOT NULL,"
	"  told_at INTEGER NOT NULL,"
	"  PRIMARY KEY (subject, kind)) STRICT;"

	"CREATE TABLE memory (" /* single facts */
	"  word TEXT PRIMARY KEY,"
	"  value INTEGER NOT NULL) STRICT;",

	/* 5: what authorities by EST may issue by */
	"CREATE TABLE anchor ("
	"  authority TEXT NOT NULL,"
	"  fingerprint TEXT NOT NULL," /* SHA-256 of the DER, hex */
	"  vouched_by TEXT NOT NULL,"  /* the fingerprint of another, or where its word came from */
	"  pem TEXT NOT NULL,"
	"  added_at INTEGER NOT NULL,"
	"  PRIMARY KEY (authority, fingerprint)) STRICT;",

	/* 6: certificates that are watched, and what becomes of those that were removed */
	"CREATE TABLE watched ("
	"  name TEXT PRIMARY KEY,"
	"  names TEXT NOT NULL," /* with blanks between them */
	"  source TEXT NOT NULL,"
	"  place TEXT NOT NULL,"
	"  config TEXT NOT NULL,"
	"  subject TEXT NOT NULL,"
	"  owner TEXT NOT NULL,"
	"  authority TEXT NOT NULL,"
	"  policy TEXT NOT NULL,"
	"  token TEXT NOT NULL,"
	"  key_type TEXT NOT NULL,"
	"  endpoints TEXT NOT NULL,"
	"  notes TEXT NOT NULL,"
	"  issuer TEXT NOT NULL,"
	"  serial TEXT NOT NULL,"
	"  fingerprint TEXT NOT NULL,"
	"  not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL,"
	"  added_at INTEGER NOT NULL,"
	"  looked_at INTEGER NOT NULL,"
	"  problem TEXT NOT NULL) STRICT;"
	"CREATE TABLE removed ("
	"  certificate TEXT PRIMARY KEY,"
	"  removed_at INTEGER NOT NULL,"
	"  keep_key INTEGER NOT NULL,"
	"  drain INTEGER NOT NULL,"           /* seconds, of the policy that it had */
	"  disable INTEGER NOT NULL,"         /* likewise */
	"  endpoints TEXT NOT NULL) STRICT;", /* where it was served, with blanks between them */
};

static int
version_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	(void)e;
	*(int64_t *)ctx = sqlite3_column_int64(row, 0);
	return 0;
}

/* SQLite's own copy, consistent whatever is in the WAL. */
static int
back_up(struct db *db, int64_t version, struct err *e)
{
	char path[4200];

	snprintf(path, sizeof path, "%s.before-%lld", db->path, (long long)version + 1);
	(void)remove(path);
	return db_run(db, e, "VACUUM INTO ?1", "t", path);
}

int
db_migrate(struct db *db, struct err *e)
{
	int64_t version = 0;
	char sql[64];

	if (db_query(db, e, version_row, &version, "PRAGMA user_version", "") < 0)
		return -1;
	if (version > (int64_t)COUNT(migrations)) {
		err_set(e, ERR_FAILED,
			"the database '%s' was written by a newer keystay (schema %lld)", db->path,
			(long long)version);
		return err_hint(e, "use that version, or put back a backup");
	}
	bool has_content = version > 0;
	while (version < (int64_t)COUNT(migrations)) {
		if (has_content && back_up(db, version, e) < 0)
			return -1;
		if (db_begin(db, e) < 0)
			return -1;
		snprintf(sql, sizeof sql, "PRAGMA user_version = %lld", (long long)version + 1);
		if (sqlite3_exec(db->sql, migrations[version], NULL, NULL, NULL) != SQLITE_OK ||
			sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
			return db_fail(db, e, "cannot change its schema");
		if (db_commit(db, e) < 0)
			return -1;
		version++;
	}
	return 0;
}
