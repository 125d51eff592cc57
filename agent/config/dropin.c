#include "keystay/config/dropin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/base/json.h"

char *
dropin_path(const char *config_path, const char *name)
{
	const char *slash = strrchr(config_path, '/');
	char *path = NULL;

	if (asprintf(&path, "%.*scertificates.d/%s.yaml",
		    slash ? (int)(slash - config_path + 1) : 0, config_path, name) < 0)
		return NULL;
	return path;
}

/* --- the text */

/* Every value is quoted: a text of JSON is one of YAML, and none is taken for something else. */
static void
put_value(struct buf *b, const char *value)
{
	AUTO(json_t) json_t *json = json_string(value);
	AUTO(char) char *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

	if (text)
		buf_adds(b, text);
	else
		b->full = true;
}

static void
put_text(struct buf *b, const char *indent, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s%s: ", indent, key);
	put_value(b, value);
	buf_adds(b, "\n");
}

/* Many in a line each, few in one. */
#define FEW 4

static void
put_list(struct buf *b, const char *indent, const char *key, const struct list *l)
{
	if (l->count > FEW) {
		buf_addf(b, "%s%s:\n", indent, key);
		for (size_t i = 0; i < l->count; i++) {
			buf_addf(b, "%s  - ", indent);
			put_value(b, l->item[i]);
			buf_adds(b, "\n");
		}
		return;
	}
	buf_addf(b, "%s%s: [", indent, key);
	for (size_t i = 0; i < l->count; i++) {
		buf_adds(b, i ? ", " : "");
		put_value(b, l->item[i]);
	}
	buf_adds(b, "]\n");
}

/* One of the pairs of "{key: value, key: value}"; absent ones are left out. */
static void
put_pair(struct buf *b, bool *first, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s%s: ", *first ? "" : ", ", key);
	put_value(b, value);
	*first = false;
}

static void
put_subject(struct buf *b, const struct subject *s)
{
	AUTO(buf) struct buf pairs = BUF(DROPIN_MAX);
	bool first = true;

	put_pair(&pairs, &first, "organization", s->organization);
	put_pair(&pairs, &first, "unit", s->unit);
	put_pair(&pairs, &first, "locality", s->locality);
	put_pair(&pairs, &first, "state", s->state);
	put_pair(&pairs, &first, "country", s->country);
	put_pair(&pairs, &first, "serial_number", s->serial_number);
	put_pair(&pairs, &first, "common_name", s->common_name);
	if (!first)
		buf_addf(b, "    subject: {%s}\n", buf_text(&pairs));
	b->full = b->full || pairs.full;
}

static void
put_challenge(struct buf *b, const struct challenge_conf *ch)
{
	AUTO(buf) struct buf pairs = BUF(DROPIN_MAX);
	bool first = true;

	put_pair(&pairs, &first, "type", ch->type);
	put_pair(&pairs, &first, "webroot", ch->webroot);
	put_pair(&pairs, &first, "listen", ch->listen);
	if (!first)
		buf_addf(b, "    challenge: {%s}\n", buf_text(&pairs));
	b->full = b->full || pairs.full;
}

static void
put_target(struct buf *b, const struct target_conf *t)
{
	static const char indent[] = "        ";
	AUTO(buf) struct buf pairs = BUF(DROPIN_MAX);
	char mode[16];
	bool first = true;

	buf_addf(b, "      - target: %s\n", t->ops->word);
	put_text(b, indent, "binary", t->binary);
	put_text(b, indent, "conf", t->conf);
	if (t->test.count)
		put_list(b, indent, "test", &t->test);
	if (t->reload.count || t->reload_elsewhere)
		put_list(b, indent, "reload", &t->reload);
	if (t->endpoints.count)
		put_list(b, indent, "endpoints", &t->endpoints);
	for (int f = 0; f < TARGET_FILES; f++)
		put_pair(&pairs, &first, target_file_word((enum target_file)f), t->path[f]);
	if (!first)
		buf_addf(b, "%spaths: {%s}\n", indent, buf_text(&pairs));
	put_text(b, indent, "owner", t->owner);
	put_text(b, indent, "group", t->group);
	snprintf(mode, sizeof mode, "0%o", (unsigned)t->mode);
	put_text(b, indent, "mode", t->mode ? mode : NULL);
	b->full = b->full || pairs.full;
}

static int
put_certificate(struct buf *b, const struct certificate_conf *c)
{
	AUTO(list) struct list keys = {0};
	static const char indent[] = "    ";
	char lifetime[WHEN_TEXT];

	for (size_t i = 0; i < c->keys; i++)
		if (!list_add(&keys, key_type_word(c->key[i])))
			return -1;
	buf_addf(b, DROPIN_MARK "; 'keystay remove %s' takes it away\n", c->name);
	buf_adds(b, "certificates:\n");
	buf_adds(b, "  - name: ");
	put_value(b, c->name);
	buf_adds(b, "\n");
	put_list(b, indent, "names", &c->names);
	put_subject(b, &c->subject);
	put_text(b, indent, "owner", c->owner);
	put_text(b, indent, "token", c->token);
	put_list(b, indent, "keys", &keys);
	put_list(b, indent, "authority", &c->authority);
	put_text(b, indent, "policy", c->policy);
	if (c->lifetime)
		put_text(b, indent, "lifetime", duration_format(c->lifetime, lifetime));
	put_challenge(b, &c->challenge);
	if (c->installs)
		buf_adds(b, "    install:\n");
	for (size_t i = 0; i < c->installs; i++)
		put_target(b, &c->install[i]);
	return b->full ? -1 : 0;
}

int
dropin_text(const struct certificate_conf *c, struct buf *ret, struct err *e)
{
	AUTO(buf) struct buf b = BUF(DROPIN_MAX);

	/* A value that is not UTF-8 is no text of JSON, and none of YAML. */
	if (put_certificate(&b, c) < 0)
		return err_set(e, ERR_CONFIG,
			"certificate '%s': a value is not UTF-8, or all of them are more than %d "
			"bytes",
			c->name, DROPIN_MAX);
	buf_add(ret, buf_text(&b), b.len);
	return ret->full ? err_set(e, ERR_FAILED, "no memory") : 0;
}

/* --- whose file it is */

/* NULL behind the last line. */
static const char *
next_line(const char *p)
{
	p = strchr(p, '\n');
	return p && p[1] ? p + 1 : NULL;
}

/* Nothing at the left edge but comments, the list's own word and its items. */
static bool
only_certificates(const char *text)
{
	for (const char *p = text; p; p = next_line(p))
		if (!strchr("# \t\r\n-", *p) && !text_starts(p, "certificates:"))
			return false;
	return true;
}

bool
dropin_is_own(const struct config *c, const struct certificate_conf *cert)
{
	AUTO(char) char *path = dropin_path(c->path, cert->name);
	const char *text = config_text_of(c, cert->at.file);
	struct stat st;
	size_t count = 0;

	if (!path || !text || !text_same(path, cert->at.file) || !text_starts(text, DROPIN_MARK))
		return false;
	for (size_t i = 0; i < c->certificates; i++)
		count += text_same(c->certificate[i].at.file, path);
	return count == 1 && only_certificates(text) && lstat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

static bool
line_says_nothing(const char *p)
{
	p += strspn(p, " \t\r");
	return !*p || *p == '\n' || *p == '#';
}

int
config_last_line(const struct config *c, const struct certificate_conf *cert)
{
	const char *p = config_text_of(c, cert->at.file);
	int last = cert->at.line;

	/* In braces it ends where they close; else before the place where the next thing begins. */
	for (int line = 1; p && line <= cert->end_line; line++, p = next_line(p)) {
		size_t len = strcspn(p, "\n"), column = (size_t)cert->end_column;
		bool closes = column <= len && p[column - 1] == '}';
		if (line > last && (line < cert->end_line || closes) && !line_says_nothing(p))
			last = line;
	}
	return last;
}

int
dropin_not_own(const struct config *c, const struct certificate_conf *cert, const char *verb,
	struct err *e)
{
	err_set(e, ERR_CONFIG, "%s:%d: certificate '%s' is in a file that keystay did not write",
		cert->at.file, cert->at.line, cert->name);
	return err_hint(e, "%s by hand: %s, lines %d to %d", verb, cert->at.file, cert->at.line,
		config_last_line(c, cert));
}

/* --- the file */

int
dropin_write(const char *path, const struct buf *text, struct err *e)
{
	const char *slash = strrchr(path, '/');
	AUTO(char) char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);

	if (!folder)
		return err_set(e, ERR_FAILED, "no memory to write '%s'", path);
	if (folder_make(folder, 0755, e) < 0 || file_replace(path, buf_text(text), text->len, 0644,
							FILE_SAME_OWNER, FILE_SAME_GROUP, e) < 0)
		return err_hint(e, "run keystay as the user that owns the configuration (root)");
	return 0;
}

int
dropin_remove(const char *path, struct err *e)
{
	if (unlink(path) < 0 && errno != ENOENT) {
		err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", path);
		return err_hint(e, "run keystay as the user that owns the configuration (root)");
	}
	return file_sync_folder_of(path, e);
}
