/* Header fields and endpoints: bytes from outside. */
#include "support/unit.h"

#include "keystay/net/header.h"
#include "keystay/base/endpoint.h"
#include "keystay/net/probe.h"

/* One second after the moment that RFC 9110 writes. */
#define NOW ((when_t)784111778)

static bool
retry(const char *text, when_t *ret)
{
	return retry_after_parse(text, strlen(text), NOW, ret);
}

static void
a_retry_after_that_is_junk_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {"", " ", "\t", "-1", "+1", "1.5", "10s", "1 0", "0x10",
		"soon", "10,20", "10\n", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 32 Nov 1994 08:49:37 GMT", "99999999999999999999999999x"};
	when_t when = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (retry(bad[i], &when))
			fail_msg("taken for a Retry-After: '%s'", bad[i]);
	assert_false(retry_after_parse("1\0", 2, NOW, &when));
	assert_false(retry_after_parse("1", 0, NOW, &when));
	assert_int_equal(when, 7);
}

static void
a_retry_after_is_never_past_and_never_beyond_thirty_days(void **state)
{
	static const struct {
		const char *text;
		when_t after;
	} rows[] = {{"0", 0}, {"1", 1}, {" 120\t", 120}, {"0000000000000000000000000000060", 60},
		{"2591999", 30 * DAY - 1}, {"2592000", 30 * DAY}, {"2592001", 30 * DAY},
		{"9223372036854775807", 30 * DAY}, {"9223372036854775808", 30 * DAY},
		{"99999999999999999999999999999999999999999", 30 * DAY},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 0}, {"Thu, 01 Jan 1970 00:00:01 GMT", 0},
		{"Sun, 06 Nov 1994 08:50:38 GMT", 60}, {" Sunday, 06-Nov-94 08:50:38 GMT ", 60},
		{"Sun Nov  6 08:50:38 1994", 60}, {"Fri, 31 Dec 9999 23:59:59 GMT", 30 * DAY}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		when_t when = 0;
		if (!retry(rows[i].text, &when))
			fail_msg("refused: '%s'", rows[i].text);
		if (when != NOW + rows[i].after)
			fail_msg("'%s' is %lld seconds after now", rows[i].text,
				(long long)(when - NOW));
	}
	when_t when = 0;
	assert_true(retry_after_parse("60junk", 2, NOW, &when));
	assert_int_equal(when, NOW + 60);
}

/* What was found, joined; "!" before it when the field was not well-formed. */
static const char *
links(const char *field, const char *rel)
{
	static char text[512];
	AUTO(list) struct list found = {0};

	bool whole = link_targets(field, strlen(field), rel, &found);
	text[0] = '!';
	list_join(&found, text + 1, sizeof text - 1);
	return whole ? text + 1 : text;
}

static void
links_with_the_rel_are_found_and_junk_keeps_what_came_before(void **state)
{
	static const struct {
		const char *field;
		const char *found;
	} rows[] = {
		/* not well-formed */
		{"junk", "!"},
		{"<https://a", "!"},
		{"https://a; rel=up", "!"},
		{"<a>; rel=\"up", "!"},
		{"<a>; rel=\"up\\", "!"},
		{"<a>; rel=\"up\\\"", "!"},
		{"<a>; rel=up, junk", "!a"},
		{"<a>; rel=up, <b>; rel=up, <c", "!a, b"},
		{"<a>; rel=other junk", "!"},
		{"<a> rel=up", "!"},
		/* well-formed, but not asked for */
		{"", ""},
		{" \t", ""},
		{",,, ,", ""},
		{"<a>", ""},
		{"<a>;", ""},
		{"<a>; rel", ""},
		{"<a>; rel=", ""},
		{"<a>; rel=\"\"", ""},
		{"<a>; rel=upper", ""},
		{"<a>; rel=\"super up-down\"", ""},
		{"<a>; title=\"rel=up\"", ""},
		{"<a>; title=\"x, <b>; rel=up\"", ""},
		{"<a>; rev=up", ""},
		/* only the first rel of a link counts (RFC 8288 3.3) */
		{"<a>; rel=down; rel=up", ""},
		{"<a>; rel=up; rel=down", "a"},
		/* found */
		{"<https://a/1>;rel=\"up\"", "https://a/1"},
		{"<a>;rel=up", "a"},
		{"<a> ; REL = \"UP\"", "a"},
		{"<>; rel=up", ""},
		{"</acme/cert/1>; rel=\"alternate up\"", "/acme/cert/1"},
		{"<a>; rel=\"  x\t up \"", "a"},
		{"<a,b;c>; rel=up", "a,b;c"},
		{"<a>; title=\"q\\\"; rel=no\"; rel=up", "a"},
		{",<a>; rel=up,, <b>; rel=index ,<c>;x;rel=up,", "a, c"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!text_same(links(rows[i].field, "up"), rows[i].found))
			fail_msg("in '%s' found '%s', not '%s'", rows[i].field,
				links(rows[i].field, "up"), rows[i].found);
}

static void
at_most_thirty_two_link_targets_are_kept(void **state)
{
	AUTO(list) struct list found = {0};
	char field[4096];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(
			field + len, sizeof field - len, "%s<u%d>;rel=alternate", i ? "," : "", i);
	assert_true(link_targets(field, len, "alternate", &found));
	assert_int_equal(found.count, 32);
	assert_string_equal(found.item[31], "u31");
	/* The ceiling is for all fields together. */
	assert_true(link_targets(field, len, "alternate", &found));
	assert_int_equal(found.count, 32);
}

static void
link_targets_reads_no_byte_behind_its_length(void **state)
{
	static const char field[] = "<a>; rel=\"x \\\"up\" , <b>;rel=up;t=\"\\\\\"";

	(void)state;
	for (size_t len = 0; len < sizeof field; len++) {
		/* Exactly so much memory, so that the sanitizer sees a byte too many. */
		AUTO(list) struct list found = {0};
		char *copy = malloc(len ? len : 1);
		when_t when;
		memcpy(copy, field, len);
		(void)link_targets(copy, len, "up", &found);
		(void)retry_after_parse(copy, len, NOW, &when);
		free(copy);
		assert_true(found.count <= 1);
	}
}

static void
a_target_with_a_nul_byte_is_left_out(void **state)
{
	AUTO(list) struct list found = {0};
	static const char field[] = "<a\0b>; rel=up, <c>; rel=up";

	(void)state;
	assert_true(link_targets(field, sizeof field - 1, "up", &found));
	assert_int_equal(found.count, 1);
	assert_string_equal(found.item[0], "c");
}

/* --- WWW-Authenticate */

#define B CHALLENGE_BASIC
#define D CHALLENGE_DIGEST
#define O CHALLENGE_OTHER

static void
schemes_of_a_challenge_are_found_up_to_where_it_is_junk(void **state)
{
	static const struct {
		const char *field;
		unsigned schemes;
	} rows[] = {
		/* nothing, or no scheme */
		{"", 0},
		{" \t", 0},
		{",,, ,", 0},
		{"\"Basic\"", 0},
		{"@, Basic", 0},
		{"=, Basic", 0},
		{"\xff, Basic", 0},
		/* parameters are no schemes, with blanks around the sign or without */
		{"realm=\"Basic\"", 0},
		{"Basic=Digest", 0},
		{"Basic = Digest", 0},
		{"Basic\t=\t\"Digest\", Digest=Basic", 0},
		{"Digest realm = \"x\" , basic = \"y\",basic= z ,basic =z", D},
		/* broken off */
		{"Basic realm=\"x", B},
		{"Basic realm=\"x, Digest", B},
		{"Basic realm=\"x\\", B},
		{"Basic realm=\"x\\\"", B},
		{"Basic realm=\"x\\\", Digest", B},
		{"Basic realm=\"x\"\", Digest", B},
		{"Basic realm=x, \"y\", Digest", B},
		{"Digest realm=\"x\", @, Basic", D},
		/* one */
		{"Basic", B},
		{"bAsIc", B},
		{" \tBasic\t ", B},
		{",, Basic,,", B},
		{"Basic realm=\"x\"", B},
		{"Basic realm=\"x\", charset=\"UTF-8\"", B},
		{"DIGEST realm=x", D},
		{"Basicx", O},
		{"xBasic", O},
		{"Basi", O},
		{"Digests", O},
		{"Bearer realm=\"Basic\"", O},
		{"Negotiate", O},
		{"Basic, basic, BASIC realm=x", B},
		/* what would be a list of schemes is within quotes */
		{"Digest realm=\"a, Basic b\", qop=\"auth,auth-int\", nonce=\"x\"", D},
		{"Digest realm=\"a\\\", Basic realm=\\\"b\"", D},
		{"Digest realm=\"\\\\\", Basic realm=\"b\"", B | D},
		{"Digest realm=\"\", Basic realm=\"\"", B | D},
		/* token68 */
		{"Negotiate YII=", O},
		{"Negotiate YII==, Basic", B | O},
		{"Negotiate a/+b==,Digest realm=x", D | O},
		{"Basic dTpw", B},
		/* several */
		{"Basic realm=\"x\", Digest realm=\"y\", Negotiate", B | D | O},
		{"Negotiate, NTLM, Basic realm=\"x\"", B | O},
		{"Digest realm=\"x\", algorithm=SHA-256, Digest realm=\"x\", algorithm=MD5", D},
		{"Basic realm=x,Digest realm=y", B | D},
		{"Basic,Digest", B | D},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (challenge_schemes(rows[i].field, strlen(rows[i].field)) != rows[i].schemes)
			fail_msg("in '%s' found %u, not %u", rows[i].field,
				challenge_schemes(rows[i].field, strlen(rows[i].field)),
				rows[i].schemes);
}

static void
a_nul_byte_in_a_challenge_is_a_byte_like_others(void **state)
{
	static const char within[] = "Basic realm=\"\0, Negotiate\", Digest";
	static const char before[] = "\0Basic", in_word[] = "Ba\0sic", behind[] = "Basic\0";

	(void)state;
	assert_int_equal(challenge_schemes(within, sizeof within - 1), B | D);
	assert_int_equal(challenge_schemes(before, sizeof before - 1), 0);
	assert_int_equal(challenge_schemes(in_word, sizeof in_word - 1), O);
	assert_int_equal(challenge_schemes(behind, 5), B);
	assert_int_equal(challenge_schemes("", 1), 0);
}

static void
challenge_schemes_reads_no_byte_behind_its_length(void **state)
{
	static const char field[] =
		"Digest realm=\"a\\\", b\" , nonce = \"c\", Negotiate YII==, Basic";

	(void)state;
	for (size_t len = 0; len < sizeof field; len++) {
		char *copy = malloc(len ? len : 1);
		memcpy(copy, field, len);
		unsigned found = challenge_schemes(copy, len);
		free(copy);
		assert_int_equal(found & ~(unsigned)(B | D | O), 0);
		/* The last word is whole with its last byte, and nothing is found twice. */
		assert_int_equal(!!(found & B), len >= sizeof field - 1);
	}
}

static bool
endpoint_valid(const char *text)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	return endpoint_split(text, host, port);
}

static void
endpoints_are_host_and_port(void **state)
{
	static const char *const bad[] = {"", ":", "[]:443", "[x:443", "a[b]:1", ":443", "host",
		"host:", "host:0", "host:65536", "host:-1", "host:+1", "host: 443", "host:443 ",
		"host:https", "::1", "::1:443", "[::1]", "[::1]443", "[::1:443", "::1]:443",
		"a:b:443", "host:99999999999999999999"};
	static const char *const good[] = {"127.0.0.1:443", "[::1]:443", "name:443", "n:1",
		"www.example.org:65535", "[2001:db8::1]:8443"};
	char long_host[300];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (endpoint_valid(bad[i]))
			fail_msg("taken for an endpoint: '%s'", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++)
		if (!endpoint_valid(good[i]))
			fail_msg("refused: '%s'", good[i]);
	memset(long_host, 'h', sizeof long_host);
	memcpy(long_host + 255, ":443", 5);
	assert_true(endpoint_valid(long_host));
	memset(long_host, 'h', sizeof long_host);
	memcpy(long_host + 256, ":443", 5);
	assert_false(endpoint_valid(long_host));
}

static void
a_probe_of_an_endpoint_where_nothing_listens_is_a_network_error(void **state)
{
	struct probe_request r = {.endpoint = "127.0.0.1:1", .limit_ms = 2000};
	struct probe_answer answer = {.fingerprint = "left alone"};

	(void)state;
	assert_refused(probe(&r, &answer, UNIT_ERR), ERR_NETWORK, "127.0.0.1:1': no connection");
	assert_string_equal(answer.fingerprint, "left alone");
	r.endpoint = "nowhere";
	assert_refused(probe(&r, &answer, UNIT_ERR), ERR_CONFIG, "is not HOST:PORT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_retry_after_that_is_junk_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(a_retry_after_is_never_past_and_never_beyond_thirty_days),
		cmocka_unit_test(links_with_the_rel_are_found_and_junk_keeps_what_came_before),
		cmocka_unit_test(at_most_thirty_two_link_targets_are_kept),
		cmocka_unit_test(link_targets_reads_no_byte_behind_its_length),
		cmocka_unit_test(a_target_with_a_nul_byte_is_left_out),
		cmocka_unit_test(schemes_of_a_challenge_are_found_up_to_where_it_is_junk),
		cmocka_unit_test(a_nul_byte_in_a_challenge_is_a_byte_like_others),
		cmocka_unit_test(challenge_schemes_reads_no_byte_behind_its_length),
		cmocka_unit_test(endpoints_are_host_and_port),
		cmocka_unit_test(a_probe_of_an_endpoint_where_nothing_listens_is_a_network_error),
	};
	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
