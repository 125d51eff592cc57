/* The smallest parts: moments, text, buffers, errors, lists and secrets. */
#include "support/unit.h"

#include "keystay/base/buf.h"
#include "keystay/base/secret.h"
#include "keystay/base/text.h"
#include "keystay/base/when.h"

/* RFC 9110 5.6.7 writes this moment in three ways. */
#define RFC_MOMENT ((when_t)784111777)

static bool
http_date(const char *text, when_t *ret)
{
	return when_parse_http(text, strlen(text), ret);
}

static void
what_is_no_http_date_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"784111777",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 08:49:37 GMTx",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Wed, 31 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Xyz 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1969 08:49:37 GMT",
		"Sun, 06 Nov 10000 08:49:37 GMT",
		"Wed, 29 Feb 2023 00:00:00 GMT",
		"Mon, 29 Feb 2100 00:00:00 GMT",
		"Sun Nov  6 08:49:37 1994 GMT",
		"Sun Nov 31 08:49:37 1994",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sunday, 06-November-94 08:49:37 GMT",
		"1994-11-06T08:49:37Z",
		"Sun, 06 Nov 1994 08:49:37 GMT, and far more than any date has room for",
	};
	when_t when = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (http_date(bad[i], &when))
			fail_msg("taken for a date: '%s'", bad[i]);
	assert_false(when_parse_http("Sun, 06 Nov 1994\0 08:49:37 GMT", 30, &when));
	assert_int_equal(when, 7);
}

static void
the_three_http_date_forms_are_the_same_moment(void **state)
{
	static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
	when_t when;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		when = 0;
		if (!http_date(forms[i], &when))
			fail_msg("refused: '%s'", forms[i]);
		assert_int_equal(when, RFC_MOMENT);
	}
	/* Exactly `len` bytes are read, and no NUL is looked for. */
	assert_true(when_parse_http("Sun, 06 Nov 1994 08:49:37 GMTjunk", 29, &when));
	assert_int_equal(when, RFC_MOMENT);
	assert_true(http_date("Wednesday, 06-Nov-69 08:49:37 GMT", &when));
	assert_int_equal(when, when_from_utc(2069, 11, 6, 8, 49, 37));
	/* A leap second is the next minute's first. */
	assert_true(http_date("Sat, 31 Dec 2016 23:59:60 GMT", &when));
	assert_int_equal(when, when_from_utc(2017, 1, 1, 0, 0, 0));
}

static void
leap_days_are_counted(void **state)
{
	when_t when;

	(void)state;
	assert_int_equal(when_from_utc(1970, 1, 1, 0, 0, 0), 0);
	assert_int_equal(when_from_utc(2000, 2, 29, 0, 0, 0), 951782400);
	assert_int_equal(when_from_utc(2000, 3, 1, 0, 0, 0), 951782400 + DAY);
	assert_int_equal(
		when_from_utc(2100, 3, 1, 0, 0, 0) - when_from_utc(2100, 2, 28, 0, 0, 0), DAY);
	assert_int_equal(
		when_from_utc(2024, 3, 1, 0, 0, 0) - when_from_utc(2024, 2, 28, 0, 0, 0), 2 * DAY);
	assert_int_equal(when_from_utc(1969, 12, 31, 23, 59, 59), -1);
	assert_true(http_date("Thu, 29 Feb 2024 00:00:00 GMT", &when));
	assert_int_equal(when, 1709164800);
}

static void
every_day_of_two_centuries_is_written_as_it_was_made(void **state)
{
	char text[WHEN_TEXT], wanted[64];
	struct tm tm;

	(void)state;
	for (time_t t = DAY; t < 73000 * DAY; t += DAY + 3607) {
		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(when_from_utc(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec),
			t);
		snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		assert_string_equal(when_format(t, text), wanted);
	}
}

static void
a_moment_is_written_as_rfc_3339_and_none_as_a_dash(void **state)
{
	char text[WHEN_TEXT];

	(void)state;
	assert_string_equal(when_format(0, text), "-");
	assert_string_equal(when_format_day(0, text), "-");
	assert_string_equal(when_format(INT64_MAX, text), "-");
	assert_string_equal(when_format(1, text), "1970-01-01T00:00:01Z");
	assert_string_equal(when_format(RFC_MOMENT, text), "1994-11-06T08:49:37Z");
	assert_string_equal(when_format_day(RFC_MOMENT, text), "1994-11-06");
	when_t last = when_from_utc(9999, 12, 31, 23, 59, 59);
	assert_string_equal(when_format(last, text), "9999-12-31T23:59:59Z");
}

static void
what_is_no_duration_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {"", " ", "30", "d", "30 d", " 30d", "30d ", "-1d", "+1d",
		"1.5d", "30D", "30y", "1w", "d30", "1d12", "0x10d", "3661d", "3660d1s", "87841h",
		"99999999999999999999d", "9223372036854775807s"};
	when_t d = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (duration_parse(bad[i], &d))
			fail_msg("taken for a duration: '%s'", bad[i]);
	assert_int_equal(d, 7);
}

static void
durations_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		when_t seconds;
		const char *back;
	} rows[] = {{"30d", 30 * DAY, "30d"}, {"48h", 2 * DAY, "2d"}, {"10m", 600, "10m"},
		{"5s", 5, "5s"}, {"1d12h", 36 * HOUR, "36h"}, {"90m", 90 * MINUTE, "90m"},
		{"1h1m1s", 3661, "3661s"}, {"0s", 0, "0d"}, {"0001d", DAY, "1d"},
		{"3660d", 3660 * DAY, "3660d"}};
	char text[WHEN_TEXT];
	when_t d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		d = -1;
		if (!duration_parse(rows[i].text, &d))
			fail_msg("refused: '%s'", rows[i].text);
		assert_int_equal(d, rows[i].seconds);
		assert_string_equal(duration_format(d, text), rows[i].back);
	}
}

static void
a_number_is_the_whole_text_and_within_its_range(void **state)
{
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1a", "0x1", "1.0", "--1",
		"- 1", "-+1", "\t1", "9223372036854775808", "-9223372036854775809",
		"99999999999999999999999999"};
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (number_parse(bad[i], INT64_MIN, INT64_MAX, &n))
			fail_msg("taken for a number: '%s'", bad[i]);
	assert_false(number_parse("0", 1, 65535, &n));
	assert_false(number_parse("65536", 1, 65535, &n));
	assert_false(number_parse("-1", 0, 10, &n));
	assert_int_equal(n, 7);
	assert_true(number_parse("1", 1, 65535, &n));
	assert_int_equal(n, 1);
	assert_true(number_parse("65535", 1, 65535, &n));
	assert_int_equal(n, 65535);
	assert_true(number_parse("010", 0, 100, &n));
	assert_int_equal(n, 10);
	assert_true(number_parse("9223372036854775807", 0, INT64_MAX, &n));
	assert_true(n == INT64_MAX);
	assert_true(number_parse("-9223372036854775808", INT64_MIN, 0, &n));
	assert_true(n == INT64_MIN);
}

static void
hex_that_is_cut_or_foreign_or_too_long_is_refused(void **state)
{
	static const unsigned char bytes[] = {0x00, 0x7f, 0x80, 0xff, 0xa5};
	unsigned char data[4] = {0};
	char text[2 * sizeof bytes + 1];

	(void)state;
	assert_int_equal(hex_decode("0", data, sizeof data), -1);
	assert_int_equal(hex_decode("000", data, sizeof data), -1);
	assert_int_equal(hex_decode("0g", data, sizeof data), -1);
	assert_int_equal(hex_decode("g0", data, sizeof data), -1);
	assert_int_equal(hex_decode("0x", data, sizeof data), -1);
	assert_int_equal(hex_decode(" 00", data, sizeof data), -1);
	assert_int_equal(hex_decode("0011223344", data, sizeof data), -1);
	assert_int_equal(hex_decode("", data, 0), 0);
	assert_int_equal(hex_decode("007F80fF", data, sizeof data), 4);
	assert_memory_equal(data, bytes, 4);
	assert_string_equal(hex_encode(bytes, sizeof bytes, text), "007f80ffa5");
	assert_string_equal(hex_encode(bytes, 0, text), "");
}

static void
base64url_that_is_padded_or_foreign_or_not_canonical_is_refused(void **state)
{
	static const char *const bad[] = {"=", "Zg==", "Zm8=", "Z", "Zm9vY", "Zm9v\n", " Zm9v",
		"Zm+v", "Zm/v", "Zh", "Zm9vYh", "Zm9", "Zg\x80"};
	unsigned char data[8];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (base64url_decode(bad[i], data, sizeof data) != -1)
			fail_msg("taken for base64url: '%s'", bad[i]);
	assert_int_equal(base64url_decode("Zm9vYmE", data, 4), -1);
	assert_int_equal(base64url_decode("Zm9vYmE", data, 5), 5);
}

static void
base64url_gives_the_vectors_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
	unsigned char data[256], back[256];

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		size_t len = strlen(vectors[i][0]);
		AUTO(char) char *text = base64url(vectors[i][0], len);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64url_decode(text, data, sizeof data), len);
		assert_memory_equal(data, vectors[i][0], len);
	}
	AUTO(char) char *last = base64url("\xfb\xff\xfe", 3);
	assert_string_equal(last, "-__-");
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)i;
	for (size_t len = 0; len <= sizeof data; len++) {
		AUTO(char) char *text = base64url(data, len);
		assert_int_equal(base64url_decode(text, back, sizeof back), len);
		assert_memory_equal(back, data, len);
	}
}

static void
text_is_copied_with_an_end_and_made_printable(void **state)
{
	char small[4], text[] = "a\033[2J\r\nb\t\x7f\xc3\xa4";

	(void)state;
	assert_false(text_copy(small, sizeof small, "abcd"));
	assert_string_equal(small, "abc");
	assert_true(text_copy(small, sizeof small, "xyz"));
	assert_string_equal(small, "xyz");
	assert_false(text_copy(small, 1, "a"));
	assert_string_equal(small, "");
	text_printable(text);
	assert_string_equal(text, "a?[2J? b ?\xc3\xa4");
	assert_true(text_starts("abc", ""));
	assert_false(text_starts("ab", "abc"));
}

static void
marks_that_steer_a_terminal_are_not_printed(void **state)
{
	static const struct {
		const char *said, *shown;
	} rows[] = {
		/* C1 controls: U+0080, U+009B (begins a sequence), U+009F */
		{"a\xc2\x80z", "a??z"},
		{"\xc2\x9b"
		 "2J",
			"??2J"},
		{"\xc2\x9f", "??"},
		/* U+202A, U+202E, U+2066, U+2069 turn the direction. */
		{"\xe2\x80\xaa", "???"},
		{"a\xe2\x80\xaez", "a???z"},
		{"\xe2\x81\xa6", "???"},
		{"\xe2\x81\xa9\xe2\x80\xae", "??????"},
		/* The neighbours stay: U+00A0, U+00E9, U+2029, U+202F, U+2065, U+206A. */
		{"\xc2\xa0", "\xc2\xa0"},
		{"\xc3\xa9", "\xc3\xa9"},
		{"\xe2\x80\xa9", "\xe2\x80\xa9"},
		{"\xe2\x80\xaf", "\xe2\x80\xaf"},
		{"\xe2\x81\xa5", "\xe2\x81\xa5"},
		{"\xe2\x81\xaa", "\xe2\x81\xaa"},
		/* The same bytes within other characters: U+2E80, U+109B, U+1F09B. */
		{"\xe2\xba\x80", "\xe2\xba\x80"},
		{"\xe1\x82\x9b", "\xe1\x82\x9b"},
		{"\xf0\x9f\x82\x9b", "\xf0\x9f\x82\x9b"},
		/* Cut short, or no UTF-8 at all. */
		{"\xc2", "?"},
		{"\xe2\x80", "??"},
		{"\xe2\x81", "??"},
		{"\x9b", "?"},
		{"\xe0\x82\x9b", "???"},
		/* C0 */
		{"\n\t\x1b\x7f", "  ??"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(char) char *text = strdup(rows[i].said);
		text_printable(text);
		if (!text_same(text, rows[i].shown))
			fail_msg("row %zu: shown as '%s'", i, text);
	}
}

static void
a_buffer_stops_at_its_ceiling_and_keeps_what_fitted(void **state)
{
	AUTO(buf) struct buf b = BUF(8);

	(void)state;
	assert_string_equal(buf_text(&b), "");
	buf_adds(&b, "12345678");
	assert_false(b.full);
	buf_add(&b, "", 0);
	assert_false(b.full);
	buf_adds(&b, "9");
	assert_true(b.full);
	assert_int_equal(b.len, 8);
	assert_string_equal(buf_text(&b), "12345678");
	/* Failure stays, though nothing would fit better. */
	buf_add(&b, "", 0);
	assert_true(b.full);
	assert_null(buf_take(&b));
	buf_clear(&b);
	assert_false(b.full);
	assert_string_equal(buf_text(&b), "");
	buf_addf(&b, "%d", 123456789);
	assert_true(b.full);
	assert_string_equal(buf_text(&b), "");
	buf_clear(&b);
	buf_addf(&b, "%s%d", "abc", 12345);
	assert_string_equal(buf_text(&b), "abc12345");
	AUTO(char) char *taken = buf_take(&b);
	assert_string_equal(taken, "abc12345");
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_text(&b), "");
	AUTO(char) char *empty = buf_take(&b);
	assert_string_equal(empty, "");
}

static void
a_buffer_holds_nul_bytes_and_grows_to_a_large_ceiling(void **state)
{
	AUTO(buf) struct buf b = BUF(100000), none = BUF(0);

	(void)state;
	for (int i = 0; i < 25000; i++)
		buf_add(&b, "a\0b\0", 4);
	assert_false(b.full);
	assert_int_equal(b.len, 100000);
	assert_int_equal(b.text[99998], 'b');
	assert_int_equal(b.text[100000], 0);
	buf_adds(&none, "");
	assert_false(none.full);
	buf_adds(&none, "x");
	assert_true(none.full);
}

static void
an_error_is_nested_by_place_and_a_later_one_replaces_it(void **state)
{
	struct err e;
	char long_place[2000];

	(void)state;
	assert_int_equal(err_set(&e, ERR_TOKEN, "login refused (%s)", "CKR_PIN_INCORRECT"), -1);
	assert_int_equal(err_hint(&e, "run '%s'", "keystay token unlock"), -1);
	e.retry_at = 5;
	assert_int_equal(err_in(&e, "token '%s'", "web"), -1);
	assert_int_equal(err_in(&e, "certificate 'www'"), -1);
	assert_string_equal(
		e.text, "certificate 'www': token 'web': login refused (CKR_PIN_INCORRECT)");
	assert_string_equal(e.hint, "run 'keystay token unlock'");
	assert_int_equal(e.kind, ERR_TOKEN);
	assert_int_equal(e.retry_at, 5);
	/* The arguments may point into the error that is replaced. */
	assert_int_equal(err_set(&e, ERR_CONFIG, "then: %s", e.text), -1);
	assert_string_equal(
		e.text, "then: certificate 'www': token 'web': login refused (CKR_PIN_INCORRECT)");
	assert_string_equal(e.hint, "");
	assert_int_equal(e.retry_at, 0);
	assert_int_equal(err_errno(&e, ERR_FAILED, 2, "cannot open '%s'", "/x"), -1);
	assert_string_equal(e.text, "cannot open '/x': No such file or directory");
	/* A place that leaves no room is left out, not the reason. */
	memset(long_place, 'p', sizeof long_place - 1);
	long_place[sizeof long_place - 1] = '\0';
	err_in(&e, "%s", long_place);
	assert_string_equal(e.text, "cannot open '/x': No such file or directory");
	err_errno(&e, ERR_FAILED, 2, "%s", long_place);
	assert_non_null(strstr(e.text, "p: No such file or directory"));
}

static void
a_long_error_is_cut_and_ended(void **state)
{
	struct err e;
	char much[4000];

	(void)state;
	memset(much, 'x', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	err_set(&e, ERR_FAILED, "%s", much);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	err_hint(&e, "%s", much);
	assert_int_equal(strlen(e.hint), sizeof e.hint - 1);
	err_in(&e, "here");
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_true(text_starts(e.text, "here: xxx"));
}

static void
every_error_kind_has_a_word_that_leads_back(void **state)
{
	(void)state;
	for (int k = 0; k < ERR_KINDS; k++) {
		const char *word = err_word((enum err_kind)k);
		assert_true(word[0] >= 'a' && word[0] <= 'z');
		assert_int_equal(err_kind_of(word), k);
	}
	assert_int_equal(err_kind_of(""), ERR_FAILED);
	assert_int_equal(err_kind_of("Token"), ERR_FAILED);
	assert_int_equal(err_kind_of("4"), ERR_FAILED);
}

static void
a_list_owns_its_texts_and_is_joined_into_little_room(void **state)
{
	AUTO(list) struct list l = {0};
	char text[64], item[4] = "aaa";

	(void)state;
	assert_null(list_argv(&l));
	assert_string_equal(list_join(&l, text, sizeof text), "");
	assert_true(list_add(&l, item));
	item[0] = 'x';
	assert_true(list_add(&l, ""));
	assert_true(list_add(&l, "ccc"));
	assert_true(list_has(&l, "aaa"));
	assert_true(list_has(&l, ""));
	assert_false(list_has(&l, "cc"));
	assert_string_equal(list_join(&l, text, sizeof text), "aaa, , ccc");
	assert_string_equal(list_join(&l, text, 11), "aaa, , ccc");
	assert_string_equal(list_join(&l, text, 10), "aaa, ,...");
	assert_string_equal(list_join(&l, text, 5), "a...");
	assert_string_equal(list_join(&l, text, 1), "");
	char *const *argv = list_argv(&l);
	assert_string_equal(argv[2], "ccc");
	assert_null(argv[3]);
	list_free(&l);
	assert_int_equal(l.count, 0);
	assert_null(list_argv(&l));
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "%d", i);
		assert_true(list_add(&l, text));
	}
	assert_string_equal(l.item[999], "999");
	assert_null(list_argv(&l)[1000]);
}

static void
a_secret_ends_at_its_limit_and_a_refused_addition_changes_nothing(void **state)
{
	AUTO(secret) struct secret *s = secret_new();
	char text[SECRET_MAX + 1];

	(void)state;
	assert_non_null(s);
	assert_int_equal(secret_length(s), 0);
	memset(text, '1', sizeof text);
	assert_refused(secret_add(s, text, SECRET_MAX + 1, UNIT_ERR), ERR_PIN, "longer than 255");
	/* What was refused is not in the message. */
	assert_null(strstr(unit_err.text, "111"));
	assert_int_equal(secret_length(s), 0);
	assert_ok(secret_add(s, text, SECRET_MAX, UNIT_ERR));
	assert_refused(secret_add(s, text, 1, UNIT_ERR), ERR_PIN, "longer than 255");
	assert_ok(secret_add(s, text, 0, UNIT_ERR));
	assert_int_equal(secret_length(s), SECRET_MAX);
	assert_int_equal(secret_bytes(s)[SECRET_MAX], 0);
	secret_free(NULL);
}

static void
one_newline_of_a_secret_is_cut(void **state)
{
	static const char *const rows[][2] = {{"1234", "1234"}, {"1234\n", "1234"},
		{"1234\r\n", "1234"}, {"1234\n\n", "1234\n"}, {"1234 \n", "1234 "},
		{"\n1234", "\n1234"}, {"\n", ""}, {"", ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(secret) struct secret *s = secret_new();
		assert_ok(secret_add(s, rows[i][0], strlen(rows[i][0]), UNIT_ERR));
		secret_cut_newline(s);
		assert_string_equal((const char *)secret_bytes(s), rows[i][1]);
		assert_int_equal(secret_length(s), strlen(rows[i][1]));
	}
}

static void
days_and_moments(void **state)
{
	static const struct {
		const char *text;
		when_t when; /* 0 = refused */
		bool day;
	} rows[] = {
		{"2026-11-21", 1795219200, true},
		{"1970-01-02", DAY, true},
		{"2024-02-29", 1709164800, true},
		{"2026-11-21T18:19:34Z", 1795285174, false},
		{"2026-11-21T18:19:34.987Z", 1795285174, false},
		{"2026-11-21T18:19:34+01:00", 1795281574, false},
		{"2026-11-21T18:19:34-05:30", 1795304974, false},
		{"2026-11-21T18:19:34-00:00", 1795285174, false},
		/* before 1970 there is nothing, and 0 means none */
		{"1970-01-01", 0, false},
		{"1970-01-01T00:30:00+01:00", 0, false},
		{"1969-12-31", 0, false},
		{"", 0, false},
		{"2026", 0, false},
		{"2026-11", 0, false},
		{"2026-11-2", 0, false},
		{"2026-11-211", 0, false},
		{"2026-11-21 ", 0, false},
		{" 2026-11-21", 0, false},
		{"2026-02-29", 0, false},
		{"2026-13-01", 0, false},
		{"2026-00-01", 0, false},
		{"2026-11-00", 0, false},
		{"2026-11-21T", 0, false},
		{"2026-11-21Z", 0, false},
		{"2026-11-21T18:19Z", 0, false},
		{"2026-11-21T18:19:34", 0, false},
		{"2026-11-21t18:19:34z", 1795285174, false},
		{"2026-11-21 18:19:34Z", 0, false},
		{"2026-11-21T18:19:34.Z", 0, false},
		{"2026-11-21T24:00:00Z", 0, false},
		{"2026-11-21T18:60:00Z", 0, false},
		{"2026-11-21T18:19:34Zx", 0, false},
		{"2026-11-21T18:19:34+0100", 0, false},
		{"2026-11-21T18:19:34+24:00", 0, false},
		{"2026-11-21T18:19:34+01:60", 0, false},
		{"2026-11-21T-8:19:34Z", 0, false},
		{"+026-11-21", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		when_t when = 0;
		bool day = !rows[i].day;
		if (when_parse(rows[i].text, &when, &day) != (rows[i].when != 0) ||
			when != rows[i].when || (rows[i].when && day != rows[i].day))
			fail_msg("'%s': %lld", rows[i].text, (long long)when);
	}
}

static void
months_of_the_calendar(void **state)
{
	static const struct {
		int from[3], months, to[3];
	} rows[] = {
		{{2026, 1, 31}, 1, {2026, 2, 28}},
		{{2024, 1, 31}, 1, {2024, 2, 29}},
		{{2024, 2, 29}, 12, {2025, 2, 28}},
		{{2026, 12, 31}, 2, {2027, 2, 28}},
		{{2015, 4, 1}, 39, {2018, 7, 1}},
		{{2012, 7, 1}, 60, {2017, 7, 1}},
		{{1999, 12, 15}, 1, {2000, 1, 15}},
		{{1960, 5, 31}, 1, {1960, 6, 30}},
		{{1, 1, 1}, 1200, {101, 1, 1}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const int *f = rows[i].from, *t = rows[i].to;
		assert_int_equal(when_add_months(when_from_utc(f[0], f[1], f[2], 13, 14, 15),
					 rows[i].months),
			when_from_utc(t[0], t[1], t[2], 13, 14, 15));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_http_date_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(the_three_http_date_forms_are_the_same_moment),
		cmocka_unit_test(leap_days_are_counted),
		cmocka_unit_test(every_day_of_two_centuries_is_written_as_it_was_made),
		cmocka_unit_test(a_moment_is_written_as_rfc_3339_and_none_as_a_dash),
		cmocka_unit_test(what_is_no_duration_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(durations_are_read_and_written),
		cmocka_unit_test(a_number_is_the_whole_text_and_within_its_range),
		cmocka_unit_test(hex_that_is_cut_or_foreign_or_too_long_is_refused),
		cmocka_unit_test(base64url_that_is_padded_or_foreign_or_not_canonical_is_refused),
		cmocka_unit_test(base64url_gives_the_vectors_of_rfc_4648),
		cmocka_unit_test(text_is_copied_with_an_end_and_made_printable),
		cmocka_unit_test(marks_that_steer_a_terminal_are_not_printed),
		cmocka_unit_test(a_buffer_stops_at_its_ceiling_and_keeps_what_fitted),
		cmocka_unit_test(a_buffer_holds_nul_bytes_and_grows_to_a_large_ceiling),
		cmocka_unit_test(an_error_is_nested_by_place_and_a_later_one_replaces_it),
		cmocka_unit_test(a_long_error_is_cut_and_ended),
		cmocka_unit_test(every_error_kind_has_a_word_that_leads_back),
		cmocka_unit_test(a_list_owns_its_texts_and_is_joined_into_little_room),
		cmocka_unit_test(a_secret_ends_at_its_limit_and_a_refused_addition_changes_nothing),
		cmocka_unit_test(one_newline_of_a_secret_is_cut),
		cmocka_unit_test(days_and_moments),
		cmocka_unit_test(months_of_the_calendar),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
