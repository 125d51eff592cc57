#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "keystay/base/clock.h"

/* Of the monotonic clock: a clock that is set must not look like a hang. */
static int64_t last_alive;
static bool was_alive;

static int64_t
half_of_watchdog(void)
{
	uint64_t us;

	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 2000) : -1;
}

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIi64, clock_ms() * 1000);
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
notify_status(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* A line is all that there is room for. */
	text[strcspn(text, "\n")] = '\0';
	sd_notifyf(0, "STATUS=%s", text);
}

int
notify_alive_in(void)
{
	int64_t half = half_of_watchdog();

	if (half < 0)
		return -1;
	int64_t left = was_alive ? last_alive + half - clock_ms() : 0;
	return left < 0 ? 0 : (int)left;
}

void
notify_alive(void)
{
	if (notify_alive_in() != 0)
		return;
	sd_notify(0, "WATCHDOG=1");
	last_alive = clock_ms();
	was_alive = true;
}
