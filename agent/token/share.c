#include "share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/text.h"

/* SoftHSM nests one level (a folder per token); nothing sane nests deeper. */
#define DEPTH_MAX 4

/*
 * In a unit with RestrictSUIDSGID= the setgid bit may not be named, not even of a folder that has
 * it. Without it, what is made in there later is of our own group until the next share.
 */
static int
set_mode(int at, const char *name, mode_t mode)
{
	if (fchmodat(at, name, mode, 0) == 0)
		return 0;
	if (errno != EPERM || !(mode & S_ISGID))
		return -1;
	return fchmodat(at, name, mode & ~(mode_t)S_ISGID, 0);
}

static int
share_one(int at, const char *name, gid_t group, const struct stat *st,
	const struct token_conf *conf, struct err *e)
{
	mode_t want = (st->st_mode & 07777) | (S_ISDIR(st->st_mode) ? 0050 : 0040);

	if (st->st_gid == group && (st->st_mode & 07777) == want)
		return 0;
	if ((st->st_gid != group &&
		    fchownat(at, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) < 0) ||
		set_mode(at, name, want) < 0) {
		err_errno(e, ERR_FAILED, errno, "token '%s': cannot give '%s' to the group '%s'",
			conf->name, name, conf->share.group);
		return err_hint(e, "put the agent's user into the group '%s'", conf->share.group);
	}
	return 0;
}

static int
share_folder(int fd, gid_t group, int depth, const struct token_conf *conf, struct err *e)
{
	DIR *dir = fdopendir(fd);
	int rc = 0;

	if (!dir) {
		close(fd);
		return err_errno(e, ERR_FAILED, errno, "cannot read '%s'", conf->share.path);
	}
	for (struct dirent *d; rc == 0 && (d = readdir(dir));) {
		struct stat st;
		if (text_same(d->d_name, ".") || text_same(d->d_name, ".."))
			continue;
		/* Gone meanwhile: another process removed an object. */
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			continue;
		rc = share_one(dirfd(dir), d->d_name, group, &st, conf, e);
		if (rc == 0 && S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int sub = openat(dirfd(dir), d->d_name,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
			if (sub >= 0)
				rc = share_folder(sub, group, depth + 1, conf, e);
		}
	}
	closedir(dir);
	return rc;
}

int
share_token_files(const struct token_conf *conf, struct err *e)
{
	struct stat st;

	if (!conf->share.path)
		return 0;
	struct group *group = getgrnam(conf->share.group);
	if (!group) {
		err_set(e, ERR_CONFIG, "token '%s': there is no group '%s'", conf->name,
			conf->share.group);
		return err_hint(
			e, "make it (addgroup --system %s), or mend 'share:'", conf->share.group);
	}
	gid_t gid = group->gr_gid;
	int fd = open(conf->share.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int why = errno;
		if (fd >= 0)
			close(fd);
		return err_errno(e, ERR_FAILED, why,
			"token '%s': cannot open the shared folder '%s'", conf->name,
			conf->share.path);
	}
	if (share_one(AT_FDCWD, conf->share.path, gid, &st, conf, e) < 0) {
		close(fd);
		return -1;
	}
	return share_folder(fd, gid, 1, conf, e);
}
