#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/auto.h"

/* A piece of the text, which is never changed. */
struct piece {
	const char *at;
	size_t bytes;
};

static bool
is(const struct piece *p, const char *word)
{
	return p->bytes == strlen(word) && memcmp(p->at, word, p->bytes) == 0;
}

/* The piece itself is shown: it is a word of a configuration, never a secret, but may be noise. */
static bool
complain(char why[SETTINGS_WHY], const char *what, const struct piece *p)
{
	char shown[80];
	size_t n = p->bytes < sizeof shown - 1 ? p->bytes : sizeof shown - 1;

	for (size_t i = 0; i < n; i++)
		shown[i] = p->at[i] >= ' ' && p->at[i] < 127 ? p->at[i] : '?';
	shown[n] = '\0';
	snprintf(why, SETTINGS_WHY, "%s '%s'", what, shown);
	return false;
}

static bool
copy(char *dst, size_t size, const struct piece *value, char why[SETTINGS_WHY])
{
	if (value->bytes >= size)
		return complain(why, "too long a value:", value);
	if (memchr(value->at, '\0', value->bytes))
		return complain(why, "a zero byte in", value);
	memcpy(dst, value->at, value->bytes);
	dst[value->bytes] = '\0';
	return true;
}

static bool
choose(bool *ret, const struct piece *value, const char *no, const char *yes,
	char why[SETTINGS_WHY])
{
	if (!is(value, no) && !is(value, yes))
		return complain(why, "this value is not known:", value);
	*ret = is(value, yes);
	return true;
}

static bool
set(struct guard_settings *s, const struct piece *key, const struct piece *value,
	char why[SETTINGS_WHY])
{
	if (is(key, "module"))
		return copy(s->module, sizeof s->module, value, why);
	if (is(key, "custodian"))
		return copy(s->custodian, sizeof s->custodian, value, why);
	if (is(key, "ledger"))
		return copy(s->ledger, sizeof s->ledger, value, why);
	if (is(key, "role"))
		return choose(&s->agent, value, "server", "agent", why);
	if (is(key, "unknown"))
		return choose(&s->refuse_unknown, value, "count", "refuse", why);
	if (is(key, "no_ledger"))
		return choose(&s->refuse_without, value, "count", "refuse", why);
	if (is(key, "init")) {
		s->has_init = true;
		return copy(s->init, sizeof s->init, value, why);
	}
	return complain(why, "this key is not known:", key);
}

/* KEY=VALUE of one piece. */
static bool
read_pair(struct guard_settings *s, const struct piece *all, char why[SETTINGS_WHY])
{
	const char *equals = memchr(all->at, '=', all->bytes);

	if (!equals)
		return complain(why, "KEY=VALUE is wanted, not", all);
	const struct piece key = {all->at, (size_t)(equals - all->at)};
	const struct piece value = {equals + 1, all->bytes - key.bytes - 1};
	return set(s, &key, &value, why);
}

bool
settings_read_string(const char *text, struct guard_settings *ret, char why[SETTINGS_WHY])
{
	struct guard_settings s = {.module = ""};

	if (text && strnlen(text, SETTINGS_MAX) == SETTINGS_MAX) {
		snprintf(why, SETTINGS_WHY, "the init string is too long");
		return false;
	}
	for (const char *p = text ? text : ""; *p;) {
		struct piece word = {p, strcspn(p, " ")};
		if (word.bytes == 0) {
			p++;
			continue;
		}
		if (strncmp(p, "init=", 5) == 0)
			word.bytes = strlen(p);
		if (!read_pair(&s, &word, why))
			return false;
		p += word.bytes;
	}
	*ret = s;
	return true;
}

bool
settings_read_lines(
	const char *text, size_t bytes, struct guard_settings *ret, char why[SETTINGS_WHY])
{
	struct guard_settings s = {.module = ""};

	for (size_t at = 0; at < bytes;) {
		const char *end = memchr(text + at, '\n', bytes - at);
		struct piece line = {text + at, end ? (size_t)(end - text) - at : bytes - at};
		at += line.bytes + 1;
		if (line.bytes && line.at[line.bytes - 1] == '\r')
			line.bytes--;
		if (line.bytes == 0 || line.at[0] == '#')
			continue;
		if (!read_pair(&s, &line, why))
			return false;
	}
	*ret = s;
	return true;
}

bool
settings_read_file(const char *path, struct guard_settings *ret, char why[SETTINGS_WHY])
{
	char text[SETTINGS_MAX + 1];
	struct stat st;
	size_t n = 0;
	ssize_t got = 0;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, SETTINGS_WHY, "cannot read '%.160s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (S_ISREG(st.st_mode) && n < sizeof text &&
		(got = read(fd, text + n, sizeof text - n)) > 0)
		n += (size_t)got;
	close(fd);
	if (!S_ISREG(st.st_mode) || got < 0 || n == sizeof text) {
		snprintf(why, SETTINGS_WHY, "'%.160s' is no file of at most %d bytes", path,
			SETTINGS_MAX);
		return false;
	}
	char what[SETTINGS_WHY];
	if (settings_read_lines(text, n, ret, what))
		return true;
	snprintf(why, SETTINGS_WHY, "in '%.100s': %.140s", path, what);
	return false;
}
