/* The ledger's slots (guard/ledger.h): claimed and found, counts under several threads, hours,
 * points. */
#include "support/ledger_file.h"
#include "support/unit.h"

#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#define THREADS 8
#define AN_HOUR 3600

/* --- slots */

static void
a_claimed_slot_has_all_of_the_key_and_nothing_of_the_one_before(void **state)
{
	struct ledger *l = ledger_file_map(ledger_file_new());
	const struct ledger_key k = ledger_file_key(9);

	(void)state;
	struct ledger_slot *s = ledger_slot_at(l, 0);
	memset((unsigned char *)s, 0xa5, LEDGER_SLOT_SIZE);
	s->use = SLOT_FREE;
	s->generation = 41;
	assert_ptr_equal(ledger_claim(l, &k, STATE_STAGED, 1795282774), s);
	assert_int_equal(s->use, SLOT_USED);
	assert_int_equal(s->generation, 41);
	assert_int_equal(s->state, STATE_STAGED);
	assert_int_equal(s->since, 1795282774);
	assert_int_equal(s->soft + s->hard + s->last_use + s->has_hash + s->mechanisms, 0);
	for (int i = 0; i < LEDGER_COUNTS; i++)
		assert_int_equal(s->count[i], 0);
	for (int i = 0; i < LEDGER_HOURS; i++)
		assert_int_equal(s->hour[i], 0);
	assert_int_equal(s->rsa, 0);
	assert_int_equal(s->raw_bytes, k.raw_bytes);
	assert_memory_equal(s->raw, k.raw, k.raw_bytes);
	assert_int_equal(s->params_bytes, k.params_bytes);
	assert_memory_equal(s->params, k.params, k.params_bytes);
	assert_int_equal(s->id_bytes, k.id_bytes);
	assert_memory_equal(s->id, k.id, k.id_bytes);
	assert_string_equal(s->label, k.label);
	assert_string_equal(s->serial, k.serial);
}

static void
only_used_slots_are_found_and_the_first_of_two_is(void **state)
{
	struct ledger *l = ledger_file_map(ledger_file_new());
	const struct ledger_key k = ledger_file_key(1), other = ledger_file_key(2);

	(void)state;
	assert_null(ledger_find(l, k.raw, k.raw_bytes));
	struct ledger_slot *none = ledger_claim(l, &other, STATE_ACTIVE, 1);
	struct ledger_slot *first = ledger_claim(l, &k, STATE_ACTIVE, 1);
	struct ledger_slot *second = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_true(none && first && second && first < second);
	assert_ptr_equal(ledger_find(l, k.raw, k.raw_bytes), first);
	static const enum ledger_use uses[] = {SLOT_FREE, SLOT_FILLING, SLOT_MOVING, 77};
	for (size_t i = 0; i < COUNT(uses); i++) {
		first->use = uses[i];
		assert_ptr_equal(ledger_find(l, k.raw, k.raw_bytes), second);
	}
	/* Only a free one is claimed; the length is part of the value. */
	first->use = SLOT_FREE;
	assert_ptr_equal(ledger_claim(l, &k, STATE_ACTIVE, 1), first);
	assert_null(ledger_find(l, k.raw, k.raw_bytes - 1));
	assert_null(ledger_find(l, k.raw, k.raw_bytes + 1));
	assert_null(ledger_find(l, k.raw, 0));
	first->raw_bytes = second->raw_bytes = 0;
	assert_null(ledger_find(l, k.raw, 0));
}

static void
the_longest_value_is_found(void **state)
{
	struct ledger *l = ledger_file_map(ledger_file_new());
	struct ledger_key k = ledger_file_key(1);
	unsigned char more[LEDGER_RAW + 1];

	(void)state;
	k.rsa = true;
	k.raw_bytes = LEDGER_RAW;
	for (size_t i = 0; i < LEDGER_SLOTS - 1; i++)
		ledger_slot_at(l, i)->use = SLOT_MOVING;
	struct ledger_slot *s = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_ptr_equal(s, ledger_slot_at(l, LEDGER_SLOTS - 1));
	assert_int_equal(s->rsa, 1);
	assert_ptr_equal(ledger_find(l, k.raw, LEDGER_RAW), s);
	memset(more, 4, sizeof more);
	s->raw_bytes = LEDGER_RAW + 1;
	assert_null(ledger_find(l, more, sizeof more));
}

static void
a_full_ledger_has_room_again_when_a_part_is_added(void **state)
{
	const char *path = ledger_file_new();
	struct ledger_key k;

	(void)state;
	struct ledger *l = ledger_file_map(path);
	for (unsigned i = 0; i < LEDGER_SLOTS; i++) {
		k = ledger_file_key(i);
		assert_ptr_equal(ledger_claim(l, &k, STATE_ACTIVE, i), ledger_slot_at(l, i));
	}
	k = ledger_file_key(LEDGER_SLOTS);
	assert_null(ledger_claim(l, &k, STATE_ACTIVE, 1));
	ledger_file_make(path, 1, 0, 1);
	ledger_header(l)->parts = 2;
	assert_null(ledger_claim(l, &k, STATE_ACTIVE, 1));
	assert_true(ledger_look_again(l));
	struct ledger_slot *s = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_ptr_equal(s, ledger_slot_at(l, LEDGER_SLOTS));
	for (unsigned i = 0; i <= LEDGER_SLOTS; i++) {
		k = ledger_file_key(i);
		assert_ptr_equal(ledger_find(l, k.raw, k.raw_bytes), ledger_slot_at(l, i));
	}
}

static void
what_is_mapped_to_be_read_is_not_claimed(void **state)
{
	struct ledger l = {.parts = 0};
	const struct ledger_key k = ledger_file_key(1);

	(void)state;
	assert_int_equal(ledger_map(&l, ledger_file_new(), false), LEDGER_FINE);
	assert_null(ledger_claim(&l, &k, STATE_ACTIVE, 1));
	assert_null(ledger_find(&l, k.raw, k.raw_bytes));
	ledger_unmap(&l);
}

/* --- counts */

/* A slot of a new ledger in that state, with that hard limit. */
static struct ledger_slot *
slot_in(enum ledger_state in, uint64_t hard)
{
	const struct ledger_key k = ledger_file_key(1);
	struct ledger_slot *s = ledger_claim(ledger_file_map(ledger_file_new()), &k, in, 1);

	assert_non_null(s);
	s->hard = hard;
	return s;
}

static void
a_use_is_reserved_and_ended_in_one_of_three_ways(void **state)
{
	struct ledger_slot *s = slot_in(STATE_ACTIVE, 0);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	assert_int_equal(s->count[COUNT_USES], 3);
	ledger_done(s, 1795282774);
	ledger_failed(s);
	ledger_give_back(s, false);
	assert_int_equal(s->count[COUNT_USES], 2);
	assert_int_equal(s->count[COUNT_DONE], 1);
	assert_int_equal(s->count[COUNT_FAILED], 1);
	assert_int_equal(s->last_use, 1795282774);
	assert_int_equal(ledger_hour(s, 1795282774), 1);
	assert_int_equal(ledger_reserve(s, 1, true), USE_GRANTED);
	assert_int_equal(s->count[COUNT_AGENT], 1);
	ledger_give_back(s, true);
	assert_int_equal(s->count[COUNT_AGENT], 0);
	assert_int_equal(s->count[COUNT_USES], 2);
}

static void
nothing_goes_below_zero(void **state)
{
	struct ledger_slot *s = slot_in(STATE_ACTIVE, 0);

	(void)state;
	ledger_give_back(s, false);
	ledger_give_back(s, true);
	assert_int_equal(s->count[COUNT_USES], 0);
	assert_int_equal(s->count[COUNT_AGENT], 0);
	assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	ledger_give_back(s, true);
	assert_int_equal(s->count[COUNT_USES], 0);
	assert_int_equal(s->count[COUNT_AGENT], 0);
}

static void
what_state_a_key_is_in_decides_for_servers_and_not_for_the_agent(void **state)
{
	(void)state;
	/* Noise is no state that anything is refused in. */
	for (uint32_t in = 0; in <= LEDGER_STATES; in++) {
		struct ledger_slot *s = slot_in((enum ledger_state)in, 0);
		bool off = in == STATE_DISABLED || in == STATE_DESTROYED;
		assert_int_equal(ledger_reserve(s, 1, false), off ? USE_OFF : USE_GRANTED);
		assert_int_equal(s->count[COUNT_OFF], off);
		assert_int_equal(s->count[COUNT_STAGED], in == STATE_STAGED);
		assert_int_equal(ledger_reserve(s, 1, true), USE_GRANTED);
		assert_int_equal(s->count[COUNT_STAGED], in == STATE_STAGED);
		assert_int_equal(s->count[COUNT_USES], off ? 1 : 2);
		assert_int_equal(s->count[COUNT_AGENT], 1);
		ledger_give_back(s, true);
		assert_int_equal(s->count[COUNT_STAGED], in == STATE_STAGED);
		ledger_give_back(s, false);
		assert_int_equal(s->count[COUNT_USES] + s->count[COUNT_STAGED], 0);
	}
}

static void
a_hard_limit_refuses_servers_and_counts_the_agent(void **state)
{
	struct ledger_slot *s = slot_in(STATE_ACTIVE, 2);

	(void)state;
	assert_int_equal(ledger_reserve(s, 1, true), USE_GRANTED);
	assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	assert_int_equal(ledger_reserve(s, 1, false), USE_OVER);
	assert_int_equal(ledger_reserve(s, 1, true), USE_GRANTED);
	assert_int_equal(s->count[COUNT_USES], 3);
	assert_int_equal(s->count[COUNT_OVER], 1);
	/* One given back is not enough: there are as many as the limit. */
	ledger_give_back(s, true);
	assert_int_equal(ledger_reserve(s, 1, false), USE_OVER);
	ledger_give_back(s, false);
	assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	/* A lowered limit cuts off at once, a soft one never does. */
	s->hard = 1;
	assert_int_equal(ledger_reserve(s, 1, false), USE_OVER);
	s->hard = 0;
	s->soft = 1;
	assert_int_equal(ledger_reserve(s, 1, false), USE_GRANTED);
	s->hard = UINT64_MAX;
	s->count[COUNT_USES] = UINT64_MAX;
	assert_int_equal(ledger_reserve(s, 1, false), USE_OVER);
}

struct user {
	pthread_t thread;
	struct ledger_slot *slot;
	int tries;
	bool gives_back; /* every second one */
	uint64_t granted, kept, most;
};

static void *
use_it(void *ctx)
{
	struct user *u = ctx;

	for (int i = 0; i < u->tries; i++) {
		if (ledger_reserve(u->slot, 1, false) != USE_GRANTED)
			continue;
		u->granted++;
		uint64_t uses = ledger_get(&u->slot->count[COUNT_USES]);
		if (uses > u->most)
			u->most = uses;
		if (u->gives_back && i % 2) {
			ledger_give_back(u->slot, false);
			continue;
		}
		ledger_done(u->slot, 1795282774);
		u->kept++;
	}
	return NULL;
}

/* Several threads, every second one by a mapping of its own; what they were granted and kept. */
static struct user
all_use(const char *path, int tries, bool give_back)
{
	struct ledger *l = ledger_file_map(path);
	struct ledger other = {.parts = 0};
	struct user user[THREADS], sum = {.granted = 0};

	assert_int_equal(ledger_map(&other, path, true), LEDGER_FINE);
	for (int i = 0; i < THREADS; i++) {
		user[i] = (struct user){.slot = ledger_slot_at(i % 2 ? &other : l, 0),
			.tries = tries,
			.gives_back = give_back};
		assert_int_equal(pthread_create(&user[i].thread, NULL, use_it, &user[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(user[i].thread, NULL), 0);
		sum.granted += user[i].granted;
		sum.kept += user[i].kept;
		sum.most = user[i].most > sum.most ? user[i].most : sum.most;
	}
	ledger_unmap(&other);
	return sum;
}

static const char *
limited_to(uint64_t hard)
{
	const char *path = ledger_file_new();
	const struct ledger_key k = ledger_file_key(1);
	struct ledger_slot *s = ledger_claim(ledger_file_map(path), &k, STATE_ACTIVE, 1);

	s->hard = hard;
	return path;
}

static void
a_hard_limit_under_several_threads_is_granted_exactly(void **state)
{
	static const uint64_t limits[] = {1, 2, 1000, 20000};

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		const char *path = limited_to(limits[i]);
		struct user u = all_use(path, 5000, false);
		const struct ledger_slot *s = ledger_slot_at(ledger_file_map(path), 0);
		assert_int_equal(u.granted, limits[i]);
		assert_int_equal(u.kept, limits[i]);
		assert_int_equal(s->count[COUNT_USES], limits[i]);
		assert_int_equal(s->count[COUNT_DONE], limits[i]);
		assert_int_equal(s->count[COUNT_OVER], THREADS * 5000 - limits[i]);
		assert_int_equal(ledger_hour(s, 1795282774), limits[i]);
	}
}

static void
what_threads_give_back_is_granted_again_and_never_too_often(void **state)
{
	const char *path = limited_to(9000);
	struct user u = all_use(path, 5000, true);
	const struct ledger_slot *s = ledger_slot_at(ledger_file_map(path), 0);

	(void)state;
	assert_true(u.most <= 9000);
	assert_true(u.kept <= 9000);
	assert_int_equal(s->count[COUNT_USES], u.kept);
	assert_int_equal(s->count[COUNT_DONE], u.kept);
	assert_int_equal(s->count[COUNT_OVER], THREADS * 5000 - u.granted);
	/* Without a limit nothing is lost either. */
	path = limited_to(0);
	u = all_use(path, 5000, true);
	s = ledger_slot_at(ledger_file_map(path), 0);
	assert_int_equal(u.granted, THREADS * 5000);
	assert_int_equal(s->count[COUNT_USES], THREADS * 2500);
	assert_int_equal(s->count[COUNT_DONE], THREADS * 2500);
}

struct claimer {
	pthread_t thread;
	struct ledger *ledger;
	unsigned first;
	struct ledger_slot *got[LEDGER_SLOTS];
};

static void *
claim_them(void *ctx)
{
	struct claimer *c = ctx;

	for (unsigned i = 0; i < COUNT(c->got); i++) {
		const struct ledger_key k = ledger_file_key(c->first + i);
		c->got[i] = ledger_claim(c->ledger, &k, STATE_ACTIVE, c->first + i);
	}
	return NULL;
}

static void
a_slot_is_claimed_by_one_thread_only(void **state)
{
	struct ledger *l = ledger_file_map(ledger_file_new());
	struct claimer c[THREADS];
	unsigned claimed = 0;

	(void)state;
	for (unsigned t = 0; t < THREADS; t++) {
		c[t] = (struct claimer){.ledger = l, .first = t * LEDGER_SLOTS};
		assert_int_equal(pthread_create(&c[t].thread, NULL, claim_them, &c[t]), 0);
	}
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(c[t].thread, NULL), 0);
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < LEDGER_SLOTS; i++) {
			const struct ledger_key k = ledger_file_key(c[t].first + i);
			claimed += c[t].got[i] != NULL;
			assert_ptr_equal(ledger_find(l, k.raw, k.raw_bytes), c[t].got[i]);
		}
	assert_int_equal(claimed, LEDGER_SLOTS);
}

/* --- hours */

static void
done_at(struct ledger_slot *s, uint64_t at, int times)
{
	while (times--)
		ledger_done(s, at);
}

static void
hours_are_kept_apart(void **state)
{
	struct ledger_slot *s = slot_in(STATE_ACTIVE, 0);
	const uint64_t t = (uint64_t)500000 * AN_HOUR;

	(void)state;
	done_at(s, t, 3);
	done_at(s, t + AN_HOUR - 1, 2);
	done_at(s, t + AN_HOUR, 7);
	done_at(s, t + 3 * AN_HOUR, 1);
	assert_int_equal(ledger_hour(s, t), 5);
	assert_int_equal(ledger_hour(s, t + AN_HOUR - 1), 5);
	assert_int_equal(ledger_hour(s, t - 1), 0);
	assert_int_equal(ledger_hour(s, t + AN_HOUR), 7);
	assert_int_equal(ledger_hour(s, t + 2 * AN_HOUR), 0);
	/* From `from`'s hour to before `at`'s. */
	assert_int_equal(ledger_busiest_hour(s, t, t + 4 * AN_HOUR), 7);
	assert_int_equal(ledger_busiest_hour(s, t, t + AN_HOUR), 5);
	assert_int_equal(ledger_busiest_hour(s, t + AN_HOUR - 1, t + 2 * AN_HOUR - 1), 5);
	assert_int_equal(ledger_busiest_hour(s, t + 2 * AN_HOUR, t + 4 * AN_HOUR), 1);
	assert_int_equal(ledger_busiest_hour(s, t, t), 0);
	assert_int_equal(ledger_busiest_hour(s, t + AN_HOUR, t), 0);
	assert_int_equal(ledger_busiest_hour(s, 0, UINT64_MAX), 7);
	assert_int_equal(s->count[COUNT_DONE], 13);
}

static void
an_hour_of_eight_days_ago_is_no_hour_of_today(void **state)
{
	struct ledger_slot *s = slot_in(STATE_ACTIVE, 0);
	const uint64_t t = (uint64_t)500000 * AN_HOUR, round = (uint64_t)LEDGER_HOURS * AN_HOUR;

	(void)state;
	done_at(s, t, 100);
	assert_int_equal(ledger_hour(s, t + round), 0);
	assert_int_equal(ledger_busiest_hour(s, t, t + round), 100);
	assert_int_equal(ledger_busiest_hour(s, t + AN_HOUR, t + 2 * round), 0);
	done_at(s, t + round, 2);
	assert_int_equal(ledger_hour(s, t + round), 2);
	assert_int_equal(ledger_hour(s, t), 0);
	assert_int_equal(ledger_busiest_hour(s, t, t + 2 * round), 2);
	/* Two rounds of all hours: each has its own. */
	for (uint64_t h = 0; h < 2 * LEDGER_HOURS; h++)
		done_at(s, t + 4 * round + h * AN_HOUR, (int)(h % 5) + 1);
	for (uint64_t h = LEDGER_HOURS; h < 2 * LEDGER_HOURS; h++)
		assert_int_equal(ledger_hour(s, t + 4 * round + h * AN_HOUR), h % 5 + 1);
	assert_int_equal(ledger_busiest_hour(s, 0, UINT64_MAX), 5);
}

/* --- points */

/* `value` with an exact end, so that a sanitizer sees what is read behind it. */
static void
assert_point(const unsigned char *value, size_t bytes, size_t head, size_t wanted)
{
	unsigned char *exact = malloc(bytes ? bytes : 1);
	size_t is = SIZE_MAX;

	memcpy(exact, value, bytes);
	const unsigned char *point = ledger_point(exact, bytes, &is);
	if (point != exact + head || is != wanted)
		fail_msg("%zu bytes %02x %02x ...: %zu bytes from %td", bytes, bytes ? value[0] : 0,
			bytes > 1 ? value[1] : 0, is, point - exact);
	free(exact);
}

static void
a_wrapped_point_is_unwrapped(void **state)
{
	static const size_t points[] = {32, 33, 49, 57, 65, 67, 97, 127};
	unsigned char value[200] = {0x04};

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++) {
		memset(value + 2, 0x04, sizeof value - 2);
		value[1] = (unsigned char)points[i];
		assert_point(value, points[i] + 2, 2, points[i]);
		/* A byte more or less is no OCTET STRING. */
		assert_point(value, points[i] + 1, 0, points[i] + 1);
		assert_point(value, points[i] + 3, 0, points[i] + 3);
	}
}

static void
a_long_length_is_read(void **state)
{
	unsigned char value[300] = {0x04, 0x81, 133, 0x04};

	(void)state;
	/* P-521, wrapped. */
	assert_point(value, 136, 3, 133);
	assert_point(value, 135, 0, 135);
	assert_point(value, 137, 0, 137);
	value[2] = 255;
	assert_point(value, 258, 3, 255);
	/* Not the shortest form, but one. */
	value[2] = 1;
	assert_point(value, 4, 3, 1);
	value[2] = 0;
	assert_point(value, 3, 0, 3);
	value[2] = 255;
	assert_point(value, 3, 0, 3);
	/* Two and more bytes of length, and the indefinite form, are not read. */
	static const unsigned char forms[] = {0x80, 0x82, 0x83, 0x84, 0xff};
	for (size_t i = 0; i < COUNT(forms); i++) {
		value[1] = forms[i];
		value[2] = 1;
		assert_point(value, 260, 0, 260);
		assert_point(value, 261, 0, 261);
	}
}

static void
an_unwrapped_point_stays_as_it_is(void **state)
{
	static const size_t points[] = {65, 97, 133};
	unsigned char value[200] = {0x04};

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++)
		for (unsigned second = 0; second < 256; second++) {
			value[1] = (unsigned char)second;
			value[2] = (unsigned char)(points[i] - 3);
			/* With the second byte 63 it could be an OCTET STRING. */
			assert_point(value, points[i], 0, points[i]);
		}
	/* Compressed, or of a curve that has no such mark. */
	value[0] = 0x02;
	value[1] = 31;
	assert_point(value, 33, 0, 33);
	value[0] = 0x61;
	assert_point(value, 32, 0, 32);
}

static void
a_point_of_no_length_is_none(void **state)
{
	static const unsigned char starts[] = {0x00, 0x01, 0x02, 0x04, 0x81, 0xff};
	unsigned char value[3];

	(void)state;
	for (size_t a = 0; a < COUNT(starts); a++)
		for (size_t b = 0; b < COUNT(starts); b++)
			for (size_t c = 0; c < COUNT(starts); c++) {
				value[0] = starts[a];
				value[1] = starts[b];
				value[2] = starts[c];
				for (size_t bytes = 0; bytes < 3; bytes++)
					assert_point(value, bytes, 0, bytes);
				bool one = starts[a] == 0x04 && starts[b] == 0x01;
				assert_point(value, 3, one ? 2 : 0, one ? 1 : 3);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claimed_slot_has_all_of_the_key_and_nothing_of_the_one_before),
		cmocka_unit_test(only_used_slots_are_found_and_the_first_of_two_is),
		cmocka_unit_test(the_longest_value_is_found),
		cmocka_unit_test(a_full_ledger_has_room_again_when_a_part_is_added),
		cmocka_unit_test(what_is_mapped_to_be_read_is_not_claimed),
		cmocka_unit_test(a_use_is_reserved_and_ended_in_one_of_three_ways),
		cmocka_unit_test(nothing_goes_below_zero),
		cmocka_unit_test(what_state_a_key_is_in_decides_for_servers_and_not_for_the_agent),
		cmocka_unit_test(a_hard_limit_refuses_servers_and_counts_the_agent),
		cmocka_unit_test(a_hard_limit_under_several_threads_is_granted_exactly),
		cmocka_unit_test(what_threads_give_back_is_granted_again_and_never_too_often),
		cmocka_unit_test(a_slot_is_claimed_by_one_thread_only),
		cmocka_unit_test(hours_are_kept_apart),
		cmocka_unit_test(an_hour_of_eight_days_ago_is_no_hour_of_today),
		cmocka_unit_test(a_wrapped_point_is_unwrapped),
		cmocka_unit_test(a_long_length_is_read),
		cmocka_unit_test(an_unwrapped_point_stays_as_it_is),
		cmocka_unit_test(a_point_of_no_length_is_none),
	};
	return cmocka_run_group_tests_name("guard slots", tests, NULL, NULL);
}
