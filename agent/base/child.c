#include "keystay/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keystay/base/clock.h"
#include "keystay/base/text.h"

/* Not secrets: where token files, module settings and OpenSSL's configuration are. */
static const char *const passed_on[] = {"SOFTHSM2_CONF", "OPENSSL_CONF", "TPM2_PKCS11_STORE",
	"TPM2_PKCS11_TCTI", "TPM2_PKCS11_BACKEND", "TPM2_PKCS11_LOG_LEVEL", "TSS2_LOG",
	"DBUS_SESSION_BUS_ADDRESS", "KEYSTAY_GUARD", "TZ"};

static const char search_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The program's file by our own path: under cron or a unit the process's PATH is a short one. */
static int
find_program(const char *name, char path[4200], struct err *e)
{
	const char *p = search_path;

	if (strchr(name, '/'))
		return text_copy(path, 4200, name), 0;
	while (*p) {
		size_t len = strcspn(p, ":");
		snprintf(path, 4200, "%.*s/%s", (int)len, p, name);
		if (access(path, X_OK) == 0)
			return 0;
		p += len + (p[len] == ':');
	}
	err_set(e, ERR_CONFIG, "cannot run '%s': it is not in %s", name, search_path);
	return err_hint(e, "install it, or name the right program in the configuration");
}

static int
build_environment(struct list *env)
{
	char line[4200];

	snprintf(line, sizeof line, "PATH=%s", search_path);
	if (!list_add(env, line) || !list_add(env, "LANG=C.UTF-8"))
		return -1;
	for (size_t i = 0; i < COUNT(passed_on); i++) {
		const char *value = getenv(passed_on[i]);
		if (value && snprintf(line, sizeof line, "%s=%s", passed_on[i], value) <
				     (int)sizeof line)
			if (!list_add(env, line))
				return -1;
	}
	return 0;
}

/* A file without a name that holds the text, at its beginning; -1 with errno. */
static int
open_input(const char *text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	if (write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Starts it with stdin from `in` or /dev/null, stdout and stderr into `out`, in a process group of
 * its own.
 */
static int
start(const struct child *c, int in, int out, pid_t *ret_pid, struct err *e)
{
	AUTO(list) struct list env = {0};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char path[4200];
	sigset_t none, usual;

	if (find_program(c->argv[0], path, e) < 0)
		return -1;
	if (build_environment(&env) < 0)
		return err_set(e, ERR_FAILED, "no memory to run '%s'", c->argv[0]);
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGCHLD);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&files, in, 0);
	else
		posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_adddup2(&files, out, 2);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int rc = posix_spawn(ret_pid, path, &files, &attr, c->argv, env.item);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (rc == 0)
		return 0;
	err_errno(e, rc == ENOENT ? ERR_CONFIG : ERR_FAILED, rc, "cannot run '%s'", c->argv[0]);
	return err_hint(e, "install it, or name the right program in the configuration");
}

/* Copies output until the child closes it or the limit is over; 0, or -1 at the limit. */
static int
collect(const struct child *c, int in, pid_t pid, int64_t until)
{
	char part[4096];

	for (;;) {
		int64_t left = until - clock_ms();
		if (left <= 0)
			return -1;
		/* A daemon that the child left behind may keep the pipe open: look at the child
		 * too. */
		siginfo_t info = {0};
		bool over = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			    info.si_pid == pid;
		struct pollfd p = {.fd = in, .events = POLLIN};
		int rc = poll(&p, 1, over ? 0 : (int)(left < 200 ? left : 200));
		if (rc == 0 && over)
			return 0;
		if (rc <= 0)
			continue;
		ssize_t n = read(in, part, sizeof part);
		if (n <= 0)
			return 0;
		if (c->output && !c->output->full) {
			size_t room = c->output->ceiling - c->output->len;
			buf_add(c->output, part, (size_t)n < room ? (size_t)n : room);
		}
	}
}

int
child_run(const struct child *c, int *ret_status, struct err *e)
{
	int64_t until = clock_ms() + c->time_limit_ms;
	int ends[2], status = 0, in = c->input ? open_input(c->input) : -1;
	pid_t pid;

	if (c->input && in < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot run '%s'", c->argv[0]);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		err_errno(e, ERR_FAILED, errno, "cannot run '%s'", c->argv[0]);
		if (in >= 0)
			close(in);
		return -1;
	}
	int rc = start(c, in, ends[1], &pid, e);
	if (in >= 0)
		close(in);
	close(ends[1]);
	if (rc < 0) {
		close(ends[0]);
		return -1;
	}
	rc = collect(c, ends[0], pid, until);
	close(ends[0]);
	pid_t gone = 0;
	while (rc == 0 && (gone = waitpid(pid, &status, WNOHANG)) == 0) {
		if (clock_ms() >= until)
			rc = -1;
		else
			poll(NULL, 0, 5);
	}
	/* Its status is the only word there is: none is not a good one. */
	if (gone < 0)
		return err_errno(e, ERR_FAILED, errno, "'%s': its exit status is lost", c->argv[0]);
	if (rc < 0) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return err_set(e, ERR_FAILED, "'%s' did not end within %d seconds and was killed",
			c->argv[0], c->time_limit_ms / 1000);
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* The last line that says something is where programs put the reason. */
static void
last_words(const char *text, char said[512])
{
	const char *end = text + strlen(text);

	for (int tries = 0; tries < 2; tries++) {
		while (end > text && strchr("\n\r ", end[-1]))
			end--;
		const char *start = end;
		while (start > text && start[-1] != '\n')
			start--;
		snprintf(said, 512, "%.*s", (int)(end - start > 511 ? 511 : end - start), start);
		text_printable(said);
		/* nginx ends with "test failed"; the reason is the line before it. */
		if (!strstr(said, "test failed") || start == text)
			return;
		end = start;
	}
}

int
child_must(const struct child *c, struct err *e)
{
	AUTO(buf) struct buf own = BUF(16 * 1024);
	struct child copy = *c;
	int status;

	if (!copy.output)
		copy.output = &own;
	if (child_run(&copy, &status, e) < 0)
		return -1;
	if (status == 0)
		return 0;
	char said[512];
	last_words(buf_text(copy.output), said);
	return err_set(e, ERR_FAILED, "'%s' failed with status %d%s%s", c->argv[0], status,
		said[0] ? ": " : "", said);
}
