/* Where secrets come from (base/source.h): files, credentials of systemd, the environment. */
#include "support/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/source.h"
#include "keystay/base/text.h"

/* "file:PATH" of a file with that text and mode; static. */
static const char *
file_source(const char *text, mode_t mode)
{
	static char source[300];
	const char *path = unit_file("secret", text);

	assert_int_equal(chmod(path, mode), 0);
	snprintf(source, sizeof source, "file:%s", path);
	return source;
}

static void
gives(const char *source, const char *wanted)
{
	AUTO(secret) struct secret *s = NULL;

	assert_ok(source_get(source, "password", &s, UNIT_ERR));
	assert_int_equal(secret_length(s), strlen(wanted));
	assert_memory_equal(secret_bytes(s), wanted, strlen(wanted));
}

static void
refuses(const char *source, enum err_kind kind, const char *why, const char *hint)
{
	AUTO(secret) struct secret *s = NULL;

	assert_refused(source_get(source, "password", &s, UNIT_ERR), kind, why);
	assert_null(s);
	if (!strstr(unit_err.hint, hint))
		fail_msg("'%s': hint is '%s', not '%s'", source, unit_err.hint, hint);
}

static void
what_is_no_source_is_refused(void **state)
{
	static const char *const bad[] = {"", "1234", "file", "file:", "credential:", "env:", "env",
		"prompt:", "prompt ", "Prompt", "FILE:/etc/pin", " file:/etc/pin", "pin:1234"};
	static const char *const good[] = {
		"prompt", "file:x", "file:/etc/pin", "env:X", "credential:pin", "env: "};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (source_valid(bad[i]))
			fail_msg("taken for a source: '%s'", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++)
		if (!source_valid(good[i]))
			fail_msg("no source: '%s'", good[i]);
	refuses("1234", ERR_CONFIG, "is no source of a password", "");
	refuses("", ERR_CONFIG, "is no source of a password", "");
	assert_true(source_is_file("file:/etc/pin"));
	assert_false(source_is_file("env:file:"));
	assert_false(source_is_file("credential:pin"));
	assert_false(source_is_file("prompt"));
}

static void
a_file_that_others_may_read_or_write_is_refused(void **state)
{
	static const mode_t open_modes[] = {0604, 0602, 0601, 0644, 0666, 0777};
	static const mode_t closed[] = {0600, 0400, 0640, 0660};

	(void)state;
	for (size_t i = 0; i < COUNT(open_modes); i++)
		refuses(file_source("1234", open_modes[i]), ERR_PIN, "open to everybody",
			"chmod o= '");
	for (size_t i = 0; i < COUNT(closed); i++)
		gives(file_source("1234", closed[i]), "1234");
}

static void
a_file_that_is_not_there_or_is_none_is_refused(void **state)
{
	char source[300];

	(void)state;
	snprintf(source, sizeof source, "file:%s/absent", unit_folder());
	refuses(source, ERR_PIN, "the file of the password", "mode 0600");
	snprintf(source, sizeof source, "file:%s", unit_folder());
	refuses(source, ERR_PIN, "is not a regular file", "");
	refuses("file:/dev/null", ERR_PIN, "is not a regular file", "");
}

static void
one_newline_at_the_end_of_a_file_is_not_of_the_secret(void **state)
{
	(void)state;
	gives(file_source("1234 \r\n", 0600), "1234 ");
	gives(file_source(" 12 34\n", 0600), " 12 34");
	gives(file_source("1234\n\n", 0600), "1234\n");
	gives(file_source("1234", 0600), "1234");
	gives(file_source("\n1234\n", 0600), "\n1234");
	refuses(file_source("", 0600), ERR_PIN, "the password is empty", "look at 'file:");
	refuses(file_source("\n", 0600), ERR_PIN, "the password is empty", "look at 'file:");
}

static void
a_secret_of_a_file_has_a_ceiling(void **state)
{
	char text[SECRET_MAX + 10];
	AUTO(secret) struct secret *s = NULL;

	(void)state;
	memset(text, 'x', sizeof text);
	text[SECRET_MAX] = '\0';
	gives(file_source(text, 0600), text);
	text[SECRET_MAX] = 'x';
	text[SECRET_MAX + 1] = '\0';
	assert_int_equal(source_get(file_source(text, 0600), "password", &s, UNIT_ERR), -1);
	assert_null(s);
	/* The text of a refusal has none of it. */
	assert_null(strstr(unit_err.text, "xxx"));
	assert_null(strstr(unit_err.hint, "xxx"));
}

static void
a_credential_is_in_the_folder_that_systemd_names(void **state)
{
	const char *path = unit_file("login", "est pwd\n");
	char long_name[5000], source[5100];

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	refuses("credential:login", ERR_PIN, "there is no systemd credential 'login'",
		"LoadCredential=login:");
	setenv("CREDENTIALS_DIRECTORY", unit_folder(), 1);
	/* systemd makes them readable as it sees fit. */
	assert_int_equal(chmod(path, 0644), 0);
	gives("credential:login", "est pwd");
	refuses("credential:absent", ERR_PIN, "the file of the password", "");
	/* Nor is it a way out of the folder. */
	refuses("credential:../login", ERR_PIN, "there is no systemd credential", "");
	refuses("credential:/etc/passwd", ERR_PIN, "there is no systemd credential", "");
	refuses("credential:..", ERR_PIN, "is not a regular file", "");
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	snprintf(source, sizeof source, "credential:%s", long_name);
	refuses(source, ERR_PIN, "the name of the credential 'nnn", "");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
a_secret_of_the_environment_is_read_once(void **state)
{
	(void)state;
	setenv("UNIT_PIN", "4711", 1);
	const char *where = getenv("UNIT_PIN");
	gives("env:UNIT_PIN", "4711");
	/* It is not there to be seen, either. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(where[i], 0);
	assert_null(getenv("UNIT_PIN"));
	refuses("env:UNIT_PIN", ERR_PIN, "the environment has no 'UNIT_PIN'", "set UNIT_PIN");
	setenv("UNIT_PIN", "", 1);
	refuses("env:UNIT_PIN", ERR_PIN, "the password is empty", "");
	setenv("UNIT_PIN", "\n", 1);
	refuses("env:UNIT_PIN", ERR_PIN, "the password is empty", "");
	assert_null(getenv("UNIT_PIN"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_source_is_refused),
		cmocka_unit_test(a_file_that_others_may_read_or_write_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_or_is_none_is_refused),
		cmocka_unit_test(one_newline_at_the_end_of_a_file_is_not_of_the_secret),
		cmocka_unit_test(a_secret_of_a_file_has_a_ceiling),
		cmocka_unit_test(a_credential_is_in_the_folder_that_systemd_names),
		cmocka_unit_test(a_secret_of_the_environment_is_read_once),
	};
	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
