#include "support/unit.h"

#include "keystay/base/guess.h"
#include "keystay/base/text.h"

static const char *
nearest(const char *wrong, const char *const *words, size_t count)
{
	struct guess g = {.wrong = wrong};

	for (size_t i = 0; i < count; i++)
		guess_try(&g, words[i]);
	return g.best;
}

static void
test_words(void **state)
{
	static const char *const words[] = {
		"check", "issue", "renew", "run", "revoke", "rollback", "status", "keyCompromise"};
	static const struct {
		const char *wrong, *best;
	} rows[] = {
		{"renwe", "renew"},   /* in the wrong order */
		{"reenew", "renew"},  /* put in */
		{"reew", "renew"},    /* left out */
		{"renev", "renew"},   /* changed */
		{"RENEW", "renew"},   /* no mistake but capitals */
		{"sttaus", "status"}, /* one change of places, not two changes */
		{"rn", "run"},        /* a third of three letters is one */
		{"ur", NULL},         /* and here it is two */
		{"frobnicate", NULL}, /* near nothing */
		{"", NULL},           /* nothing at all */
		{"r", NULL},          /* near everything */
		{"roll-back", "rollback"},
		{"keycompromised", "keyCompromise"},
		{"xxchkxx", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *best = nearest(rows[i].wrong, words, COUNT(words));
		if (rows[i].best)
			assert_string_equal(best ? best : "", rows[i].best);
		else
			assert_null(best);
	}
}

/* The nearest, not the first that is near; of two that are as near, the first. */
static void
test_nearest(void **state)
{
	static const char *const words[] = {"payments-a", "payments-b", "payment", "payments"};

	(void)state;
	assert_string_equal(nearest("paymnets", words, COUNT(words)), "payments");
	assert_string_equal(nearest("payments-c", words, COUNT(words)), "payments-a");
}

/* Words of any length, at the edges of the table; what is too long is not compared. */
static void
test_long(void **state)
{
	char longest[GUESS_MAX + 1], other[GUESS_MAX + 1], over[GUESS_MAX + 2];
	const char *words[2] = {longest, over};

	(void)state;
	memset(longest, 'a', GUESS_MAX);
	longest[GUESS_MAX] = '\0';
	memcpy(other, longest, sizeof other);
	other[0] = 'b';
	memset(over, 'a', GUESS_MAX + 1);
	over[GUESS_MAX + 1] = '\0';
	assert_ptr_equal(nearest(other, words, 2), longest);
	assert_null(nearest(over, words, 2));
	assert_null(nearest("a", words, 2));
	assert_null(nearest("x", (const char *const[]){""}, 1));
}

static void
test_hint(void **state)
{
	struct guess near = {.wrong = "wep"}, far = {.wrong = "zzz"};
	struct err e;

	(void)state;
	guess_try(&near, "web");
	guess_try(&far, "web");
	err_set(&e, ERR_USAGE, "no");
	assert_int_equal(guess_hint(&near, &e, "there are %d", 2), -1);
	assert_string_equal(e.hint, "did you mean 'web'? there are 2");
	guess_hint(&near, &e, "%s", "");
	assert_string_equal(e.hint, "did you mean 'web'?");
	guess_hint(&far, &e, "there are %d", 2);
	assert_string_equal(e.hint, "there are 2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_hint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
