#include "keystay/run/system.h"

#include <errno.h>
#include <sys/random.h>

#include "keystay/net/http.h"
#include "keystay/net/probe.h"

static when_t
system_now(void *ctx)
{
	(void)ctx;
	return (when_t)time(NULL);
}

static void
system_sleep_ms(void *ctx, int ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
	(void)ctx;
	nanosleep(&t, NULL);
}

static void
system_random(void *ctx, void *data, size_t len)
{
	unsigned char *p = data;
	(void)ctx;
	while (len) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0 && errno != EINTR)
			BUG("the kernel gives no random numbers");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static int
system_run(void *ctx, const struct child *c, struct err *e)
{
	(void)ctx;
	return child_must(c, e);
}

static int
system_http(void *ctx, struct http *h, const struct http_request *r, struct http_answer *ret,
	struct err *e)
{
	(void)ctx;
	return http_send(h, r, ret, e);
}

static int
system_probe(void *ctx, const struct probe_request *r, struct probe_answer *ret, struct err *e)
{
	(void)ctx;
	return probe(r, ret, e);
}

const struct services *
system_services(void)
{
	static const struct services s = {
		.now = system_now,
		.sleep_ms = system_sleep_ms,
		.random = system_random,
		.run = system_run,
		.http = system_http,
		.probe = system_probe,
	};
	return &s;
}
