#include "keystay/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
auto_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define AUTO_FD __attribute__((cleanup(auto_fd)))

int
file_read(const char *path, struct buf *ret, struct err *e)
{
	char part[16384];
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAILED, "'%s' is not a regular file", path);
	for (;;) {
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, errno, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		buf_add(ret, part, (size_t)n);
		if (ret->full)
			return err_set(
				e, ERR_FAILED, "'%s' is larger than %zu bytes", path, ret->ceiling);
	}
}

static int
write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The folder of `path` into `folder` (PATH_MAX bytes). */
static int
parent_of(const char *path, char *folder, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= PATH_MAX)
		return err_set(e, ERR_FAILED, "the path '%.80s...' is too long", path);
	if (!slash)
		return memcpy(folder, ".", 2), 0;
	if (len == 0)
		return memcpy(folder, "/", 2), 0;
	memcpy(folder, path, len);
	folder[len] = '\0';
	return 0;
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode, uid_t uid, gid_t gid,
	struct err *e)
{
	char temp[PATH_MAX], folder[PATH_MAX];

	if (parent_of(path, folder, e) < 0)
		return -1;
	/* A fixed name: what a killed run left behind is written over by the next. */
	if (snprintf(temp, sizeof temp, "%s.keystay-new", path) >= (int)sizeof temp)
		return err_set(e, ERR_FAILED, "the path '%.80s...' is too long", path);
	if (unlink(temp) < 0 && errno != ENOENT)
		return err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", temp);
	AUTO_FD int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot create '%s'", temp);
	if ((uid != FILE_SAME_OWNER || gid != FILE_SAME_GROUP) && fchown(fd, uid, gid) < 0)
		err_errno(e, ERR_FAILED, errno, "cannot give '%s' its owner and group", path);
	else if (fchmod(fd, mode) < 0)
		err_errno(e, ERR_FAILED, errno, "cannot set the mode of '%s'", path);
	else if (write_all(fd, data, len) < 0 || fsync(fd) < 0)
		err_errno(e, ERR_FAILED, errno, "cannot write '%s'", path);
	else if (rename(temp, path) < 0)
		err_errno(e, ERR_FAILED, errno, "cannot replace '%s'", path);
	else
		return folder_sync(folder, e);
	(void)unlink(temp);
	return -1;
}

int
file_link_switch(const char *link, const char *to, struct err *e)
{
	char temp[PATH_MAX], folder[PATH_MAX], now[PATH_MAX];

	ssize_t n = readlink(link, now, sizeof now - 1);
	if (n >= 0) {
		now[n] = '\0';
		if (strcmp(now, to) == 0)
			return 0;
	}
	if (parent_of(link, folder, e) < 0)
		return -1;
	if (snprintf(temp, sizeof temp, "%s.keystay-new", link) >= (int)sizeof temp)
		return err_set(e, ERR_FAILED, "the path '%.80s...' is too long", link);
	if (unlink(temp) < 0 && errno != ENOENT)
		return err_errno(e, ERR_FAILED, errno, "cannot remove '%s'", temp);
	if (symlink(to, temp) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot create '%s'", temp);
	if (rename(temp, link) < 0) {
		err_errno(e, ERR_FAILED, errno, "cannot switch '%s'", link);
		(void)unlink(temp);
		return -1;
	}
	return folder_sync(folder, e);
}

int
folder_make(const char *path, mode_t mode, struct err *e)
{
	char folder[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return err_set(e, ERR_FAILED, "'%s' is not a folder", path);
	}
	if (parent_of(path, folder, e) < 0)
		return -1;
	if (strcmp(folder, path) != 0 && folder_make(folder, 0755, e) < 0)
		return -1;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_errno(e, ERR_FAILED, errno, "cannot make the folder '%s'", path);
	if (chmod(path, mode) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot set the mode of '%s'", path);
	return folder_sync(folder, e);
}

int
folder_sync(const char *path, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot sync the folder '%s'", path);
	return 0;
}

int
file_sync_folder_of(const char *path, struct err *e)
{
	char folder[PATH_MAX];

	if (parent_of(path, folder, e) < 0)
		return -1;
	return folder_sync(folder, e);
}

int
folder_remove(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	if (!dir)
		return err_errno(e, ERR_FAILED, errno, "cannot open the folder '%s'", path);
	for (struct dirent *d; (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	if (rmdir(path) < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot remove the folder '%s'", path);
	return 0;
}
