#include "keystay/x509/ossl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "keystay/base/text.h"

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

void
ossl_name_line(const X509_NAME *name, char *line, size_t size)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	line[0] = '\0';
	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return;
	long len = BIO_get_mem_data(bio, &data);
	if (len <= 0)
		return;
	size_t n = (size_t)len < size ? (size_t)len : size - 1;
	memcpy(line, data, n);
	line[n] = '\0';
	text_printable(line);
}
