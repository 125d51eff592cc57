/* Base64 as EST has it (x509/base64.h): what is read and written again reads to the same. */
#include "fuzz.h"
#include "keystay/x509/base64.h"

/* Beyond what any input of the fuzzer makes. */
#define ROOM ((size_t)1 << 24)

/* Lines of at most 64 characters of the alphabet, each with its end. */
static void
is_in_lines(const struct buf *text)
{
	size_t column = 0;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->text[i];
		MUST(c == '\n' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=');
		column = c == '\n' ? 0 : column + 1;
		MUST(column <= 64);
	}
	MUST(column == 0);
}

static void
write_and_read(const void *data, size_t len)
{
	AUTO(buf) struct buf text = BUF(ROOM), again = BUF(ROOM);

	/* Of nothing there is nothing to write, nor to read. */
	if (len == 0)
		return;
	MUST(base64_write(data, len, &text));
	is_in_lines(&text);
	MUST(base64_read(text.text, text.len, &again));
	MUST(again.len == len && memcmp(again.text, data, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_bytes(data, size);
	AUTO(buf) struct buf read = BUF(ROOM), small = BUF(4), behind = BUF(ROOM);

	write_and_read(text, size);
	bool is_base64 = base64_read(text, size, &read);
	/* The ceiling is kept, and what was there before stays. */
	MUST(base64_read(text, size, &small) == (is_base64 && read.len <= 4));
	MUST(small.len <= 4);
	buf_adds(&behind, "before");
	MUST(base64_read(text, size, &behind) == is_base64);
	MUST(memcmp(behind.text, "before", 6) == 0);
	if (!is_base64)
		return 0;
	MUST(read.len > 0 && read.len <= size / 4 * 3);
	MUST(behind.len == read.len + 6 && memcmp(behind.text + 6, read.text, read.len) == 0);
	write_and_read(read.text, read.len);
	return 0;
}
