/*
 * A loaded PKCS#11 module (PKCS#11 v2.40 4.6, 5.4). One path is loaded and initialised once in a
 * process, however many tokens are opened in it. It is not finalised when a token is closed: the
 * signing road in the same process uses it too, and its keys die with C_Finalize. Only
 * module_restart does that, when no token of it is open.
 */
#ifndef KEYSTAY_TOKEN_MODULE_H
#define KEYSTAY_TOKEN_MODULE_H

#include "keystay/base/err.h"

#include <p11-kit/pkcs11.h>

struct module;

/*
 * Loads `path` and initialises it with `init_args` (the vendor's pReserved string, NULL or "" for
 * none). ERR_CONFIG when there is no such file or it is no PKCS#11 module, ERR_TOKEN or ERR_LOST
 * when C_Initialize fails. *ret is borrowed and lives as long as the process.
 */
int module_load(
	const char *path, const char *init_args, struct module **ret, struct err *e) MUST_USE;

/*
 * C_Finalize and C_Initialize: what brings a module back that lost its token, and what makes some
 * modules see objects that other processes made. ERR_FAILED while a token of it is open.
 */
int module_restart(struct module *m, struct err *e) MUST_USE;

/*
 * Finalises every module of which no token is open: at the end of the process. A TPM without a
 * resource manager keeps what a process that did not do so had loaded.
 */
void modules_finish(void);

/* Its function table; borrowed. */
CK_FUNCTION_LIST *module_functions(const struct module *m);

/* Its path as configured; borrowed. */
const char *module_path(const struct module *m);

/* What a module is: the file, and what C_GetInfo says. */
struct module_identity {
	char path[512];
	char library_sha256[65]; /* of the file's bytes, hex */
	char manufacturer[33];
	char description[33];
	char version[16];  /* of the library, "2.6" */
	char cryptoki[16]; /* of the interface, "2.40" */
};

int module_identify(struct module *m, struct module_identity *ret, struct err *e) MUST_USE;

/* PKCS#11 pads its texts with blanks and does not end them; `dst` has room for len + 1. */
void module_text(char *dst, const unsigned char *src, size_t len);

/* "MAJOR.MINOR". */
void module_version(char *dst, size_t size, const CK_VERSION *v);

#endif
