#include "keystay/x509/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int
ossl_fail(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	char text[1024], reason[256] = "";
	unsigned long code = ERR_get_error();
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (code) {
		const char *why = ERR_reason_error_string(code);
		if (why)
			snprintf(reason, sizeof reason, ": %s", why);
	}
	ERR_clear_error();
	return err_set(e, kind, "%s%s", text, reason);
}

when_t
ossl_when(const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	return when_from_utc(
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
