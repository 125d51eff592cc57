/* Lists as spreadsheets write them (base/csv.h): what is read, and where it is refused. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/csv.h"
#include "support/seed.h"

/* "line:a|b|c;" of each row. */
static struct buf said = BUF(1024 * 1024);

static int
note_row(void *ctx, const struct csv_row *row, struct err *e)
{
	(void)ctx;
	(void)e;
	buf_addf(&said, "%d:", row->line);
	for (size_t i = 0; i < row->fields; i++)
		buf_addf(&said, "%s%s", i ? "|" : "", row->field[i]);
	buf_adds(&said, ";");
	return 0;
}

static int
read_bytes(const char *text, size_t len)
{
	static int n;
	char name[32];
	AUTO(buf) struct buf kept = BUF(CSV_MAX + 16);

	snprintf(name, sizeof name, "unit-%02d", n++);
	buf_add(&kept, text, len);
	if (len < 4096)
		seed_keep(name, &kept);
	buf_clear(&said);
	return csv_read("list.csv", text, len, note_row, NULL, UNIT_ERR);
}

static void
reads(const char *text, const char *wanted)
{
	assert_ok(read_bytes(text, strlen(text)));
	assert_string_equal(buf_text(&said), wanted);
}

static void
refuses(const char *text, const char *why)
{
	assert_refused(read_bytes(text, strlen(text)), ERR_CONFIG, why);
}

static void
what_is_no_csv_is_refused_with_its_line(void **state)
{
	(void)state;
	refuses("name,names\na,b\nc,d\"e\n", "list.csv:3: a '\"' within a field");
	refuses("name,names\n\n\"a,b\nc,d\n",
		"list.csv:3: a quoted field that begins here has no end");
	refuses("name\na\n\"b\"c\n", "list.csv:3: a '\"' within a field");
	refuses("name\na\n\xe4\n", "list.csv:3: this line is not UTF-8");
	assert_string_equal(unit_err.hint, "save it as CSV in UTF-8");
	assert_refused(
		read_bytes("name\na\0b\n", 9), ERR_CONFIG, "list.csv:2: this line is not UTF-8");
}

static void
ceilings_hold(void **state)
{
	AUTO(buf) struct buf b = BUF(CSV_MAX + 16);

	(void)state;
	for (int i = 0; i < CSV_FIELDS_MAX; i++)
		buf_addf(&b, "%s%d", i ? "," : "", i);
	assert_ok(read_bytes(buf_text(&b), b.len));
	buf_adds(&b, ",x\n");
	refuses(buf_text(&b), "list.csv:1: more than 64 fields");
	buf_clear(&b);
	buf_adds(&b, "name\n");
	for (int i = 0; i < CSV_FIELD_MAX; i++)
		buf_adds(&b, "x");
	assert_ok(read_bytes(buf_text(&b), b.len));
	buf_adds(&b, "x");
	refuses(buf_text(&b), "list.csv:2: a field of more than 65536 bytes");
	while (!b.full && b.len <= CSV_MAX)
		buf_adds(&b, "0123456789\n");
	refuses(buf_text(&b), "list.csv:1: the file is larger than");
}

static void
rows_are_read_with_their_lines(void **state)
{
	(void)state;
	reads("", "");
	reads("\n \r\n\t\n", "");
	reads("a,b,c", "1:a|b|c;");
	reads("a,b\r\n\r\nc,d\r\n", "1:a|b;3:c|d;");
	reads("a,b\rc,d\re,f", "1:a|b;2:c|d;3:e|f;");
	reads("\xef\xbb\xbf"
	      "a,b\nc,d\n",
		"1:a|b;2:c|d;");
	reads("a , b\n\" c \",\td\n", "1:a|b;2: c |d;");
	reads("a,,\n,,\nb,,c\n", "1:a||;3:b||c;");
	/* A row goes over lines where a field does; the next begins behind it. */
	reads("a,b\n\"one\ntwo\",\"say \"\"x\"\"\"\nc,d\n", "1:a|b;2:one\ntwo|say \"x\";4:c|d;");
	reads("\"\n\n\",x\n\ny\n", "1:\n\n|x;5:y;");
}

static void
semicolons_are_taken_where_the_header_has_them(void **state)
{
	(void)state;
	reads("a;b\n1,5;2\n", "1:a|b;2:1,5|2;");
	reads("\n\na;b\nc;d\n", "3:a|b;4:c|d;");
	reads("a,b;c\n1;2,3\n", "1:a|b;c;2:1;2|3;");
	reads("one\na;b\n", "1:one;2:a;b;");
}

static int
stop_at_two(void *ctx, const struct csv_row *row, struct err *e)
{
	++*(int *)ctx;
	return row->line == 2 ? err_set(e, ERR_CONFIG, "enough") : 0;
}

static void
the_reader_of_rows_ends_it(void **state)
{
	int calls = 0;

	(void)state;
	assert_refused(csv_read("list.csv", "a\nb\nc\nd\n", 8, stop_at_two, &calls, UNIT_ERR),
		ERR_CONFIG, "enough");
	assert_int_equal(calls, 2);
}

/* What is written is read again; what a spreadsheet would take for a formula is not one. */
static void
what_is_written_is_read_again(void **state)
{
	AUTO(buf) struct buf b = BUF(4096);

	(void)state;
	csv_add(&b, "=1+1");
	csv_add(&b, "a \"b\", c");
	csv_add(&b, "");
	csv_end(&b);
	csv_add(&b, "two\nlines");
	csv_add(&b, "-");
	csv_add(&b, " ");
	csv_add(&b, "x\t");
	csv_end(&b);
	reads(buf_text(&b), "1:'=1+1|a \"b\", c|;2:two\nlines|'-| |x\t;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_csv_is_refused_with_its_line),
		cmocka_unit_test(ceilings_hold),
		cmocka_unit_test(rows_are_read_with_their_lines),
		cmocka_unit_test(semicolons_are_taken_where_the_header_has_them),
		cmocka_unit_test(the_reader_of_rows_ends_it),
		cmocka_unit_test(what_is_written_is_read_again),
	};
	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
