#include "nginx.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"

static const char *
binary_of(const struct target_conf *t)
{
	return t->binary ? t->binary : "nginx";
}

static const char *
conf_of(const struct target_conf *t)
{
	return t->conf ? t->conf : "/etc/nginx/nginx.conf";
}

static int
nginx_test(const struct target_conf *t, const struct services *s, struct err *e)
{
	char *own[] = {(char *)binary_of(t), (char *)"-t", (char *)"-q", (char *)"-c",
		(char *)conf_of(t), NULL};
	const struct child c = {
		.argv = t->test.count ? list_argv(&t->test) : own,
		.time_limit_ms = TARGET_LIMIT_MS,
	};

	if (s->run(s->ctx, &c, e) < 0) {
		err_in(e, "nginx refuses the configuration with the new certificate");
		return err_hint(e, "see '%s -t -c %s' and 'keystay server-config nginx NAME'",
			binary_of(t), conf_of(t));
	}
	return 0;
}

static int
nginx_reload(const struct target_conf *t, const struct services *s, struct err *e)
{
	char *own[] = {(char *)"systemctl", (char *)"reload", (char *)"nginx", NULL};
	const struct child c = {
		.argv = t->reload.count ? list_argv(&t->reload) : own,
		.time_limit_ms = TARGET_LIMIT_MS,
	};

	if (t->reload_elsewhere)
		return 0;
	/* A reload that succeeds proves nothing; the served check does. */
	if (s->run(s->ctx, &c, e) < 0)
		return err_in(e, "nginx was not reloaded");
	return 0;
}

/* The number behind `worker_processes`; "auto", and what cannot be read, count the processors. */
static int
nginx_workers(const struct target_conf *t)
{
	AUTO(buf) struct buf text = BUF(1024 * 1024);
	struct err ignored;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t number = 0;

	if (file_read(conf_of(t), &text, &ignored) == 0) {
		const char *p = strstr(buf_text(&text), "worker_processes");
		char word[8] = "";
		if (p && sscanf(p, "worker_processes %7[0-9]", word) == 1 &&
			number_parse(word, 1, 512, &number))
			return (int)number;
	}
	return online > 0 && online < 512 ? (int)online : 1;
}

const struct target_ops nginx_ops = {
	.word = "nginx",
	.test = nginx_test,
	.reload = nginx_reload,
	.workers = nginx_workers,
};
