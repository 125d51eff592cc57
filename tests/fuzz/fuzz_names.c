/* Names, durations, dates and encodings (x509/names.h, base/when.h, base/text.h). */
#include "fuzz.h"
#include "keystay/base/text.h"
#include "keystay/x509/names.h"

#include <string.h>
#include <strings.h>

static void
names(const char *text)
{
	char name[NAME_TEXT], again[NAME_TEXT];
	struct err e = {0};

	if (name_normal(text, name, &e) < 0) {
		MUST(e.kind == ERR_CONFIG && e.text[0] && fuzz_printable(e.text));
		return;
	}
	MUST(*name && strlen(name) < NAME_TEXT && fuzz_printable(name));
	/* What is normal already stays as it is. */
	MUST(name_normal(name, again, &e) == 0 && text_same(name, again));
	MUST(!name_is_wildcard(name) || name_kind(name) == NAME_DNS);
	MUST(name_is_host(name) || strchr(name, ':') || strchr(name, '@'));
}

static void
durations(const char *text)
{
	char shown[WHEN_TEXT];
	when_t seconds = -1, again = -1;

	if (!duration_parse(text, &seconds)) {
		MUST(seconds == -1);
		return;
	}
	MUST(seconds >= 0 && seconds <= 3660 * DAY);
	MUST(duration_parse(duration_format(seconds, shown), &again) && again == seconds);
}

static void
dates(const char *text, size_t len)
{
	char shown[WHEN_TEXT];
	when_t when = -1;

	if (!when_parse_http(text, len, &when)) {
		MUST(when == -1);
		return;
	}
	/* 1970 to 9999. */
	MUST(when >= 0 && when <= 253402300800);
	MUST(strlen(when_format(when, shown)) < WHEN_TEXT);
}

static void
encodings(const char *text, size_t len)
{
	AUTO(char) char *room = malloc(len / 2 + 1), *small = malloc(3);
	AUTO(char) char *hex = malloc(len + 2);

	/* The most that `len` characters can hold, and far less than that. */
	int n = hex_decode(text, room, len / 2);
	if (n >= 0)
		MUST(strcasecmp(hex_encode(room, (size_t)n, hex), text) == 0);
	MUST(hex_decode(text, small, 3) <= 3);

	AUTO(char) char *bytes = malloc(len * 3 / 4 + 1);
	n = base64url_decode(text, bytes, len * 3 / 4);
	if (n >= 0) {
		AUTO(char) char *again = base64url(bytes, (size_t)n);
		MUST(text_same(again, text));
	}
	MUST(base64url_decode(text, small, 3) <= 3);
}

static void
numbers(const char *text)
{
	int64_t n = -1;

	if (number_parse(text, 1, 65535, &n))
		MUST(n >= 1 && n <= 65535);
	else
		MUST(n == -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);
	AUTO(char) char *bytes = fuzz_bytes(data, size);

	names(text);
	durations(text);
	numbers(text);
	encodings(text, strlen(text));
	dates(bytes, size);
	return 0;
}
