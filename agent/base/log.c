#include "keystay/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool enabled;

void
log_enable(bool on)
{
	enabled = on;
}

void
log_debug(const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	if (!enabled)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "keystay: debug: %s\n", line);
}
