#include "waiting.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* True when the clock was set since the last time. The timer is armed in any case. */
static bool
arm(struct waiting *w, when_t at)
{
	struct itimerspec value = {.it_value = {.tv_sec = at > 0 ? at : 1}};

	return timerfd_settime(
		       w->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, NULL) < 0 &&
	       errno == ECANCELED;
}

int
waiting_open(struct waiting *w, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*w = (struct waiting){.watch = -1};
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->signals >= 0 && w->timer >= 0) {
		/* A clock that is set before the first wait is to be noticed, too. */
		(void)arm(w, time(NULL) + DAY);
		return 0;
	}
	err_errno(e, ERR_FAILED, errno, "cannot wait for signals and time");
	waiting_close(w);
	return -1;
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
waiting_close(struct waiting *w)
{
	close_one(&w->signals);
	close_one(&w->timer);
	close_one(&w->watch);
}

int
waiting_watch(struct waiting *w, const char *state, struct err *e)
{
	char path[PATH_MAX];

	close_one(&w->watch);
	snprintf(path, sizeof path, "%s/lock", state);
	w->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->watch >= 0 && inotify_add_watch(w->watch, path, IN_CLOSE_WRITE) >= 0)
		return 0;
	return err_errno(e, ERR_FAILED, errno, "cannot watch '%s'", path);
}

void
waiting_look(struct waiting *w)
{
	struct signalfd_siginfo s;

	while (read(w->signals, &s, sizeof s) == (ssize_t)sizeof s) {
		if (s.ssi_signo == SIGHUP)
			w->reload = true;
		else
			w->stop = true;
	}
}

/* True when there was something. */
static bool
drain(int fd)
{
	char events[4096];
	bool any = false;

	while (fd >= 0 && read(fd, events, sizeof events) > 0)
		any = true;
	return any;
}

void
waiting_forget(struct waiting *w)
{
	(void)drain(w->watch);
}

/* The timer also ends, with ECANCELED, when somebody sets the clock. */
static bool
timer_over(struct waiting *w)
{
	uint64_t times;

	return read(w->timer, &times, sizeof times) > 0 || errno == ECANCELED;
}

bool
waiting_until(struct waiting *w, when_t until, int longest_ms)
{
	struct pollfd p[] = {{.fd = w->signals, .events = POLLIN},
		{.fd = w->timer, .events = POLLIN}, {.fd = w->watch, .events = POLLIN}};

	/* Set while nobody waited: `until` may be a moment of the clock of before. */
	if (arm(w, until))
		return true;
	int count = poll(p, sizeof p / sizeof *p, longest_ms);
	waiting_look(w);
	bool changed = drain(w->watch);
	return timer_over(w) || changed || w->stop || w->reload || count < 0;
}

void
waiting_sleep(struct waiting *w, int ms)
{
	struct pollfd p = {.fd = w->signals, .events = POLLIN};

	poll(&p, 1, ms);
	waiting_look(w);
}
