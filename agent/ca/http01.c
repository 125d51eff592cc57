#include "http01.h"

#include <limits.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/net/listener.h"

static const char place[] = ".well-known/acme-challenge";

struct http01_listener {
	char *address;
	struct listener *listener;
	struct http01_listener *next;
};

bool
http01_token_valid(const char *token)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strlen(token);

	return len >= 16 && len <= 256 && strspn(token, allowed) == len;
}

/* The listener of an address if it is open; else NULL. */
static struct listener *
find_listener(const struct http01 *h, const char *address)
{
	for (struct http01_listener *l = h->listeners; l; l = l->next)
		if (text_same(l->address, address))
			return l->listener;
	return NULL;
}

static int
need_listener(struct http01 *h, const char *address, struct listener **ret, struct err *e)
{
	*ret = find_listener(h, address);
	if (*ret)
		return 0;
	struct http01_listener *l = calloc(1, sizeof *l);
	if (!l || !(l->address = strdup(address))) {
		free(l);
		return err_set(e, ERR_FAILED, "no memory for a listener");
	}
	if (listener_open(address, &l->listener, e) < 0) {
		free(l->address);
		free(l);
		return -1;
	}
	l->next = h->listeners;
	h->listeners = l;
	*ret = l->listener;
	return 0;
}

void
http01_close(struct http01 *h)
{
	while (h->listeners) {
		struct http01_listener *l = h->listeners;
		h->listeners = l->next;
		listener_close(l->listener);
		free(l->address);
		free(l);
	}
}

static int
publish_file(const char *webroot, const char *token, const char *text, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", webroot, place);
	if (folder_make(path, 0755, e) < 0)
		return err_hint(e, "may this user write to the webroot '%s'?", webroot);
	snprintf(path, sizeof path, "%s/%s/%s", webroot, place, token);
	if (file_replace(path, text, strlen(text), 0644, FILE_SAME_OWNER, FILE_SAME_GROUP, e) < 0)
		return err_hint(e, "may this user write to the webroot '%s'?", webroot);
	return 0;
}

int
http01_publish(struct http01 *h, const struct challenge_conf *conf, const char *token,
	const char *text, struct err *e)
{
	char path[PATH_MAX];
	struct listener *l;

	if (conf->webroot)
		return publish_file(conf->webroot, token, text, e);
	if (need_listener(h, conf->listen, &l, e) < 0)
		return -1;
	snprintf(path, sizeof path, "/%s/%s", place, token);
	return listener_set(l, path, text, e);
}

void
http01_withdraw(struct http01 *h, const struct challenge_conf *conf, const char *token)
{
	char path[PATH_MAX];

	if (conf->webroot) {
		snprintf(path, sizeof path, "%s/%s/%s", conf->webroot, place, token);
		(void)unlink(path);
		return;
	}
	struct listener *l = find_listener(h, conf->listen);
	snprintf(path, sizeof path, "/%s/%s", place, token);
	if (l)
		listener_unset(l, path);
}
