/* Files that are replaced, folders, locks and children. */
#include "support/unit.h"

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "keystay/base/child.h"
#include "keystay/base/file.h"
#include "keystay/base/lock.h"
#include "keystay/base/text.h"

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

static const char *
folder_of(const char *name)
{
	const char *path = path_of(name);
	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static void
assert_content(const char *path, const char *wanted)
{
	AUTO(buf) struct buf text = BUF(65536);
	assert_ok(file_read(path, &text, UNIT_ERR));
	assert_string_equal(buf_text(&text), wanted);
}

static int
replace(const char *path, const char *text, mode_t mode)
{
	return file_replace(
		path, text, strlen(text), mode, FILE_SAME_OWNER, FILE_SAME_GROUP, UNIT_ERR);
}

static bool
is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
a_write_that_fails_halfway_leaves_the_old_content_and_no_rest(void **state)
{
	const char *path = unit_file("half", "old\n");
	const char *rest = path_of("half.keystay-new");
	struct rlimit before, little;
	char much[8192];

	(void)state;
	memset(much, 'n', sizeof much);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = (struct rlimit){1024, before.rlim_max};
	void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	int rc = file_replace(
		path, much, sizeof much, 0600, FILE_SAME_OWNER, FILE_SAME_GROUP, UNIT_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, was);
	assert_refused(rc, ERR_FAILED, "cannot write '");
	assert_non_null(strstr(unit_err.text, path));
	assert_content(path, "old\n");
	assert_false(is_there(rest));
}

static void
a_folder_that_cannot_be_written_is_said_and_changes_nothing(void **state)
{
	const char *folder = folder_of("closed");
	const char *path = unit_file("closed/file", "old\n");
	bool root = geteuid() == 0;

	(void)state;
	chmod(unit_folder(), 0755);
	assert_int_equal(chmod(folder, 0555), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	int rc = replace(path, "new\n", 0644);
	struct err first = unit_err;
	int link = file_link_switch(path_of("closed/link"), "v1", UNIT_ERR);
	struct err second = unit_err;
	struct lock *l = NULL;
	bool held;
	char holder[LOCK_TEXT];
	int lock = lock_try(path_of("closed/lock"), "unit", &l, &held, holder, UNIT_ERR);
	struct err third = unit_err;
	if (root)
		assert_int_equal(seteuid(0), 0);
	chmod(folder, 0755);
	chmod(unit_folder(), 0700);
	unit_err = first;
	assert_refused(rc, ERR_FAILED, "Permission denied");
	assert_non_null(strstr(unit_err.text, "closed/file"));
	unit_err = second;
	assert_refused(link, ERR_FAILED, "Permission denied");
	unit_err = third;
	assert_refused(lock, ERR_FAILED, "cannot open the lock");
	assert_non_null(strstr(unit_err.hint, "owner of the state folder"));
	assert_null(l);
	assert_content(path, "old\n");
	assert_false(is_there(path_of("closed/link")));
}

static void
a_target_that_is_a_folder_or_has_none_is_refused_and_leaves_no_rest(void **state)
{
	(void)state;
	const char *folder = folder_of("in-the-way");
	assert_refused(replace(folder, "x", 0644), ERR_FAILED, "cannot replace '");
	assert_false(is_there(path_of("in-the-way.keystay-new")));
	assert_refused(replace(path_of("absent/file"), "x", 0644), ERR_FAILED,
		"No such file or directory");
	unit_file("plain", "x");
	assert_refused(replace(path_of("plain/file"), "x", 0644), ERR_FAILED, "plain/file");
	assert_refused(file_link_switch(folder, "v1", UNIT_ERR), ERR_FAILED, "cannot switch '");
	assert_false(is_there(path_of("in-the-way.keystay-new")));
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	char path[PATH_MAX + 100];

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	path[0] = '/';
	assert_refused(replace(path, "x", 0644), ERR_FAILED, "too long");
	assert_refused(file_link_switch(path, "v1", UNIT_ERR), ERR_FAILED, "too long");
	path[PATH_MAX + 50] = '/';
	assert_refused(replace(path, "x", 0644), ERR_FAILED, "too long");
}

static void
a_link_at_the_temporary_name_is_not_followed(void **state)
{
	const char *other = unit_file("other", "untouched\n");
	const char *path = path_of("target");

	(void)state;
	assert_int_equal(symlink(other, path_of("target.keystay-new")), 0);
	assert_ok(replace(path, "new\n", 0640));
	assert_content(other, "untouched\n");
	assert_content(path, "new\n");
	/* A link at the name itself is replaced, not written through. */
	assert_int_equal(symlink(other, path_of("linked")), 0);
	assert_ok(replace(path_of("linked"), "own\n", 0600));
	assert_content(other, "untouched\n");
	assert_content(path_of("linked"), "own\n");
}

static void
a_file_is_replaced_with_exactly_its_mode_whatever_the_umask(void **state)
{
	static const mode_t modes[] = {0600, 0640, 0644, 0440, 0666, 0755};
	const char *path = unit_file("moded", "old\n");

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		mode_t was = umask(i % 2 ? 0077 : 0);
		assert_ok(replace(path, "new\n", modes[i]));
		umask(was);
		assert_int_equal(mode_of(path), modes[i]);
	}
	assert_content(path, "new\n");
	/* Another name of the old file keeps the old content: nothing was edited. */
	const char *old = path_of("moded-old");
	assert_int_equal(link(path, old), 0);
	assert_ok(replace(path, "", 0600));
	assert_content(old, "new\n");
	assert_content(path, "");
	assert_int_equal(mode_of(old), 0755);
}

static void
owner_and_group_are_given_or_the_file_is_not_replaced(void **state)
{
	const char *path = unit_file("owned", "old\n");
	struct stat st;

	(void)state;
	assert_ok(file_replace(path, "new\n", 4, 0640, geteuid(), getegid(), UNIT_ERR));
	if (geteuid() == 0) {
		assert_ok(file_replace(path, "new\n", 4, 0640, 1, 2, UNIT_ERR));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 1);
		assert_int_equal(st.st_gid, 2);
		return;
	}
	assert_refused(
		file_replace(path, "x", 1, 0640, 0, 0, UNIT_ERR), ERR_FAILED, "cannot give '");
	assert_content(path, "new\n");
}

static void
a_file_over_the_ceiling_and_what_is_no_file_are_not_read(void **state)
{
	AUTO(buf) struct buf four = BUF(4), five = BUF(5);
	const char *path = unit_file("five", "12345");

	(void)state;
	assert_refused(file_read(path, &four, UNIT_ERR), ERR_FAILED, "is larger than 4 bytes");
	assert_ok(file_read(path, &five, UNIT_ERR));
	assert_string_equal(buf_text(&five), "12345");
	buf_clear(&five);
	assert_refused(file_read(unit_folder(), &five, UNIT_ERR), ERR_FAILED, "not a regular file");
	assert_refused(file_read(path_of("absent"), &five, UNIT_ERR), ERR_FAILED, "cannot open '");
	/* A pipe without a writer would hang. */
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	assert_refused(
		file_read(path_of("pipe"), &five, UNIT_ERR), ERR_FAILED, "not a regular file");
}

static void
a_link_is_switched_by_one_rename(void **state)
{
	const char *link = path_of("live");
	char to[PATH_MAX];
	struct stat before, after;

	(void)state;
	assert_ok(file_link_switch(link, "v1", UNIT_ERR));
	assert_ok(file_link_switch(link, "v2", UNIT_ERR));
	ssize_t n = readlink(link, to, sizeof to - 1);
	assert_int_equal(n, 2);
	to[n] = '\0';
	assert_string_equal(to, "v2");
	assert_false(is_there(path_of("live.keystay-new")));
	/* To the same place is no change at all. */
	assert_int_equal(lstat(link, &before), 0);
	assert_ok(file_link_switch(link, "v2", UNIT_ERR));
	assert_int_equal(lstat(link, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* What a killed run left behind is no hindrance. */
	unit_file("live.keystay-new", "rest");
	assert_ok(file_link_switch(link, "v3", UNIT_ERR));
	assert_false(is_there(path_of("live.keystay-new")));
	assert_int_equal(readlink(link, to, sizeof to), 2);
	assert_memory_equal(to, "v3", 2);
}

static void
folders_are_made_with_their_parents_and_removed_with_their_files(void **state)
{
	(void)state;
	mode_t was = umask(0077);
	assert_ok(folder_make(path_of("a/b/c"), 0750, UNIT_ERR));
	umask(was);
	assert_int_equal(mode_of(path_of("a/b/c")), 0750);
	assert_int_equal(mode_of(path_of("a/b")), 0755);
	/* One that is there keeps its mode. */
	assert_ok(folder_make(path_of("a/b/c"), 0700, UNIT_ERR));
	assert_int_equal(mode_of(path_of("a/b/c")), 0750);
	assert_refused(folder_make(unit_file("a/file", ""), 0700, UNIT_ERR), ERR_FAILED,
		"is not a folder");
	assert_refused(
		folder_make(path_of("a/file/x"), 0700, UNIT_ERR), ERR_FAILED, "is not a folder");
	assert_refused(folder_remove(path_of("a/b"), UNIT_ERR), ERR_FAILED, "cannot remove");
	assert_true(is_there(path_of("a/b/c")));
	assert_refused(folder_remove(path_of("a/file"), UNIT_ERR), ERR_FAILED, "cannot open");
	const char *kept = unit_file("kept", "kept\n");
	unit_file("a/b/c/one", "1");
	unit_file("a/b/c/.two", "2");
	assert_int_equal(symlink(kept, path_of("a/b/c/link")), 0);
	assert_ok(folder_remove(path_of("a/b/c"), UNIT_ERR));
	assert_false(is_there(path_of("a/b/c")));
	assert_content(kept, "kept\n");
	assert_ok(folder_remove(path_of("a/b/c"), UNIT_ERR));
}

static void
a_lock_has_one_holder_who_says_who_it_is(void **state)
{
	const char *path = path_of("lock");
	char holder[LOCK_TEXT] = "";
	struct lock *first = NULL, *second = NULL;
	bool held;

	(void)state;
	assert_ok(lock_try(path, "keystay renew, process 1", &first, &held, holder, UNIT_ERR));
	assert_true(held);
	assert_non_null(first);
	assert_int_equal(mode_of(path), 0600);
	assert_ok(lock_try(path, "second", &second, &held, holder, UNIT_ERR));
	assert_false(held);
	assert_null(second);
	assert_string_equal(holder, "keystay renew, process 1");
	lock_say(first, "short\033");
	assert_ok(lock_try(path, "second", &second, &held, holder, UNIT_ERR));
	assert_false(held);
	assert_string_equal(holder, "short?");
	char much[LOCK_TEXT + 50];
	memset(much, 'm', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	lock_say(first, much);
	assert_ok(lock_try(path, "second", &second, &held, holder, UNIT_ERR));
	assert_int_equal(strlen(holder), LOCK_TEXT - 1);
	assert_int_equal(lock_left_by(path), 0);
	lock_release(first);
	assert_int_equal(lock_left_by(path), getpid());
	assert_ok(lock_try(path, "second", &second, &held, holder, UNIT_ERR));
	assert_true(held);
	assert_content(path, "second");
	assert_int_equal(lock_left_by(path), 0);
	lock_release(second);
	lock_release(NULL);
}

static void
a_lock_that_is_a_link_is_refused(void **state)
{
	const char *other = unit_file("precious", "precious\n");
	struct lock *l = NULL;
	char holder[LOCK_TEXT];
	bool held;

	(void)state;
	assert_int_equal(symlink(other, path_of("link-lock")), 0);
	assert_refused(lock_try(path_of("link-lock"), "x", &l, &held, holder, UNIT_ERR), ERR_FAILED,
		"cannot open the lock");
	assert_content(other, "precious\n");
}

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
shell(const char *script, int limit_ms, struct buf *output, int *ret_status)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct child c = {argv, limit_ms, output, NULL};
	return child_run(&c, ret_status, UNIT_ERR);
}

static int
must(const char *script)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct child c = {argv, 10000, NULL, NULL};
	return child_must(&c, UNIT_ERR);
}

static void
a_program_that_is_not_there_is_an_error_of_the_configuration(void **state)
{
	char *const argv[] = {(char *)"keystay-no-such-program", NULL};
	struct child c = {argv, 1000, NULL, NULL};
	int status = 77;

	(void)state;
	setenv("PATH", "/usr/bin:/bin", 1);
	assert_refused(child_run(&c, &status, UNIT_ERR), ERR_CONFIG,
		"cannot run 'keystay-no-such-program'");
	assert_non_null(strstr(unit_err.hint, "configuration"));
	assert_int_equal(status, 77);
	char *const plain[] = {(char *)unit_file("no-program", "text\n"), NULL};
	c.argv = plain;
	assert_refused(child_run(&c, &status, UNIT_ERR), ERR_FAILED, "Permission denied");
}

/* True when a process is gone, or only waits to be reaped by whoever inherited it. */
static bool
is_dead(int64_t pid)
{
	AUTO(buf) struct buf text = BUF(4096);
	struct err ignored;
	char path[64];

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	if (file_read(path, &text, &ignored) < 0)
		return true;
	const char *paren = strrchr(buf_text(&text), ')');
	return paren && strncmp(paren, ") Z", 3) == 0;
}

static void
the_time_limit_kills_the_program_and_what_it_started(void **state)
{
	AUTO(buf) struct buf out = BUF(100);
	int status = 77;
	int64_t pid = 0, start = now_ms();

	(void)state;
	assert_refused(shell("trap '' TERM; sleep 60 & echo $!; wait", 400, &out, &status),
		ERR_FAILED, "'sh' did not end");
	assert_true(now_ms() - start < 20000);
	assert_int_equal(status, 77);
	assert_true(out.len > 1);
	out.text[out.len - 1] = '\0';
	assert_true(number_parse(out.text, 2, INT32_MAX, &pid));
	for (int i = 0; i < 100 && !is_dead(pid); i++)
		usleep(20000);
	assert_true(is_dead(pid));
	/* A program that closes its output and goes on is killed as well. */
	start = now_ms();
	assert_refused(shell("exec >&- 2>&-; exec sleep 60", 300, NULL, &status), ERR_FAILED,
		"was killed");
	assert_true(now_ms() - start < 20000);
}

static void
a_daemon_that_holds_the_output_open_is_not_waited_for(void **state)
{
	int status = 77;
	int64_t start = now_ms();

	(void)state;
	assert_ok(shell("sleep 5 & exit 3", 30000, NULL, &status));
	assert_int_equal(status, 3);
	assert_true(now_ms() - start < 4000);
}

static void
output_is_captured_and_cut_at_the_ceiling(void **state)
{
	AUTO(buf) struct buf all = BUF(4096), ten = BUF(10);
	int status = 77;

	(void)state;
	assert_ok(shell("echo out; echo err >&2", 10000, &all, &status));
	assert_int_equal(status, 0);
	assert_string_equal(buf_text(&all), "out\nerr\n");
	/* More than a pipe holds: the program must be able to end. */
	assert_ok(shell("printf 0123456789abcdef; head -c 300000 /dev/zero", 20000, &ten, &status));
	assert_int_equal(status, 0);
	assert_string_equal(buf_text(&ten), "0123456789");
	assert_ok(shell("head -c 300000 /dev/zero", 20000, NULL, &status));
	assert_int_equal(status, 0);
}

static void
the_exit_status_is_told_and_a_signal_is_128_more(void **state)
{
	int status = 77;

	(void)state;
	assert_ok(shell("exit 7", 10000, NULL, &status));
	assert_int_equal(status, 7);
	assert_ok(shell("kill -9 $$", 10000, NULL, &status));
	assert_int_equal(status, 128 + SIGKILL);
}

static void
a_child_gets_a_fresh_environment_and_no_input(void **state)
{
	AUTO(buf) struct buf out = BUF(8192);
	int status = 77;

	(void)state;
	setenv("UNIT_SECRET", "do-not-pass-on", 1);
	setenv("LD_PRELOAD_UNIT", "x", 1);
	setenv("OPENSSL_CONF", "/unit/openssl.cnf", 1);
	assert_ok(shell("env; cat", 10000, &out, &status));
	unsetenv("OPENSSL_CONF");
	assert_int_equal(status, 0);
	assert_null(strstr(buf_text(&out), "UNIT"));
	assert_null(strstr(buf_text(&out), "HOME="));
	assert_non_null(strstr(buf_text(&out), "LANG=C.UTF-8\n"));
	assert_non_null(strstr(buf_text(&out), "PATH=/usr/local/sbin:"));
	assert_non_null(strstr(buf_text(&out), "OPENSSL_CONF=/unit/openssl.cnf\n"));
}

static void
the_last_line_of_a_program_that_failed_is_quoted(void **state)
{
	(void)state;
	assert_ok(must("echo fine >&2"));
	assert_refused(must("exit 4"), ERR_FAILED, "'sh' failed with status 4");
	assert_string_equal(unit_err.text, "'sh' failed with status 4");
	must("echo first; echo 'the reason' >&2; echo; exit 3");
	assert_string_equal(unit_err.text, "'sh' failed with status 3: the reason");
	must("printf '\\n \\n'; exit 1");
	assert_string_equal(unit_err.text, "'sh' failed with status 1");
	must("printf '\\033[31mred\\007'; exit 1");
	assert_string_equal(unit_err.text, "'sh' failed with status 1: ?[31mred?");
	must("echo 'nginx: [emerg] no such key'; echo 'nginx: configuration test failed'; exit 1");
	assert_string_equal(unit_err.text, "'sh' failed with status 1: nginx: [emerg] no such key");
	must("head -c 5000 /dev/zero | tr '\\0' x; exit 1");
	assert_int_equal(unit_err.kind, ERR_FAILED);
	assert_true(strlen(unit_err.text) < 600);
	assert_refused(must("kill -9 $$"), ERR_FAILED, "status 137");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_fails_halfway_leaves_the_old_content_and_no_rest),
		cmocka_unit_test(a_folder_that_cannot_be_written_is_said_and_changes_nothing),
		cmocka_unit_test(
			a_target_that_is_a_folder_or_has_none_is_refused_and_leaves_no_rest),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(a_link_at_the_temporary_name_is_not_followed),
		cmocka_unit_test(a_file_is_replaced_with_exactly_its_mode_whatever_the_umask),
		cmocka_unit_test(owner_and_group_are_given_or_the_file_is_not_replaced),
		cmocka_unit_test(a_file_over_the_ceiling_and_what_is_no_file_are_not_read),
		cmocka_unit_test(a_link_is_switched_by_one_rename),
		cmocka_unit_test(folders_are_made_with_their_parents_and_removed_with_their_files),
		cmocka_unit_test(a_lock_has_one_holder_who_says_who_it_is),
		cmocka_unit_test(a_lock_that_is_a_link_is_refused),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error_of_the_configuration),
		cmocka_unit_test(the_time_limit_kills_the_program_and_what_it_started),
		cmocka_unit_test(a_daemon_that_holds_the_output_open_is_not_waited_for),
		cmocka_unit_test(output_is_captured_and_cut_at_the_ceiling),
		cmocka_unit_test(the_exit_status_is_told_and_a_signal_is_128_more),
		cmocka_unit_test(a_child_gets_a_fresh_environment_and_no_input),
		cmocka_unit_test(the_last_line_of_a_program_that_failed_is_quoted),
	};
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
