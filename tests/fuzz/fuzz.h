/*
 * What every fuzz target is: one function that takes an input and must come back. A fault is an
 * abort, whether a sanitizer or MUST() finds it. replay.c runs targets over seeds without clang.
 */
#ifndef KEYSTAY_FUZZ_H
#define KEYSTAY_FUZZ_H

#include "keystay/base/err.h"

/* A promise of a header that does not hold is a fault like any other. */
#define MUST(promise)                  \
	do {                           \
		if (!(promise))        \
			BUG(#promise); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string of its own allocation, so that a read behind it is seen. Caller frees. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		BUG("no memory for an input");
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* The same bytes without a NUL behind them, for parsers that take a length. Caller frees. */
static inline char *
fuzz_bytes(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size);

	if (!bytes && size)
		BUG("no memory for an input");
	if (size)
		memcpy(bytes, data, size);
	return bytes;
}

/* Nothing that a terminal would act on. */
static inline bool
fuzz_printable(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f))
			return false;
	return true;
}

#endif
