/* What keystay-guard.so is told (agent/guard/settings.h): by an init string, by lines, by a file.
 */
#include "../../agent/guard/settings.h"

#include "support/unit.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char why[SETTINGS_WHY];

/* Longer than a line of the source: "key=" and n bytes behind it. Static. */
static const char *
long_text(const char *key, size_t n)
{
	static char text[SETTINGS_MAX * 2];
	size_t head = strlen(key);

	memcpy(text, key, head);
	memset(text + head, 'x', n);
	text[head + n] = '\0';
	return text;
}

/* Reads a copy with an exact end: a sanitizer sees what is read behind it. */
static bool
read_string(const char *text, struct guard_settings *ret)
{
	AUTO(char) char *copy = strdup(text);
	return settings_read_string(copy, ret, why);
}

static bool
read_lines(const char *text, size_t bytes, struct guard_settings *ret)
{
	AUTO(char) char *copy = malloc(bytes ? bytes : 1);

	memcpy(copy, text, bytes);
	return settings_read_lines(copy, bytes, ret, why);
}

/* Refused by both readers, with those words; what was there before is left. */
static void
assert_no_settings(const char *text, const char *words)
{
	for (int lines = 0; lines < 2; lines++) {
		struct guard_settings s = {.module = "before", .agent = true};
		why[0] = '\0';
		bool ok = lines ? read_lines(text, strlen(text), &s) : read_string(text, &s);
		assert_false(ok);
		if (!strstr(why, words))
			fail_msg("'%s': said '%s', not '%s'", text, why, words);
		assert_string_equal(s.module, "before");
		assert_true(s.agent);
	}
}

static struct guard_settings
told(const char *text)
{
	struct guard_settings s;

	memset(&s, 0xa5, sizeof s);
	if (!read_string(text, &s))
		fail_msg("'%s': %s", text, why);
	return s;
}

static struct guard_settings
told_lines(const char *text)
{
	struct guard_settings s;

	memset(&s, 0xa5, sizeof s);
	if (!read_lines(text, strlen(text), &s))
		fail_msg("'%s': %s", text, why);
	return s;
}

static void
nothing_said_is_a_server_that_counts(void **state)
{
	static const char *const texts[] = {"", " ", "     "};
	struct guard_settings s;

	(void)state;
	memset(&s, 0xa5, sizeof s);
	assert_true(settings_read_string(NULL, &s, why));
	for (size_t i = 0; i <= COUNT(texts); i++) {
		assert_string_equal(s.module, "");
		assert_string_equal(s.custodian, "");
		assert_string_equal(s.ledger, "");
		assert_string_equal(s.init, "");
		assert_false(s.has_init || s.agent || s.refuse_unknown || s.refuse_without);
		if (i < COUNT(texts))
			s = told(texts[i]);
	}
	s = told_lines("");
	assert_string_equal(s.module, "");
	assert_false(s.has_init || s.agent || s.refuse_unknown || s.refuse_without);
}

static void
assert_all(const struct guard_settings *s)
{
	assert_string_equal(s->module, "/lib/m.so");
	assert_string_equal(s->custodian, "/run/c");
	assert_string_equal(s->ledger, "/var/ledger");
	assert_true(s->agent && s->refuse_unknown && s->refuse_without && s->has_init);
	assert_string_equal(s->init, "a=b c");
}

static void
every_key_is_read_in_any_order(void **state)
{
	(void)state;
	struct guard_settings s = told("module=/lib/m.so custodian=/run/c ledger=/var/ledger "
				       "role=agent unknown=refuse no_ledger=refuse init=a=b c");
	assert_all(&s);
	s = told("   no_ledger=refuse  unknown=refuse role=agent   ledger=/var/ledger "
		 "custodian=/run/c module=/lib/m.so init=a=b c");
	assert_all(&s);
	/* In lines, init= takes its line only. */
	s = told_lines("init=a=b c\nno_ledger=refuse\nunknown=refuse\nrole=agent\n"
		       "ledger=/var/ledger\ncustodian=/run/c\nmodule=/lib/m.so\n");
	assert_all(&s);
}

static void
a_choice_has_two_words_and_the_last_one_counts(void **state)
{
	(void)state;
	struct guard_settings s = told("role=agent unknown=refuse no_ledger=refuse "
				       "role=server unknown=count no_ledger=count");
	assert_false(s.agent || s.refuse_unknown || s.refuse_without);
	s = told("module=/a module=/b");
	assert_string_equal(s.module, "/b");
	s = told("module=/a module=");
	assert_string_equal(s.module, "");
	static const char *const wrong[] = {"role=", "role=Agent", "role=agents", "role=age",
		"unknown=", "unknown=refused", "unknown=server", "no_ledger=yes", "no_ledger="};
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_no_settings(wrong[i], "this value is not known:");
}

static void
init_takes_all_the_rest_of_the_string(void **state)
{
	static const struct {
		const char *text, *init;
	} rows[] = {
		{"init=", ""},
		{"init=x", "x"},
		{"module=/m init= x ", " x "},
		{"init=module=/other role=agent", "module=/other role=agent"},
		{"init=init=init=", "init=init="},
		{"  init=configdir='sql:/etc' certPrefix='' flags=a,b",
			"configdir='sql:/etc' certPrefix='' flags=a,b"},
		{"init=\ttab\nline", "\ttab\nline"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct guard_settings s = told(rows[i].text);
		assert_true(s.has_init);
		assert_string_equal(s.init, rows[i].init);
		assert_false(s.agent);
	}
	/* Only at the beginning of a word. */
	struct guard_settings s = told("module=/init=x role=agent");
	assert_string_equal(s.module, "/init=x");
	assert_true(s.agent && !s.has_init);
}

static void
a_value_may_have_equal_signs_and_in_lines_blanks(void **state)
{
	(void)state;
	struct guard_settings s = told("module=/a=b=c ledger==");
	assert_string_equal(s.module, "/a=b=c");
	assert_string_equal(s.ledger, "=");
	s = told_lines("module=/a b = c\nledger= /x \n");
	assert_string_equal(s.module, "/a b = c");
	assert_string_equal(s.ledger, " /x ");
}

static void
what_is_not_known_is_named(void **state)
{
	(void)state;
	assert_no_settings("modul=/m", "this key is not known: 'modul'");
	assert_no_settings("Module=/m", "'Module'");
	assert_no_settings("modules=/m", "'modules'");
	assert_no_settings("=", "this key is not known: ''");
	assert_no_settings("=x", "this key is not known: ''");
	assert_no_settings("module", "KEY=VALUE is wanted, not 'module'");
	assert_no_settings("init", "KEY=VALUE is wanted, not 'init'");
	/* It may be noise, and goes to a terminal. */
	assert_no_settings("\x1b[2J\x7f.\xff", "not '?[2J?.?'");
	assert_no_settings(long_text("", 1000), "not 'xxxx");
	assert_no_settings(long_text("y=", 1000), "'y'");
	/* A tab is no blank. */
	struct guard_settings s = told("module=/m\trole=agent");
	assert_string_equal(s.module, "/m\trole=agent");
	/* What comes behind a wrong word is not looked at, and what came before it is not kept. */
	assert_false(read_string("module=/m ? role=agent", &s));
	assert_false(read_lines("module=/m\n?\nrole=agent", 22, &s));
	assert_string_equal(s.module, "/m\trole=agent");
}

static void
a_value_that_has_no_room_is_refused(void **state)
{
	static const struct {
		const char *key;
		size_t room;
	} rows[] = {{"module=", 4096}, {"ledger=", 4096}, {"init=", 4096}, {"custodian=", 108}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_no_settings(long_text(rows[i].key, rows[i].room), "too long a value: 'xxx");
		assert_true(strlen(why) < SETTINGS_WHY - 1);
		struct guard_settings s = told(long_text(rows[i].key, rows[i].room - 1));
		assert_int_equal(
			strlen(s.module) + strlen(s.ledger) + strlen(s.init) + strlen(s.custodian),
			rows[i].room - 1);
	}
}

static void
a_string_that_does_not_end_is_refused(void **state)
{
	struct guard_settings s = {.agent = true};
	char *text = malloc(SETTINGS_MAX);

	(void)state;
	memset(text, ' ', SETTINGS_MAX);
	assert_false(settings_read_string(text, &s, why));
	assert_string_equal(why, "the init string is too long");
	assert_true(s.agent);
	text[SETTINGS_MAX - 1] = '\0';
	assert_true(settings_read_string(text, &s, why));
	assert_false(s.agent);
	free(text);
}

static void
lines_may_be_blank_comments_or_end_as_elsewhere(void **state)
{
	(void)state;
	struct guard_settings s = told_lines("# a comment=\n\n\r\n#role=agent\r\nmodule=/m\r\n"
					     "#\nledger=/l\r\nunknown=refuse");
	assert_string_equal(s.module, "/m");
	assert_string_equal(s.ledger, "/l");
	assert_true(s.refuse_unknown && !s.agent);
	/* One CR is of the line's end, and only one. */
	s = told_lines("module=/m\r\r\n");
	assert_string_equal(s.module, "/m\r");
	s = told_lines("module=/a\rb\n");
	assert_string_equal(s.module, "/a\rb");
	/* A comment begins the line. */
	s = told_lines("module=/m#x\n");
	assert_string_equal(s.module, "/m#x");
	assert_false(read_lines(" #", 2, &s));
	assert_false(read_lines(" module=/m", 10, &s));
	assert_non_null(strstr(why, "' module'"));
	assert_false(read_lines(" ", 1, &s));
}

static void
a_zero_byte_in_a_line_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		const char *words;
	} rows[] = {
		{"module=/m\0x\n", 12, "a zero byte in '/m?x'"},
		{"module=\0", 8, "a zero byte in '?'"},
		{"module\0=/m", 10, "this key is not known: 'module?'"},
		{"role=agent\0", 11, "this value is not known: 'agent?'"},
		{"\0", 1, "KEY=VALUE is wanted, not '?'"},
		{"init=a\0b", 8, "a zero byte in 'a?b'"},
		{"module=/m\n\0", 11, "KEY=VALUE is wanted, not '?'"},
	};
	struct guard_settings s = {.agent = true};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(read_lines(rows[i].text, rows[i].bytes, &s));
		assert_string_equal(why, rows[i].words);
		assert_true(s.agent);
	}
}

/* --- files */

static const char *
file_of(const char *text, size_t bytes)
{
	const char *path = unit_file("guard.conf", "");
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void
assert_no_file(const char *path, const char *words)
{
	struct guard_settings s = {.agent = true};

	why[0] = '\0';
	assert_false(settings_read_file(path, &s, why));
	if (!strstr(why, words))
		fail_msg("'%s': said '%s', not '%s'", path, why, words);
	assert_true(s.agent);
}

static void
a_file_is_read_as_lines(void **state)
{
	static const char text[] = "# what the guard is told\nmodule=/m\nrole=agent\n";
	struct guard_settings s;

	(void)state;
	assert_true(settings_read_file(file_of(text, sizeof text - 1), &s, why));
	assert_string_equal(s.module, "/m");
	assert_true(s.agent);
	assert_true(settings_read_file(file_of("", 0), &s, why));
	assert_string_equal(s.module, "");
	assert_no_file(file_of("module=/m\0\n", 11), "a zero byte");
	/* A link is followed: the file may be kept elsewhere. */
	char link[PATH_MAX];
	snprintf(link, sizeof link, "%s/link", unit_folder());
	assert_int_equal(symlink(file_of(text, sizeof text - 1), link), 0);
	assert_true(settings_read_file(link, &s, why));
	assert_string_equal(s.module, "/m");
}

static void
a_huge_file_is_refused(void **state)
{
	static char text[SETTINGS_MAX * 4];
	struct guard_settings s;

	(void)state;
	memset(text, '\n', sizeof text);
	assert_true(settings_read_file(file_of(text, SETTINGS_MAX), &s, why));
	assert_no_file(file_of(text, SETTINGS_MAX + 1), "is no file of at most 16384 bytes");
	assert_no_file(file_of(text, sizeof text), "is no file of at most 16384 bytes");
	const char *path = file_of("", 0);
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	assert_no_file(path, "is no file of at most 16384 bytes");
}

static void
what_is_no_file_is_refused(void **state)
{
	char fifo[PATH_MAX], long_path[PATH_MAX * 2] = "/";

	(void)state;
	snprintf(fifo, sizeof fifo, "%s/fifo", unit_folder());
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_no_file(fifo, "is no file");
	assert_no_file(unit_folder(), "is no file");
	assert_no_file("/dev/zero", "is no file");
	assert_no_file("/dev/null", "is no file");
	assert_no_file("", "cannot read ''");
	assert_no_file("/no/such/file", "No such file");
	memset(long_path + 1, 'x', sizeof long_path - 2);
	assert_no_file(long_path, "cannot read '/xxx");
	assert_true(strlen(why) < SETTINGS_WHY - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_a_server_that_counts),
		cmocka_unit_test(every_key_is_read_in_any_order),
		cmocka_unit_test(a_choice_has_two_words_and_the_last_one_counts),
		cmocka_unit_test(init_takes_all_the_rest_of_the_string),
		cmocka_unit_test(a_value_may_have_equal_signs_and_in_lines_blanks),
		cmocka_unit_test(what_is_not_known_is_named),
		cmocka_unit_test(a_value_that_has_no_room_is_refused),
		cmocka_unit_test(a_string_that_does_not_end_is_refused),
		cmocka_unit_test(lines_may_be_blank_comments_or_end_as_elsewhere),
		cmocka_unit_test(a_zero_byte_in_a_line_is_refused),
		cmocka_unit_test(a_file_is_read_as_lines),
		cmocka_unit_test(a_huge_file_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
	};
	return cmocka_run_group_tests_name("guard settings", tests, NULL, NULL);
}
