/* The table of handles (agent/guard/table.h) against a list that is too simple to be wrong. */
#include "../../agent/guard/table.h"

#include "support/unit.h"

#define MODEL_MAX 4096

/* The same numbers, each in a row of its own; looked for from the first on. */
static struct {
	struct entry entry[MODEL_MAX];
	size_t count;
} model;

static struct table table;

static struct entry *
model_find(uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < model.count; i++)
		if (model.entry[i].a == a && model.entry[i].b == b)
			return &model.entry[i];
	return NULL;
}

static void
model_remove(uint64_t a, uint64_t b)
{
	struct entry *e = model_find(a, b);

	if (e)
		*e = model.entry[--model.count];
}

static void
add_both(uint64_t a, uint64_t b, uint64_t mark)
{
	struct entry *e = table_add(&table, a, b), *m = model_find(a, b);

	assert_non_null(e);
	assert_true(e->used && e->a == a && e->b == b);
	if (!m) {
		/* A new one is all zero. */
		assert_true(!e->slot && !e->slot_id && !e->owner && !e->looked_at &&
			    !e->generation && !e->signs && !e->counts);
		assert_true(model.count < MODEL_MAX);
		m = &model.entry[model.count++];
		*m = (struct entry){.a = a, .b = b, .used = true};
	}
	e->owner = m->owner = mark;
}

static void
remove_both(uint64_t a, uint64_t b)
{
	table_remove(&table, a, b);
	model_remove(a, b);
	assert_null(table_find(&table, a, b));
}

/* All that the model has is found, as it was left, and there is nothing else. */
static void
assert_same(void)
{
	size_t used = 0;

	assert_int_equal(table.used, model.count);
	for (size_t i = 0; i < model.count; i++) {
		const struct entry *e = table_find(&table, model.entry[i].a, model.entry[i].b);
		if (!e || e->owner != model.entry[i].owner)
			fail_msg("%zu of %zu: %s", i, model.count, e ? "another" : "lost");
	}
	for (size_t i = 0; i < table.room; i++)
		used += table.entry[i].used;
	assert_int_equal(used, model.count);
	/* A search ends: there is always a free place. */
	assert_true(table.room == 0 || used < table.room);
}

static bool
owner_is_odd(const struct entry *e, void *ctx)
{
	(*(size_t *)ctx)++;
	return e->owner % 2;
}

static void
remove_odd(void)
{
	size_t asked = 0;

	table_remove_if(&table, owner_is_odd, &asked);
	assert_true(asked >= model.count);
	for (size_t i = 0; i < model.count;)
		if (model.entry[i].owner % 2)
			model.entry[i] = model.entry[--model.count];
		else
			i++;
	assert_same();
}

/* A generator of its own: the same numbers in every run. */
static uint64_t
next_number(void)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void
nothing_is_found_in_an_empty_one(void **state)
{
	size_t asked = 0;

	(void)state;
	assert_null(table_find(&table, 0, 0));
	table_remove(&table, 0, 0);
	table_remove_if(&table, owner_is_odd, &asked);
	assert_int_equal(asked, 0);
	table_clear(&table);
	assert_same();
	add_both(0, 0, 1);
	assert_same();
	table_clear(&table);
	model.count = 0;
	assert_null(table_find(&table, 0, 0));
}

static void
an_entry_that_is_there_is_not_added_again(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		add_both(7, 9, (uint64_t)i);
	assert_int_equal(table.used, 1);
	assert_same();
	/* The two numbers are not one. */
	add_both(9, 7, 1);
	add_both(7, 0, 2);
	add_both(0, 9, 3);
	add_both(0, 7, 4);
	add_both(UINT64_MAX, UINT64_MAX, 5);
	add_both(UINT64_MAX, 0, 6);
	assert_int_equal(table.used, 7);
	assert_same();
}

static void
it_grows_and_keeps_all(void **state)
{
	(void)state;
	/* As handles come: one after the other. */
	for (uint64_t i = 0; i < 1500; i++) {
		add_both(i % 3, i, i);
		if (i % 64 == 0)
			assert_same();
	}
	assert_same();
	for (uint64_t i = 0; i < 1500; i += 2)
		remove_both(i % 3, i);
	assert_same();
}

/* Keys that all want the last place but one of the smallest table. */
static size_t
colliding(uint64_t *ret, size_t count)
{
	size_t found = 0;

	for (uint64_t b = 1; found < count; b++) {
		struct table one = {.entry = NULL};
		struct entry *e = table_add(&one, 0, b);
		assert_non_null(e);
		if (e == &one.entry[one.room - 2])
			ret[found++] = b;
		table_clear(&one);
	}
	return found;
}

static void
removal_keeps_chains_whole(void **state)
{
	uint64_t b[20];

	(void)state;
	/* The chain goes round the table's end. */
	assert_int_equal(colliding(b, COUNT(b)), COUNT(b));
	for (size_t first = 0; first < COUNT(b); first++)
		for (size_t second = 0; second < COUNT(b); second++) {
			for (size_t i = 0; i < COUNT(b); i++)
				add_both(0, b[i], i);
			assert_int_equal(table.room, 64);
			remove_both(0, b[first]);
			assert_same();
			remove_both(0, b[second]);
			assert_same();
			add_both(0, b[first], 77);
			assert_same();
			remove_odd();
			table_clear(&table);
			model.count = 0;
		}
}

static void
removal_by_a_question_takes_all_and_only_those(void **state)
{
	uint64_t b[40];

	(void)state;
	assert_int_equal(colliding(b, COUNT(b)), COUNT(b));
	for (uint64_t pattern = 0; pattern < 64; pattern++) {
		for (size_t i = 0; i < COUNT(b); i++)
			add_both(0, b[i], pattern >> i % 6 & 1);
		remove_odd();
		table_clear(&table);
		model.count = 0;
	}
	/* All, and none. */
	for (size_t i = 0; i < COUNT(b); i++)
		add_both(0, b[i], 1);
	remove_odd();
	assert_int_equal(table.used, 0);
	for (size_t i = 0; i < COUNT(b); i++)
		add_both(0, b[i], 2);
	remove_odd();
	assert_int_equal(table.used, COUNT(b));
}

static void
any_row_of_adds_and_removes_leaves_what_the_model_has(void **state)
{
	/* Few numbers, so that they come again; sizes around the steps of growth. */
	static const uint64_t spans[] = {2, 5, 40, 47, 48, 49, 96, 97, 300, 2000};

	(void)state;
	for (size_t s = 0; s < COUNT(spans); s++) {
		for (int i = 0; i < 4000; i++) {
			uint64_t n = next_number(), a = n % 2, b = n / 2 % spans[s];
			if (n >> 40 & 1)
				add_both(a, b, n >> 50);
			else
				remove_both(a, b);
			if (i % 97 == 0)
				assert_same();
			if (i % 997 == 0)
				remove_odd();
		}
		assert_same();
		table_clear(&table);
		model.count = 0;
	}
}

static void
numbers_of_all_bits_are_kept_too(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		/* Pointers, shifted counters, noise: as modules number their handles. */
		uint64_t n = next_number();
		add_both(n, i % 3 ? 0 : (uint64_t)i << 32, (uint64_t)i);
		add_both((uint64_t)i << 56, (uint64_t)i << 12, (uint64_t)i + 1);
	}
	assert_same();
	remove_odd();
	while (model.count)
		remove_both(model.entry[0].a, model.entry[0].b);
	assert_same();
}

static int
tear_down(void **state)
{
	(void)state;
	table_clear(&table);
	model.count = 0;
	return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_found_in_an_empty_one),
		TEST(an_entry_that_is_there_is_not_added_again),
		TEST(it_grows_and_keeps_all),
		TEST(removal_keeps_chains_whole),
		TEST(removal_by_a_question_takes_all_and_only_those),
		TEST(any_row_of_adds_and_removes_leaves_what_the_model_has),
		TEST(numbers_of_all_bits_are_kept_too),
	};
	return cmocka_run_group_tests_name("guard table", tests, NULL, NULL);
}
