/*
 * clock-wait now                       - the wall clock, as each way to ask for it has it, a word
 *                                        each, and how far the monotonic one is from the boot
 * clock-wait SECONDS LIMIT [cancel] [arm] - arms a timerfd for that many seconds from now by the
 *                                        wall clock, and says, a line each, what became of it in
 *                                        LIMIT seconds: "armed", "ready" (by ppoll), and then, by
 *                                        read, "expired" or "cancelled", until it expired or the
 *                                        limit is there, "nothing"
 *
 * With `cancel` the timer is to be cancelled when the clock is set; with `arm` it is then not read
 * but armed again, and what that says is told first.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static long long
seconds_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec;
}

static int
now(void)
{
	struct timespec spec;
	struct timeval of_day;

	gettimeofday(&of_day, NULL);
	timespec_get(&spec, TIME_UTC);
	printf("%lld %lld %lld %lld %lld %lld\n", (long long)time(NULL), seconds_of(CLOCK_REALTIME),
		seconds_of(CLOCK_REALTIME_COARSE), (long long)of_day.tv_sec, (long long)spec.tv_sec,
		seconds_of(CLOCK_MONOTONIC));
	return 0;
}

static bool
ready(int fd, int limit)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec t = {.tv_sec = limit};

	bool rc = ppoll(&p, 1, &t, NULL) == 1;
	puts(rc ? "ready" : "nothing");
	return rc;
}

int
main(int argc, char **argv)
{
	bool cancel = argc > 3 && strcmp(argv[3], "cancel") == 0;
	bool arm = argc > 4 && strcmp(argv[4], "arm") == 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "now") == 0)
		return now();
	if (argc < 3)
		return 2;
	int limit = (int)strtol(argv[2], NULL, 10);
	int flags = TFD_TIMER_ABSTIME | (cancel ? TFD_TIMER_CANCEL_ON_SET : 0);
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	struct itimerspec at = {
		.it_value.tv_sec = seconds_of(CLOCK_REALTIME) + strtol(argv[1], NULL, 10)};
	if (fd < 0 || timerfd_settime(fd, flags, &at, NULL) < 0)
		return 1;
	puts("armed");
	while (ready(fd, limit)) {
		unsigned long long times = 0;
		if (arm) {
			arm = false;
			int rc = timerfd_settime(fd, flags, &at, NULL);
			puts(rc == 0 ? "armed" : errno == ECANCELED ? "armed, was cancelled" : "?");
			continue;
		}
		if (read(fd, &times, sizeof times) == (ssize_t)sizeof times) {
			puts("expired");
			return 0;
		}
		puts(errno == ECANCELED ? "cancelled" : "?");
	}
	return 0;
}
