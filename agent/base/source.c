#include "keystay/base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "keystay/base/text.h"

bool
source_valid(const char *source)
{
	static const char *const forms[] = {"file:", "credential:", "env:"};

	if (text_same(source, "prompt"))
		return true;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (text_starts(source, forms[i]) && source[strlen(forms[i])])
			return true;
	return false;
}

bool
source_is_file(const char *source)
{
	return text_starts(source, "file:");
}

/* Reads fd to its end into the secret, through no other memory than this function's own. */
static int
read_secret(int fd, const char *path, struct secret *s, struct err *e)
{
	unsigned char part[SECRET_MAX + 2];
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = read(fd, part, sizeof part)) != 0) {
		if (n < 0)
			rc = err_errno(e, ERR_PIN, errno, "cannot read '%s'", path);
		else
			rc = secret_add(s, part, (size_t)n, e);
	}
	secret_wipe(part, sizeof part);
	return rc;
}

static int
from_file(const char *path, bool check_mode, const char *what, struct secret *s, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		err_errno(e, ERR_PIN, errno, "cannot open '%s', the file of the %s", path, what);
		return err_hint(e, "write it into '%s', mode 0600", path);
	}
	int rc = 0;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(
			e, ERR_PIN, "'%s', the file of the %s, is not a regular file", path, what);
	} else if (check_mode && st.st_mode & S_IRWXO) {
		err_set(e, ERR_PIN, "'%s', the file of the %s, is open to everybody (mode %04o)",
			path, what, (unsigned)(st.st_mode & 07777));
		rc = err_hint(e, "chmod o= '%s'", path);
	} else {
		rc = read_secret(fd, path, s, e);
	}
	close(fd);
	return rc;
}

static int
from_credential(const char *name, const char *what, struct secret *s, struct err *e)
{
	char path[PATH_MAX];
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (!folder || strchr(name, '/')) {
		err_set(e, ERR_PIN, "there is no systemd credential '%s'", name);
		return err_hint(e, "start keystay from a unit with LoadCredential=%s:...", name);
	}
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return err_set(e, ERR_PIN, "the name of the credential '%s' is too long", name);
	return from_file(path, false, what, s, e);
}

static int
from_terminal(const char *what, struct secret *s, struct err *e)
{
	struct termios was, quiet;
	unsigned char c;
	int rc = 0;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0 || tcgetattr(tty, &was) < 0) {
		if (tty >= 0)
			close(tty);
		err_set(e, ERR_PIN, "the %s is asked for on the terminal, and there is none", what);
		return err_hint(e, "run the command at a terminal, or use 'file:PATH'");
	}
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &quiet);
	dprintf(tty, "%s: ", what);
	ssize_t n;
	while ((n = read(tty, &c, 1)) == 1 && c != '\n' && rc == 0)
		rc = secret_add(s, &c, 1, e);
	if (n <= 0 && rc == 0)
		rc = err_set(e, ERR_PIN, "no %s was typed", what);
	secret_wipe(&c, 1);
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	close(tty);
	return rc;
}

/* Once: the value is wiped where it stands, so that /proc and children do not show it. */
static int
from_environment(const char *name, struct secret *s, struct err *e)
{
	char *value = getenv(name);

	if (!value) {
		err_set(e, ERR_PIN, "the environment has no '%s'", name);
		return err_hint(e, "set %s for this command", name);
	}
	size_t len = strlen(value);
	int rc = secret_add(s, value, len, e);
	secret_wipe(value, len);
	unsetenv(name);
	return rc;
}

int
source_get(const char *source, const char *what, struct secret **ret, struct err *e)
{
	AUTO(secret) struct secret *s = secret_new();
	int rc;

	if (!s)
		return err_set(e, ERR_FAILED, "no memory for the %s", what);
	if (text_starts(source, "file:"))
		rc = from_file(source + strlen("file:"), true, what, s, e);
	else if (text_starts(source, "credential:"))
		rc = from_credential(source + strlen("credential:"), what, s, e);
	else if (text_starts(source, "env:"))
		rc = from_environment(source + strlen("env:"), s, e);
	else if (text_same(source, "prompt"))
		rc = from_terminal(what, s, e);
	else
		rc = err_set(e, ERR_CONFIG, "'%s' is no source of a %s", source, what);
	if (rc < 0)
		return -1;
	secret_cut_newline(s);
	if (secret_length(s) == 0) {
		err_set(e, ERR_PIN, "the %s is empty", what);
		return err_hint(e, "look at '%s'", source);
	}
	*ret = take(&s);
	return 0;
}
