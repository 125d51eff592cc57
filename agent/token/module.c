#include "keystay/token/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"

/* Loaded ones, for the life of the process: dlopen holds one state per file whatever we do. */
static struct module *loaded;

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

static int
start(CK_FUNCTION_LIST *f, const char *path, const struct front *front, struct err *e)
{
	CK_C_INITIALIZE_ARGS args = {
		.flags = CKF_OS_LOCKING_OK,
		.pReserved = front->init_args[0] ? (void *)front->init_args : NULL,
	};
	CK_RV rv = f->C_Initialize(&args);

	if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return 0;
	rv_fail(rv, e, "the PKCS#11 module '%s' does not start", path);
	return err_hint(e, "see its own configuration and log (for SoftHSM: SOFTHSM2_CONF)");
}

/*
 * tpm2-pkcs11 leaves a key in the TPM, for as long as that runs, when it refuses a template after
 * the key was made; some TPMs have three places. It refuses the usages of the public key, so these
 * are not even tried.
 */
static void
note_ways(struct module *m)
{
	char description[33];
	CK_INFO info = {0};

	if (m->f->C_GetInfo(&info) != CKR_OK)
		return;
	module_text(description, info.libraryDescription, sizeof info.libraryDescription);
	m->tpm2 = strstr(description, "TPM2.0") != NULL;
	m->first_trial = m->tpm2 ? EXTRA_PUBLIC + 1 : 0;
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
			/* A restart that failed left it stopped. */
			if (m->stopped && start(m->f, path, &m->front, e) < 0)
				return -1;
			m->stopped = false;
			*ret = m;
			return 0;
		}
	struct front front;
	CK_FUNCTION_LIST *f = NULL;
	/* The vendor's first, though the guard will load it: here it can be said what is wrong. */
	if (get_functions(path, &f, e) < 0 || front_of(path, init_args, &front, e) < 0 ||
		(!text_same(front.library, path) && get_functions(front.library, &f, e) < 0) ||
		start(f, path, &front, e) < 0)
		return -1;
	struct module *m = calloc(1, sizeof *m);
	if (!m || !(m->path = strdup(path)) || !(m->init_args = strdup(init_args)))
		return err_set(e, ERR_FAILED, "no memory for a PKCS#11 module");
	m->f = f;
	m->front = front;
	note_ways(m);
	m->next = loaded;
	loaded = m;
	log_debug("module '%s' loaded", path);
	*ret = m;
	return 0;
}

int
module_restart(struct module *m, struct err *e)
{
	if (m->tokens)
		return err_set(e, ERR_FAILED, "the module '%s' is in use", m->path);
	if (m->road && m->road->leave)
		m->road->leave(m);
	/* The road may have finalised it already; a module that lost its device may refuse. */
	CK_RV rv = m->f->C_Finalize(NULL);
	log_debug("module '%s' is started anew (C_Finalize: %s)", m->path, rv_word(rv));
	m->stopped = true;
	if (start(m->f, m->path, &m->front, e) < 0)
		return -1;
	m->stopped = false;
	return 0;
}

void
modules_finish(void)
{
	for (struct module *m = loaded; m; m = m->next) {
		if (m->tokens || m->stopped)
			continue;
		if (m->road && m->road->leave)
			m->road->leave(m);
		(void)m->f->C_Finalize(NULL);
		m->stopped = true;
	}
}

void
module_text(char *dst, const unsigned char *src, size_t len)
{
	while (len && (src[len - 1] == ' ' || src[len - 1] == 0))
		len--;
	memcpy(dst, src, len);
	dst[len] = '\0';
	text_printable(dst);
}

void
module_version(char *dst, size_t size, const CK_VERSION *v)
{
	snprintf(dst, size, "%u.%u", v->major, v->minor);
}

static int
hash_file(const char *path, char hex[65], struct err *e)
{
	unsigned char part[65536], digest[32];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	bool ok = ctx && fd >= 0 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	while (ok && (n = read(fd, part, sizeof part)) > 0)
		ok = EVP_DigestUpdate(ctx, part, (size_t)n) == 1;
	ok = ok && n == 0 && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	int why = errno;
	EVP_MD_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	if (!ok)
		return err_errno(e, ERR_FAILED, why, "cannot read the module '%s'", path);
	hex_encode(digest, sizeof digest, hex);
	return 0;
}

int
module_identify(struct module *m, struct module_identity *ret, struct err *e)
{
	struct module_identity id = {.path = ""};
	CK_INFO info = {0};

	/* Vendors' libraries are large, and this is asked whenever a token is opened. */
	if (m->identified) {
		*ret = m->identity;
		return 0;
	}
	text_copy(id.path, sizeof id.path, m->path);
	if (hash_file(m->path, id.library_sha256, e) < 0)
		return -1;
	CK_RV rv = m->f->C_GetInfo(&info);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "the module '%s' does not say what it is", m->path);
	module_text(id.manufacturer, info.manufacturerID, sizeof info.manufacturerID);
	module_text(id.description, info.libraryDescription, sizeof info.libraryDescription);
	module_version(id.version, sizeof id.version, &info.libraryVersion);
	module_version(id.cryptoki, sizeof id.cryptoki, &info.cryptokiVersion);
	m->identity = id;
	m->identified = true;
	*ret = id;
	return 0;
}
