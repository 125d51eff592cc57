/* The lines that tell how far the certificates of a run are. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "../../agent/run/progress.h"
#include "keystay/base/text.h"

#define NOW 1000

static char drawn_text[64 * 1024];

static const char *
drawn(const struct progress *p, int width, int height)
{
	AUTO(buf) struct buf out = BUF(sizeof drawn_text);

	progress_draw(p, width, height, NOW, &out);
	assert_false(out.full);
	text_copy(drawn_text, sizeof drawn_text, buf_text(&out));
	return drawn_text;
}

/* Lines of a frame, and the longest of them. */
static size_t
lines_of(const char *text, size_t *ret_longest)
{
	size_t n = 0;

	*ret_longest = 0;
	for (const char *end; (end = strchr(text, '\n')); text = end + 1, n++)
		if ((size_t)(end - text) > *ret_longest)
			*ret_longest = (size_t)(end - text);
	assert_string_equal(text, "");
	return n;
}

static void
each_has_its_line_and_the_last_tells_of_all(void **state)
{
	struct progress *p = progress_new(9);

	(void)state;
	progress_expect(p, 1, "shop");
	progress_expect(p, 3, "payments");
	progress_expect(p, 4, "intra");
	progress_expect(p, 5, "mail");
	progress_expect(p, 8, "old");
	progress_step(p, 1, "csr");
	progress_wait(p, 3, "order", "waits for validation", "public", NOW + 3);
	progress_end(p, 4, PROGRESS_DONE, "");
	progress_end(p, 8, PROGRESS_FAILED, "authority 'x':\nno\033[1m");
	assert_string_equal(drawn(p, 80, 24), "shop      csr\n"
					      "payments  order: waits for validation\n"
					      "intra     done\n"
					      "mail      to come\n"
					      "old       failed: authority 'x': no?[1m\n"
					      "1 of 5 done, 1 failed, 3 under way\n");
	/* Nothing moves any more: now it is told what is waited for, and the first moment. */
	progress_wait(p, 1, "order", "waits for the certificate", "other", NOW + 60);
	progress_end(p, 5, PROGRESS_LATER, "later");
	assert_string_equal(drawn(p, 80, 24),
		"shop      order: waits for the certificate\n"
		"payments  order: waits for validation\n"
		"intra     done\n"
		"mail      waits for a later run\n"
		"old       failed: authority 'x': no?[1m\n"
		"1 of 5 done, 1 failed, 1 left for later, 2 under way; all wait for authority "
		"'p\n");
	progress_end(p, 1, PROGRESS_DONE, "");
	progress_end(p, 3, PROGRESS_DONE, "");
	assert_non_null(strstr(drawn(p, 80, 24), "\n3 of 5 done, 1 failed, 1 left for later\n"));
	progress_free(p);
}

static void
one_alone_has_no_line_for_all(void **state)
{
	struct progress *p = progress_new(1);

	(void)state;
	assert_string_equal(drawn(p, 80, 24), "");
	progress_expect(p, 0, "shop");
	progress_wait(p, 0, "order", "waits for validation", "public", NOW + 57);
	assert_string_equal(drawn(p, 80, 24), "shop  order: waits for validation, 57 s\n");
	/* The moment is over, and it has not moved yet. */
	progress_wait(p, 0, "order", "waits for validation", "public", NOW - 1);
	assert_string_equal(drawn(p, 80, 24), "shop  order: waits for validation\n");
	/* What is expected again is where it was. */
	progress_expect(p, 0, "shop");
	assert_string_equal(drawn(p, 80, 24), "shop  order: waits for validation\n");
	progress_free(p);
}

static void
where_not_all_fit_those_are_drawn_that_moved_last(void **state)
{
	struct progress *p = progress_new(72);
	char names[72][16];
	size_t longest;

	(void)state;
	for (size_t i = 0; i < 72; i++) {
		snprintf(names[i], sizeof names[i], "site%02zu", i);
		progress_expect(p, i, names[i]);
	}
	/* What has not begun is not drawn, and what is over neither. */
	assert_string_equal(drawn(p, 80, 24), "0 of 72 done, 72 under way\n");
	for (size_t i = 0; i < 72; i++)
		progress_step(p, i, "policy");
	for (size_t i = 0; i < 10; i++)
		progress_end(p, i, i < 7 ? PROGRESS_DONE : PROGRESS_FAILED, "");
	progress_step(p, 30, "key");
	progress_step(p, 20, "key");
	assert_string_equal(drawn(p, 80, 5), "site20  key\n"
					     "site30  key\n"
					     "site71  policy\n"
					     "7 of 72 done, 3 failed, 62 under way\n");
	assert_int_equal(lines_of(drawn(p, 80, 24), &longest), 23);
	assert_non_null(strstr(drawn_text, "site52"));
	assert_null(strstr(drawn_text, "site51"));
	/* Of 73 lines the last fits, and the cursor below it. */
	assert_int_equal(lines_of(drawn(p, 80, 74), &longest), 73);
	assert_int_equal(lines_of(drawn(p, 80, 73), &longest), 63);
	progress_free(p);
}

/* Terminals of no size at all, and lines that must not break. */
static void
no_line_is_broken_and_none_is_too_many(void **state)
{
	static const int sizes[][2] = {{80, 24}, {80, 1}, {80, 0}, {80, 2}, {80, 3}, {1, 24},
		{2, 24}, {0, 0}, {-1, -1}, {10, 5}, {100000, 100000}};
	struct progress *p = progress_new(40);
	char text[400];
	size_t longest;

	(void)state;
	memset(text, 'w', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < 40; i++) {
		progress_expect(p, i, text);
		progress_wait(p, i, "order", text, text, NOW + 1000000000000);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int width = sizes[i][0], height = sizes[i][1];
		size_t n = lines_of(drawn(p, width, height), &longest);
		assert_true(longest < (width > 1 ? (size_t)width : 2));
		assert_true(n < (height > 2 ? (size_t)height : 2));
		assert_true(n > 0);
	}
	/* Not within a character. */
	progress_end(p, 0, PROGRESS_FAILED, "\xc3\xa4\xc3\xa4\xc3\xa4");
	for (int width = 1; width < 60; width++)
		assert_null(text_find_foreign(drawn(p, width, 100), strlen(drawn(p, width, 100))));
	progress_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_line_and_the_last_tells_of_all),
		cmocka_unit_test(one_alone_has_no_line_for_all),
		cmocka_unit_test(where_not_all_fit_those_are_drawn_that_moved_last),
		cmocka_unit_test(no_line_is_broken_and_none_is_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
