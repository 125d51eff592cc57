#include "start.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "uses.h"
#include "vendor.h"

static struct {
	pthread_mutex_t lock;     /* held while the vendor's module starts or stops */
	CK_FUNCTION_LIST *vendor; /* once loaded, for the life of the process */
	unsigned users;           /* calls of C_Initialize without their C_Finalize */
	bool forked;              /* and the vendor's module was not told yet */
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
before_fork(void)
{
	uses_before_fork();
}

static void
after_fork_parent(void)
{
	uses_after_fork(false);
}

/* The thread that held this lock in the parent is not in the child. */
static void
after_fork_child(void)
{
	uses_after_fork(true);
	pthread_mutex_init(&guard.lock, NULL);
	guard.forked = true;
}

static void
watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* The init string, or else the file. */
static bool
read_settings(const char *text, struct guard_settings *ret)
{
	const char *file = secure_getenv("KEYSTAY_GUARD");
	char why[SETTINGS_WHY];

	if (!file)
		file = SETTINGS_FILE;
	bool ok = text && *text ? settings_read_string(text, ret, why)
				: settings_read_file(file, ret, why);
	if (!ok) {
		guard_say(SAY_SETTINGS, "%s: %s",
			text && *text ? "in the init string" : "there is no init string", why);
		return false;
	}
	if (ret->custodian[0]) {
		guard_say(SAY_SETTINGS, "custodian= is not in this version; say module=");
		return false;
	}
	if (!ret->module[0]) {
		guard_say(SAY_SETTINGS, "module= is missing: the vendor's PKCS#11 module");
		return false;
	}
	return true;
}

/* What the guard itself calls without asking each time whether it is there. */
static bool
is_whole(const CK_FUNCTION_LIST *f)
{
	return f->C_Initialize && f->C_Finalize && f->C_GetTokenInfo && f->C_OpenSession &&
	       f->C_CloseSession && f->C_GetSessionInfo && f->C_GetAttributeValue &&
	       f->C_FindObjectsInit && f->C_FindObjects && f->C_FindObjectsFinal;
}

static CK_FUNCTION_LIST *
load_vendor(const char *path, const CK_FUNCTION_LIST *own)
{
	CK_FUNCTION_LIST *f = NULL;
	CK_C_GetFunctionList get = NULL;

	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&f) != CKR_OK || !f) {
		const char *why = library ? "it gives no list of PKCS#11 functions" : dlerror();
		guard_say(SAY_MODULE, "cannot load the module '%s': %s", path,
			why ? why : "unknown reason");
		return NULL;
	}
	if (!is_whole(f)) {
		guard_say(
			SAY_MODULE, "the module '%s' lacks functions that every module has", path);
		return NULL;
	}
	if (f == own) {
		guard_say(SAY_MODULE, "module= leads to the guard itself ('%s')", path);
		return NULL;
	}
	return f;
}

/* The first time in this process: settings, module, ledger; all of them stay. */
static bool
get_ready(const char *text, const CK_FUNCTION_LIST *own)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct guard_settings s;

	if (!read_settings(text, &s))
		return false;
	CK_FUNCTION_LIST *vendor = load_vendor(s.module, own);
	if (!vendor || !uses_open(&s))
		return false;
	guard_set_settings(&s);
	guard.vendor = vendor;
	pthread_once(&once, watch_forks);
	return true;
}

/* One guard stands before one module: what a second caller says must be the same. */
static bool
agrees(const char *text)
{
	struct guard_settings s;

	if (!text || !*text)
		return true;
	if (!read_settings(text, &s))
		return false;
	if (strcmp(s.module, guard_settings()->module) == 0)
		return true;
	guard_say(SAY_MODULE,
		"this process has it before '%s' already; another module wants another copy of it",
		guard_settings()->module);
	return false;
}

static CK_RV
call_initialize(const CK_C_INITIALIZE_ARGS *args)
{
	CK_C_INITIALIZE_ARGS theirs = {.flags = CKF_OS_LOCKING_OK};

	if (args)
		theirs = *args;
	theirs.pReserved = guard_settings()->has_init ? (void *)guard_settings()->init : NULL;
	return guard.vendor->C_Initialize(args || theirs.pReserved ? &theirs : NULL);
}

/* With the vendor's answer, and what is remembered of an earlier start. */
static CK_RV
start_vendor(const CK_C_INITIALIZE_ARGS *args)
{
	CK_RV rv = call_initialize(args);

	guard.forked = false;
	if (rv == CKR_OK)
		uses_forget();
	if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		guard_set_vendor(guard.vendor);
	return rv;
}

/*
 * Several in a process may use it (a provider, an engine), and each undoes its own C_Initialize. So
 * a server's calls are counted, and only the first and the last reach the vendor; and the first
 * after a fork, since its module must be told. The agent's all do: it means them.
 */
static CK_RV
initialize(const CK_C_INITIALIZE_ARGS *args)
{
	if (guard_settings()->agent || guard.forked || guard.users == 0) {
		CK_RV rv = start_vendor(args);
		if (rv == CKR_OK || (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED && guard.users))
			guard.users++;
		return rv;
	}
	guard.users++;
	return CKR_OK;
}

CK_RV
guard_start(void *args, const CK_FUNCTION_LIST *own)
{
	const CK_C_INITIALIZE_ARGS *a = args;
	const char *text = a ? a->pReserved : NULL;

	pthread_mutex_lock(&guard.lock);
	bool ready = guard.vendor ? agrees(text) : get_ready(text, own);
	CK_RV rv = ready ? initialize(a) : CKR_ARGUMENTS_BAD;
	pthread_mutex_unlock(&guard.lock);
	return rv;
}

static CK_RV
finalize(void)
{
	bool last = guard_settings()->agent || guard.forked || guard.users <= 1;

	/* In a child the parent's users are none: whoever is there must begin anew (5.4). */
	guard.users = last ? 0 : guard.users - 1;
	if (!last)
		return CKR_OK;
	uses_forget();
	guard.forked = false;
	CK_RV rv = guard.vendor->C_Finalize(NULL);
	guard_set_vendor(NULL);
	return rv;
}

CK_RV
guard_stop(void *reserved)
{
	if (reserved)
		return CKR_ARGUMENTS_BAD;
	pthread_mutex_lock(&guard.lock);
	CK_RV rv = guard_vendor() ? finalize() : CKR_CRYPTOKI_NOT_INITIALIZED;
	pthread_mutex_unlock(&guard.lock);
	return rv;
}
