#include "say.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

void
guard_say(enum guard_word word, const char *fmt, ...)
{
	static atomic_bool said[SAY_WORDS];
	char text[1024];
	va_list ap;

	if (atomic_exchange(&said[word], true))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "keystay-guard: %s\n", text);
}
