#include "support/unit.h"

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

struct err unit_err;

static char folder[64];

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)st;
	(void)flag;
	(void)where;
	return remove(path);
}

static void
clean_up(void)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
unit_folder(void)
{
	if (!folder[0]) {
		snprintf(folder, sizeof folder, "/tmp/keystay-unit-XXXXXX");
		if (!mkdtemp(folder))
			abort();
		atexit(clean_up);
	}
	return folder;
}

const char *
unit_file(const char *name, const char *text)
{
	static char path[8][PATH_MAX];
	static int at;
	char *p = path[at++ % 8];

	snprintf(p, PATH_MAX, "%s/%s", unit_folder(), name);
	FILE *f = fopen(p, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	return p;
}
