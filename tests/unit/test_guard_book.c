/* The ledger as the agent keeps it (guard/book.h): made, grown past a part, joined, given back. */
#include "support/ledger_file.h"
#include "support/unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/guard/book.h"

#define NOW 1795282774

static const unsigned char id[16] = "the test's book";

/* A path that no other test has used. */
static const char *
new_path(void)
{
	static char path[8][256];
	static unsigned n;

	snprintf(path[n % 8], sizeof path[0], "%s/book-%u", unit_folder(), n);
	return path[n++ % 8];
}

static const unsigned char *
hash_of(unsigned number)
{
	static unsigned char hash[4][BOOK_HASH];
	static unsigned n;
	unsigned char *h = hash[n++ % 4];

	memset(h, 0x5a, BOOK_HASH);
	memcpy(h, &number, sizeof number);
	return h;
}

static struct ledger_slot *
put(struct book *b, unsigned number, enum ledger_state state)
{
	const struct ledger_key k = ledger_file_key(number);
	struct ledger_slot *s = NULL;

	assert_ok(book_register(b, &k, hash_of(number), state, NOW, &s, UNIT_ERR));
	return s;
}

static void
a_new_ledger_is_its_owners_alone_and_allocated(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();
	struct stat st;

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, LEDGER_PART_SIZE);
	assert_true((size_t)st.st_blocks * 512 >= LEDGER_PART_SIZE);
	assert_memory_equal(book_header(b)->id, id, sizeof id);
	assert_int_equal(book_header(b)->created_at, NOW);
	assert_null(book_find(b, hash_of(1)));
}

/* A guard that mapped the first part before there were others, as a forked worker has it. */
static void
it_grows_past_a_part_and_who_has_it_open_sees_that(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();
	struct ledger before = {.path = ""};
	char part[300];
	struct stat st;

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	assert_int_equal(ledger_map(&before, path, true), LEDGER_FINE);
	for (unsigned i = 0; i < 600; i++)
		assert_non_null(put(b, i, STATE_ACTIVE));
	assert_int_equal(book_ledger(b)->parts, 3);
	snprintf(part, sizeof part, "%s.2", path);
	assert_int_equal(stat(part, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true((size_t)st.st_blocks * 512 >= LEDGER_PART_SIZE);
	for (unsigned i = 0; i < 600; i++) {
		const struct ledger_key k = ledger_file_key(i);
		struct ledger_slot *s = book_find(b, hash_of(i));
		assert_non_null(s);
		assert_ptr_equal(ledger_find(book_ledger(b), k.raw, k.raw_bytes), s);
		assert_ptr_equal(
			ledger_slot_at(book_ledger(b), ledger_index(book_ledger(b), s)), s);
		/* It counts in the parts that it has, without opening anything. */
		struct ledger_slot *theirs = ledger_find(&before, k.raw, k.raw_bytes);
		assert_true((theirs != NULL) == (i < LEDGER_SLOTS));
		if (theirs)
			assert_int_equal(ledger_reserve(theirs, 1, false), USE_GRANTED);
	}
	assert_true(ledger_look_again(&before));
	assert_false(before.gone);
	assert_int_equal(before.parts, 3);
	const struct ledger_key last = ledger_file_key(599);
	assert_int_equal(ledger_reserve(ledger_find(&before, last.raw, last.raw_bytes), 1, false),
		USE_GRANTED);
	assert_int_equal(book_find(b, hash_of(599))->count[COUNT_USES], 1);
	assert_int_equal(book_find(b, hash_of(0))->count[COUNT_USES], 1);
	ledger_unmap(&before);

	/* Opened anew all parts are there; a part without its header's word is none. */
	enum ledger_fault fault;
	book_close(b);
	assert_ok(book_open(path, true, &b, &fault, UNIT_ERR));
	assert_int_equal(book_ledger(b)->parts, 3);
	assert_non_null(book_find(b, hash_of(599)));
}

static void
a_key_that_a_guard_met_first_keeps_its_counts(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();
	const struct ledger_key k = ledger_file_key(7);

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	struct ledger *guard = ledger_file_map(path);
	struct ledger_slot *s = ledger_claim(guard, &k, STATE_UNKNOWN, NOW);
	ledger_reserve(s, 1, false);
	assert_null(book_find(b, hash_of(7)));
	struct ledger_slot *named = put(b, 7, STATE_STAGED);
	assert_ptr_equal(book_find(b, hash_of(7)), named);
	assert_int_equal(named->count[COUNT_USES], 1);
	assert_int_equal(s->state, STATE_STAGED);
	/* A state that it has is not changed by registering it again. */
	assert_ptr_equal(put(b, 7, STATE_ACTIVE), named);
	assert_int_equal(s->state, STATE_STAGED);
}

static void
two_slots_of_a_key_become_one_and_nothing_is_lost(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();
	const struct ledger_key k = ledger_file_key(3);

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	struct ledger *guard = ledger_file_map(path);
	struct ledger_slot *first = ledger_claim(guard, &k, STATE_UNKNOWN, NOW);
	struct ledger_slot *second = ledger_claim(guard, &k, STATE_UNKNOWN, NOW);
	uint32_t generation = second->generation;
	for (int i = 0; i < 5; i++)
		ledger_reserve(first, 1, false);
	for (int i = 0; i < 7; i++)
		ledger_reserve(second, 1, false);
	ledger_done(second, NOW);
	/* The agent had registered the second, with a limit. */
	book_name(b, ledger_slot_at(book_ledger(b), 1), hash_of(3));
	second->hard = 20;
	second->state = STATE_ACTIVE;
	assert_ok(book_tidy(b, NOW, UNIT_ERR));
	assert_int_equal(first->count[COUNT_USES], 12);
	assert_int_equal(first->count[COUNT_DONE], 1);
	assert_int_equal(first->hard, 20);
	assert_int_equal(first->state, STATE_ACTIVE);
	assert_int_equal(second->use, SLOT_MOVING);
	assert_true(second->generation != generation);
	assert_ptr_equal(book_find(b, hash_of(3)), ledger_slot_at(book_ledger(b), 0));

	/* Somebody was still counting in it. */
	ledger_reserve(second, 1, false);
	assert_ok(book_tidy(b, NOW + 5, UNIT_ERR));
	assert_int_equal(first->count[COUNT_USES], 13);
	assert_int_equal(second->use, SLOT_MOVING);
	assert_ok(book_tidy(b, NOW + 61, UNIT_ERR));
	assert_int_equal(second->use, SLOT_FREE);
	assert_int_equal(first->use, SLOT_USED);
}

static void
what_a_killed_guard_was_filling_is_given_back_in_time(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	struct ledger_slot *with = ledger_slot_at(book_ledger(b), 0);
	struct ledger_slot *without = ledger_slot_at(book_ledger(b), 1);
	struct ledger_slot *future = ledger_slot_at(book_ledger(b), 2);
	with->use = without->use = future->use = SLOT_FILLING;
	with->since = NOW;
	future->since = NOW + 1000000;
	assert_ok(book_tidy(b, NOW + 30, UNIT_ERR));
	assert_int_equal(with->use, SLOT_FILLING);
	assert_int_equal(without->since, NOW + 30);
	assert_int_equal(future->since, NOW + 30);
	assert_ok(book_tidy(b, NOW + 61, UNIT_ERR));
	assert_int_equal(with->use, SLOT_FREE);
	assert_int_equal(without->use, SLOT_FILLING);
	assert_ok(book_tidy(b, NOW + 91, UNIT_ERR));
	assert_int_equal(without->use, SLOT_FREE);
	assert_int_equal(future->use, SLOT_FREE);
}

/* Guards in forked workers can take free slots, but cannot add a part. */
static void
a_reserve_of_free_slots_is_kept(void **state)
{
	AUTO(book) struct book *b = NULL;

	(void)state;
	assert_ok(book_make(new_path(), id, NOW, &b, UNIT_ERR));
	for (unsigned i = 0; i < LEDGER_SLOTS - 32; i++)
		put(b, i, STATE_ACTIVE);
	assert_ok(book_tidy(b, NOW, UNIT_ERR));
	assert_int_equal(book_ledger(b)->parts, 1);
	put(b, 1000, STATE_ACTIVE);
	assert_ok(book_tidy(b, NOW, UNIT_ERR));
	assert_int_equal(book_ledger(b)->parts, 2);
	assert_ok(book_tidy(b, NOW, UNIT_ERR));
	assert_int_equal(book_ledger(b)->parts, 2);
}

static void
a_slot_that_is_given_back_serves_another_key(void **state)
{
	AUTO(book) struct book *b = NULL;

	(void)state;
	assert_ok(book_make(new_path(), id, NOW, &b, UNIT_ERR));
	struct ledger_slot *s = put(b, 1, STATE_ACTIVE);
	uint32_t generation = s->generation;
	ledger_reserve(s, 1, false);
	book_free(b, s);
	assert_null(book_find(b, hash_of(1)));
	assert_ptr_equal(put(b, 2, STATE_STAGED), s);
	assert_int_equal(s->count[COUNT_USES], 0);
	/* Who remembers it looks again. */
	assert_true(s->generation != generation);
}

/* A file that may not grow stands for a disk that is full. */
static void
a_full_disk_is_said_and_leaves_what_was(void **state)
{
	AUTO(book) struct book *b = NULL;
	const struct ledger_key k = ledger_file_key(999);
	struct ledger_slot *s;
	struct rlimit was, small;
	const char *path = new_path();
	char temp[300];

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	for (unsigned i = 0; i < LEDGER_SLOTS; i++)
		put(b, i, STATE_ACTIVE);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){100000, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int grown = book_register(b, &k, hash_of(999), STATE_ACTIVE, NOW, &s, UNIT_ERR);
	int tidied = book_tidy(b, NOW, UNIT_ERR);
	struct err why = unit_err;
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(grown, -1);
	assert_int_equal(tidied, -1);
	assert_non_null(strstr(why.text, "cannot make the use ledger"));
	assert_int_equal(book_ledger(b)->parts, 1);
	assert_int_equal(book_header(b)->parts, 1);
	snprintf(temp, sizeof temp, "%s.1.new", path);
	assert_int_equal(access(temp, F_OK), -1);
	assert_non_null(book_find(b, hash_of(0)));
	/* And when there is room again: */
	assert_ok(book_register(b, &k, hash_of(999), STATE_ACTIVE, NOW, &s, UNIT_ERR));
}

static void
a_new_one_replaces_all_of_an_old_one(void **state)
{
	AUTO(book) struct book *b = NULL;
	const char *path = new_path();
	char part[300], aside[4200];

	(void)state;
	assert_ok(book_make(path, id, NOW, &b, UNIT_ERR));
	for (unsigned i = 0; i < 300; i++)
		put(b, i, STATE_ACTIVE);
	book_close(b);
	assert_ok(book_set_aside(path, NOW, aside, UNIT_ERR));
	assert_int_equal(access(aside, F_OK), 0);
	assert_refused(book_set_aside(path, NOW, aside, UNIT_ERR), ERR_FAILED, "No such file");
	assert_ok(book_make(path, (const unsigned char *)"another  one   !", NOW, &b, UNIT_ERR));
	snprintf(part, sizeof part, "%s.1", path);
	assert_int_equal(access(part, F_OK), -1);
	assert_null(book_find(b, hash_of(0)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_ledger_is_its_owners_alone_and_allocated),
		cmocka_unit_test(it_grows_past_a_part_and_who_has_it_open_sees_that),
		cmocka_unit_test(a_key_that_a_guard_met_first_keeps_its_counts),
		cmocka_unit_test(two_slots_of_a_key_become_one_and_nothing_is_lost),
		cmocka_unit_test(what_a_killed_guard_was_filling_is_given_back_in_time),
		cmocka_unit_test(a_reserve_of_free_slots_is_kept),
		cmocka_unit_test(a_slot_that_is_given_back_serves_another_key),
		cmocka_unit_test(a_full_disk_is_said_and_leaves_what_was),
		cmocka_unit_test(a_new_one_replaces_all_of_an_old_one),
	};
	return cmocka_run_group_tests_name("guard book", tests, NULL, NULL);
}
