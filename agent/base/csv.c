#include "keystay/base/csv.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (!strpbrk(plain, ",\"\r\n") && *plain) {
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
