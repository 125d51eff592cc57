#include "counts.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/json.h"

struct counts
counts_read(const _Atomic uint64_t *count)
{
	struct counts c;

	/* SQLite and JSON have signed numbers; noise in the file must not become a negative one. */
	for (int i = 0; i < LEDGER_COUNTS; i++)
		c.of[i] = (int64_t)(ledger_get(&count[i]) & INT64_MAX);
	return c;
}

void
counts_write(const struct counts *c, char text[COUNTS_TEXT])
{
	size_t n = (size_t)snprintf(text, COUNTS_TEXT, "{");

	for (int i = 0; i < LEDGER_COUNTS; i++)
		if (c->of[i])
			n += (size_t)snprintf(text + n, COUNTS_TEXT - n, "%s\"%s\":%lld",
				n > 1 ? "," : "", ledger_count_word((enum ledger_count)i),
				(long long)c->of[i]);
	snprintf(text + n, COUNTS_TEXT - n, "}");
}

struct counts
counts_parse(const char *text)
{
	AUTO(json_t) json_t *json = NULL;
	struct counts c = {{0}};
	struct err ignored;

	if (json_read(text, strlen(text), &json, &ignored) < 0)
		return c;
	for (int i = 0; i < LEDGER_COUNTS; i++) {
		c.of[i] = json_integer_value(
			json_object_get(json, ledger_count_word((enum ledger_count)i)));
		if (c.of[i] < 0)
			c.of[i] = 0;
	}
	return c;
}

int64_t
counts_misuse(const struct counts *c)
{
	int64_t sum = c->of[COUNT_MECHANISM];

	for (int i = COUNT_DECRYPT; i < LEDGER_COUNTS; i++)
		sum += c->of[i];
	return sum;
}
