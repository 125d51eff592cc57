/* The database: what is stored is there after a reopen, as a whole or not at all. */
#include "support/unit.h"

#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/text.h"
#include "keystay/state/accounts.h"
#include "keystay/state/attempts.h"
#include "keystay/state/capability.h"
#include "keystay/state/compromised.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"
#include "keystay/state/journal.h"
#include "keystay/state/keys.h"
#include "keystay/state/refusals.h"
#include "keystay/state/removed.h"
#include "keystay/state/watched.h"

#define NOW ((when_t)1790000000)

static char path[PATH_MAX];
static struct db *db;

/* Every test has a database of its own. */
static int
set_up(void **state)
{
	static int n;
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/state-%d.db", unit_folder(), n++);
	return db_open(path, &db, &e);
}

static int
tear_down(void **state)
{
	(void)state;
	db_close(db);
	db = NULL;
	return 0;
}

static void
reopen(void)
{
	db_close(db);
	db = NULL;
	assert_ok(db_open(path, &db, UNIT_ERR));
}

/* Does SQL behind the back of the program. */
static void
meddle(const char *file, const char *sql)
{
	sqlite3 *own = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(file, &own), SQLITE_OK);
	if (sqlite3_exec(own, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(own);
}

static struct key_row
key_of(const char *id, const char *type)
{
	struct key_row k = {.token = "web", .purpose = "certificate", .owner = "www"};

	text_copy(k.id, sizeof k.id, id);
	snprintf(k.label, sizeof k.label, "keystay www %s", id);
	text_copy(k.type, sizeof k.type, type);
	k.created_at = NOW;
	return k;
}

static void
reserve(const char *id, const char *type, when_t at)
{
	struct key_row k = key_of(id, type);
	k.created_at = at;
	assert_ok(key_reserve(db, &k, UNIT_ERR));
}

static void
a_database_of_a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct db *other = NULL;

	(void)state;
	db_close(db);
	db = NULL;
	meddle(path, "PRAGMA user_version = 999");
	assert_refused(db_open(path, &other, UNIT_ERR), ERR_FAILED, "a newer keystay (schema 999)");
	assert_non_null(strstr(unit_err.text, path));
	assert_non_null(strstr(unit_err.hint, "backup"));
	assert_null(other);
	char backup[PATH_MAX + 16];
	struct stat st;
	snprintf(backup, sizeof backup, "%s.before-1000", path);
	assert_int_equal(stat(backup, &st), -1);
}

static void
a_file_that_is_no_database_is_refused_with_a_hint(void **state)
{
	char text[8192];
	struct db *other = NULL;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	const char *file = unit_file("no.db", text);
	assert_refused(db_open(file, &other, UNIT_ERR), ERR_FAILED, "file is not a database");
	assert_non_null(strstr(unit_err.text, file));
	assert_non_null(strstr(unit_err.hint, "put back a backup, or move it away"));
	assert_refused(db_open(unit_folder(), &other, UNIT_ERR), ERR_FAILED, "cannot open it");
	assert_refused(db_open("/nonexistent/state.db", &other, UNIT_ERR), ERR_FAILED,
		"the database '/nonexistent/state.db': cannot open it");
	assert_non_null(strstr(unit_err.hint, "owner of the state folder"));
	assert_null(other);
}

static void
a_damaged_database_is_an_error_and_no_crash(void **state)
{
	struct key_row k;
	struct err e;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char id[33];
		snprintf(id, sizeof id, "%032d", i);
		reserve(id, "ec-p256", NOW + i);
	}
	db_close(db);
	db = NULL;
	/* All pages but the first are overwritten. */
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long size = ftell(f);
	assert_int_equal(fseek(f, 4096, SEEK_SET), 0);
	for (long i = 4096; i < size; i++)
		fputc('x', f);
	assert_int_equal(fclose(f), 0);
	if (db_open(path, &db, &e) == 0) {
		assert_int_equal(key_get(db, "00000000000000000000000000000007", &k, UNIT_ERR), -1);
		assert_int_equal(unit_err.kind, ERR_FAILED);
		assert_non_null(strstr(unit_err.hint, "put back a backup"));
	}
}

static void
a_new_database_has_its_schema_and_knows_nothing(void **state)
{
	struct certificate_row c;
	struct attempt a;
	bool found = true;

	(void)state;
	assert_ok(certificate_get(db, "www", &c, UNIT_ERR));
	assert_string_equal(c.name, "www");
	assert_int_equal(c.live_version, 0);
	assert_int_equal(c.last_version, 0);
	assert_ok(attempt_load(db, "www", &a, &found, UNIT_ERR));
	assert_false(found);
	assert_int_equal(a.parts, 0);
	reopen();
	assert_ok(certificate_get(db, "www", &c, UNIT_ERR));
	db_close(NULL);
}

static void
what_was_stored_is_there_after_a_reopen(void **state)
{
	struct certificate_row c = {.name = "www",
		.live_version = 3,
		.last_version = 4,
		.not_served = true,
		.renew_at = NOW + DAY,
		.renew_reason = "age of the key"};
	struct certificate_row back;

	(void)state;
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	reopen();
	assert_ok(certificate_get(db, "www", &back, UNIT_ERR));
	assert_int_equal(back.live_version, 3);
	assert_int_equal(back.last_version, 4);
	assert_true(back.not_served);
	assert_int_equal(back.renew_at, NOW + DAY);
	assert_string_equal(back.renew_reason, "age of the key");
	c.not_served = false;
	c.live_version = 4;
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	assert_ok(certificate_get(db, "www", &back, UNIT_ERR));
	assert_int_equal(back.live_version, 4);
	assert_false(back.not_served);
}

static void
a_transaction_rolled_back_leaves_nothing(void **state)
{
	struct certificate_row c = {.name = "www", .last_version = 9}, back;
	struct attempt a = {.certificate = "www", .step = "key", .parts = 1};
	struct key_row k;
	bool found = true;

	(void)state;
	text_copy(a.part[0].key_type, sizeof a.part[0].key_type, "ec-p256");
	text_copy(a.part[0].key_id, sizeof a.part[0].key_id, "k1");
	assert_ok(db_begin(db, UNIT_ERR));
	reserve("k1", "ec-p256", NOW);
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	db_rollback(db);
	assert_ok(certificate_get(db, "www", &back, UNIT_ERR));
	assert_int_equal(back.last_version, 0);
	assert_refused(key_get(db, "k1", &k, UNIT_ERR), ERR_FAILED, "knows no key 'k1'");
	assert_ok(attempt_load(db, "www", &a, &found, UNIT_ERR));
	assert_false(found);
	/* Outside a transaction there is nothing to undo. */
	db_rollback(db);
	/* Closing in the middle is what a crash does. */
	assert_ok(db_begin(db, UNIT_ERR));
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	reopen();
	assert_ok(certificate_get(db, "www", &back, UNIT_ERR));
	assert_int_equal(back.last_version, 0);
	assert_ok(db_begin(db, UNIT_ERR));
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	assert_ok(db_commit(db, UNIT_ERR));
	reopen();
	assert_ok(certificate_get(db, "www", &back, UNIT_ERR));
	assert_int_equal(back.last_version, 9);
}

/* An attempt with two parts; what hangs on it is constant. */
static struct attempt
full_attempt(void)
{
	static char csr[] = "0\0\0\1\0two\0";
	struct attempt a = {.certificate = "www",
		.step = "order",
		.reason = "share of lifetime",
		.key_mode = "auto",
		.authority = "public",
		.version = 7,
		.started_at = NOW,
		.not_before = NOW + 60,
		.deadline = NOW + 120,
		.tries = 3,
		.error_kind = ERR_BUSY,
		.error_text = "authority 'public': told to wait",
		.error_hint = "nothing; it is tried again",
		.part = {{.key_type = "ec-p256",
				 .key_id = "k1",
				 .csr = csr,
				 .csr_len = sizeof csr,
				 .cookie = (char *)"{\"order\":\"https://a/1\"}",
				 .chain = (char *)"-----BEGIN CERTIFICATE-----\n"},
			{.key_type = "rsa-2048", .key_id = "k2"}},
		.parts = 2};
	return a;
}

static void
an_attempt_comes_back_as_it_was_saved(void **state)
{
	struct attempt a = full_attempt();
	AUTO(attempt) struct attempt b = {0};
	AUTO(attempt) struct attempt c = {0};
	bool found = false;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	reserve("k2", "rsa-2048", NOW);
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	reopen();
	assert_ok(attempt_load(db, "www", &b, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(b.certificate, "www");
	assert_string_equal(b.step, "order");
	assert_string_equal(b.reason, "share of lifetime");
	assert_string_equal(b.key_mode, "auto");
	assert_string_equal(b.authority, "public");
	assert_int_equal(b.version, 7);
	assert_int_equal(b.started_at, NOW);
	assert_int_equal(b.not_before, NOW + 60);
	assert_int_equal(b.deadline, NOW + 120);
	assert_int_equal(b.tries, 3);
	assert_int_equal(b.error_kind, ERR_BUSY);
	assert_string_equal(b.error_text, a.error_text);
	assert_string_equal(b.error_hint, a.error_hint);
	assert_int_equal(b.parts, 2);
	assert_string_equal(b.part[0].key_type, "ec-p256");
	assert_string_equal(b.part[0].key_id, "k1");
	assert_int_equal(b.part[0].csr_len, a.part[0].csr_len);
	assert_memory_equal(b.part[0].csr, a.part[0].csr, a.part[0].csr_len);
	assert_string_equal(b.part[0].cookie, a.part[0].cookie);
	assert_string_equal(b.part[0].chain, a.part[0].chain);
	assert_string_equal(b.part[1].key_type, "rsa-2048");
	assert_null(b.part[1].csr);
	assert_null(b.part[1].cookie);
	assert_null(b.part[1].chain);
	/* Saved again with less: nothing of the old stays. */
	a.parts = 1;
	a.part[0] = (struct part){.key_type = "rsa-2048", .key_id = "k2"};
	a.error_kind = ERR_NONE;
	a.error_text[0] = a.error_hint[0] = '\0';
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	assert_ok(attempt_load(db, "www", &c, &found, UNIT_ERR));
	assert_int_equal(c.parts, 1);
	assert_string_equal(c.part[0].key_id, "k2");
	assert_null(c.part[0].cookie);
	assert_int_equal(c.error_kind, ERR_NONE);
	assert_string_equal(c.error_text, "");
}

static void
an_attempt_that_cannot_be_saved_whole_is_not_saved_at_all(void **state)
{
	struct attempt a = full_attempt();
	AUTO(attempt) struct attempt b = {0};
	bool found = true;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	/* k2 was never reserved: its part is refused, and the rest with it. */
	assert_refused(attempt_save(db, &a, UNIT_ERR), ERR_FAILED, "FOREIGN KEY");
	assert_ok(attempt_load(db, "www", &b, &found, UNIT_ERR));
	assert_false(found);
	/* The next change begins afresh. */
	a.parts = 1;
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	a.parts = 2;
	text_copy(a.step, sizeof a.step, "install");
	assert_int_equal(attempt_save(db, &a, UNIT_ERR), -1);
	assert_ok(attempt_load(db, "www", &b, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(b.step, "order");
	assert_int_equal(b.parts, 1);
}

static int
count_rows(void *ctx, int columns, char **value, char **name)
{
	(void)columns;
	(void)name;
	*(int *)ctx = value[0][0] - '0';
	return 0;
}

static void
deleting_an_attempt_takes_its_parts_along(void **state)
{
	struct attempt a = full_attempt();
	AUTO(attempt) struct attempt b = {0};
	sqlite3 *own = NULL;
	struct key_row k;
	bool found = true;
	int parts = 9;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	reserve("k2", "rsa-2048", NOW);
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	text_copy(a.certificate, sizeof a.certificate, "mail");
	a.parts = 1;
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	assert_ok(attempt_delete(db, "www", UNIT_ERR));
	assert_ok(attempt_delete(db, "www", UNIT_ERR));
	assert_ok(attempt_load(db, "www", &b, &found, UNIT_ERR));
	assert_false(found);
	db_close(db);
	db = NULL;
	assert_int_equal(sqlite3_open(path, &own), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(own, "SELECT count(*) FROM part", count_rows, &parts, NULL), 0);
	sqlite3_close(own);
	assert_int_equal(parts, 1);
	reopen();
	assert_ok(attempt_load(db, "mail", &b, &found, UNIT_ERR));
	assert_true(found);
	assert_int_equal(b.parts, 1);
	/* A key's row stays for ever. */
	assert_ok(key_get(db, "k2", &k, UNIT_ERR));
}

static void
attempts_of_an_authority_are_parked_unless_parked_longer(void **state)
{
	static const struct {
		const char *name, *authority, *step;
		when_t before, after;
	} rows[] = {{"a", "public", "order", 0, NOW}, {"b", "public", "order", NOW - 1, NOW},
		{"c", "public", "order", NOW + 1, NOW + 1}, {"d", "public", "key", 0, 0},
		{"e", "other", "order", 0, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attempt a = {.not_before = rows[i].before};
		text_copy(a.certificate, sizeof a.certificate, rows[i].name);
		text_copy(a.authority, sizeof a.authority, rows[i].authority);
		text_copy(a.step, sizeof a.step, rows[i].step);
		assert_ok(attempt_save(db, &a, UNIT_ERR));
	}
	assert_ok(attempts_park(db, "public", "order", NOW, UNIT_ERR));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attempt a;
		bool found;
		assert_ok(attempt_load(db, rows[i].name, &a, &found, UNIT_ERR));
		assert_true(found);
		assert_int_equal(a.not_before, rows[i].after);
	}
}

static int
collect_key(void *ctx, const struct key_row *row, struct err *e)
{
	(void)e;
	return list_add(ctx, row->id) ? 0 : -1;
}

static void
a_key_goes_from_reserved_to_draining_and_stays_known(void **state)
{
	AUTO(list) struct list all = {0}, none = {0};
	struct key_row k, again = key_of("k1", "ec-p256"), account = key_of("k3", "ec-p256");
	bool found;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	reserve("k2", "ec-p256", NOW + 1);
	/* An id or a label is used once, whatever becomes of the key. */
	assert_refused(key_reserve(db, &again, UNIT_ERR), ERR_FAILED, "UNIQUE");
	text_copy(again.id, sizeof again.id, "k9");
	assert_refused(key_reserve(db, &again, UNIT_ERR), ERR_FAILED, "UNIQUE");
	text_copy(account.purpose, sizeof account.purpose, "account");
	account.created_at = NOW + 2;
	assert_ok(key_reserve(db, &account, UNIT_ERR));
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.state, KEY_RESERVED);
	assert_string_equal(k.public_hash, "");
	assert_string_equal(k.uri, "");
	assert_int_equal(k.created_at, NOW);
	assert_int_equal(k.state_at, NOW);
	assert_ok(key_set_made(db, "k1", "abcd", "pkcs11:id=%01", "{}", NOW + 5, UNIT_ERR));
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.state, KEY_STAGED);
	assert_string_equal(k.public_hash, "abcd");
	assert_string_equal(k.uri, "pkcs11:id=%01");
	assert_int_equal(k.created_at, NOW);
	assert_int_equal(k.state_at, NOW + 5);
	assert_ok(key_find_spare(db, "www", "web", "ec-p256", &k, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(k.id, "k2");
	assert_ok(key_set_state(db, "k2", KEY_ACTIVE, NOW + 6, UNIT_ERR));
	assert_ok(key_find_spare(db, "www", "web", "ec-p256", &k, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(k.id, "k1");
	assert_ok(key_set_state(db, "k1", KEY_DRAINING, NOW + 7, UNIT_ERR));
	/* The account's key, another type, token or owner is no spare. */
	assert_ok(key_find_spare(db, "www", "web", "ec-p256", &k, &found, UNIT_ERR));
	assert_false(found);
	assert_ok(keys_each(db, NULL, collect_key, &all, UNIT_ERR));
	assert_int_equal(all.count, 3);
	assert_string_equal(all.item[0], "k1");
	assert_string_equal(all.item[2], "k3");
	assert_ok(keys_each(db, "nobody", collect_key, &none, UNIT_ERR));
	assert_int_equal(none.count, 0);
}

static void
a_disabled_key_remembers_what_it_was(void **state)
{
	static const char *const able[] = {KEY_STAGED, KEY_ACTIVE, KEY_DRAINING};
	static const char *const unable[] = {
		KEY_RESERVED, KEY_DISABLED, KEY_DESTROYED, KEY_COMPROMISED};
	struct key_row k;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	assert_refused(key_set_disabled(db, "k9", NOW, UNIT_ERR), ERR_FAILED,
		"knows no key 'k9' in that state");
	for (size_t i = 0; i < COUNT(unable); i++) {
		assert_ok(key_set_state(db, "k1", unable[i], NOW + 1, UNIT_ERR));
		assert_refused(key_set_disabled(db, "k1", NOW + 2, UNIT_ERR), ERR_FAILED,
			"knows no key 'k1' in that state");
		assert_ok(key_get(db, "k1", &k, UNIT_ERR));
		assert_string_equal(k.state, unable[i]);
		assert_string_equal(k.state_before, "");
		assert_int_equal(k.state_at, NOW + 1);
	}
	for (size_t i = 0; i < COUNT(able); i++) {
		assert_ok(key_set_state(db, "k1", able[i], NOW + 1, UNIT_ERR));
		assert_ok(key_set_disabled(db, "k1", NOW + 3, UNIT_ERR));
		reopen();
		assert_ok(key_get(db, "k1", &k, UNIT_ERR));
		assert_string_equal(k.state, KEY_DISABLED);
		assert_string_equal(k.state_before, able[i]);
		assert_int_equal(k.state_at, NOW + 3);
	}
	/* Twice does not make it forget. */
	assert_int_equal(key_set_disabled(db, "k1", NOW + 4, UNIT_ERR), -1);
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.state_before, KEY_DRAINING);
}

static void
a_key_that_was_replaced_while_disabled_is_draining_when_enabled(void **state)
{
	struct key_row k;

	(void)state;
	reserve("k1", "ec-p256", NOW);
	assert_ok(key_set_state(db, "k1", KEY_ACTIVE, NOW, UNIT_ERR));
	assert_refused(key_set_drained(db, "k1", NOW + 1, UNIT_ERR), ERR_FAILED,
		"knows no key 'k1' in that state");
	assert_ok(key_set_disabled(db, "k1", NOW + 2, UNIT_ERR));
	assert_ok(key_set_drained(db, "k1", NOW + 3, UNIT_ERR));
	reopen();
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.state, KEY_DISABLED);
	assert_string_equal(k.state_before, KEY_DRAINING);
	assert_int_equal(k.state_at, NOW + 3);
}

static void
use_key(const char *certificate, int64_t number, int64_t live, const char *id, const char *shown)
{
	struct certificate_row c = {.live_version = live, .last_version = number};
	struct version_row v = {.number = number, .key_type = "ec-p256"};

	text_copy(c.name, sizeof c.name, certificate);
	text_copy(v.certificate, sizeof v.certificate, certificate);
	text_copy(v.key_id, sizeof v.key_id, id);
	text_copy(v.fingerprint, sizeof v.fingerprint, shown);
	assert_ok(certificate_save(db, &c, UNIT_ERR));
	assert_ok(version_save(db, &v, UNIT_ERR));
}

static void
assert_uses(const char *id, int live, int attempts, int accounts, int served, const char *name)
{
	struct key_uses u = {.live = 99, .certificate = "of before"};

	assert_ok(key_uses(db, id, &u, UNIT_ERR));
	assert_int_equal(u.live, live);
	assert_int_equal(u.attempts, attempts);
	assert_int_equal(u.accounts, accounts);
	assert_int_equal(u.served, served);
	assert_string_equal(u.certificate, name);
}

static void
the_uses_of_a_key_are_counted_each_for_itself(void **state)
{
	struct attempt a = full_attempt();
	struct account_row account = {"public", "https://a.example/dir", "k1", ""};
	struct served_row s = {"127.0.0.1:443", "a.example", "ec-p256", true, "ff01", NOW};

	(void)state;
	reserve("k1", "ec-p256", NOW);
	reserve("k2", "ec-p256", NOW);
	assert_uses("k1", 0, 0, 0, 0, "");
	assert_uses("of no key", 0, 0, 0, 0, "");
	/* Only the live version of a certificate counts; the first of several is named. */
	use_key("www", 1, 1, "k1", "ff01");
	assert_uses("k1", 1, 0, 0, 0, "www");
	use_key("mail", 1, 1, "k1", "ff02");
	assert_uses("k1", 2, 0, 0, 0, "mail");
	use_key("www", 2, 2, "k2", "ff03");
	assert_uses("k1", 1, 0, 0, 0, "mail");
	assert_uses("k2", 1, 0, 0, 0, "www");
	/* An endpoint that showed an older certificate of the key, whatever it was asked for. */
	assert_ok(served_save(db, "www", &s, UNIT_ERR));
	assert_uses("k1", 1, 0, 0, 1, "mail");
	assert_uses("k2", 1, 0, 0, 0, "www");
	text_copy(s.endpoint, sizeof s.endpoint, "[::1]:443");
	s.ok = false;
	assert_ok(served_save(db, "www", &s, UNIT_ERR));
	assert_uses("k1", 1, 0, 0, 2, "mail");
	assert_ok(served_clear(db, "www", UNIT_ERR));
	/* No handshake at all is none of its certificates. */
	s.fingerprint[0] = '\0';
	assert_ok(served_save(db, "www", &s, UNIT_ERR));
	assert_uses("k1", 1, 0, 0, 0, "mail");
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	assert_uses("k1", 1, 1, 0, 0, "mail");
	assert_uses("k2", 1, 1, 0, 0, "www");
	assert_ok(attempt_delete(db, "www", UNIT_ERR));
	assert_uses("k1", 1, 0, 0, 0, "mail");
	assert_ok(account_save(db, &account, UNIT_ERR));
	assert_uses("k1", 1, 0, 1, 0, "mail");
	assert_uses("k2", 1, 0, 0, 0, "www");
}

static int
text_row(void *ctx, int columns, char **value, char **name)
{
	(void)columns;
	(void)name;
	snprintf(ctx, 256, "%s", value[0] ? value[0] : "NULL");
	return 0;
}

/* The first column of the last row that the file's database answers. */
static void
assert_holds(const char *file, const char *sql, const char *wanted)
{
	char text[256] = "no row";
	sqlite3 *own = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open_v2(file, &own, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_exec(own, sql, text_row, text, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(own);
	assert_string_equal(text, wanted);
}

static void
a_compromised_key_is_kept_once_and_for_ever(void **state)
{
	bool has = true;

	(void)state;
	assert_ok(compromised_has(db, "abcd", &has, UNIT_ERR));
	assert_false(has);
	assert_ok(compromised_add(db, "abcd", "found on a disk", NOW, UNIT_ERR));
	assert_ok(compromised_add(db, "abcd", "another reason", NOW + 9, UNIT_ERR));
	assert_ok(compromised_add(db, "abce", "", NOW, UNIT_ERR));
	reopen();
	assert_ok(compromised_has(db, "abcd", &has, UNIT_ERR));
	assert_true(has);
	assert_ok(compromised_has(db, "abc", &has, UNIT_ERR));
	assert_false(has);
	assert_ok(compromised_has(db, "", &has, UNIT_ERR));
	assert_false(has);
	db_close(db);
	db = NULL;
	assert_holds(path, "SELECT reason || ' ' || at FROM compromised WHERE public_hash = 'abcd'",
		"found on a disk 1790000000");
	assert_holds(path, "SELECT count(*) FROM compromised", "2");
}

static void
assert_capability(const struct capability_key *key, const char *wanted)
{
	AUTO(char) char *answer = NULL;

	assert_ok(capability_get(db, key, &answer, UNIT_ERR));
	if (wanted)
		assert_string_equal(answer, wanted);
	else
		assert_null(answer);
}

static void
what_a_token_can_do_is_kept_until_library_or_firmware_change(void **state)
{
	const struct capability_key key = {"/usr/lib/m.so", "web", "0007", "provider", "aa", "1.0"};
	struct capability_key other[] = {key, key, key, key, key, key};

	(void)state;
	other[0].module = "/usr/lib/n.so";
	other[1].label = "mail";
	other[2].serial = "0008";
	other[3].library_sha256 = "ab";
	other[4].firmware = "1.1";
	other[5].road = "libp11";
	assert_capability(&key, NULL);
	assert_ok(capability_save(db, &key, "{\"a\":1}", NOW, UNIT_ERR));
	assert_ok(capability_save(db, &key, "{\"a\":2}", NOW + 1, UNIT_ERR));
	reopen();
	assert_capability(&key, "{\"a\":2}");
	for (size_t i = 0; i < COUNT(other); i++)
		assert_capability(&other[i], NULL);
	/* Another library's answer takes the old one's place; another token's does not. */
	assert_ok(capability_save(db, &other[3], "{\"a\":3}", NOW + 2, UNIT_ERR));
	assert_capability(&key, NULL);
	assert_capability(&other[3], "{\"a\":3}");
	assert_ok(capability_save(db, &other[2], "{}", NOW + 3, UNIT_ERR));
	assert_capability(&other[3], "{\"a\":3}");
	/* What was tried by one road stands beside what was tried by the other. */
	other[5].library_sha256 = other[3].library_sha256;
	assert_ok(capability_save(db, &other[5], "{\"a\":5}", NOW + 4, UNIT_ERR));
	assert_capability(&other[3], "{\"a\":3}");
	assert_capability(&other[5], "{\"a\":5}");
}

/* The tables of schema 1 that schema 2 changes, and one that it leaves, as they were made then. */
static const char schema_1[] =
	"CREATE TABLE key (id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, token TEXT NOT NULL,"
	" type TEXT NOT NULL, purpose TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL,"
	" public_hash TEXT, uri TEXT, evidence TEXT, created_at INTEGER NOT NULL,"
	" state_at INTEGER NOT NULL) STRICT;"
	"CREATE TABLE account (authority TEXT NOT NULL, directory TEXT NOT NULL,"
	" key_id TEXT NOT NULL REFERENCES key (id), url TEXT NOT NULL DEFAULT '',"
	" PRIMARY KEY (authority, directory)) STRICT;"
	"CREATE TABLE pin_refused (token TEXT PRIMARY KEY, source TEXT NOT NULL,"
	" inode INTEGER NOT NULL, changed_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" at INTEGER NOT NULL) STRICT;"
	"INSERT INTO key VALUES ('k1', 'keystay www k1', 'web', 'ec-p256', 'certificate', 'www',"
	" 'draining', 'abcd', 'pkcs11:id=%01', '{}', 1790000000, 1790000001);"
	"INSERT INTO account VALUES ('public', 'https://a.example/dir', 'k1', 'https://a/1');"
	"INSERT INTO pin_refused VALUES ('web', 'file:/pin', 1, 2, 3, 1790000002);"
	"CREATE TABLE certificate (name TEXT PRIMARY KEY, live_version INTEGER NOT NULL DEFAULT 0,"
	"  last_version INTEGER NOT NULL DEFAULT 0, not_served INTEGER NOT NULL DEFAULT 0,"
	"  renew_at INTEGER NOT NULL DEFAULT 0, renew_reason TEXT NOT NULL DEFAULT '') STRICT;"
	"INSERT INTO certificate VALUES ('www', 3, 4, 0, 77, 'its key is compromised');"
	"CREATE TABLE version (certificate TEXT NOT NULL, number INTEGER NOT NULL,"
	"  key_type TEXT NOT NULL, key_id TEXT NOT NULL REFERENCES key (id), authority TEXT NOT NULL,"
	"  serial TEXT NOT NULL, issuer TEXT NOT NULL, not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL, fingerprint TEXT NOT NULL, anchored INTEGER NOT NULL,"
	"  installed_at INTEGER NOT NULL, PRIMARY KEY (certificate, number, key_type)) STRICT;"
	"CREATE TABLE attempt (certificate TEXT PRIMARY KEY, step TEXT NOT NULL,"
	"  reason TEXT NOT NULL, key_mode TEXT NOT NULL, authority TEXT NOT NULL,"
	"  version INTEGER NOT NULL DEFAULT 0, started_at INTEGER NOT NULL,"
	"  not_before INTEGER NOT NULL DEFAULT 0, deadline INTEGER NOT NULL DEFAULT 0,"
	"  tries INTEGER NOT NULL DEFAULT 0, error_kind TEXT NOT NULL DEFAULT 'none',"
	"  error_text TEXT NOT NULL DEFAULT '', error_hint TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE TABLE part (certificate TEXT NOT NULL REFERENCES attempt (certificate)"
	"  ON DELETE CASCADE, position INTEGER NOT NULL, key_type TEXT NOT NULL,"
	"  key_id TEXT NOT NULL REFERENCES key (id), csr BLOB, cookie TEXT, chain TEXT,"
	"  PRIMARY KEY (certificate, key_type)) STRICT;"
	"PRAGMA user_version = 1;";

static void
a_database_of_schema_1_keeps_its_rows_and_leaves_a_backup(void **state)
{
	char file[PATH_MAX], backup[PATH_MAX + 16];
	struct certificate_row certificate;
	struct account_row account;
	struct refusal r;
	struct key_row k;
	struct stat st;
	bool found = false, has = true;

	(void)state;
	db_close(db);
	db = NULL;
	snprintf(file, sizeof file, "%s/schema-1.db", unit_folder());
	snprintf(backup, sizeof backup, "%s.before-2", file);
	meddle(file, schema_1);
	/* One that stopped half way before left a backup, which is of no use now. */
	unit_file("schema-1.db.before-2", "cut");
	assert_ok(db_open(file, &db, UNIT_ERR));
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.label, "keystay www k1");
	assert_string_equal(k.state, KEY_DRAINING);
	assert_string_equal(k.state_before, "");
	assert_string_equal(k.public_hash, "abcd");
	assert_string_equal(k.uri, "pkcs11:id=%01");
	assert_int_equal(k.created_at, NOW);
	assert_int_equal(k.state_at, NOW + 1);
	assert_ok(account_get(db, "public", "https://a.example/dir", &account, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(account.url, "https://a/1");
	assert_ok(refusal_get(db, "web", &r, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(r.source, "file:/pin");
	assert_int_equal(r.at, NOW + 2);
	assert_string_equal(r.flag, "");
	/* What had happened to a certificate is a cause now, which a look at the time leaves alone.
	 */
	assert_ok(certificate_get(db, "www", &certificate, UNIT_ERR));
	assert_string_equal(certificate.cause, "its key is compromised");
	assert_int_equal(certificate.cause_at, 77);
	/* And what is new can be done. */
	assert_ok(key_set_disabled(db, "k1", NOW + 3, UNIT_ERR));
	assert_ok(compromised_add(db, "abcd", "x", NOW, UNIT_ERR));
	assert_ok(compromised_has(db, "abcd", &has, UNIT_ERR));
	assert_true(has);
	db_close(db);
	db = NULL;
	assert_holds(file, "PRAGMA user_version", "6");
	assert_holds(backup, "PRAGMA user_version", "1");
	assert_holds(backup, "PRAGMA integrity_check", "ok");
	assert_holds(backup, "SELECT state FROM key WHERE id = 'k1'", "draining");
	assert_holds(backup, "SELECT count(*) FROM sqlite_master WHERE name = 'compromised'", "0");
	/* A second start migrates nothing, and makes no backup of the new one. */
	assert_int_equal(unlink(backup), 0);
	assert_ok(db_open(file, &db, UNIT_ERR));
	assert_int_equal(stat(backup, &st), -1);
	assert_ok(key_get(db, "k1", &k, UNIT_ERR));
	assert_string_equal(k.state_before, KEY_DRAINING);
}

static void
a_migration_that_fails_leaves_the_database_as_it_was(void **state)
{
	char file[PATH_MAX];

	(void)state;
	db_close(db);
	db = NULL;
	snprintf(file, sizeof file, "%s/schema-1-odd.db", unit_folder());
	meddle(file, schema_1);
	/* Something of the next schema is there already. */
	meddle(file, "CREATE TABLE capability (x TEXT)");
	assert_refused(db_open(file, &db, UNIT_ERR), ERR_FAILED, "cannot change its schema");
	assert_null(db);
	assert_holds(file, "PRAGMA user_version", "1");
	assert_holds(file, "SELECT count(*) FROM pragma_table_info('key')", "12");
	assert_holds(file, "SELECT count(*) FROM sqlite_master WHERE name = 'compromised'", "0");
}

static void
an_account_belongs_to_one_directory(void **state)
{
	struct account_row a = {"public", "https://a.example/dir", "k1", ""}, back;
	bool found = true;

	(void)state;
	assert_ok(account_get(db, "public", "https://a.example/dir", &back, &found, UNIT_ERR));
	assert_false(found);
	assert_refused(account_save(db, &a, UNIT_ERR), ERR_FAILED, "FOREIGN KEY");
	reserve("k1", "ec-p256", NOW);
	assert_ok(account_save(db, &a, UNIT_ERR));
	text_copy(a.url, sizeof a.url, "https://a.example/acct/1");
	assert_ok(account_save(db, &a, UNIT_ERR));
	reopen();
	assert_ok(account_get(db, "public", "https://a.example/dir", &back, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(back.url, "https://a.example/acct/1");
	assert_string_equal(back.key_id, "k1");
	assert_ok(account_get(db, "public", "https://b.example/dir", &back, &found, UNIT_ERR));
	assert_false(found);
	assert_string_equal(back.url, "");
}

static void
a_refused_pin_is_remembered_until_it_is_cleared(void **state)
{
	struct refusal r = {"file:/etc/keystay/pin", INT64_MAX, INT64_MIN, 5, NOW, "locked"}, back;
	bool found = true;

	(void)state;
	assert_ok(refusal_get(db, "web", &back, &found, UNIT_ERR));
	assert_false(found);
	assert_ok(refusal_save(db, "web", &r, UNIT_ERR));
	r.at = NOW + 1;
	assert_ok(refusal_save(db, "web", &r, UNIT_ERR));
	reopen();
	assert_ok(refusal_get(db, "web", &back, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(back.source, "file:/etc/keystay/pin");
	assert_true(back.inode == INT64_MAX && back.changed_ns == INT64_MIN);
	assert_int_equal(back.size, 5);
	assert_int_equal(back.at, NOW + 1);
	assert_string_equal(back.flag, "locked");
	r.flag[0] = '\0';
	assert_ok(refusal_save(db, "web", &r, UNIT_ERR));
	assert_ok(refusal_get(db, "web", &back, &found, UNIT_ERR));
	assert_string_equal(back.flag, "");
	assert_ok(refusal_get(db, "other", &back, &found, UNIT_ERR));
	assert_false(found);
	assert_ok(refusal_clear(db, "web", UNIT_ERR));
	assert_ok(refusal_get(db, "web", &back, &found, UNIT_ERR));
	assert_false(found);
}

static int
collect_event(void *ctx, const struct event *v, struct err *e)
{
	char line[256];

	if (text_same(v->kind, "stop"))
		return err_set(e, ERR_WAIT, "stopped by the caller");
	snprintf(line, sizeof line, "%lld %s %s %s %s %s", (long long)(v->at - NOW), v->certificate,
		v->key_hash, v->kind, v->step, v->text);
	return list_add(ctx, line) ? 0 : -1;
}

static void
the_journal_keeps_its_order_and_a_caller_may_stop(void **state)
{
	AUTO(list) struct list all = {0}, www = {0}, cut = {0};
	const struct event events[] = {
		{NOW + 9, "www", "ab", "issued", "order", "it's \"done\"; DROP TABLE journal;"},
		{NOW, NULL, NULL, "key-made", NULL, "text"},
		{NOW + 1, "mail", "", "failed", "key", "no"},
		{NOW + 1, "www", "", "renewed", "", "yes"},
	};
	struct event stop = {NOW, "", "", "stop", "", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(events); i++)
		assert_ok(journal_add(db, &events[i], UNIT_ERR));
	reopen();
	assert_ok(journal_each(db, NULL, collect_event, &all, UNIT_ERR));
	assert_int_equal(all.count, 4);
	assert_string_equal(
		all.item[0], "9 www ab issued order it's \"done\"; DROP TABLE journal;");
	assert_string_equal(all.item[1], "0   key-made  text");
	assert_ok(journal_each(db, "www", collect_event, &www, UNIT_ERR));
	assert_int_equal(www.count, 2);
	assert_string_equal(www.item[1], "1 www  renewed  yes");
	assert_ok(journal_add(db, &stop, UNIT_ERR));
	assert_refused(journal_each(db, NULL, collect_event, &cut, UNIT_ERR), ERR_WAIT,
		"stopped by the caller");
	assert_int_equal(cut.count, 4);
}

static int
collect_version(void *ctx, const struct version_row *row, struct err *e)
{
	char line[400];

	(void)e;
	snprintf(line, sizeof line, "%s %s %s %d", row->key_type, row->serial, row->issuer,
		row->anchored);
	return list_add(ctx, line) ? 0 : -1;
}

static int
collect_served(void *ctx, const struct served_row *row, struct err *e)
{
	char line[500];

	(void)e;
	snprintf(line, sizeof line, "%s %s %s %d %s", row->endpoint, row->sni, row->key_type,
		row->ok, row->fingerprint);
	return list_add(ctx, line) ? 0 : -1;
}

static void
versions_and_what_was_served_come_back(void **state)
{
	AUTO(list) struct list versions = {0}, served = {0}, none = {0};
	struct version_row v = {.certificate = "www",
		.number = 2,
		.key_type = "rsa-2048",
		.key_id = "k1",
		.serial = "01",
		.issuer = "CN = x",
		.anchored = true};
	struct served_row s = {"127.0.0.1:443", "a.example", "rsa-2048", false, "", NOW};

	(void)state;
	assert_refused(version_save(db, &v, UNIT_ERR), ERR_FAILED, "FOREIGN KEY");
	reserve("k1", "rsa-2048", NOW);
	assert_ok(version_save(db, &v, UNIT_ERR));
	text_copy(v.key_type, sizeof v.key_type, "ec-p256");
	v.anchored = false;
	assert_ok(version_save(db, &v, UNIT_ERR));
	text_copy(v.serial, sizeof v.serial, "02");
	assert_ok(version_save(db, &v, UNIT_ERR));
	v.number = 3;
	assert_ok(version_save(db, &v, UNIT_ERR));
	assert_ok(version_each(db, "www", 2, collect_version, &versions, UNIT_ERR));
	assert_int_equal(versions.count, 2);
	assert_string_equal(versions.item[0], "rsa-2048 01 CN = x 1");
	assert_string_equal(versions.item[1], "ec-p256 02 CN = x 0");
	assert_ok(served_save(db, "www", &s, UNIT_ERR));
	s.ok = true;
	text_copy(s.fingerprint, sizeof s.fingerprint, "ff");
	assert_ok(served_save(db, "www", &s, UNIT_ERR));
	assert_ok(served_each(db, "www", collect_served, &served, UNIT_ERR));
	assert_int_equal(served.count, 1);
	assert_string_equal(served.item[0], "127.0.0.1:443 a.example rsa-2048 1 ff");
	assert_ok(served_clear(db, "www", UNIT_ERR));
	assert_ok(served_each(db, "www", collect_served, &none, UNIT_ERR));
	assert_int_equal(none.count, 0);
}

static int
count_watched(void *ctx, const struct watched_row *row, struct err *e)
{
	size_t *n = ctx;

	(void)e;
	assert_string_equal(row->name, *n == 0 ? "appliance" : "uc");
	++*n;
	return 0;
}

/* What is watched is found as it was stored, lists and all; one name is one row. */
static void
watched_certificates_are_kept(void **state)
{
	AUTO(watched_row)
	struct watched_row w = {.name = "uc",
		.source = WATCHED_ENDPOINT,
		.place = "mail.example.org:443",
		.owner = "mail-team@example.org",
		.not_after = NOW + DAY};
	AUTO(watched_row) struct watched_row got = {.added_at = 1};
	struct watched_row other = {.name = "appliance", .source = WATCHED_LIST};
	bool found;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 250; i++) {
		char name[260];
		snprintf(name, sizeof name, "n%d.%0200d.example.org", i, i);
		assert_true(list_add(&w.names, name));
	}
	assert_true(list_add(&w.endpoints, "[::1]:443"));
	assert_ok(watched_save(db, &w, UNIT_ERR));
	assert_ok(watched_save(db, &w, UNIT_ERR));
	assert_ok(watched_save(db, &other, UNIT_ERR));
	reopen();
	assert_ok(watched_get(db, "uc", &got, &found, UNIT_ERR));
	assert_true(found);
	assert_string_equal(got.place, w.place);
	assert_string_equal(got.owner, w.owner);
	assert_int_equal(got.not_after, NOW + DAY);
	assert_int_equal(got.names.count, 250);
	assert_string_equal(got.names.item[249], w.names.item[249]);
	assert_string_equal(got.endpoints.item[0], "[::1]:443");
	assert_ok(watched_each(db, count_watched, &n, UNIT_ERR));
	assert_int_equal(n, 2);
	assert_ok(watched_delete(db, "uc", UNIT_ERR));
	struct watched_row none = {.added_at = 0};
	assert_ok(watched_get(db, "uc", &none, &found, UNIT_ERR));
	assert_false(found);
}

/* How a removed certificate ends is kept until it is there again. */
static void
removed_certificates_are_kept(void **state)
{
	AUTO(removed_row)
	struct removed_row r = {.certificate = "uc",
		.removed_at = NOW,
		.keep_key = true,
		.drain = 30 * DAY,
		.disable = 7 * DAY};
	AUTO(removed_row) struct removed_row got = {.removed_at = 1};
	struct removed_row none = {.removed_at = 1}, bare = {.certificate = "a"};
	AUTO(list) struct list names = {0};
	bool found = false;

	(void)state;
	assert_true(list_add(&r.endpoints, "127.0.0.1:443"));
	assert_true(list_add(&r.endpoints, "[::1]:443"));
	assert_ok(removed_save(db, &bare, UNIT_ERR));
	assert_ok(removed_save(db, &r, UNIT_ERR));
	r.drain = DAY;
	assert_ok(removed_save(db, &r, UNIT_ERR));
	reopen();
	assert_ok(removed_get(db, "uc", &got, &found, UNIT_ERR));
	assert_true(found && got.keep_key);
	assert_string_equal(got.certificate, "uc");
	assert_int_equal(got.removed_at, NOW);
	assert_int_equal(got.drain, DAY);
	assert_int_equal(got.disable, 7 * DAY);
	assert_int_equal(got.endpoints.count, 2);
	assert_string_equal(got.endpoints.item[1], "[::1]:443");
	assert_ok(removed_names(db, &names, UNIT_ERR));
	assert_int_equal(names.count, 2);
	assert_string_equal(names.item[0], "a");
	assert_ok(removed_delete(db, "uc", UNIT_ERR));
	assert_ok(removed_delete(db, "uc", UNIT_ERR));
	assert_ok(removed_get(db, "uc", &none, &found, UNIT_ERR));
	assert_false(found);
	assert_int_equal(none.removed_at, 0);
}

int
main(void)
{
#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DB(a_database_of_a_newer_schema_is_refused_and_left_alone),
		WITH_DB(a_file_that_is_no_database_is_refused_with_a_hint),
		WITH_DB(a_damaged_database_is_an_error_and_no_crash),
		WITH_DB(a_new_database_has_its_schema_and_knows_nothing),
		WITH_DB(what_was_stored_is_there_after_a_reopen),
		WITH_DB(a_transaction_rolled_back_leaves_nothing),
		WITH_DB(an_attempt_comes_back_as_it_was_saved),
		WITH_DB(an_attempt_that_cannot_be_saved_whole_is_not_saved_at_all),
		WITH_DB(deleting_an_attempt_takes_its_parts_along),
		WITH_DB(attempts_of_an_authority_are_parked_unless_parked_longer),
		WITH_DB(a_key_goes_from_reserved_to_draining_and_stays_known),
		WITH_DB(a_disabled_key_remembers_what_it_was),
		WITH_DB(a_key_that_was_replaced_while_disabled_is_draining_when_enabled),
		WITH_DB(the_uses_of_a_key_are_counted_each_for_itself),
		WITH_DB(a_compromised_key_is_kept_once_and_for_ever),
		WITH_DB(what_a_token_can_do_is_kept_until_library_or_firmware_change),
		WITH_DB(a_database_of_schema_1_keeps_its_rows_and_leaves_a_backup),
		WITH_DB(a_migration_that_fails_leaves_the_database_as_it_was),
		WITH_DB(an_account_belongs_to_one_directory),
		WITH_DB(a_refused_pin_is_remembered_until_it_is_cleared),
		WITH_DB(the_journal_keeps_its_order_and_a_caller_may_stop),
		WITH_DB(versions_and_what_was_served_come_back),
		WITH_DB(watched_certificates_are_kept),
		WITH_DB(removed_certificates_are_kept),
	};
	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
