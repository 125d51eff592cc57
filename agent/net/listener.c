#include "keystay/net/listener.h"

#include <microhttpd.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "keystay/base/endpoint.h"
#include "keystay/base/text.h"

/* An authority looks from a handful of places at once; more than this is somebody else. */
#define CONNECTIONS_MAX 128
#define CONNECTION_SECONDS 10
#define CONNECTION_MEMORY ((size_t)16 * 1024)

struct page {
	char *path;
	char *text;
	struct page *next;
};

struct listener {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock; /* of the pages: the thread reads, we write */
	struct page *pages;
};

static struct page **
find_page(struct listener *l, const char *path)
{
	struct page **p = &l->pages;
	while (*p && !text_same((*p)->path, path))
		p = &(*p)->next;
	return p;
}

static char *
copy_page(struct listener *l, const char *path)
{
	pthread_mutex_lock(&l->lock);
	struct page *p = *find_page(l, path);
	char *text = p ? strdup(p->text) : NULL;
	pthread_mutex_unlock(&l->lock);
	return text;
}

static enum MHD_Result
answer(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **state)
{
	bool get =
		text_same(method, MHD_HTTP_METHOD_GET) || text_same(method, MHD_HTTP_METHOD_HEAD);
	AUTO(char) char *text = get ? copy_page(ctx, url) : NULL;
	const char *body = text ? text : "";

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "application/octet-stream");
	enum MHD_Result rc =
		MHD_queue_response(connection, text ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, r);
	MHD_destroy_response(r);
	return rc;
}

/* "ADDR:PORT" as a socket address; the caller frees *ret with freeaddrinfo. */
static int
resolve(const char *address, struct addrinfo **ret, struct err *e)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];

	if (!endpoint_split(address, host, port))
		return err_set(e, ERR_CONFIG, "'%s' is not ADDR:PORT", address);
	int rc = getaddrinfo(host, port, &hints, ret);
	if (rc != 0)
		return err_set(
			e, ERR_CONFIG, "cannot listen on '%s': %s", address, gai_strerror(rc));
	return 0;
}

int
listener_open(const char *address, struct listener **ret, struct err *e)
{
	struct addrinfo *where = NULL;
	struct listener *l;

	if (resolve(address, &where, e) < 0)
		return -1;
	l = calloc(1, sizeof *l);
	if (!l) {
		freeaddrinfo(where);
		return err_set(e, ERR_FAILED, "no memory for a listener");
	}
	pthread_mutex_init(&l->lock, NULL);
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD |
			 (where->ai_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0);
	errno = 0;
	l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, l, MHD_OPTION_SOCK_ADDR,
		where->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_END);
	int why = errno;
	freeaddrinfo(where);
	if (l->daemon) {
		*ret = l;
		return 0;
	}
	listener_close(l);
	err_errno(e, ERR_FAILED, why ? why : EADDRINUSE, "cannot listen on '%s'", address);
	return err_hint(e, "does another program listen there, or may this user not open the port? "
			   "'webroot:' works beside a running server");
}

void
listener_close(struct listener *l)
{
	if (!l)
		return;
	if (l->daemon)
		MHD_stop_daemon(l->daemon);
	while (l->pages) {
		struct page *p = l->pages;
		l->pages = p->next;
		free(p->path);
		free(p->text);
		free(p);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int
listener_set(struct listener *l, const char *path, const char *text, struct err *e)
{
	struct page *fresh = calloc(1, sizeof *fresh);

	if (!fresh || !(fresh->path = strdup(path)) || !(fresh->text = strdup(text))) {
		if (fresh)
			free(fresh->path);
		free(fresh);
		return err_set(e, ERR_FAILED, "no memory for a challenge");
	}
	listener_unset(l, path);
	pthread_mutex_lock(&l->lock);
	fresh->next = l->pages;
	l->pages = fresh;
	pthread_mutex_unlock(&l->lock);
	return 0;
}

void
listener_unset(struct listener *l, const char *path)
{
	pthread_mutex_lock(&l->lock);
	struct page **p = find_page(l, path);
	struct page *gone = *p;
	if (gone)
		*p = gone->next;
	pthread_mutex_unlock(&l->lock);
	if (gone) {
		free(gone->path);
		free(gone->text);
		free(gone);
	}
}
