/*
 * What `nginx -T` prints: the whole configuration, file by file, with every include in its place.
 * Read as far as it says which certificates are served where; the rest is passed over, and so is
 * what is no configuration at all.
 */
#ifndef KEYSTAY_TARGET_NGINX_CONFIG_H
#define KEYSTAY_TARGET_NGINX_CONFIG_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

/* What is read of an output at most; certificates, names and listening addresses of it. */
#define NGINX_CONFIG_MAX ((size_t)16 * 1024 * 1024)
#define NGINX_CERTIFICATES_MAX 10000
#define NGINX_WORDS_MAX 64

/* One `ssl_certificate`, with the server that it stands in. */
struct nginx_certificate {
	char path[512];        /* as it is written */
	bool variable;         /* there is a '$' in it: nobody knows the path before a request */
	char config[512];      /* "/etc/nginx/sites-enabled/x:12" */
	struct list endpoints; /* where the server listens with ssl: "127.0.0.1:443" */
	struct list names;     /* of `server_name`, as they are written */
};

/*
 * Calls `each` for every certificate of every server; one of a level above counts for each server
 * that has none of its own. The struct is borrowed for the call; -1 of `each` ends it.
 */
int nginx_config_read(const char *text, size_t len,
	int (*each)(void *ctx, const struct nginx_certificate *c, struct err *e), void *ctx,
	struct err *e) MUST_USE;

#endif
