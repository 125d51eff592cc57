/* Where redirects lead, and to whom (net/url.h). */
#include "support/unit.h"

#include <string.h>

#include "keystay/base/text.h"
#include "keystay/net/url.h"

#define BASE "https://est.example:8443/a/b/c?q=1"
#define LEFT "left alone"

static void
does_not_join(const char *base, const char *reference)
{
	char to[URL_MAX] = LEFT;

	if (url_join(base, reference, to))
		fail_msg("from '%s', '%s' leads to '%s'", base, reference, to);
	assert_string_equal(to, LEFT);
}

static void
has_no_origin(const char *url)
{
	char origin[URL_MAX] = LEFT;

	if (url_origin(url, origin))
		fail_msg("'%s' has the origin '%s'", url, origin);
	assert_string_equal(origin, LEFT);
}

static void
does_not_append(const char *url, const char *segment)
{
	char to[URL_MAX] = LEFT;

	if (url_append(url, segment, to))
		fail_msg("'%s' and '%s' make '%s'", url, segment, to);
	assert_string_equal(to, LEFT);
}

static void
what_is_no_https_url_leads_nowhere(void **state)
{
	static const char *const bad[] = {"http://est.example/", "http://est.example:8443/a",
		"HTTP://est.example/", "ftp://est.example/", "file:///etc/passwd",
		"file:/etc/passwd", "javascript:alert(1)", "data:text/plain,x", "https:x",
		"https:", "https://", "https:///", "https://?x", "https://#x", "https://:443/",
		"https://h:65536/", "https://h:-1/", "https://h:x/", "https://h:4 43/"};

	(void)state;
	does_not_join(BASE, "");
	for (size_t i = 0; i < COUNT(bad); i++) {
		does_not_join(BASE, bad[i]);
		has_no_origin(bad[i]);
		does_not_append(bad[i], "x");
	}
	has_no_origin("");
	has_no_origin("/a/b");
	has_no_origin("est.example");
	/* Nor does one that begins elsewhere. */
	does_not_join("http://est.example/a", "b");
	does_not_join("est.example/a", "b");
	does_not_join("", "b");
	does_not_join("", "https://est.example/");
}

static void
a_name_or_a_password_is_refused(void **state)
{
	static const char *const bad[] = {"https://user@est.example/",
		"https://user:password@est.example/", "https://:password@est.example/",
		"https://:p@est.example/", "https://user:@est.example/",
		"https://u@est.example:8443/a", "https://a:b@c@est.example/",
		"https://est.example@evil.example/", "https://est.example:8443@evil.example/",
		"https://%61@est.example/", "https://a-name-that-is-quite-long@est.example/",
		"https://user:a-password-that-is-quite-long@est.example/",
		/* Empty, but they would be sent. */
		"https://@est.example/", "https://:@est.example/"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		does_not_join(BASE, bad[i]);
		does_not_join(BASE, bad[i] + strlen("https:"));
		has_no_origin(bad[i]);
		does_not_join(bad[i], "x");
		does_not_append(bad[i], "x");
	}
}

static void
hosts_of_odd_bytes_are_refused(void **state)
{
	static const char *const bad[] = {"https://h /", "https://h\n/", "https://h\r\n/",
		"https://h\t/", "https://h\x7f/", "https://\x01/", "https://h%00/", "https://h%0a/",
		"https://h%2f/", "https://h%40evil/", "https://h\\evil/", "https://h\\@evil/",
		"https://a,b/", "https://h<>/", "https://\"h\"/", "https://[::1/", "https://::1/",
		"https://[]/", "https://[::1]x/", "https://[g::1]/", "https://[::1%]/",
		/* What is decoded twice would be another host at the second time. */
		"https://%2561/", "https://a%2561.example/", "https://a%25/", "https://%7f/",
		"https://a%7fb/", "https://%c3%a9.example/", "https://\xc3\xa9.example/",
		"https://a%ff/", "https://\xff/", "https://%20/"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		does_not_join(BASE, bad[i]);
		has_no_origin(bad[i]);
		does_not_append(bad[i], "x");
	}
}

static void
a_path_of_odd_bytes_stays_on_its_server(void **state)
{
	static const char *const bytes[] = {"\\evil.example/", "/\\evil.example/", "x@evil.example",
		"/x:y@evil.example/", "/\xc3\xa9", "\xff\xfe", "%2f%2fevil.example", ";x", "&",
		"a b", "/%zz", ".//evil.example", "/.//evil.example", " https://evil.example/"};

	(void)state;
	for (size_t i = 0; i < COUNT(bytes); i++) {
		char to[URL_MAX], origin[URL_MAX];
		if (!url_join(BASE, bytes[i], to))
			continue;
		assert_true(url_origin(to, origin));
		if (!text_same(origin, "https://est.example:8443"))
			fail_msg("'%s' leads to '%s'", bytes[i], to);
	}
	does_not_join(BASE, "/a\nb");
	does_not_join(BASE, "/a\r\nX: y");
	does_not_join(BASE, "/a\tb");
	does_not_join(BASE, "\x7f");
}

static void
what_is_too_long_is_refused_and_what_just_fits_is_not(void **state)
{
	char url[2 * URL_MAX] = "https://est.example/", to[URL_MAX], origin[URL_MAX];

	(void)state;
	memset(url + strlen(url), 'x', URL_MAX);
	for (size_t len = URL_MAX + 10; len > URL_MAX - 10; len--) {
		url[len] = '\0';
		text_copy(to, sizeof to, LEFT);
		bool fits = url_join(BASE, url, to);
		assert_int_equal(fits, len < URL_MAX);
		assert_string_equal(to, fits ? url : LEFT);
		text_copy(to, sizeof to, LEFT);
		fits = url_join("https://est.example/", url + strlen("https://est.example"), to);
		assert_int_equal(fits, len < URL_MAX);
		assert_string_equal(to, fits ? url : LEFT);
		assert_true(url_origin(url, origin));
	}
	/* A host longer than any. */
	for (size_t len = 257; len > 253; len--) {
		memset(url + strlen("https://"), 'h', len);
		text_copy(url + strlen("https://") + len, 3, "/");
		if (len <= 255) {
			assert_true(url_origin(url, origin));
			assert_int_equal(strlen(origin), strlen("https://:443") + len);
			assert_true(url_join(BASE, url, to));
			assert_string_equal(to, url);
			assert_true(url_append(url, "x", to));
			continue;
		}
		has_no_origin(url);
		does_not_join(BASE, url);
		does_not_join(url, "x");
		does_not_append(url, "x");
	}
}

static void
a_reference_leads_where_rfc_3986_says(void **state)
{
	static const struct {
		const char *reference;
		const char *to;
	} rows[] = {{"/x", "https://est.example:8443/x"}, {"x", "https://est.example:8443/a/b/x"},
		{"./x", "https://est.example:8443/a/b/x"}, {"../x", "https://est.example:8443/a/x"},
		{"../../x", "https://est.example:8443/x"},
		{"../../../../x", "https://est.example:8443/x"},
		{"x/", "https://est.example:8443/a/b/x/"},
		{"/a//b", "https://est.example:8443/a//b"},
		{"?y=2", "https://est.example:8443/a/b/c?y=2"},
		{"/x?y#z", "https://est.example:8443/x?y"},
		{"x#y", "https://est.example:8443/a/b/x"},
		{"x?#", "https://est.example:8443/a/b/x"},
		{"#z", "https://est.example:8443/a/b/c?q=1"},
		{"#", "https://est.example:8443/a/b/c?q=1"},
		{"/a:b@c", "https://est.example:8443/a:b@c"},
		{"//other.example/p", "https://other.example/p"},
		{"//other.example:444", "https://other.example:444/"},
		{"https://other.example/p?q", "https://other.example/p?q"},
		{"https://other.example#z", "https://other.example/"},
		{"https://other.example?q", "https://other.example/?q"},
		{"HTTPS://other.example/", "https://other.example/"},
		{"https://other.example/a/../b/./c", "https://other.example/b/c"},
		{"https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char to[URL_MAX] = "";
		if (!url_join(BASE, rows[i].reference, to))
			fail_msg("'%s' leads nowhere", rows[i].reference);
		if (!text_same(to, rows[i].to))
			fail_msg("'%s' leads to '%s', not '%s'", rows[i].reference, to, rows[i].to);
	}
	char to[URL_MAX] = "https://est.example";
	assert_true(url_join(to, "x", to));
	assert_string_equal(to, "https://est.example/x");
}

static void
same_origin(const char *a, const char *b, bool wanted)
{
	char one[URL_MAX], two[URL_MAX];

	assert_true(url_origin(a, one));
	assert_true(url_origin(b, two));
	if (text_same(one, two) != wanted)
		fail_msg("'%s' is %s for '%s' and '%s' for '%s'", one, wanted ? "only" : "also", a,
			two, b);
}

static void
servers_that_differ_have_other_origins(void **state)
{
	(void)state;
	same_origin("https://est.example/", "https://est.example:8443/", false);
	same_origin("https://est.example/", "https://est.example:80/", false);
	same_origin("https://est.example/", "https://www.est.example/", false);
	same_origin("https://est.example/", "https://est.example.org/", false);
	same_origin("https://est.example/", "https://est.example./", false);
	same_origin("https://[::1]/", "https://[::2]/", false);
	same_origin("https://[::1]/", "https://127.0.0.1/", false);
}

static void
an_origin_has_its_port_and_no_capitals(void **state)
{
	char origin[URL_MAX], again[URL_MAX];

	(void)state;
	assert_true(url_origin("HTTPS://Est.EXAMPLE/A/B?Q#F", origin));
	assert_string_equal(origin, "https://est.example:443");
	assert_true(url_origin(origin, again));
	assert_string_equal(again, origin);
	assert_true(url_origin("https://[2001:DB8::A]:8443", origin));
	assert_string_equal(origin, "https://[2001:db8::a]:8443");
	assert_true(url_origin("https://192.0.2.7:1/", origin));
	assert_string_equal(origin, "https://192.0.2.7:1");
	same_origin("https://est.example", "https://est.example:443/x", true);
	same_origin("https://est.example:/", "https://EST.example:0443/x", true);
	same_origin("https://ex%61mple.org/", "https://example.org/", true);
}

static void
appends(const char *url, const char *segment, const char *wanted)
{
	char to[URL_MAX] = LEFT;

	assert_true(url_append(url, segment, to));
	assert_string_equal(to, wanted);
}

static void
a_segment_is_appended_with_what_a_path_has_not_encoded(void **state)
{
	static const char *const bytes[] = {"/", "?", "#", "%", " ", "\"", "<", "\\", "\xc3\xa9",
		"[", "\x7f", "\n", "..%2f", "a/../b"};

	(void)state;
	appends("https://est.example/est", "simpleenroll", "https://est.example/est/simpleenroll");
	appends("https://est.example", "x", "https://est.example/x");
	appends("https://est.example/est///", "x", "https://est.example/est/x");
	appends("https://est.example/", "arbitrary:label@1",
		"https://est.example/arbitrary:label@1");
	appends("https://h", "azAZ09-._~!$&'()*+,;=", "https://h/azAZ09-._~!$&'()*+,;=");
	appends("https://h", "a/b?c#d%e f\xc3\xa9\n", "https://h/a%2Fb%3Fc%23d%25e%20f%C3%A9%0A");
	/* It is one segment more, and the same server. */
	for (size_t i = 0; i < COUNT(bytes); i++) {
		char to[URL_MAX], joined[URL_MAX], origin[URL_MAX];
		assert_true(url_append("https://h/est", bytes[i], to));
		assert_true(text_starts(to, "https://h/est/"));
		assert_int_equal(strcspn(to + strlen("https://h/est/"), "/?#"),
			strlen(to + strlen("https://h/est/")));
		assert_true(url_join(to, to, joined));
		assert_string_equal(joined, to);
		assert_true(url_origin(to, origin));
		assert_string_equal(origin, "https://h:443");
	}
}

static void
nothing_is_appended_to_what_is_more_than_a_path_nor_a_segment_that_is_none(void **state)
{
	static const char *const bad[] = {"http://h/est", "HTTP://h/est", "ftp://h/est", "h/est",
		"", "https://h/est?q", "https://h/est?", "https://h?q", "https://h/est#f",
		"https://h/#", "https://h/est/#/", "https://h/est?/"};
	static const char *const segments[] = {"", ".", ".."};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		does_not_append(bad[i], "x");
	for (size_t i = 0; i < COUNT(segments); i++) {
		does_not_append("https://h/est", segments[i]);
		does_not_append("https://h", segments[i]);
	}
	/* Not every dot is a way up. */
	appends("https://h/est", "...", "https://h/est/...");
	appends("https://h/est", ".x", "https://h/est/.x");
	appends("https://h/est", "x..", "https://h/est/x..");
}

static void
a_segment_that_does_not_fit_is_not_appended(void **state)
{
	char url[URL_MAX] = "https://est.example/", to[URL_MAX] = LEFT, segment[URL_MAX];

	(void)state;
	memset(url + strlen(url), 'x', 300);
	memset(segment, 'y', sizeof segment);
	/* 320 bytes, and the slash. */
	segment[URL_MAX - 1 - 321] = '\0';
	assert_true(url_append(url, segment, to));
	assert_int_equal(strlen(to), URL_MAX - 1);
	text_copy(to, sizeof to, LEFT);
	segment[URL_MAX - 1 - 321] = 'y';
	segment[URL_MAX - 1 - 320] = '\0';
	assert_false(url_append(url, segment, to));
	assert_string_equal(to, LEFT);
	/* Three bytes for one that is encoded. */
	memset(segment, ' ', 64);
	segment[64] = '\0';
	assert_false(url_append(url, segment, to));
	assert_string_equal(to, LEFT);
	segment[63] = '\0';
	assert_true(url_append(url, segment, to));
}

static void
a_url_is_bare_without_a_path(void **state)
{
	static const char *const bare[] = {
		"https://h", "https://h/", "https://h//", "https://h:8443", "https://[::1]/"};
	static const char *const other[] = {"https://h/est", "https://h/est/",
		"https://h/.well-known", "https://h//x", "https://h/%2f", "https://h/%20", "", "h",
		"/", "https://", "https://h h"};

	(void)state;
	for (size_t i = 0; i < COUNT(bare); i++)
		if (!url_is_bare(bare[i]))
			fail_msg("not bare: '%s'", bare[i]);
	for (size_t i = 0; i < COUNT(other); i++)
		if (url_is_bare(other[i]))
			fail_msg("bare: '%s'", other[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_https_url_leads_nowhere),
		cmocka_unit_test(a_name_or_a_password_is_refused),
		cmocka_unit_test(hosts_of_odd_bytes_are_refused),
		cmocka_unit_test(a_path_of_odd_bytes_stays_on_its_server),
		cmocka_unit_test(what_is_too_long_is_refused_and_what_just_fits_is_not),
		cmocka_unit_test(a_reference_leads_where_rfc_3986_says),
		cmocka_unit_test(servers_that_differ_have_other_origins),
		cmocka_unit_test(an_origin_has_its_port_and_no_capitals),
		cmocka_unit_test(a_segment_is_appended_with_what_a_path_has_not_encoded),
		cmocka_unit_test(
			nothing_is_appended_to_what_is_more_than_a_path_nor_a_segment_that_is_none),
		cmocka_unit_test(a_segment_that_does_not_fit_is_not_appended),
		cmocka_unit_test(a_url_is_bare_without_a_path),
	};
	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
