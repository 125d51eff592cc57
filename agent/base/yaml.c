#include "keystay/base/yaml.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/guess.h"

/* No mapping that a table describes has more keys: they are tracked in one word. */
#define KEYS_MAX 64

struct yaml {
	const char *file;
	const char *text;
	size_t len;
	struct fy_parser *parser;
	struct fy_diag *diag;
	struct fy_event *event; /* looked at, not yet consumed */
	struct mark at;
	bool empty; /* no document at all: reads as one empty value */
	bool hide;  /* lines may hold a secret: errors show no more than their first key */
};

static void
show_line(const struct yaml *y, const struct mark *at, struct err *e)
{
	const char *p = y->text, *end = y->text + y->len;
	size_t used = strlen(e->text);

	for (int line = 1; line < at->line && p < end; p++)
		if (*p == '\n')
			line++;
	const char *stop = memchr(p, '\n', (size_t)(end - p));
	int width = (int)((stop ? stop : end) - p);
	if (width == 0)
		return;
	int shown = width > 160 ? 160 : width;
	const char *colon = memchr(p, ':', (size_t)width);
	if (y->hide)
		shown = colon ? (int)(colon + 1 - p) : 0;
	int n = snprintf(e->text + used, sizeof e->text - used, "\n    %.*s%s", shown, p,
		y->hide ? " ..." : "");
	if (n > 0 && at->column <= shown && used + (size_t)n < sizeof e->text)
		snprintf(e->text + used + n, sizeof e->text - used - (size_t)n, "\n    %*s^",
			at->column - 1, "");
	for (char *c = e->text + used; *c; c++)
		if (*c == '\t')
			*c = ' ';
}

static int
fail_at(const struct yaml *y, const struct mark *at, struct err *e, const char *text)
{
	err_set(e, ERR_CONFIG, "%s:%d:%d: %s", at->file, at->line, at->column, text);
	show_line(y, at, e);
	return -1;
}

int
yaml_fail(const struct yaml *y, struct err *e, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return fail_at(y, &y->at, e, text);
}

int
mark_fail(const struct mark *at, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!at->file)
		return err_set(e, ERR_CONFIG, "%s", text);
	return err_set(e, ERR_CONFIG, "%s:%d:%d: %s", at->file, at->line, at->column, text);
}

/* What libfyaml says about text that is not YAML. */
static int
fail_syntax(struct yaml *y, struct err *e)
{
	void *prev = NULL;
	const struct fy_diag_error *said = fy_diag_errors_iterate(y->diag, &prev);

	if (!said)
		return fail_at(y, &y->at, e, "not valid YAML");
	struct mark at = {
		y->file, said->line > 0 ? said->line : 1, said->column > 0 ? said->column : 1};
	char text[256];
	text_copy(text, sizeof text, said->msg ? said->msg : "not valid YAML");
	text_printable(text);
	return fail_at(y, &at, e, text);
}

/* The next event without consuming it; NULL with `e` filled at a syntax error. */
static struct fy_event *
look(struct yaml *y, struct err *e)
{
	if (!y->event) {
		y->event = fy_parser_parse(y->parser);
		if (!y->event) {
			fail_syntax(y, e);
			return NULL;
		}
		const struct fy_mark *m = fy_event_start_mark(y->event);
		if (m)
			y->at = (struct mark){y->file, m->line + 1, m->column + 1};
	}
	return y->event;
}

static void
skip(struct yaml *y)
{
	fy_parser_event_free(y->parser, y->event);
	y->event = NULL;
}

static int
fail_encoding(struct yaml *y, const char *foreign, struct err *e)
{
	int line = 1, column = 1;

	for (const char *p = y->text; p < foreign; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return err_set(e, ERR_CONFIG, "%s:%d:%d: the file is not UTF-8 from here on", y->file, line,
		column);
}

int
yaml_open(const char *file, const char *text, size_t len, struct yaml **ret, struct err *e)
{
	AUTO(yaml) struct yaml *y = calloc(1, sizeof *y);
	struct fy_diag_cfg diag_cfg;

	if (!y)
		return err_set(e, ERR_FAILED, "no memory to read '%s'", file);
	y->file = file;
	y->text = text;
	y->len = len;
	y->at = (struct mark){file, 1, 1};
	/* libfyaml 0.7 does not come back from some bytes that are not UTF-8. */
	const char *foreign = text_find_foreign(text, len);
	if (foreign)
		return fail_encoding(y, foreign, e);
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	y->diag = fy_diag_create(&diag_cfg);
	if (!y->diag)
		return err_set(e, ERR_FAILED, "no memory to read '%s'", file);
	fy_diag_set_collect_errors(y->diag, true);
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = y->diag};
	y->parser = fy_parser_create(&cfg);
	if (!y->parser || fy_parser_set_string(y->parser, text, len) != 0)
		return err_set(e, ERR_FAILED, "cannot read '%s' as YAML", file);
	struct fy_event *ev = look(y, e);
	if (!ev)
		return -1;
	skip(y);
	ev = look(y, e);
	if (!ev)
		return -1;
	if (ev->type == FYET_STREAM_END)
		y->empty = true;
	else
		skip(y);
	*ret = take(&y);
	return 0;
}

void
yaml_free(struct yaml *y)
{
	if (!y)
		return;
	if (y->event)
		fy_parser_event_free(y->parser, y->event);
	if (y->parser)
		fy_parser_destroy(y->parser);
	if (y->diag)
		fy_diag_destroy(y->diag);
	free(y);
}

void
yaml_hide(struct yaml *y, bool hide)
{
	y->hide = hide;
}

struct mark
yaml_mark(const struct yaml *y)
{
	return y->at;
}

/* Consumes one plain value and hands out a copy of its text. */
static int
scalar(struct yaml *y, const char *wanted, char **ret, struct err *e)
{
	struct fy_event *ev = look(y, e);
	size_t len = 0;

	if (!ev)
		return -1;
	if (ev->type != FYET_SCALAR)
		return yaml_fail(y, e, "%s is expected here", wanted);
	if (ev->scalar.anchor)
		return yaml_fail(y, e, "anchors and aliases are not used in this file");
	const char *text = ev->scalar.value ? fy_token_get_text(ev->scalar.value, &len) : "";
	if (!text || memchr(text, '\0', len))
		return yaml_fail(y, e, "%s is expected here", wanted);
	char *copy = strndup(text, len);
	if (!copy)
		return err_set(e, ERR_FAILED, "no memory to read '%s'", y->file);
	skip(y);
	*ret = copy;
	return 0;
}

int
yaml_text(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;
	char *text;

	if (scalar(y, "a text", &text, e) < 0)
		return -1;
	free(*slot);
	*slot = text;
	return 0;
}

int
yaml_bool(struct yaml *y, void *bool_slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (scalar(y, "true or false", &text, e) < 0)
		return -1;
	if (!text_same(text, "true") && !text_same(text, "false"))
		return yaml_fail(y, e, "true or false is expected here, not '%s'", text);
	*(bool *)bool_slot = text_same(text, "true");
	return 0;
}

int
yaml_number(struct yaml *y, void *int64_slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (scalar(y, "a number", &text, e) < 0)
		return -1;
	if (!number_parse(text, 0, INT64_MAX, int64_slot))
		return yaml_fail(y, e, "a whole number is expected here, not '%s'", text);
	return 0;
}

int
yaml_duration(struct yaml *y, void *when_slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (scalar(y, "a duration such as 30d", &text, e) < 0)
		return -1;
	if (!duration_parse(text, when_slot))
		return yaml_fail(
			y, e, "a duration such as 30d or 12h is expected here, not '%s'", text);
	return 0;
}

static int
add_item(struct yaml *y, void *list_slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (scalar(y, "a text", &text, e) < 0)
		return -1;
	if (!list_add(list_slot, text))
		return err_set(e, ERR_FAILED, "no memory to read '%s'", y->file);
	return 0;
}

int
yaml_list(struct yaml *y, void *list_slot, struct err *e)
{
	list_free(list_slot);
	return yaml_each_item(y, "a list such as [a, b]", add_item, list_slot, e);
}

int
yaml_list_or_one(struct yaml *y, void *list_slot, struct err *e)
{
	struct fy_event *ev = look(y, e);

	if (!ev)
		return -1;
	if (ev->type != FYET_SCALAR)
		return yaml_list(y, list_slot, e);
	list_free(list_slot);
	return add_item(y, list_slot, e);
}

/* An absent value ("key:" and nothing) as a scalar of no text. */
static bool
is_nothing(const struct fy_event *ev)
{
	size_t len = 0;

	if (ev->type != FYET_SCALAR)
		return false;
	if (!ev->scalar.value)
		return true;
	return fy_token_get_text(ev->scalar.value, &len) && len == 0 &&
	       fy_scalar_token_get_style(ev->scalar.value) == FYSS_PLAIN;
}

int
yaml_each_item(struct yaml *y, const char *what, yaml_read_fn each, void *object, struct err *e)
{
	struct fy_event *ev = look(y, e);

	if (!ev)
		return -1;
	if (is_nothing(ev)) {
		skip(y);
		return 0;
	}
	if (ev->type != FYET_SEQUENCE_START)
		return yaml_fail(y, e, "%s is expected here", what);
	skip(y);
	for (;;) {
		ev = look(y, e);
		if (!ev)
			return -1;
		if (ev->type == FYET_SEQUENCE_END)
			break;
		if (each(y, object, e) < 0)
			return -1;
	}
	skip(y);
	return 0;
}

bool
yaml_next_is_mapping(struct yaml *y)
{
	struct err ignored;
	struct fy_event *ev = y->empty ? NULL : look(y, &ignored);
	return ev && ev->type == FYET_MAPPING_START;
}

bool
yaml_next_is_list(struct yaml *y)
{
	struct err ignored;
	struct fy_event *ev = y->empty ? NULL : look(y, &ignored);
	return ev && ev->type == FYET_SEQUENCE_START;
}

/* Begins a mapping. 1: there is one; 0: an empty value, consumed; -1: something else. */
static int
begin_mapping(struct yaml *y, const char *what, struct err *e)
{
	struct fy_event *ev;

	if (y->empty)
		return 0;
	ev = look(y, e);
	if (!ev)
		return -1;
	if (is_nothing(ev)) {
		skip(y);
		return 0;
	}
	if (ev->type != FYET_MAPPING_START)
		return yaml_fail(y, e, "%s is a mapping (key: value)", what);
	skip(y);
	return 1;
}

/* The next key, NULL in *ret at the end of the mapping; y->at is the key's place. */
static int
next_key(struct yaml *y, char **ret, struct err *e)
{
	struct fy_event *ev = look(y, e);

	*ret = NULL;
	if (!ev)
		return -1;
	if (ev->type == FYET_MAPPING_END) {
		skip(y);
		return 0;
	}
	return scalar(y, "a key", ret, e);
}

static int
fail_unknown(struct yaml *y, const char *what, const char *key, const struct yaml_key *keys,
	size_t count, struct err *e)
{
	AUTO(list) struct list known = {0};
	struct guess g = {.wrong = key};
	char words[360];

	for (size_t i = 0; i < count; i++) {
		guess_try(&g, keys[i].word);
		list_add(&known, keys[i].word);
	}
	yaml_fail(y, e, "unknown key '%s' in %s", key, what);
	return guess_hint(
		&g, e, "the keys of %s are: %s", what, list_join(&known, words, sizeof words));
}

int
yaml_mapping(struct yaml *y, const char *what, const struct yaml_key *keys, size_t count,
	void *object, struct err *e)
{
	uint64_t seen = 0;

	if (count > KEYS_MAX)
		BUG("a mapping with too many keys");
	int rc = begin_mapping(y, what, e);
	struct mark start = y->at;
	while (rc > 0) {
		AUTO(char) char *key = NULL;
		size_t i = 0;
		if (next_key(y, &key, e) < 0)
			return -1;
		if (!key)
			break;
		while (i < count && !text_same(keys[i].word, key))
			i++;
		if (i == count)
			return fail_unknown(y, what, key, keys, count, e);
		if (seen & 1ull << i)
			return yaml_fail(y, e, "the key '%s' stands twice in %s", key, what);
		seen |= 1ull << i;
		if (keys[i].read(y, (char *)object + keys[i].offset, e) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (keys[i].flags & YAML_REQUIRED && !(seen & 1ull << i)) {
			char text[160];
			snprintf(text, sizeof text, "%s has no '%s'", what, keys[i].word);
			return fail_at(y, &start, e, text);
		}
	return 0;
}

int
yaml_each_key(struct yaml *y, const char *what,
	int (*each)(struct yaml *y, const char *key, void *object, struct err *e), void *object,
	struct err *e)
{
	AUTO(list) struct list seen = {0};
	int rc = begin_mapping(y, what, e);

	while (rc > 0) {
		AUTO(char) char *key = NULL;
		if (next_key(y, &key, e) < 0)
			return -1;
		if (!key)
			break;
		if (list_has(&seen, key))
			return yaml_fail(y, e, "the key '%s' stands twice in %s", key, what);
		if (!list_add(&seen, key))
			return err_set(e, ERR_FAILED, "no memory to read '%s'", y->file);
		if (each(y, key, object, e) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

int
yaml_end(struct yaml *y, struct err *e)
{
	struct fy_event *ev;

	if (y->empty)
		return 0;
	ev = look(y, e);
	if (!ev)
		return -1;
	if (ev->type != FYET_DOCUMENT_END)
		return yaml_fail(y, e, "the file should end here");
	skip(y);
	ev = look(y, e);
	if (!ev)
		return -1;
	if (ev->type != FYET_STREAM_END)
		return yaml_fail(y, e, "only one YAML document is read; the rest would be ignored");
	return 0;
}
