#include "keystay/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "keystay/base/text.h"

/* What stands in a lock that nobody holds. */
#define LEFT_BY "left by process "

struct lock {
	int fd;
};

void
lock_say(struct lock *l, const char *self)
{
	/* Not atomic for a reader, who only shows it. */
	if (ftruncate(l->fd, 0) == 0)
		(void)!pwrite(l->fd, self, strlen(self), 0);
}

int
lock_try(const char *path, const char *self, struct lock **ret, bool *ret_held, char *holder,
	struct err *e)
{
	*ret_held = false;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err_errno(e, ERR_FAILED, errno, "cannot open the lock '%s'", path);
		return err_hint(e, "run keystay as root or as the owner of the state folder");
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int why = errno;
		ssize_t n = pread(fd, holder, LOCK_TEXT - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		text_printable(holder);
		close(fd);
		if (why != EWOULDBLOCK)
			return err_errno(e, ERR_FAILED, why, "cannot lock '%s'", path);
		return 0;
	}
	struct lock *l = malloc(sizeof *l);
	if (!l) {
		close(fd);
		return err_set(e, ERR_FAILED, "no memory for a lock");
	}
	l->fd = fd;
	lock_say(l, self);
	*ret = l;
	*ret_held = true;
	return 0;
}

void
lock_release(struct lock *l)
{
	if (!l)
		return;
	char self[LOCK_TEXT];

	snprintf(self, sizeof self, LEFT_BY "%d", (int)getpid());
	lock_say(l, self);
	close(l->fd);
	free(l);
}

pid_t
lock_left_by(const char *path)
{
	char text[LOCK_TEXT] = "";
	int64_t pid;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (!text_starts(text, LEFT_BY) ||
		!number_parse(text + strlen(LEFT_BY), 1, INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}
