#include "installed.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
installed_guard(char *path, size_t size)
{
	char self[PATH_MAX], resolved[PATH_MAX];

	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	snprintf(path, size, "%s/../lib/keystay/keystay-guard.so", self);
	/* As it is shown to people, without the way there. */
	if (access(path, F_OK) == 0 && realpath(path, resolved)) {
		snprintf(path, size, "%s", resolved);
		return;
	}
	snprintf(path, size, "%s/keystay-guard.so", self);
}
