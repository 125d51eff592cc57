#include "est.h"

#include "keystay/base/file.h"
#include "keystay/base/text.h"

#include <openssl/err.h>
#include <strings.h>
#include <time.h>

static bool
fill(struct conn *c)
{
	int n = SSL_read(c->ssl, c->in, sizeof c->in);

	ERR_clear_error();
	c->at = 0;
	c->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* One line without its end; false for one that is too long, or the end of the connection. */
static bool
read_line(struct conn *c, char line[LINE_ROOM])
{
	size_t n = 0;

	for (;;) {
		if (c->at == c->len && !fill(c))
			return false;
		char ch = c->in[c->at++];
		if (ch == '\n')
			break;
		if (ch == '\0' || n == LINE_ROOM - 1)
			return false;
		line[n++] = ch;
	}
	if (n && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return true;
}

static bool
read_bytes(struct conn *c, size_t len, struct buf *to)
{
	while (len) {
		if (c->at == c->len && !fill(c))
			return false;
		size_t n = c->len - c->at < len ? c->len - c->at : len;
		buf_add(to, c->in + c->at, n);
		if (to->full)
			return false;
		c->at += n;
		len -= n;
	}
	return true;
}

static bool
read_chunks(struct conn *c, struct buf *to)
{
	char line[LINE_ROOM], *end;

	for (;;) {
		if (!read_line(c, line) || !strchr("0123456789abcdefABCDEF", line[0]) || !line[0])
			return false;
		unsigned long n = strtoul(line, &end, 16);
		if ((*end && *end != ';' && *end != ' ') || n > BODY_MAX)
			return false;
		if (n == 0)
			break;
		if (!read_bytes(c, n, to) || !read_line(c, line) || line[0])
			return false;
	}
	for (int i = 0; i < 20; i++) /* trailers */
		if (!read_line(c, line) || !line[0])
			return !line[0];
	return false;
}

/* What of the head says how the body comes. */
struct framing {
	size_t head;
	int64_t length;
	bool host, chunked, expect;
};

static bool
read_header(char *line, struct request *r, struct framing *f)
{
	char *value = strchr(line, ':');

	if (!value || value == line || strcspn(line, " \t") < (size_t)(value - line))
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	size_t n = strlen(value);
	while (n && strchr(" \t", value[n - 1]))
		value[--n] = '\0';
	if (strcasecmp(line, "host") == 0)
		f->host = true;
	if (strcasecmp(line, "content-length") == 0)
		return f->length < 0 && number_parse(value, 0, BODY_MAX, &f->length);
	if (strcasecmp(line, "transfer-encoding") == 0) {
		f->chunked = true;
		return strcasecmp(value, "chunked") == 0;
	}
	if (strcasecmp(line, "expect") == 0)
		f->expect = strcasecmp(value, "100-continue") == 0;
	if (strcasecmp(line, "connection") == 0)
		r->close = strcasecmp(value, "close") == 0;
	if (strcasecmp(line, "content-type") == 0)
		return text_copy(r->type, sizeof r->type, value);
	if (strcasecmp(line, "authorization") == 0) {
		free(r->authorization);
		r->authorization = strdup(value);
	}
	return true;
}

/* "METHOD PATH HTTP/1.1" */
static bool
read_first(char *line, struct request *r)
{
	char *path = rule_rest(line);
	char *version = rule_rest(path);

	for (const char *p = path; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	r->old = strcmp(version, "HTTP/1.0") == 0;
	r->close = r->old;
	return path[0] == '/' && (r->old || strcmp(version, "HTTP/1.1") == 0) &&
	       line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0' &&
	       text_copy(r->method, sizeof r->method, line) &&
	       text_copy(r->path, sizeof r->path, path);
}

static bool
read_whole(struct conn *c, char *line, struct request *ret)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct framing f = {.length = -1};

	if (!read_first(line, ret))
		return false;
	for (;;) {
		if (!read_line(c, line) || (f.head += strlen(line)) > HEAD_MAX)
			return false;
		if (!line[0])
			break;
		if (!read_header(line, ret, &f))
			return false;
	}
	if ((!ret->old && !f.host) || (f.chunked && f.length >= 0))
		return false;
	/* Only a body that is still to come is asked for. */
	if (f.expect && !ret->old && (f.chunked || f.length > 0) && c->at == c->len &&
		SSL_write(c->ssl, go_on, sizeof go_on - 1) <= 0)
		return false;
	if (f.chunked)
		return read_chunks(c, &ret->body);
	return f.length <= 0 || read_bytes(c, (size_t)f.length, &ret->body);
}

bool
http_read(struct conn *c, struct request *ret)
{
	char line[LINE_ROOM];

	*ret = (struct request){.body = BUF(BODY_MAX)};
	do
		if (!read_line(c, line))
			return false;
	while (!line[0]);
	if (read_whole(c, line, ret))
		return true;
	AUTO(answer) struct answer a = {.headers = BUF(4096), .body = BUF(4096)};
	answer_text(&a, 400, "This is no request.");
	ret->close = true;
	http_send(c, ret, &a, false);
	http_request_free(ret);
	return false;
}

void
http_request_free(struct request *r)
{
	free(r->authorization);
	r->authorization = NULL;
	buf_free(&r->body);
}

static bool
write_all(struct conn *c, const char *data, size_t len)
{
	while (len) {
		int n = SSL_write(c->ssl, data, len < 16384 ? (int)len : 16384);
		if (n <= 0) {
			ERR_clear_error();
			return false;
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void
add_chunks(struct buf *to, const char *data, size_t len, size_t each)
{
	while (len) {
		size_t n = len < each ? len : each;
		buf_addf(to, "%zx\r\n", n);
		buf_add(to, data, n);
		buf_adds(to, "\r\n");
		data += n;
		len -= n;
	}
}

/* RFC 9110 6.6.1. */
static void
add_date(struct buf *out)
{
	time_t now = time(NULL);
	struct tm t;
	char text[40];

	if (gmtime_r(&now, &t) &&
		strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &t))
		buf_adds(out, text);
}

bool
http_send(struct conn *c, const struct request *r, const struct answer *a, bool cut)
{
	AUTO(buf) struct buf out = BUF(2 * FILE_MAX + HEAD_MAX);
	bool old = r->old || c->s->http10;
	bool bare = a->status == 204 || strcmp(r->method, "HEAD") == 0;
	bool chunked = c->s->chunked && !old && !bare;
	bool last = cut || old || r->close || c->s->close;
	size_t len = cut ? a->body.len / 2 : a->body.len;

	c->broken = cut;
	buf_addf(&out, "HTTP/1.%d %d X\r\n", old ? 0 : 1, a->status);
	add_date(&out);
	if (a->type[0])
		buf_addf(&out, "Content-Type: %s\r\n", a->type);
	buf_adds(&out, buf_text(&a->headers));
	if (chunked)
		buf_adds(&out, "Transfer-Encoding: chunked\r\n");
	else if (a->status != 204)
		buf_addf(&out, "Content-Length: %zu\r\n", a->body.len);
	if (last && !cut)
		buf_adds(&out, "Connection: close\r\n");
	buf_adds(&out, "\r\n");
	if (chunked) {
		add_chunks(&out, buf_text(&a->body), len, 100);
		buf_adds(&out, cut ? "" : "0\r\n\r\n");
	} else if (!bare) {
		buf_add(&out, buf_text(&a->body), len);
	}
	return !out.full && write_all(c, out.text, out.len) && !last;
}

void
http_send_raw(struct conn *c, const char *path)
{
	AUTO(buf) struct buf bytes = BUF(FILE_MAX);
	struct err e;

	if (file_read(path, &bytes, &e) < 0)
		fprintf(stderr, "est-server: %s\n", e.text);
	write_all(c, buf_text(&bytes), bytes.len);
}

void
http_send_huge(struct conn *c, const char *type)
{
	static char chunk[1 << 20];
	char head[512];

	memset(chunk, 'A', sizeof chunk);
	snprintf(head, sizeof head, "HTTP/1.%d 200 X\r\nContent-Type: %s\r\n%s\r\n",
		c->s->http10 ? 0 : 1, type,
		c->s->http10 ? "Connection: close\r\n" : "Transfer-Encoding: chunked\r\n");
	bool ok = write_all(c, head, strlen(head));
	for (int i = 0; ok && i < 300; i++) {
		ok = (c->s->http10 || write_all(c, "100000\r\n", 8)) &&
		     write_all(c, chunk, sizeof chunk) && (c->s->http10 || write_all(c, "\r\n", 2));
	}
	if (ok && !c->s->http10)
		write_all(c, "0\r\n\r\n", 5);
}

/* libssl has no call for it; a record that does not decrypt makes it send one. */
void
http_alert(struct conn *c)
{
	static const char record[5 + 64] = {0x17, 0x03, 0x03, 0x00, 0x40};
	BIO *spoilt = BIO_new_mem_buf(record, sizeof record);

	if (!spoilt)
		return;
	SSL_set0_rbio(c->ssl, spoilt);
	while (fill(c))
		continue;
}

void
answer_text(struct answer *a, int status, const char *text)
{
	a->status = status;
	text_copy(a->type, sizeof a->type, *text ? "text/plain" : "");
	buf_clear(&a->body);
	if (*text)
		buf_addf(&a->body, "%s\n", text);
}

void
answer_free(struct answer *a)
{
	buf_free(&a->headers);
	buf_free(&a->body);
}
