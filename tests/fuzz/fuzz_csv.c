/* The list of an estate, as a spreadsheet may have written it (base/csv.h), and a subject in one
 * line (x509/subject.h), which stands in one. */
#include "fuzz.h"
#include "keystay/base/csv.h"
#include "keystay/x509/subject.h"

struct seen {
	int line;
	size_t rows;
	struct buf again; /* the same rows, written by csv_add */
};

static void
subject(const char *text)
{
	AUTO(subject) struct subject s = {.country = NULL};
	struct err e = {0};

	if (subject_read(text, &s, &e) < 0) {
		MUST(e.kind == ERR_CONFIG && e.text[0] && fuzz_printable(e.text));
		return;
	}
	MUST(!s.organization ||
		(*s.organization && !text_find_foreign(s.organization, strlen(s.organization))));
	MUST(!s.country || *s.country);
}

static int
note_row(void *ctx, const struct csv_row *row, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	MUST(row->line > s->line && row->fields > 0 && row->fields <= CSV_FIELDS_MAX);
	s->line = row->line;
	s->rows++;
	for (size_t i = 0; i < row->fields; i++) {
		MUST(row->field[i] && strlen(row->field[i]) <= CSV_FIELD_MAX);
		csv_add(&s->again, row->field[i]);
		subject(row->field[i]);
	}
	csv_end(&s->again);
	return 0;
}

/* No semicolons in its first line, and no byte order mark before it, which are read otherwise. */
static bool
reads_alike(const struct buf *b)
{
	const char *text = buf_text(b);

	return !b->full && !text_starts(text, "\xef\xbb\xbf") &&
	       !memchr(text, ';', strcspn(text, "\r\n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *bytes = fuzz_bytes(data, size);
	AUTO(char) char *text = fuzz_text(data, size);
	struct seen s = {.again = BUF(CSV_MAX)}, more = {.again = BUF(CSV_MAX)};
	struct err e = {0};

	subject(text);
	if (csv_read("list.csv", bytes, size, note_row, &s, &e) < 0)
		MUST(e.kind == ERR_CONFIG && text_starts(e.text, "list.csv:"));
	/* What was written of it is a list of as many rows, where its beginning says nothing else.
	 */
	else if (reads_alike(&s.again))
		MUST(csv_read("again.csv", buf_text(&s.again), s.again.len, note_row, &more, &e) ==
				0 &&
			more.rows == s.rows);
	buf_free(&s.again);
	buf_free(&more.again);
	return 0;
}
