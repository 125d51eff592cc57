#include "keystay/net/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "keystay/base/log.h"
#include "http_tls.h"

#define HEADERS_MAX (64 * 1024)
#define LINKS_MAX 16
#define USER_AGENT "keystay/0.1"

struct http {
	CURL *curl;
	char *name;
	char *trust;   /* NULL = nothing is known of the server, or only `anchors` is */
	char *anchors; /* PEM; NULL = none */
	bool refused_us;
	struct http_tls tls;
	unsigned requests;
	unsigned connections;
	char said[CURL_ERROR_SIZE];
};

/* What the callbacks fill while one answer comes in. */
struct incoming {
	struct http *http;
	const struct http_request *request;
	struct http_answer *answer;
	char *body; /* to be sent, where the request completes it */
	size_t headers;
	bool too_large, head_too_large;
	bool refused; /* `why` says by what of ours */
	struct err why;
};

int
http_open(const char *name, const char *trust, struct http **ret, struct err *e)
{
	static bool started;
	struct stat st;

	if (trust && !text_same(trust, "system") && stat(trust, &st) < 0) {
		err_set(e, ERR_CONFIG, "%s: the trust file '%s' is not there", name, trust);
		return err_hint(e, "mend 'trust:', or write 'system'");
	}
	if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(e, ERR_FAILED, "libcurl does not start");
	started = true;
	struct http *h = calloc(1, sizeof *h);
	if (!h || !(h->name = strdup(name)) || (trust && !(h->trust = strdup(trust))) ||
		!(h->curl = curl_easy_init())) {
		http_close(h);
		return err_set(e, ERR_FAILED, "no memory for a connection");
	}
	*ret = h;
	return 0;
}

void
http_close(struct http *h)
{
	if (!h)
		return;
	if (h->requests)
		log_debug(
			"%s: %u requests on %u connections", h->name, h->requests, h->connections);
	curl_easy_cleanup(h->curl);
	http_tls_free(&h->tls);
	free(h->name);
	free(h->trust);
	free(h->anchors);
	free(h);
}

/* A connection that is kept was made by other rules. */
static int
begin_anew(struct http *h, struct err *e)
{
	CURL *fresh = curl_easy_init();

	if (!fresh)
		return err_set(e, ERR_FAILED, "no memory for a connection");
	curl_easy_cleanup(h->curl);
	h->curl = fresh;
	h->tls.ever_asked = false;
	return 0;
}

int
http_trust(struct http *h, const char *pem, struct err *e)
{
	char *copy = strdup(pem);

	if (!copy)
		return err_set(e, ERR_FAILED, "no memory for a connection");
	free(h->anchors);
	h->anchors = copy;
	return begin_anew(h, e);
}

bool
http_asked_for_certificate(const struct http *h)
{
	return h->tls.ever_asked;
}

bool
http_refused_us(const struct http *h)
{
	return h->refused_us;
}

int
http_identify(struct http *h, const struct http_identity *id, struct err *e)
{
	if (begin_anew(h, e) < 0)
		return -1;
	return http_tls_identify(&h->tls, h->name, id, e);
}

void
http_counts(const struct http *h, unsigned *ret_requests, unsigned *ret_connections)
{
	*ret_requests = h->requests;
	*ret_connections = h->connections;
}

void
http_answer_free(struct http_answer *a)
{
	buf_free(&a->body);
	list_free(&a->links);
}

static size_t
take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct incoming *in = ctx;

	buf_add(&in->answer->body, data, size * count);
	in->too_large = in->answer->body.full;
	return in->too_large ? 0 : size * count;
}

/* The value of a field if `line` is that field, trimmed; else NULL. */
static const char *
field_value(const char *line, size_t len, const char *field, size_t *ret_len)
{
	size_t n = strlen(field);

	if (len <= n || line[n] != ':' || strncasecmp(line, field, n) != 0)
		return NULL;
	const char *p = line + n + 1, *end = line + len;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	*ret_len = (size_t)(end - p);
	return p;
}

/* Copies a value that fits; one that does not is dropped as if it were absent. */
static void
keep(char *dst, size_t size, const char *value, size_t len)
{
	if (len >= size || memchr(value, '\0', len))
		return;
	memcpy(dst, value, len);
	dst[len] = '\0';
	text_printable(dst);
}

static void
keep_lower(char *dst, size_t size, const char *value, size_t len)
{
	keep(dst, size, value, len);
	for (char *c = dst; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
}

static size_t
take_header(char *line, size_t size, size_t count, void *ctx)
{
	struct incoming *in = ctx;
	struct http_answer *a = in->answer;
	size_t len = size * count, n;
	const char *v;

	in->headers += len;
	if (in->headers > HEADERS_MAX) {
		in->head_too_large = true;
		return 0;
	}
	/* A new status line: what an earlier answer (100, a redirect) said does not count. */
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
		a->content_type[0] = a->location[0] = a->nonce[0] = a->retry_after[0] = '\0';
		a->challenges = 0;
		a->date = 0;
		list_free(&a->links);
		buf_clear(&a->body);
	} else if ((v = field_value(line, len, "content-type", &n))) {
		const char *semicolon = memchr(v, ';', n);
		keep_lower(a->content_type, sizeof a->content_type, v,
			semicolon ? (size_t)(semicolon - v) : n);
	} else if ((v = field_value(line, len, "location", &n))) {
		keep(a->location, sizeof a->location, v, n);
	} else if ((v = field_value(line, len, "replay-nonce", &n))) {
		keep(a->nonce, sizeof a->nonce, v, n);
	} else if ((v = field_value(line, len, "retry-after", &n))) {
		keep(a->retry_after, sizeof a->retry_after, v, n);
	} else if ((v = field_value(line, len, "www-authenticate", &n))) {
		a->challenges |= challenge_schemes(v, n);
	} else if ((v = field_value(line, len, "date", &n))) {
		(void)when_parse_http(v, n, &a->date);
	} else if ((v = field_value(line, len, "link", &n))) {
		AUTO(char) char *copy = strndup(v, n);
		if (copy && a->links.count < LINKS_MAX)
			list_add(&a->links, copy);
	}
	return len;
}

static CURLcode
prepare_tls(CURL *curl, void *ssl_ctx, void *ctx)
{
	(void)curl;
	return http_tls_prepare(ctx, ssl_ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* The connection is there, nothing was sent: the body gets the channel's name. */
static int
complete(void *ctx, char *from, char *to, int from_port, int to_port)
{
	struct incoming *in = ctx;
	const struct http_request *r = in->request;
	struct curl_tlssessioninfo *info = NULL;
	struct http_channel channel = {.binding = ""};

	(void)from;
	(void)to;
	(void)from_port;
	(void)to_port;
	in->refused = true;
	memset(in->body, '\n', r->body_len);
	if (curl_easy_getinfo(in->http->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
		info->backend != CURLSSLBACKEND_OPENSSL || !info->internals ||
		!http_tls_channel(info->internals, &channel)) {
		err_set(&in->why, ERR_NETWORK, "%s: the connection to '%s' has no channel binding",
			in->http->name, r->url);
		return CURL_PREREQFUNC_ABORT;
	}
	if (r->complete(r->ctx, &channel, in->body, r->body_len, &in->why) < 0)
		return CURL_PREREQFUNC_ABORT;
	in->refused = false;
	return CURL_PREREQFUNC_OK;
}

static void
set_tls(struct http *h)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, &h->tls);
	if (h->anchors) {
		struct curl_blob pem = {h->anchors, strlen(h->anchors), CURL_BLOB_COPY};
		curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &pem);
		curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	} else if (!h->trust) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (!text_same(h->trust, "system")) {
		curl_easy_setopt(c, CURLOPT_CAINFO, h->trust);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
}

static void
set_login(CURL *c, const struct http_login *login)
{
	curl_easy_setopt(
		c, CURLOPT_HTTPAUTH, (long)(login->digest ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
	curl_easy_setopt(c, CURLOPT_USERNAME, login->username);
	curl_easy_setopt(c, CURLOPT_PASSWORD, (const char *)secret_bytes(login->password));
}

static void
set_options(struct http *h, const struct http_request *r, struct incoming *in,
	struct curl_slist *headers)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->said);
	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, r->plain ? "https,http" : "https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, r->plain ? "https,http" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, r->follow && r->method != HTTP_POST ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, 3L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_LIMIT);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)HTTP_REQUEST_LIMIT);
	curl_easy_setopt(c, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	set_tls(h);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, in);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, in);
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->ceiling);
	if (r->login)
		set_login(c, r->login);
	if (r->method == HTTP_HEAD)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (r->method == HTTP_POST) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, in->body ? in->body : r->body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	if (in->body) {
		/* Of this connection alone: no session, nothing that was kept. */
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
		curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
		curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, complete);
		curl_easy_setopt(c, CURLOPT_PREREQDATA, in);
	}
}

static struct curl_slist *
request_headers(const struct http_request *r)
{
	char line[160];
	/* No "Expect: 100-continue": it costs a round trip. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

	if (r->content_type) {
		snprintf(line, sizeof line, "Content-Type: %s", r->content_type);
		headers = curl_slist_append(headers, line);
	}
	if (r->accept) {
		snprintf(line, sizeof line, "Accept: %s", r->accept);
		headers = curl_slist_append(headers, line);
	}
	if (r->header)
		headers = curl_slist_append(headers, r->header);
	return headers;
}

static int
fail(struct http *h, const struct http_request *r, const struct incoming *in, CURLcode code,
	struct err *e)
{
	const char *why = h->said[0] ? h->said : curl_easy_strerror(code);

	if (in->refused) {
		*e = in->why;
		return -1;
	}
	if (h->tls.problem[0])
		return err_set(e, ERR_FAILED, "%s: the client certificate cannot be used: %s",
			h->name, h->tls.problem);
	if (in->head_too_large)
		return err_set(e, ERR_AUTHORITY,
			"%s: the head of the answer of '%s' is larger than %d bytes", h->name,
			r->url, HEADERS_MAX);
	if (in->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return err_set(e, ERR_AUTHORITY, "%s: the answer of '%s' is larger than %zu bytes",
			h->name, r->url, r->ceiling);
	/* libcurl calls what is no HTTP an unsupported protocol, too. */
	if (code == CURLE_URL_MALFORMAT ||
		(code == CURLE_UNSUPPORTED_PROTOCOL && !text_starts(r->url, "https://"))) {
		err_set(e, ERR_AUTHORITY, "%s: '%s' is not an https URL", h->name, r->url);
		return err_hint(e, "an authority is spoken to over https only");
	}
	if (http_tls_blames_us(&h->tls, h->name, r->url, e)) {
		h->refused_us = true;
		return -1;
	}
	err_set(e, ERR_NETWORK, "%s: no answer from '%s': %s", h->name, r->url, why);
	if (code == CURLE_PEER_FAILED_VERIFICATION && h->tls.done)
		return err_hint(
			e, "its HTTPS certificate is for another name: is the 'url:' right?");
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_hint(e, "its HTTPS certificate is not trusted: name its CA in 'trust:'");
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return err_hint(e, "look at the host's DNS and the 'url:' of the authority");
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
		return err_hint(e, "is it up, and may this host connect to it?");
	return -1;
}

int
http_send(struct http *h, const struct http_request *r, struct http_answer *ret, struct err *e)
{
	struct http_answer answer = {.body = BUF(r->ceiling)};
	struct incoming in = {.http = h, .request = r, .answer = &answer};
	long status = 0, connections = 0;

	h->refused_us = false;
	if (!h->trust && !h->anchors && (r->login || r->method == HTTP_POST || h->tls.certificate))
		BUG("something of ours for a server that nothing is known of");
	if (r->plain && (r->login || r->method == HTTP_POST || h->tls.certificate))
		BUG("something of ours for anybody on the way");
	AUTO(char) char *body = r->complete ? calloc(1, r->body_len + 1) : NULL;
	if (r->complete && !(in.body = body))
		return err_set(e, ERR_FAILED, "no memory for a request");
	struct curl_slist *headers = request_headers(r);
	h->said[0] = '\0';
	http_tls_forget(&h->tls);
	set_options(h, r, &in, headers);
	CURLcode code = curl_easy_perform(h->curl);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->curl, CURLINFO_NUM_CONNECTS, &connections);
	curl_slist_free_all(headers);
	/* What is not set anew does not stay behind with a secret in it. */
	curl_easy_reset(h->curl);
	h->requests++;
	h->connections += (unsigned)connections;
	if (code != CURLE_OK) {
		http_answer_free(&answer);
		return fail(h, r, &in, code, e);
	}
	log_debug("%s: %s %s: %ld, %zu bytes", h->name, r->method == HTTP_POST ? "POST" : "GET",
		r->url, status, answer.body.len);
	answer.status = (int)status;
	*ret = answer;
	return 0;
}
