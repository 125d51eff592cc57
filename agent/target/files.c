#include "files.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "keystay/base/file.h"

#define FILE_BYTES_MAX (1024 * 1024)

static int
owner_of(const struct target_conf *t, uid_t *uid, gid_t *gid, struct err *e)
{
	*uid = FILE_SAME_OWNER;
	*gid = FILE_SAME_GROUP;
	if (t->owner) {
		const struct passwd *user = getpwnam(t->owner);
		if (!user)
			return err_set(e, ERR_CONFIG, "there is no user '%s'", t->owner);
		*uid = user->pw_uid;
	}
	if (t->group) {
		const struct group *group = getgrnam(t->group);
		if (!group)
			return err_set(e, ERR_CONFIG, "there is no group '%s'", t->group);
		*gid = group->gr_gid;
	}
	return 0;
}

/* Where a file waits between stage and activate. */
static int
staged_path(const char *path, char staged[PATH_MAX], struct err *e)
{
	if (snprintf(staged, PATH_MAX, "%s.keystay-staged", path) >= PATH_MAX)
		return err_set(e, ERR_CONFIG, "the path '%.80s...' is too long", path);
	return 0;
}

static int
files_stage(const struct target_conf *t, const char *folder, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (owner_of(t, &uid, &gid, e) < 0)
		return -1;
	for (int f = 0; f < TARGET_FILES; f++) {
		char from[PATH_MAX], staged[PATH_MAX];
		AUTO(buf) struct buf data = BUF(FILE_BYTES_MAX);
		mode_t mode = t->mode                               ? (mode_t)t->mode
			      : f == FILE_KEY || f == FILE_COMBINED ? 0640
								    : 0644;
		if (!t->path[f])
			continue;
		snprintf(from, sizeof from, "%s/%s.pem", folder,
			target_file_word((enum target_file)f));
		/* Not every authority of a certificate has them: then they stay as they are. */
		if (f == FILE_ANCHORS && access(from, F_OK) < 0 && errno == ENOENT)
			continue;
		if (staged_path(t->path[f], staged, e) < 0 || file_read(from, &data, e) < 0 ||
			file_replace(staged, buf_text(&data), data.len, mode, uid, gid, e) < 0)
			return -1;
	}
	return 0;
}

static int
files_activate(const struct target_conf *t, struct err *e)
{
	for (int f = 0; f < TARGET_FILES; f++) {
		char staged[PATH_MAX];
		if (!t->path[f])
			continue;
		if (staged_path(t->path[f], staged, e) < 0)
			return -1;
		if (f == FILE_ANCHORS && access(staged, F_OK) < 0 && errno == ENOENT)
			continue;
		if (rename(staged, t->path[f]) < 0)
			return err_errno(e, ERR_FAILED, errno, "cannot replace '%s'", t->path[f]);
		if (file_sync_folder_of(t->path[f], e) < 0)
			return -1;
	}
	return 0;
}

static int
run_own(const struct list *argv, const struct services *s, const char *what, struct err *e)
{
	const struct child c = {.argv = list_argv(argv), .time_limit_ms = TARGET_LIMIT_MS};

	if (argv->count == 0)
		return 0;
	if (s->run(s->ctx, &c, e) < 0)
		return err_in(e, "the %s of a 'files' target", what);
	return 0;
}

static int
files_test(const struct target_conf *t, const struct services *s, struct err *e)
{
	return run_own(&t->test, s, "test", e);
}

static int
files_reload(const struct target_conf *t, const struct services *s, struct err *e)
{
	return run_own(&t->reload, s, "reload", e);
}

const struct target_ops files_ops = {
	.word = "files",
	.stage = files_stage,
	.activate = files_activate,
	.test = files_test,
	.reload = files_reload,
};
