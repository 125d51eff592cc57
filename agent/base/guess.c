#include "keystay/base/guess.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows of the usual table: two letters that changed places look two rows back. */
static size_t
distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][GUESS_MAX + 1];
	size_t *two = rows[0], *one = rows[1], *now = rows[2];

	for (size_t k = 0; k <= b_len; k++)
		now[k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = two;
		two = one;
		one = now;
		now = spare;
		now[0] = i;
		for (size_t k = 1; k <= b_len; k++) {
			now[k] = one[k - 1] + !same_letter(a[i - 1], b[k - 1]);
			now[k] = least(now[k], least(one[k], now[k - 1]) + 1);
			if (i > 1 && k > 1 && same_letter(a[i - 1], b[k - 2]) &&
				same_letter(a[i - 2], b[k - 1]))
				now[k] = least(now[k], two[k - 2] + 1);
		}
	}
	return now[b_len];
}

void
guess_try(struct guess *g, const char *word)
{
	size_t wrong = strlen(g->wrong), len = strlen(word);

	if (wrong > GUESS_MAX || len > GUESS_MAX)
		return;
	size_t distance = distance_of(g->wrong, wrong, word, len);
	if (distance > (wrong > len ? wrong : len) / 3 || (g->best && distance >= g->distance))
		return;
	g->best = word;
	g->distance = distance;
}

int
guess_hint(const struct guess *g, struct err *e, const char *fmt, ...)
{
	char text[sizeof e->hint];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!g->best)
		return err_hint(e, "%s", text);
	return err_hint(e, "did you mean '%s'?%s%s", g->best, *text ? " " : "", text);
}
