/*
 * Only in sanitizer builds: pkcs11-provider loads modules with RTLD_DEEPBIND, which ASan refuses.
 * This dlopen stands before ASan's and takes that one flag out.
 */
#ifdef __SANITIZE_ADDRESS__

#include <dlfcn.h>

void *
dlopen(const char *file, int mode)
{
	static void *(*next)(const char *, int);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "dlopen");
	return next(file, mode & ~RTLD_DEEPBIND);
}

#endif
