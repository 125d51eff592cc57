/* Where the parts of keystay are that are not compiled in. */
#ifndef KEYSTAY_RUN_INSTALLED_H
#define KEYSTAY_RUN_INSTALLED_H

#include <stddef.h>

/*
 * keystay-guard.so: beside the program (a build folder), or in ../lib/keystay/ from there (make
 * install). Where it is in neither, its place beside the program, for the complaint.
 */
void installed_guard(char *path, size_t size);

#endif
