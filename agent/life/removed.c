#include "removed.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/config/name.h"

int
removed_owner(
	struct life *l, const char *owner, struct removed_row *ret, bool *ret_found, struct err *e)
{
	*ret_found = false;
	if (config_certificate(l->config, owner))
		return 0;
	return removed_get(l->db, owner, ret, ret_found, e);
}

static int
note_alive(void *ctx, const struct key_row *k, struct err *e)
{
	(void)e;
	*(bool *)ctx = *(bool *)ctx || (text_same(k->purpose, "certificate") &&
					       !text_same(k->state, KEY_DESTROYED));
	return 0;
}

/* A folder of versions, which hold files; what is no folder is left alone. */
static int
remove_versions(const char *path, struct err *e)
{
	char folder[4400];
	struct dirent *d;
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	DIR *dir = opendir(path);
	if (!dir)
		return err_errno(e, ERR_FAILED, errno, "cannot read '%s'", path);
	while (rc == 0 && (d = readdir(dir))) {
		snprintf(folder, sizeof folder, "%s/%s", path, d->d_name);
		if (text_same(d->d_name, ".") || text_same(d->d_name, "..") ||
			lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		rc = folder_remove(folder, e);
	}
	closedir(dir);
	return rc < 0 ? -1 : folder_remove(path, e);
}

static int
tidy_one(struct life *l, const char *name, struct err *e)
{
	AUTO(removed_row) struct removed_row row = {.removed_at = 0};
	char live[4096], versions[4096];
	bool found, alive = false;
	struct stat st;

	path_live(l->config, name, live);
	path_version(l->config, name, 0, versions);
	/* The usual case: it was done long ago. */
	if (!config_name_fits(name) || (lstat(live, &st) < 0 && lstat(versions, &st) < 0))
		return 0;
	if (removed_owner(l, name, &row, &found, e) < 0 ||
		keys_each(l->db, name, note_alive, &alive, e) < 0)
		return -1;
	if (!found || alive || row.keep_key)
		return 0;
	if (lstat(live, &st) == 0 && S_ISLNK(st.st_mode) && unlink(live) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", live);
	if (remove_versions(versions, e) < 0)
		return -1;
	return life_journal(l, name, "", "files-removed", "", e,
		"its keys are gone, and so are '%s' and '%s'", live, versions);
}

int
removed_tidy(struct life *l, struct err *e)
{
	AUTO(list) struct list names = {0};
	struct err why;

	if (removed_names(l->db, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (tidy_one(l, names.item[i], &why) < 0) {
			db_rollback(l->db);
			life_warn(l, &why);
		}
	return 0;
}
