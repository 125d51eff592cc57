/*
 * One key of a module, by plain PKCS#11 calls: what the tools that count and measure signatures
 * need, and nothing that would be measured with it. A failure ends the process.
 */
#ifndef KEYSTAY_TOOLS_RAW_SIGN_H
#define KEYSTAY_TOOLS_RAW_SIGN_H

#include "../doubles/null_module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Which key: labels of the token and of the key, and a file with the PIN ("-": no login). */
struct raw_name {
	const char *token, *pin_file, *key;
};

struct raw {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

/* Without the handlers of the process: a forked child has its parent's. */
static inline void
raw_fail(const char *what, CK_RV rv)
{
	fprintf(stderr, "%s: 0x%lx\n", what, (unsigned long)rv);
	_exit(1);
}

static inline void
raw_must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		raw_fail(what, rv);
}

static inline CK_FUNCTION_LIST *
raw_load(const char *path)
{
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *f = NULL;

	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&f) != CKR_OK || !f)
		raw_fail(path, CKR_GENERAL_ERROR);
	return f;
}

/* Another user of it in this process may have been first. */
static inline void
raw_start(CK_FUNCTION_LIST *f, const char *init)
{
	CK_C_INITIALIZE_ARGS args = {
		.flags = CKF_OS_LOCKING_OK, .pReserved = *init ? (void *)init : NULL};
	CK_RV rv = f->C_Initialize(&args);

	if (rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		raw_must(rv, "C_Initialize");
}

static inline CK_SLOT_ID
raw_slot(CK_FUNCTION_LIST *f, const char *label)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = 64;
	CK_TOKEN_INFO info;
	char padded[33];

	snprintf(padded, sizeof padded, "%-32.32s", label);
	raw_must(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++)
		if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
			memcmp(info.label, padded, sizeof info.label) == 0)
			return slots[i];
	raw_fail("no token of that label", CKR_TOKEN_NOT_PRESENT);
	return 0;
}

static inline void
raw_login(const struct raw *r, const char *pin_file)
{
	char pin[256];
	FILE *f = fopen(pin_file, "r");

	if (!f || !fgets(pin, sizeof pin, f))
		raw_fail(pin_file, CKR_PIN_INVALID);
	fclose(f);
	pin[strcspn(pin, "\n")] = '\0';
	CK_RV rv = r->f->C_Login(r->session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
	if (rv != CKR_USER_ALREADY_LOGGED_IN)
		raw_must(rv, "C_Login");
}

/* A session, logged in where that is wanted, and the one private key of that label. */
static inline struct raw
raw_open(CK_FUNCTION_LIST *f, const struct raw_name *name)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
		{CKA_LABEL, (void *)name->key, strlen(name->key)}};
	struct raw r = {.f = f};
	CK_ULONG found = 0;

	raw_must(f->C_OpenSession(
			 raw_slot(f, name->token), CKF_SERIAL_SESSION, NULL, NULL, &r.session),
		"C_OpenSession");
	if (strcmp(name->pin_file, "-") != 0)
		raw_login(&r, name->pin_file);
	raw_must(f->C_FindObjectsInit(r.session, wanted, 2), "C_FindObjectsInit");
	raw_must(f->C_FindObjects(r.session, &r.key, 1, &found), "C_FindObjects");
	raw_must(f->C_FindObjectsFinal(r.session), "C_FindObjectsFinal");
	if (found != 1)
		raw_fail("the key is not there", CKR_KEY_HANDLE_INVALID);
	return r;
}

static inline CK_RV
raw_begin(const struct raw *r)
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	return r->f->C_SignInit(r->session, &m, r->key);
}

static inline CK_RV
raw_finish(const struct raw *r)
{
	CK_BYTE digest[32] = {1}, signature[64];
	CK_ULONG bytes = sizeof signature;

	return r->f->C_Sign(r->session, digest, sizeof digest, signature, &bytes);
}

static inline CK_RV
raw_sign(const struct raw *r)
{
	CK_RV rv = raw_begin(r);
	return rv == CKR_OK ? raw_finish(r) : rv;
}

/* What the null module counts, if NULL_COUNT is set; it is made first. Else NULL. */
static inline struct null_count *
raw_null_count(void)
{
	const char *path = getenv("NULL_COUNT");
	const size_t size = sizeof(struct null_count);

	if (!path)
		return NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		raw_fail(path, CKR_GENERAL_ERROR);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		raw_fail(path, CKR_HOST_MEMORY);
	return map;
}

#endif
