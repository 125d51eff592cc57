/*
 * clock - a library for LD_PRELOAD that moves the wall clock of one process: for what a daemon
 * does weeks from now, or when somebody sets the clock.
 *
 *	KEYSTAY_TEST_CLOCK	a file that holds a signed number of seconds, which are added
 *
 * The file is read at each question for the time, and may change at any moment, in place or by
 * rename. A file that is empty, gone, or no number leaves the clock where it was. It must be
 * readable for the user that the process becomes. Without the variable nothing is done.
 *
 * Moved are clock_gettime (CLOCK_REALTIME and its _COARSE), time, gettimeofday, timespec_get, and
 * the absolute timers of timerfd_settime on CLOCK_REALTIME and its _ALARM. When the file changes,
 * these timers are told at once, by a thread of this library, as the kernel does it when the clock
 * is set (timerfd_create(2)):
 *
 *	TFD_TIMER_CANCEL_ON_SET	the descriptor becomes readable, and read() is -1 with ECANCELED,
 *				once; so is a timerfd_settime() before that read, which arms all the
 *				same. The timer stays armed for its moment in the new time.
 *	without it		the timer is armed for its moment in the new time
 *
 * The thread is there from the first such timer on. It has all signals blocked, so they go where
 * they went before, and it sleeps in inotify: it costs nothing while the file is left alone.
 *
 * Not moved: CLOCK_MONOTONIC and all that counts in it, relative timers, the kernel's times of
 * files, what libc asks for itself (syslog), absolute waits of clock_nanosleep and
 * pthread_cond_timedwait, the interval of a timer, and timerfd_gettime while a cancellation is
 * unread. The certificates of a lab's own servers are valid for 30 days: a clock that is moved
 * further does not trust them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(time_t) == 8, "time of 64 bits has one system call of each kind");

#define DESCRIPTORS 1024

/* What is not a number here does not reach the kernel: moved by more, no calendar has it. */
#define SECONDS_MAX (INT64_C(1) << 40)

static struct timer {
	bool real;  /* a timerfd of the wall clock */
	bool armed; /* for an absolute moment, `wanted` */
	bool cancel_on_set;
	bool cancelled; /* and that was not read yet */
	int64_t moved;  /* by how much the clock was when it was armed */
	struct itimerspec wanted;
} timers[DESCRIPTORS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool watched;
static int64_t moved_last;

/* Before the environment may be changed. */
static const char *
clock_file(void)
{
	static char path[PATH_MAX];
	static int known;

	if (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
		const char *named = getenv("KEYSTAY_TEST_CLOCK");
		size_t i = 0;
		for (; named && named[i] && i < sizeof path - 1; i++)
			path[i] = named[i];
		__atomic_store_n(&known, 1, __ATOMIC_RELEASE);
	}
	return path[0] ? path : NULL;
}

/* By system calls: a signal's handler may ask, and nothing is closed or read by our own names. */
static int64_t
moved_by(void)
{
	char text[32] = "", *end;
	int was = errno;

	if (!clock_file())
		return 0;
	long fd = syscall(SYS_openat, AT_FDCWD, clock_file(), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (syscall(SYS_read, fd, text, sizeof text - 1) < 0)
			text[0] = '\0';
		syscall(SYS_close, fd);
	}
	int64_t seconds = strtoll(text, &end, 10);
	if (end != text && seconds > -SECONDS_MAX && seconds < SECONDS_MAX)
		__atomic_store_n(&moved_last, seconds, __ATOMIC_RELAXED);
	errno = was;
	return __atomic_load_n(&moved_last, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void
start(void)
{
	moved_by();
}

int
clock_gettime(clockid_t id, struct timespec *ret)
{
	long rc = syscall(SYS_clock_gettime, id, ret);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += moved_by();
	return (int)rc;
}

time_t
time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

/* libc's declaration says that `ret` is not NULL; without a zone, which nobody asks for. */
int
gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

int
timespec_get(struct timespec *ret, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ret) == 0 ? base : 0;
}

/* --- timers */

static struct timer *
timer_of(int fd)
{
	return clock_file() && fd >= 0 && fd < DESCRIPTORS ? &timers[fd] : NULL;
}

static long
arm(int fd, const struct itimerspec *value, struct itimerspec *ret_old)
{
	return syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, value, ret_old);
}

/* In the kernel's time. A moment before its first second is long ago, and zero would disarm. */
static long
arm_moved(int fd, struct timer *t, int64_t moved, struct itimerspec *ret_old)
{
	struct itimerspec value = t->wanted;

	t->moved = moved;
	value.it_value.tv_sec -= moved;
	if (value.it_value.tv_sec < 0)
		value.it_value = (struct timespec){.tv_nsec = 1};
	return arm(fd, &value, ret_old);
}

static void
clock_was_set(void)
{
	const struct itimerspec at_once = {.it_value.tv_nsec = 1};

	pthread_mutex_lock(&lock);
	int64_t moved = moved_by();
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		struct timer *t = &timers[fd];
		if (!t->armed || t->moved == moved)
			continue;
		if (!t->cancel_on_set) {
			arm_moved(fd, t, moved, NULL);
			continue;
		}
		t->moved = moved;
		t->cancelled = true;
		arm(fd, &at_once, NULL);
	}
	pthread_mutex_unlock(&lock);
}

/* The file itself is watched: its folder may be closed to the user of the process. A file that was
 * put in its place is another one, so it is watched anew after each event. */
static void *
watch(void *unused)
{
	char events[4096] __attribute__((aligned(8)));
	int fd = inotify_init1(IN_CLOEXEC);

	(void)unused;
	while (fd >= 0) {
		int wd = inotify_add_watch(
			fd, clock_file(), IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF);
		clock_was_set();
		if (wd < 0)
			syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 20000000}, NULL);
		else if (syscall(SYS_read, fd, events, sizeof events) < 0 && errno != EINTR)
			break;
	}
	return NULL;
}

static void
watch_once(void)
{
	sigset_t all, before;
	pthread_t thread;

	if (watched)
		return;
	watched = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, watch, NULL) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int
timerfd_create(int id, int flags)
{
	int fd = (int)syscall(SYS_timerfd_create, id, flags);
	struct timer *t = timer_of(fd);

	if (t) {
		pthread_mutex_lock(&lock);
		*t = (struct timer){.real = id == CLOCK_REALTIME || id == CLOCK_REALTIME_ALARM};
		pthread_mutex_unlock(&lock);
	}
	return fd;
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old)
{
	struct timer *t = timer_of(fd);

	if (!t || !t->real)
		return (int)syscall(SYS_timerfd_settime, fd, flags, value, ret_old);
	pthread_mutex_lock(&lock);
	bool cancelled = t->cancelled;
	long rc;
	t->cancelled = false;
	t->wanted = *value;
	t->cancel_on_set = flags & TFD_TIMER_CANCEL_ON_SET;
	t->armed = flags & TFD_TIMER_ABSTIME && (value->it_value.tv_sec || value->it_value.tv_nsec);
	if (t->armed) {
		watch_once();
		rc = arm_moved(fd, t, moved_by(), ret_old);
	} else {
		rc = syscall(SYS_timerfd_settime, fd, flags, value, ret_old);
	}
	if (rc == 0 && cancelled && t->armed && t->cancel_on_set) {
		errno = ECANCELED;
		rc = -1;
	}
	pthread_mutex_unlock(&lock);
	return (int)rc;
}

/* What a read of a timer that was cancelled is: -1 with ECANCELED; else 0, and nothing is done. */
static int
read_cancelled(int fd)
{
	struct timer *t = timer_of(fd);
	int rc = 0;

	if (!t || !t->real)
		return 0;
	pthread_mutex_lock(&lock);
	if (t->cancelled) {
		/* Which also forgets that it fired. */
		arm_moved(fd, t, moved_by(), NULL);
		t->cancelled = false;
		errno = ECANCELED;
		rc = -1;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* A read that waits for the timer while the clock is set comes back for its cancellation, too. */
ssize_t
read(int fd, void *data, size_t size)
{
	if (read_cancelled(fd) < 0)
		return -1;
	ssize_t n = syscall(SYS_read, fd, data, size);
	return n > 0 && read_cancelled(fd) < 0 ? -1 : n;
}

ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
ssize_t
__read_chk(int fd, void *data, size_t size, size_t room)
{
	if (size > room)
		abort();
	return read(fd, data, size);
}

int
close(int fd)
{
	struct timer *t = timer_of(fd);

	if (t && t->real) {
		pthread_mutex_lock(&lock);
		*t = (struct timer){0};
		pthread_mutex_unlock(&lock);
	}
	return (int)syscall(SYS_close, fd);
}
