#include "keystay/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);
	size_t n = len < size ? len : size - 1;

	/* Not within a character: what is cut there is no UTF-8 any more, and no JSON takes it. */
	for (int i = 0; i < 3 && n > 0 && n < len && ((unsigned char)src[n] & 0xc0) == 0x80; i++)
		n--;
	memmove(dst, src, n);
	dst[n] = '\0';
	return n == len;
}

bool
text_starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool
text_same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The length of the valid UTF-8 sequence at `s`, of at most `left` bytes; 0 when there is none. */
static size_t
sequence_length(const unsigned char *s, size_t left)
{
	size_t n = 0;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xf4)
		n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

const char *
text_find_foreign(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = sequence_length((const unsigned char *)text + i, len - i);
		if (n == 0)
			return text + i;
		i += n;
	}
	return NULL;
}

void
text_utf8(char *text)
{
	size_t len = strlen(text);
	const char *foreign;

	for (char *p = text; (foreign = text_find_foreign(p, len - (size_t)(p - text)));) {
		p += foreign - p;
		*p++ = '?';
	}
}

/*
 * How many bytes of UTF-8 here would steer a terminal: C1 controls (U+0080 to U+009F, of which
 * U+009B begins an escape sequence), and marks that turn the direction of text (U+202A to U+202E,
 * U+2066 to U+2069).
 */
static size_t
steering(const unsigned char *c)
{
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
		return 2;
	if (c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)
		return 3;
	return c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9 ? 3 : 0;
}

void
text_printable(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		size_t n = steering(c);
		if (*c < 0x20 || *c == 0x7f)
			*c = *c == '\n' || *c == '\t' ? ' ' : '?';
		else if (n)
			memset(c, '?', n);
	}
	text_utf8(text);
}

bool
number_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end = NULL;

	if (!((*text >= '0' && *text <= '9') || (*text == '-' && text[1])))
		return false;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno || *end || n < min || n > max)
		return false;
	*ret = n;
	return true;
}

char *
hex_encode(const void *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[in[i] >> 4];
		hex[2 * i + 1] = digits[in[i] & 15];
	}
	hex[2 * len] = '\0';
	return hex;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_decode(const char *hex, void *data, size_t room)
{
	unsigned char *out = data;
	size_t n = 0;

	for (; *hex; hex += 2, n++) {
		int high = hex_value(hex[0]);
		int low = high < 0 ? -1 : hex_value(hex[1]);
		if (low < 0 || n == room)
			return -1;
		out[n] = (unsigned char)(high << 4 | low);
	}
	return (int)n;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *
base64url(const void *data, size_t len)
{
	const unsigned char *in = data;
	char *text = malloc(len / 3 * 4 + 5);
	char *out = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		unsigned left = len - i < 3 ? (unsigned)(len - i) : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		for (unsigned k = 0; k <= left; k++)
			*out++ = alphabet[v >> (18 - 6 * k) & 63];
	}
	*out = '\0';
	return text;
}

int
base64url_decode(const char *text, void *data, size_t room)
{
	unsigned char *out = data;
	size_t n = 0;
	uint32_t v = 0;
	unsigned bits = 0;

	for (; *text; text++) {
		const char *at = strchr(alphabet, *text);
		if (!at)
			return -1;
		v = v << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits >= 8) {
			if (n == room)
				return -1;
			bits -= 8;
			out[n++] = (unsigned char)(v >> bits);
			v &= (1u << bits) - 1;
		}
	}
	/* What is left must be padding bits, less than a byte and all zero. */
	return bits < 6 && v == 0 ? (int)n : -1;
}

bool
list_add(struct list *l, const char *text)
{
	/* One more than the count: list_argv's closing NULL is always there. */
	char **item = realloc(l->item, (l->count + 2) * sizeof *item);
	char *copy = strdup(text);

	if (item)
		l->item = item;
	if (!item || !copy) {
		free(copy);
		return false;
	}
	l->item[l->count++] = copy;
	l->item[l->count] = NULL;
	return true;
}

static int
compare_items(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
list_sort(struct list *l)
{
	if (l->count)
		qsort(l->item, l->count, sizeof *l->item, compare_items);
}

bool
list_sorted_has(const struct list *l, const char *text)
{
	return l->count && bsearch(&text, l->item, l->count, sizeof *l->item, compare_items);
}

bool
list_has(const struct list *l, const char *text)
{
	for (size_t i = 0; i < l->count; i++)
		if (text_same(l->item[i], text))
			return true;
	return false;
}

const char *
list_join(const struct list *l, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < l->count; i++) {
		int n = snprintf(text + at, size - at, "%s%s", i ? ", " : "", l->item[i]);
		if (n < 0 || (size_t)n >= size - at) {
			if (size > 4)
				memcpy(text + size - 4, "...", 4);
			break;
		}
		at += (size_t)n;
	}
	return text;
}

char *const *
list_argv(const struct list *l)
{
	return l->count ? l->item : NULL;
}

void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct list){0};
}
