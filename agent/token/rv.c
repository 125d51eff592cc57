#include "keystay/token/rv.h"

#include <stdarg.h>
#include <stdio.h>

/* Of PKCS#11 3.0, which the headers do not have. */
#define RV_TOKEN_RESOURCE_EXCEEDED 0x201UL

enum {
	RV_PIN = 1,
	RV_LOST = 2,
	RV_FULL = 4,
	RV_TEMPLATE = 8,
};

static const struct {
	CK_RV rv;
	const char *word;
	int groups;
} words[] = {
#define RV(name, groups)            \
	{                           \
		name, #name, groups \
	}
	RV(CKR_OK, 0),
	RV(CKR_HOST_MEMORY, RV_FULL),
	RV(CKR_SLOT_ID_INVALID, RV_LOST),
	/* Modules say this of all kinds of things: of a template, and of a broken session. */
	RV(CKR_GENERAL_ERROR, RV_LOST | RV_TEMPLATE),
	RV(CKR_FUNCTION_FAILED, RV_LOST | RV_TEMPLATE),
	RV(CKR_ARGUMENTS_BAD, RV_TEMPLATE),
	RV(CKR_ATTRIBUTE_READ_ONLY, RV_TEMPLATE),
	RV(CKR_ATTRIBUTE_SENSITIVE, 0),
	RV(CKR_ATTRIBUTE_TYPE_INVALID, RV_TEMPLATE),
	RV(CKR_ATTRIBUTE_VALUE_INVALID, RV_TEMPLATE),
	RV(CKR_DEVICE_ERROR, RV_LOST | RV_TEMPLATE),
	RV(CKR_DEVICE_MEMORY, RV_FULL),
	RV(CKR_DEVICE_REMOVED, RV_LOST),
	RV(CKR_FUNCTION_NOT_SUPPORTED, 0),
	RV(CKR_KEY_HANDLE_INVALID, RV_LOST),
	RV(CKR_KEY_SIZE_RANGE, 0),
	RV(CKR_KEY_TYPE_INCONSISTENT, 0),
	RV(CKR_KEY_FUNCTION_NOT_PERMITTED, 0),
	RV(CKR_KEY_NOT_WRAPPABLE, 0),
	RV(CKR_KEY_UNEXTRACTABLE, 0),
	RV(CKR_MECHANISM_INVALID, 0),
	RV(CKR_MECHANISM_PARAM_INVALID, 0),
	RV(CKR_OBJECT_HANDLE_INVALID, RV_LOST),
	RV(CKR_OPERATION_ACTIVE, RV_LOST),
	RV(CKR_OPERATION_NOT_INITIALIZED, RV_LOST),
	RV(CKR_PIN_INCORRECT, RV_PIN),
	RV(CKR_PIN_INVALID, RV_PIN),
	RV(CKR_PIN_LEN_RANGE, RV_PIN),
	RV(CKR_PIN_EXPIRED, RV_PIN),
	RV(CKR_PIN_LOCKED, RV_PIN),
	RV(CKR_SESSION_CLOSED, RV_LOST),
	RV(CKR_SESSION_COUNT, 0),
	RV(CKR_SESSION_HANDLE_INVALID, RV_LOST),
	RV(CKR_SESSION_READ_ONLY, 0),
	RV(CKR_TEMPLATE_INCOMPLETE, RV_TEMPLATE),
	RV(CKR_TEMPLATE_INCONSISTENT, RV_TEMPLATE),
	RV(CKR_TOKEN_NOT_PRESENT, RV_LOST),
	RV(CKR_TOKEN_NOT_RECOGNIZED, RV_LOST),
	RV(CKR_TOKEN_WRITE_PROTECTED, 0),
	RV(CKR_USER_ALREADY_LOGGED_IN, 0),
	RV(CKR_USER_NOT_LOGGED_IN, RV_LOST),
	RV(CKR_USER_PIN_NOT_INITIALIZED, 0),
	RV(CKR_USER_TYPE_INVALID, 0),
	RV(CKR_DOMAIN_PARAMS_INVALID, 0),
	RV(CKR_CURVE_NOT_SUPPORTED, 0),
	RV(CKR_BUFFER_TOO_SMALL, 0),
	RV(CKR_CRYPTOKI_NOT_INITIALIZED, RV_LOST),
	RV(CKR_CRYPTOKI_ALREADY_INITIALIZED, 0),
	RV(CKR_ACTION_PROHIBITED, 0),
	{RV_TOKEN_RESOURCE_EXCEEDED, "CKR_TOKEN_RESOURCE_EXCEEDED", RV_FULL},
#undef RV
};

static bool
in_group(CK_RV rv, int group)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].rv == rv)
			return words[i].groups & group;
	return false;
}

bool
rv_pin(CK_RV rv)
{
	return in_group(rv, RV_PIN);
}

bool
rv_lost(CK_RV rv)
{
	return in_group(rv, RV_LOST);
}

bool
rv_full(CK_RV rv)
{
	return in_group(rv, RV_FULL);
}

bool
rv_template(CK_RV rv)
{
	return in_group(rv, RV_TEMPLATE);
}

const char *
rv_word(CK_RV rv)
{
	static char unknown[24];

	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].rv == rv)
			return words[i].word;
	snprintf(unknown, sizeof unknown, "CKR_0x%lX", (unsigned long)rv);
	return unknown;
}

int
rv_fail(CK_RV rv, struct err *e, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	enum err_kind kind = rv_pin(rv) ? ERR_PIN : rv_lost(rv) ? ERR_LOST : ERR_TOKEN;
	return err_set(e, kind, "%s (%s)", what, rv_word(rv));
}
