#include "keystay/token/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/log.h"
#include "keystay/base/text.h"

struct module {
	char *path;
	char *init_args;
	CK_FUNCTION_LIST *f;
	struct module *next;
};

/* Loaded ones, for the life of the process: dlopen holds one state per file whatever we do. */
static struct module *loaded;

static const struct {
	CK_RV rv;
	const char *word;
} words[] = {
#define RV(name)            \
	{                   \
		name, #name \
	}
	RV(CKR_OK), RV(CKR_HOST_MEMORY), RV(CKR_SLOT_ID_INVALID), RV(CKR_GENERAL_ERROR),
	RV(CKR_FUNCTION_FAILED), RV(CKR_ARGUMENTS_BAD), RV(CKR_ATTRIBUTE_READ_ONLY),
	RV(CKR_ATTRIBUTE_SENSITIVE), RV(CKR_ATTRIBUTE_TYPE_INVALID),
	RV(CKR_ATTRIBUTE_VALUE_INVALID), RV(CKR_DEVICE_ERROR), RV(CKR_DEVICE_MEMORY),
	RV(CKR_DEVICE_REMOVED), RV(CKR_FUNCTION_NOT_SUPPORTED), RV(CKR_KEY_HANDLE_INVALID),
	RV(CKR_KEY_SIZE_RANGE), RV(CKR_KEY_FUNCTION_NOT_PERMITTED), RV(CKR_MECHANISM_INVALID),
	RV(CKR_MECHANISM_PARAM_INVALID), RV(CKR_OBJECT_HANDLE_INVALID), RV(CKR_OPERATION_ACTIVE),
	RV(CKR_PIN_INCORRECT), RV(CKR_PIN_INVALID), RV(CKR_PIN_LEN_RANGE), RV(CKR_PIN_EXPIRED),
	RV(CKR_PIN_LOCKED), RV(CKR_SESSION_CLOSED), RV(CKR_SESSION_COUNT),
	RV(CKR_SESSION_HANDLE_INVALID), RV(CKR_SESSION_READ_ONLY), RV(CKR_TEMPLATE_INCOMPLETE),
	RV(CKR_TEMPLATE_INCONSISTENT), RV(CKR_TOKEN_NOT_PRESENT), RV(CKR_TOKEN_NOT_RECOGNIZED),
	RV(CKR_TOKEN_WRITE_PROTECTED), RV(CKR_USER_ALREADY_LOGGED_IN), RV(CKR_USER_NOT_LOGGED_IN),
	RV(CKR_USER_PIN_NOT_INITIALIZED), RV(CKR_USER_TYPE_INVALID), RV(CKR_DOMAIN_PARAMS_INVALID),
	RV(CKR_CURVE_NOT_SUPPORTED), RV(CKR_BUFFER_TOO_SMALL), RV(CKR_CRYPTOKI_NOT_INITIALIZED),
	RV(CKR_CRYPTOKI_ALREADY_INITIALIZED), RV(CKR_ACTION_PROHIBITED)
#undef RV
};

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
	bool pin = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_INVALID ||
		   rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_EXPIRED;
	return err_set(e, pin ? ERR_PIN : ERR_TOKEN, "%s (%s)", what, rv_word(rv));
}

CK_FUNCTION_LIST *
module_functions(const struct module *m)
{
	return m->f;
}

const char *
module_path(const struct module *m)
{
	return m->path;
}

const char *
module_init_args(const struct module *m)
{
	return m->init_args;
}

static int
get_functions(const char *path, CK_FUNCTION_LIST **ret, struct err *e)
{
	if (access(path, R_OK) < 0) {
		err_errno(e, ERR_CONFIG, errno, "cannot load the PKCS#11 module '%s'", path);
		return err_hint(e, "install the vendor's module, or mend 'module:' of the token");
	}
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		return err_set(e, ERR_CONFIG, "cannot load the PKCS#11 module '%s': %s", path,
			why ? why : "unknown reason");
	}
	CK_C_GetFunctionList get;
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get) {
		dlclose(library);
		err_set(e, ERR_CONFIG, "'%s' is not a PKCS#11 module (it has no C_GetFunctionList)",
			path);
		return err_hint(e, "mend 'module:' of the token");
	}
	CK_RV rv = get(ret);
	if (rv != CKR_OK || !*ret)
		return rv_fail(rv, e, "the PKCS#11 module '%s' gives no function list", path);
	return 0;
}

int
module_load(const char *path, const char *init_args, struct module **ret, struct err *e)
{
	if (!init_args)
		init_args = "";
	for (struct module *m = loaded; m; m = m->next)
		if (text_same(m->path, path)) {
			if (!text_same(m->init_args, init_args))
				return err_set(e, ERR_CONFIG,
					"two tokens give the module '%s' different init_args",
					path);
			*ret = m;
			return 0;
		}
	CK_FUNCTION_LIST *f = NULL;
	if (get_functions(path, &f, e) < 0)
		return -1;
	CK_C_INITIALIZE_ARGS args = {
		.flags = CKF_OS_LOCKING_OK,
		.pReserved = init_args[0] ? (void *)init_args : NULL,
	};
	CK_RV rv = f->C_Initialize(&args);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		rv_fail(rv, e, "the PKCS#11 module '%s' does not start", path);
		return err_hint(
			e, "see its own configuration and log (for SoftHSM: SOFTHSM2_CONF)");
	}
	struct module *m = calloc(1, sizeof *m);
	if (!m || !(m->path = strdup(path)) || !(m->init_args = strdup(init_args)))
		return err_set(e, ERR_FAILED, "no memory for a PKCS#11 module");
	m->f = f;
	m->next = loaded;
	loaded = m;
	log_debug("module '%s' loaded", path);
	*ret = m;
	return 0;
}
