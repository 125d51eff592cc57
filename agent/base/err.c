#include "keystay/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"

static const char *const words[ERR_KINDS] = {
	[ERR_NONE] = "none",
	[ERR_FAILED] = "failed",
	[ERR_USAGE] = "usage",
	[ERR_CONFIG] = "config",
	[ERR_POLICY] = "policy",
	[ERR_TOKEN] = "token",
	[ERR_LOST] = "token-lost",
	[ERR_PIN] = "pin",
	[ERR_AUTHORITY] = "authority",
	[ERR_NETWORK] = "network",
	[ERR_BUSY] = "busy",
	[ERR_SERVED] = "served",
	[ERR_WAIT] = "wait",
};

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	struct err made = {.kind = kind};
	va_list ap;

	/* Formatted aside: the arguments may point into the error that is being replaced. */
	va_start(ap, fmt);
	vsnprintf(made.text, sizeof made.text, fmt, ap);
	va_end(ap);
	text_utf8(made.text);
	*e = made;
	return -1;
}

int
err_errno(struct err *e, enum err_kind kind, int number, const char *fmt, ...)
{
	char text[sizeof e->text];
	char reason[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, kind, "%.1400s: %s", text, strerror_r(number, reason, sizeof reason));
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char joined[sizeof e->text];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(joined, sizeof joined, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof joined)
		return -1;
	snprintf(joined + n, sizeof joined - (size_t)n, ": %s", e->text);
	text_utf8(joined);
	memcpy(e->text, joined, sizeof joined);
	return -1;
}

int
err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
	text_utf8(e->hint);
	return -1;
}

const char *
err_word(enum err_kind kind)
{
	if ((unsigned)kind >= ERR_KINDS)
		BUG("an error kind out of range");
	return words[kind];
}

enum err_kind
err_kind_of(const char *word)
{
	for (int k = 0; k < ERR_KINDS; k++)
		if (strcmp(words[k], word) == 0)
			return (enum err_kind)k;
	return ERR_FAILED;
}

void
bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "keystay: bug at %s:%d: %s\n", file, line, what);
	abort();
}
