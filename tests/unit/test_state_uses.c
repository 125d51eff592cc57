/* Checkpoints of the use ledger (state/uses.h). */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/state/db.h"
#include "keystay/state/keys.h"
#include "keystay/state/uses.h"

static struct db *db;

static int
set_up(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof path, "%s/uses.db", unit_folder());
	assert_ok(db_open(path, &db, UNIT_ERR));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	db_close(db);
	return 0;
}

/* A row that has its own value in every member, by its number. */
static struct use_row
row_of(int n)
{
	struct use_row u = {.rsa = n % 2 == 0,
		.counts = "{\"uses\":7}",
		.last_use = 1000 + n,
		.alarmed_hour = 2000 + n,
		.token_count = 3000 + n,
		.token_ahead = 4000 + n,
		.token_hard = 5000 + n,
		.at = 6000 + n};

	memset(u.public_hash, 'a' + n, 64);
	snprintf(u.raw, sizeof u.raw, "04%02x", n);
	snprintf(u.params, sizeof u.params, "06%02x", n);
	snprintf(u.label, sizeof u.label, "label %d", n);
	snprintf(u.serial, sizeof u.serial, "serial %d", n);
	return u;
}

static void
assert_same(const struct use_row *a, const struct use_row *b)
{
	assert_string_equal(a->public_hash, b->public_hash);
	assert_int_equal(a->rsa, b->rsa);
	assert_string_equal(a->raw, b->raw);
	assert_string_equal(a->params, b->params);
	assert_string_equal(a->label, b->label);
	assert_string_equal(a->serial, b->serial);
	assert_string_equal(a->counts, b->counts);
	assert_int_equal(a->last_use, b->last_use);
	assert_int_equal(a->alarmed_hour, b->alarmed_hour);
	assert_int_equal(a->token_count, b->token_count);
	assert_int_equal(a->token_ahead, b->token_ahead);
	assert_int_equal(a->token_hard, b->token_hard);
	assert_int_equal(a->at, b->at);
}

static void
a_checkpoint_comes_back_whole(void **state)
{
	const struct use_row first = row_of(0);
	struct use_row again, changed = first;
	bool found = true;

	(void)state;
	assert_ok(use_row_get(db, first.public_hash, &again, &found, UNIT_ERR));
	assert_false(found);
	assert_ok(use_row_save(db, &first, UNIT_ERR));
	assert_ok(use_row_get(db, first.public_hash, &again, &found, UNIT_ERR));
	assert_true(found);
	assert_same(&again, &first);
	text_copy(changed.counts, sizeof changed.counts, "{}");
	assert_ok(use_row_save(db, &changed, UNIT_ERR));
	assert_ok(use_row_alarmed(db, first.public_hash, 99, UNIT_ERR));
	assert_ok(use_row_get(db, first.public_hash, &again, &found, UNIT_ERR));
	changed.alarmed_hour = 99;
	assert_same(&again, &changed);
}

static int
note(void *ctx, const struct use_row *u, struct err *e)
{
	char *seen = ctx;
	size_t n = strlen(seen);

	(void)e;
	seen[n] = u->public_hash[0];
	seen[n + 1] = '\0';
	return 0;
}

static void
what_is_closed_is_history(void **state)
{
	const struct use_row a = row_of(0), b = row_of(1), c = row_of(2);
	struct use_row again;
	char seen[32] = "";
	bool found;

	(void)state;
	assert_ok(use_row_save(db, &c, UNIT_ERR));
	assert_ok(use_row_save(db, &a, UNIT_ERR));
	assert_ok(use_row_save(db, &b, UNIT_ERR));
	assert_ok(use_row_close(db, b.public_hash, UNIT_ERR));
	assert_ok(use_rows_each(db, note, seen, UNIT_ERR));
	assert_string_equal(seen, "ac");
	assert_ok(use_row_get(db, b.public_hash, &again, &found, UNIT_ERR));
	assert_true(found);
	assert_same(&again, &b);
}

static void
the_ledger_that_was_used_last(void **state)
{
	struct ledger_row row = {.id = "x"};

	(void)state;
	assert_ok(ledger_row_get(db, &row, UNIT_ERR));
	assert_string_equal(row.id, "");
	row = (struct ledger_row){.id = "00ff", .epoch = 5, .counts = "{\"uses\":1}", .at = 9};
	assert_ok(ledger_row_save(db, &row, UNIT_ERR));
	row.epoch = 6;
	assert_ok(ledger_row_save(db, &row, UNIT_ERR));
	row = (struct ledger_row){.id = ""};
	assert_ok(ledger_row_get(db, &row, UNIT_ERR));
	assert_string_equal(row.id, "00ff");
	assert_int_equal(row.epoch, 6);
	assert_string_equal(row.counts, "{\"uses\":1}");
	assert_int_equal(row.at, 9);
}

static void
tokens_that_count_are_known_by_their_keys(void **state)
{
	AUTO(list) struct list names = {0};
	struct key_row k = {.created_at = 1};
	struct use_row u = row_of(3);

	(void)state;
	text_copy(k.id, sizeof k.id, "0123");
	text_copy(k.label, sizeof k.label, "key");
	text_copy(k.token, sizeof k.token, "luna");
	text_copy(k.type, sizeof k.type, "ec-p256");
	text_copy(k.purpose, sizeof k.purpose, "certificate");
	text_copy(k.owner, sizeof k.owner, "web");
	assert_ok(key_reserve(db, &k, UNIT_ERR));
	assert_ok(key_set_made(db, k.id, u.public_hash, "pkcs11:", "{}", 2, UNIT_ERR));
	u.token_count = -1;
	assert_ok(use_row_save(db, &u, UNIT_ERR));
	assert_ok(use_counting_tokens(db, &names, UNIT_ERR));
	assert_int_equal(names.count, 0);
	u.token_count = 0;
	assert_ok(use_row_save(db, &u, UNIT_ERR));
	assert_ok(use_counting_tokens(db, &names, UNIT_ERR));
	assert_int_equal(names.count, 1);
	assert_string_equal(names.item[0], "luna");
	assert_ok(key_set_state(db, k.id, KEY_DESTROYED, 3, UNIT_ERR));
	list_free(&names);
	names = (struct list){0};
	assert_ok(use_counting_tokens(db, &names, UNIT_ERR));
	assert_int_equal(names.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_comes_back_whole),
		cmocka_unit_test(what_is_closed_is_history),
		cmocka_unit_test(the_ledger_that_was_used_last),
		cmocka_unit_test(tokens_that_count_are_known_by_their_keys),
	};
	return cmocka_run_group_tests_name("state uses", tests, set_up, tear_down);
}
