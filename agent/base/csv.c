#include "keystay/base/csv.h"

#include <csv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystay/base/text.h"

struct reading {
	const char *file;
	struct csv_row row;
	bool open; /* a row has begun, and its end was not seen yet */
	int (*each)(void *ctx, const struct csv_row *row, struct err *e);
	void *ctx;
	struct err *e;
	bool failed;
};

static int PRINTF_LIKE(3, 4) fail_row(struct reading *r, int line, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return -1;
	r->failed = true;
	va_start(ap, fmt);
	AUTO(char) char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return err_set(r->e, ERR_CONFIG, "%s:%d: %s", r->file, line, text ? text : "no memory");
}

static void
forget_fields(struct reading *r)
{
	for (size_t i = 0; i < r->row.fields; i++)
		free(r->row.field[i]);
	r->row.fields = 0;
}

/* libcsv takes no answer: what went wrong is remembered, and nothing more is taken. */
static void
take_field(void *data, size_t len, void *ctx)
{
	struct reading *r = ctx;

	if (r->failed)
		return;
	if (r->row.fields == CSV_FIELDS_MAX) {
		fail_row(r, r->row.line, "more than %d fields", CSV_FIELDS_MAX);
		return;
	}
	if (len > CSV_FIELD_MAX) {
		fail_row(r, r->row.line, "a field of more than %d bytes", CSV_FIELD_MAX);
		return;
	}
	char *copy = strndup(data ? data : "", len);
	if (!copy) {
		fail_row(r, r->row.line, "no memory");
		return;
	}
	r->row.field[r->row.fields++] = copy;
}

static void
take_row(int end, void *ctx)
{
	struct reading *r = ctx;
	bool empty = true;

	(void)end;
	r->open = false;
	for (size_t i = 0; i < r->row.fields; i++)
		empty = empty && !*r->row.field[i];
	if (!r->failed && !empty && r->each(r->ctx, &r->row, r->e) < 0)
		r->failed = true;
	forget_fields(r);
}

/* The length of the line that begins here, with its end (LF, CR LF, or the CR of old). */
static size_t
line_length(const char *p, const char *stop)
{
	const char *end = p;

	while (end < stop && *end != '\n' && *end != '\r')
		end++;
	if (end + 1 < stop && end[0] == '\r' && end[1] == '\n')
		end++;
	return (size_t)(end < stop ? end + 1 - p : end - p);
}

static bool
is_blank(const char *p, size_t len)
{
	while (len && strchr(" \t\r\n", *p))
		p++, len--;
	return len == 0;
}

/* Spreadsheets put semicolons where the comma is for decimals: the header line tells. */
static unsigned char
separator_of(const char *p, const char *stop)
{
	size_t len = line_length(p, stop);

	while (p + len < stop && is_blank(p, len)) {
		p += len;
		len = line_length(p, stop);
	}
	return memchr(p, ';', len) && !memchr(p, ',', len) ? ';' : CSV_COMMA;
}

static int
read_lines(struct reading *r, struct csv_parser *parser, const char *p, const char *stop)
{
	int line = 1;

	for (; p < stop && !r->failed; line++) {
		size_t len = line_length(p, stop);
		if (!r->open)
			r->row.line = line;
		r->open = r->open || !is_blank(p, len);
		if (csv_parse(parser, p, len, take_field, take_row, r) != len)
			return fail_row(r, line,
				csv_error(parser) == CSV_EPARSE
					? "a '\"' within a field: a field with quotes is "
					  "quoted, and its quotes are doubled"
					: "no memory");
		p += len;
	}
	if (!r->failed && csv_fini(parser, take_field, take_row, r) != 0)
		return fail_row(r, r->row.line, "a quoted field that begins here has no end");
	return r->failed ? -1 : 0;
}

/* What is refused before it is taken apart. */
static int
check_text(struct reading *r, const char *text, size_t len)
{
	const char *foreign = text_find_foreign(text, len), *nul = memchr(text, '\0', len);
	int line = 1;

	if (len > CSV_MAX)
		return fail_row(r, 1, "the file is larger than %zu bytes", CSV_MAX);
	if (nul && (!foreign || nul < foreign))
		foreign = nul;
	if (!foreign)
		return 0;
	for (const char *p = text; p < foreign; p++)
		line += *p == '\n';
	fail_row(r, line, "this line is not UTF-8");
	return err_hint(r->e, "save it as CSV in UTF-8");
}

int
csv_read(const char *file, const char *text, size_t len,
	int (*each)(void *ctx, const struct csv_row *row, struct err *e), void *ctx, struct err *e)
{
	struct reading r = {.file = file, .each = each, .ctx = ctx, .e = e};
	const char *stop = text + len;
	struct csv_parser parser;

	if (check_text(&r, text, len) < 0)
		return -1;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return err_set(e, ERR_FAILED, "no memory to read '%s'", file);
	csv_set_delim(&parser, separator_of(text, stop));
	int rc = read_lines(&r, &parser, text, stop);
	csv_free(&parser);
	forget_fields(&r);
	return rc;
}

void
csv_add(struct buf *b, const char *field)
{
	const char *text = buf_text(b);
	bool formula = *field && strchr("=+-@\t\r", *field);
	size_t len = strlen(field) + formula;
	AUTO(char) char *plain = malloc(len + 1);
	AUTO(char) char *quoted = malloc(2 * len + 3);

	if (b->len && text[b->len - 1] != '\n')
		buf_adds(b, ",");
	if (!plain || !quoted) {
		b->full = true;
		return;
	}
	snprintf(plain, len + 1, "%s%s", formula ? "'" : "", field);
	/* Blanks around a field are its own only within quotes. */
	bool edges = len && (strchr(" \t", plain[0]) || strchr(" \t", plain[len - 1]));
	if (!strpbrk(plain, ",\"\r\n") && *plain && !edges) {
		buf_adds(b, plain);
		return;
	}
	buf_add(b, quoted, csv_write(quoted, 2 * len + 3, plain, len));
}

void
csv_end(struct buf *b)
{
	buf_adds(b, "\r\n");
}
