/*
 * The ledger's files (guard/ledger.h): those that are none, those full of noise, parts that come
 * and go.
 */
#include "support/ledger_file.h"
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_AT(field) offsetof(struct ledger_header, field)

/* PATH of a name in the scratch folder that is not made; static ring of 8. */
static const char *
path_of(const char *name)
{
	static char path[8][PATH_MAX];
	static int at;
	char *p = path[at++ % 8];

	snprintf(p, PATH_MAX, "%s/%s", unit_folder(), name);
	return p;
}

/* Both ways of opening it end so, and leave nothing mapped. */
static void
assert_fault(const char *path, enum ledger_fault wanted)
{
	for (int writable = 0; writable < 2; writable++) {
		struct ledger l = {.parts = 0};
		enum ledger_fault is = ledger_map(&l, path, writable);
		if (is != wanted)
			fail_msg("'%s' %s, but it should be that it %s", path,
				ledger_fault_text(is), ledger_fault_text(wanted));
		assert_int_equal(l.parts, wanted == LEDGER_FINE);
		ledger_unmap(&l);
		assert_int_equal(l.parts, 0);
	}
}

/* --- what is mapped at all */

static void
a_sound_file_is_mapped(void **state)
{
	const char *path = ledger_file_new();

	(void)state;
	assert_fault(path, LEDGER_FINE);
	/* Who may read it does not matter. */
	assert_int_equal(chmod(path, 0644), 0);
	assert_fault(path, LEDGER_FINE);
	struct ledger *l = ledger_file_map(path);
	assert_string_equal(l->path, path);
	assert_true(l->writable && !l->gone);
	assert_int_equal(ledger_header(l)->version, LEDGER_VERSION);
	assert_non_null(ledger_slot_at(l, LEDGER_SLOTS - 1));
	assert_null(ledger_slot_at(l, LEDGER_SLOTS));
	assert_null(ledger_slot_at(l, SIZE_MAX));
	ledger_unmap(l);
	assert_null(ledger_header(l));
	assert_null(ledger_slot_at(l, 0));
}

static void
a_file_that_is_not_there_is_absent(void **state)
{
	(void)state;
	assert_fault(path_of("nothing"), LEDGER_ABSENT);
	assert_fault(path_of("no-folder/ledger"), LEDGER_ABSENT);
	assert_fault("", LEDGER_ABSENT);
}

static void
a_file_that_may_not_be_opened_is_denied_and_errno_says_why(void **state)
{
	char long_path[PATH_MAX + 100] = "/", below[PATH_MAX + 2];
	const char *path = ledger_file_new();

	(void)state;
	snprintf(below, sizeof below, "%s/x", path);
	assert_fault(below, LEDGER_DENIED);
	memset(long_path + 1, 'x', sizeof long_path - 2);
	long_path[sizeof long_path - 1] = '\0';
	assert_fault(long_path, LEDGER_DENIED);
	/* Root is denied nothing, so it goes down for a moment. */
	bool root = geteuid() == 0;
	assert_int_equal(chmod(path, 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	struct ledger l = {.parts = 0};
	errno = 0;
	enum ledger_fault fault = ledger_map(&l, path, true);
	int why = errno;
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fault, LEDGER_DENIED);
	assert_int_equal(why, EACCES);
	assert_int_equal(l.parts, 0);
}

static void
a_file_of_another_size_is_foreign(void **state)
{
	const char *path = ledger_file_new();

	(void)state;
	assert_fault(unit_file("empty", ""), LEDGER_FOREIGN);
	assert_fault(unit_file("text", "ledger=no\n"), LEDGER_FOREIGN);
	assert_int_equal(truncate(path, (off_t)LEDGER_PART_SIZE - 1), 0);
	assert_fault(path, LEDGER_FOREIGN);
	assert_int_equal(truncate(path, LEDGER_HEADER), 0);
	assert_fault(path, LEDGER_FOREIGN);
	path = ledger_file_new();
	assert_int_equal(truncate(path, (off_t)LEDGER_PART_SIZE + 1), 0);
	assert_fault(path, LEDGER_FOREIGN);
}

static void
what_is_no_plain_file_is_foreign(void **state)
{
	const char *link = path_of("link"), *fifo = path_of("fifo"), *folder = path_of("folder");

	(void)state;
	assert_int_equal(symlink(ledger_file_new(), link), 0);
	assert_fault(link, LEDGER_FOREIGN);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("nowhere", link), 0);
	assert_fault(link, LEDGER_FOREIGN);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_fault(folder, LEDGER_FOREIGN);
	/* Nobody waits for its other end. */
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_fault(fifo, LEDGER_FOREIGN);
	assert_fault("/dev/null", LEDGER_FOREIGN);
	assert_fault("/dev/zero", LEDGER_FOREIGN);
}

static void
a_file_with_holes_is_not_mapped(void **state)
{
	char whole[LEDGER_HEADER];
	const char *path = ledger_file_new();

	(void)state;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, whole, sizeof whole, 0), sizeof whole);
	/* The header is written, all else is a hole. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, (off_t)LEDGER_PART_SIZE), 0);
	assert_int_equal(pwrite(fd, whole, sizeof whole, 0), sizeof whole);
	assert_int_equal(fsync(fd), 0);
	assert_fault(path, LEDGER_SPARSE);
	/* One hole is enough. */
	assert_int_equal(posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE / 2), 0);
	assert_fault(path, LEDGER_SPARSE);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE), 0);
	assert_fault(path, LEDGER_FINE);
	close(fd);
}

static void
a_file_that_others_may_write_is_not_mapped(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0660, 0666, 0777, 02620};
	const char *path = ledger_file_new();

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_fault(path, LEDGER_OPEN);
	}
}

static void
another_version_is_said_to_be_one(void **state)
{
	static const uint32_t versions[] = {0, LEDGER_VERSION + 1, 0x01000000, UINT32_MAX};
	const char *path = ledger_file_new();

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		ledger_file_write(path, HEADER_AT(version), &versions[i], sizeof versions[i]);
		assert_fault(path, LEDGER_OLD);
	}
}

static void
a_header_of_another_make_is_foreign(void **state)
{
	static const size_t fields[] = {HEADER_AT(part), HEADER_AT(slots), HEADER_AT(slot_size)};
	static const uint32_t values[] = {0, 2, LEDGER_SLOTS * 2, LEDGER_SLOT_SIZE * 2, UINT32_MAX};

	(void)state;
	for (size_t f = 0; f < COUNT(fields); f++)
		for (size_t v = f == 0; v < COUNT(values); v++) {
			const char *path = ledger_file_new();
			ledger_file_write(path, fields[f], &values[v], sizeof values[v]);
			assert_fault(path, LEDGER_FOREIGN);
			unlink(path);
		}
	for (size_t i = 0; i < sizeof ledger_magic; i++) {
		const char *path = ledger_file_new();
		ledger_file_write(path, i, "k", 1);
		assert_fault(path, LEDGER_FOREIGN);
		unlink(path);
	}
}

static void
every_fault_has_a_text_and_every_count_a_word(void **state)
{
	(void)state;
	for (int i = LEDGER_FINE; i <= LEDGER_OPEN; i++)
		assert_non_null(ledger_fault_text((enum ledger_fault)i));
	for (int i = 0; i < LEDGER_COUNTS; i++) {
		assert_non_null(ledger_count_word((enum ledger_count)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(ledger_count_word((enum ledger_count)i),
				ledger_count_word((enum ledger_count)j));
	}
}

/* --- noise in what was mapped */

/* A generator of its own: the same noise in every run. */
static uint64_t
next_noise(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
fill_noise(unsigned char *at, size_t bytes, uint64_t *seed)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(next_noise(seed) >> 32);
}

/* All that is done with one slot. */
static void
use_slot(struct ledger_slot *s)
{
	uint64_t at = 1795282774;

	for (int agent = 0; agent < 2; agent++) {
		uint64_t before = ledger_get(&s->count[COUNT_USES]);
		uint64_t hard = ledger_get(&s->hard);
		if (ledger_reserve(s, 0x1041, agent) == USE_GRANTED) {
			assert_true(agent || hard == 0 || before < hard);
			ledger_done(s, at);
			(void)ledger_reserve(s, 0x1041, agent);
			ledger_give_back(s, agent);
		}
		assert_int_equal(ledger_reserve(s, UINT32_MAX, true), USE_GRANTED);
		ledger_failed(s);
	}
	(void)ledger_hour(s, at);
	(void)ledger_hour(s, UINT64_MAX);
	(void)ledger_busiest_hour(s, 0, UINT64_MAX);
	(void)ledger_busiest_hour(s, UINT64_MAX, 0);
}

/* All that is done with a ledger. */
static void
use_ledger(struct ledger *l)
{
	static const size_t bytes[] = {0, 1, 32, 65, 256, LEDGER_RAW, LEDGER_RAW + 1, SIZE_MAX};
	const struct ledger_key k = ledger_file_key(1);
	unsigned char raw[LEDGER_RAW + 1] = {4};

	(void)ledger_look_again(l);
	for (size_t i = 0; i < COUNT(bytes); i++)
		(void)ledger_find(l, raw, bytes[i]);
	for (int i = 0; i < LEDGER_COUNTS; i++)
		ledger_take_back(ledger_header(l)->count, (enum ledger_count)i);
	struct ledger_slot *s = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_true(!s || (s->raw_bytes == 65 && ledger_get(&s->count[COUNT_USES]) == 0));
	for (size_t i = 0; (s = ledger_slot_at(l, i)); i++) {
		assert_in_range(s, l->part[i / LEDGER_SLOTS].map,
			l->part[i / LEDGER_SLOTS].map + LEDGER_PART_SIZE - LEDGER_SLOT_SIZE);
		use_slot(s);
	}
}

static void
noise_in_all_slots_is_read_as_some_numbers(void **state)
{
	struct ledger *l = ledger_file_map(ledger_file_new());
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 20; round++) {
		fill_noise(l->part[0].map + LEDGER_HEADER, LEDGER_PART_SIZE - LEDGER_HEADER, &seed);
		fill_noise(l->part[0].map + HEADER_AT(id), LEDGER_HEADER - HEADER_AT(id), &seed);
		/* Also slots that are said to be in use. */
		for (size_t i = 0; i < LEDGER_SLOTS; i += 2)
			ledger_slot_at(l, i)->use = SLOT_USED;
		use_ledger(l);
		assert_int_equal(l->parts, 1);
	}
	memset(l->part[0].map + LEDGER_HEADER, 0xff, LEDGER_PART_SIZE - LEDGER_HEADER);
	use_ledger(l);
}

static void
noise_in_any_one_byte_of_a_slot_is_read_as_some_number(void **state)
{
	static const unsigned char values[] = {0x01, 0x7f, 0x80, 0xff};
	/* Of its own allocation: a sanitizer sees what is read behind it. */
	struct ledger_slot *s = malloc(sizeof *s);

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i < sizeof *s; i++)
		for (size_t v = 0; v < COUNT(values); v++) {
			memset(s, 0, sizeof *s);
			((unsigned char *)s)[i] = values[v];
			use_slot(s);
		}
	free(s);
}

static void
noise_in_any_one_byte_of_the_header_maps_one_part_or_none(void **state)
{
	const char *path = ledger_file_new();
	unsigned char *map = ledger_file_map(path)->part[0].map;

	(void)state;
	for (size_t i = 0; i < sizeof(struct ledger_header); i++) {
		unsigned char was = map[i];
		struct ledger l = {.parts = 0};
		map[i] ^= 0xff;
		enum ledger_fault fault = ledger_map(&l, path, true);
		assert_int_equal(l.parts, fault == LEDGER_FINE);
		assert_int_equal(fault == LEDGER_FINE, i >= HEADER_AT(id));
		(void)ledger_look_again(&l);
		assert_true(l.parts <= 1);
		ledger_unmap(&l);
		map[i] = was;
	}
}

static void
more_mechanisms_than_there_is_room_for_are_those_that_are_there(void **state)
{
	struct ledger_slot *s = ledger_slot_at(ledger_file_map(ledger_file_new()), 3);

	(void)state;
	s->mechanism[0] = 0x1041;
	s->mechanism[LEDGER_MECHANISMS - 1] = 0x1043;
	s->rsa = 0x1044; /* what stands behind them */
	s->raw_bytes = 0x1045;
	s->mechanisms = UINT32_MAX;
	assert_int_equal(ledger_reserve(s, 0x1041, false), USE_GRANTED);
	assert_int_equal(ledger_reserve(s, 0x1043, false), USE_GRANTED);
	assert_int_equal(ledger_reserve(s, 0x1044, false), USE_MECHANISM);
	assert_int_equal(ledger_reserve(s, 0x1045, false), USE_MECHANISM);
	assert_int_equal(ledger_get(&s->count[COUNT_MECHANISM]), 2);
	/* The agent makes what it wants. */
	assert_int_equal(ledger_reserve(s, 0x1044, true), USE_GRANTED);
	s->mechanisms = 0;
	assert_int_equal(ledger_reserve(s, 0x1044, false), USE_GRANTED);
	assert_int_equal(ledger_get(&s->count[COUNT_USES]), 4);
	assert_int_equal(ledger_get(&s->count[COUNT_AGENT]), 1);
}

/* --- parts */

static void
parts_are_mapped_as_far_as_the_header_says(void **state)
{
	const char *path = path_of("parts");

	(void)state;
	ledger_file_make(path, 0, 2, 1);
	ledger_file_make(path, 1, 0, 1);
	ledger_file_make(path, 2, 0, 1);
	struct ledger *l = ledger_file_map(path);
	assert_int_equal(l->parts, 2);
	assert_ptr_equal(ledger_slot_at(l, LEDGER_SLOTS), l->part[1].map + LEDGER_HEADER);
	assert_null(ledger_slot_at(l, 2 * LEDGER_SLOTS));
	assert_false(ledger_look_again(l));
	/* The third is made before the header says so. */
	ledger_header(l)->parts = 3;
	assert_true(ledger_look_again(l));
	assert_int_equal(l->parts, 3);
	assert_false(ledger_look_again(l));
	assert_false(l->gone);
	/* Fewer than before: what is mapped stays. */
	ledger_header(l)->parts = 0;
	assert_false(ledger_look_again(l));
	assert_int_equal(l->parts, 3);
}

static void
a_part_that_is_said_and_not_there_is_looked_for_again(void **state)
{
	const char *path = path_of("late");

	(void)state;
	ledger_file_make(path, 0, UINT32_MAX, 1);
	struct ledger *l = ledger_file_map(path);
	assert_int_equal(l->parts, 1);
	/* None is skipped: the index of a slot is its place for ever. */
	ledger_file_make(path, 2, 0, 1);
	assert_false(ledger_look_again(l));
	ledger_file_make(path, 1, 0, 1);
	assert_true(ledger_look_again(l));
	assert_int_equal(l->parts, 3);
}

static void
a_part_of_another_ledger_is_not_mapped(void **state)
{
	const char *path = path_of("mixed");
	unsigned char last = 9;

	(void)state;
	ledger_file_make(path, 0, 2, 1);
	ledger_file_make(path, 1, 0, 2);
	struct ledger *l = ledger_file_map(path);
	assert_int_equal(l->parts, 1);
	/* All sixteen bytes count. */
	const char *file = ledger_file_make(path, 1, 0, 1);
	ledger_file_write(file, HEADER_AT(id) + 15, &last, 1);
	assert_false(ledger_look_again(l));
	assert_int_equal(l->parts, 1);
	ledger_file_make(path, 1, 0, 1);
	assert_true(ledger_look_again(l));
	assert_int_equal(l->parts, 2);
}

static void
a_part_that_is_no_sound_file_is_not_mapped(void **state)
{
	const char *path = path_of("unsound");
	const char *second = path_of("unsound.1");

	(void)state;
	ledger_file_make(path, 0, 2, 1);
	struct ledger *l = ledger_file_map(path);
	assert_int_equal(truncate(ledger_file_make(path, 1, 0, 1), 100), 0);
	assert_false(ledger_look_again(l));
	assert_int_equal(chmod(ledger_file_make(path, 1, 0, 1), 0622), 0);
	assert_false(ledger_look_again(l));
	/* Another part's file under this name. */
	assert_int_equal(rename(ledger_file_make(path, 7, 0, 1), second), 0);
	assert_false(ledger_look_again(l));
	unlink(second);
	assert_int_equal(symlink(path, second), 0);
	assert_false(ledger_look_again(l));
	assert_int_equal(l->parts, 1);
}

static void
there_are_never_more_parts_than_there_is_room_for(void **state)
{
	const char *path = path_of("many");
	const struct ledger_key k = ledger_file_key(1);

	(void)state;
	for (unsigned i = 0; i <= LEDGER_PARTS; i++)
		ledger_file_make(path, i, UINT32_MAX, 1);
	struct ledger *l = ledger_file_map(path);
	assert_int_equal(l->parts, LEDGER_PARTS);
	assert_false(ledger_look_again(l));
	assert_null(ledger_slot_at(l, (size_t)LEDGER_PARTS * LEDGER_SLOTS));
	for (size_t i = 0; i < (size_t)LEDGER_PARTS * LEDGER_SLOTS - 1; i++)
		ledger_slot_at(l, i)->use = SLOT_MOVING;
	struct ledger_slot *last = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_ptr_equal(last, ledger_slot_at(l, (size_t)LEDGER_PARTS * LEDGER_SLOTS - 1));
	assert_ptr_equal(ledger_find(l, k.raw, k.raw_bytes), last);
	assert_null(ledger_claim(l, &k, STATE_ACTIVE, 1));
	ledger_unmap(l);
	for (unsigned i = 0; i <= LEDGER_PARTS; i++) {
		char file[PATH_MAX + 20];
		snprintf(file, sizeof file, i ? "%s.%u" : "%s", path, i);
		unlink(file);
	}
}

static void
a_file_that_was_replaced_or_removed_is_gone_and_stays_mapped(void **state)
{
	const char *path = ledger_file_new(), *beside = path_of("beside");
	struct ledger *l = ledger_file_map(path);

	(void)state;
	ledger_slot_at(l, 5)->raw_bytes = 77;
	(void)ledger_look_again(l);
	assert_false(l->gone);
	ledger_file_make(beside, 0, 1, 1);
	assert_int_equal(rename(beside, path), 0);
	assert_false(ledger_look_again(l));
	assert_true(l->gone);
	assert_int_equal(ledger_slot_at(l, 5)->raw_bytes, 77);
	l = ledger_file_map(path);
	assert_false(l->gone);
	assert_int_equal(unlink(path), 0);
	(void)ledger_look_again(l);
	assert_true(l->gone);
	assert_int_equal(ledger_slot_at(l, 5)->raw_bytes, 0);
}

static void
a_ledger_in_memory_counts_and_is_never_looked_for(void **state)
{
	struct ledger l = {.parts = 0};
	const struct ledger_key k = ledger_file_key(1);

	(void)state;
	assert_true(ledger_map_memory(&l));
	assert_false(ledger_look_again(&l));
	assert_false(l.gone);
	ledger_header(&l)->parts = 5;
	assert_false(ledger_look_again(&l));
	struct ledger_slot *s = ledger_claim(&l, &k, STATE_UNKNOWN, 1);
	assert_ptr_equal(ledger_find(&l, k.raw, k.raw_bytes), s);
	assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	ledger_unmap(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_file_is_mapped),
		cmocka_unit_test(a_file_that_is_not_there_is_absent),
		cmocka_unit_test(a_file_that_may_not_be_opened_is_denied_and_errno_says_why),
		cmocka_unit_test(a_file_of_another_size_is_foreign),
		cmocka_unit_test(what_is_no_plain_file_is_foreign),
		cmocka_unit_test(a_file_with_holes_is_not_mapped),
		cmocka_unit_test(a_file_that_others_may_write_is_not_mapped),
		cmocka_unit_test(another_version_is_said_to_be_one),
		cmocka_unit_test(a_header_of_another_make_is_foreign),
		cmocka_unit_test(every_fault_has_a_text_and_every_count_a_word),
		cmocka_unit_test(noise_in_all_slots_is_read_as_some_numbers),
		cmocka_unit_test(noise_in_any_one_byte_of_a_slot_is_read_as_some_number),
		cmocka_unit_test(noise_in_any_one_byte_of_the_header_maps_one_part_or_none),
		cmocka_unit_test(more_mechanisms_than_there_is_room_for_are_those_that_are_there),
		cmocka_unit_test(parts_are_mapped_as_far_as_the_header_says),
		cmocka_unit_test(a_part_that_is_said_and_not_there_is_looked_for_again),
		cmocka_unit_test(a_part_of_another_ledger_is_not_mapped),
		cmocka_unit_test(a_part_that_is_no_sound_file_is_not_mapped),
		cmocka_unit_test(there_are_never_more_parts_than_there_is_room_for),
		cmocka_unit_test(a_file_that_was_replaced_or_removed_is_gone_and_stays_mapped),
		cmocka_unit_test(a_ledger_in_memory_counts_and_is_never_looked_for),
	};
	return cmocka_run_group_tests_name("guard ledger", tests, NULL, NULL);
}
