#include "est_http.h"

#include <stdio.h>
#include <string.h>

#include "come_back.h"
#include "keystay/base/file.h"
#include "keystay/base/log.h"
#include "keystay/base/source.h"

#define REDIRECTS_MAX 3
#define SHOWN_MAX 400

/* The anchors for the connection: those it may issue by, and what `trust:` names. */
static int
trusted(struct est *s, struct buf *pem, struct err *e)
{
	AUTO(char) char *anchors = NULL;
	AUTO(buf) struct buf file = BUF(CERTS_ONLY_MAX);
	char name[96];

	if (certs_pem(s->anchors, &anchors, e) < 0)
		return -1;
	if (s->conf->trust && file_read(s->conf->trust, &file, e) < 0) {
		e->kind = ERR_CONFIG;
		err_in(e, "%s", est_name(s, name));
		return err_hint(e, "mend 'trust:' of the authority");
	}
	buf_addf(pem, "%s\n%s", buf_text(&file), anchors);
	return pem->full ? err_set(e, ERR_CONFIG, "the anchors have more than %zu bytes",
				   pem->ceiling)
			 : 0;
}

static int
connection(struct est *s, struct http **ret, struct err *e)
{
	AUTO(buf) struct buf pem = BUF(2 * CERTS_ONLY_MAX);
	struct http *h = NULL;
	char name[96];
	bool implicit = s->conf->trust && text_same(s->conf->trust, "system");

	est_name(s, name);
	if (implicit)
		return http_open(name, "system", ret, e);
	if (trusted(s, &pem, e) < 0 || http_open(name, NULL, &h, e) < 0)
		return -1;
	if (http_trust(h, buf_text(&pem), e) < 0) {
		http_close(h);
		return -1;
	}
	*ret = h;
	return 0;
}

int
est_connect(struct est *s, struct err *e)
{
	http_close(s->anybody);
	http_close(s->somebody);
	s->anybody = s->somebody = NULL;
	s->shown = NULL;
	return connection(s, &s->anybody, e);
}

int
est_somebody(struct est *s, const struct http_identity *id, struct http **ret, struct err *e)
{
	if (!s->somebody && connection(s, &s->somebody, e) < 0)
		return -1;
	if (s->shown != id->certificate) {
		s->shown = NULL;
		if (http_identify(s->somebody, id, e) < 0)
			return -1;
		s->shown = id->certificate;
	}
	*ret = s->somebody;
	return 0;
}

static bool
is_redirect(const struct http_request *r, int status)
{
	return status == 307 || status == 308 ||
	       (r->method == HTTP_GET && (status == 301 || status == 302 || status == 303));
}

static bool
is_allowed(const struct est *s, const char *origin)
{
	char allowed[URL_MAX];

	for (size_t i = 0; i < s->conf->est.redirects.count; i++)
		if (url_origin(s->conf->est.redirects.item[i], allowed) &&
			text_same(allowed, origin))
			return true;
	return false;
}

/* Where a redirect leads, if it may be gone to. */
static int
follow(struct est *s, const char *location, char url[URL_MAX], bool *ret_elsewhere, struct err *e)
{
	char to[URL_MAX], origin[URL_MAX], own[URL_MAX];

	if (!url_join(url, location, to) || !url_origin(to, origin) || !url_origin(s->base, own))
		return err_set(e, ERR_AUTHORITY,
			"it redirects to '%s', which is no plain https URL", location);
	bool elsewhere = !text_same(origin, own);
	text_copy(s->answered, sizeof s->answered, elsewhere ? origin : "");
	if (elsewhere && !is_allowed(s, origin)) {
		err_set(e, ERR_AUTHORITY,
			"it redirects to another server, '%s', and was not followed", origin);
		return err_hint(e, "write 'redirects: [\"%s\"]' for the authority if that is right",
			origin);
	}
	*ret_elsewhere = elsewhere;
	text_copy(url, URL_MAX, to);
	return 0;
}

int
est_send(struct est *s, struct http *h, const char *operation, const struct http_request *r,
	struct http_answer *ret, struct err *e)
{
	struct http_request request = *r;
	char url[URL_MAX], name[96];
	bool elsewhere = false;

	s->answered[0] = '\0';
	if (!url_append(s->base, operation, url))
		return err_set(e, ERR_CONFIG, "%s: 'url:' is too long", est_name(s, name));
	for (int n = 0;; n++) {
		AUTO(http_answer) struct http_answer answer = {0};
		request.url = url;
		/* What another server gets of us is what is made for its connection alone. */
		if (elsewhere)
			request.login = NULL;
		if (s->needs.services->http(s->needs.services->ctx, h, &request, &answer, e) < 0)
			return -1;
		if (!is_redirect(r, answer.status)) {
			*ret = answer;
			answer = (struct http_answer){0};
			return 0;
		}
		if (n == REDIRECTS_MAX)
			err_set(e, ERR_AUTHORITY, "it redirects more than %d times", REDIRECTS_MAX);
		if (n == REDIRECTS_MAX || follow(s, answer.location, url, &elsewhere, e) < 0)
			return err_in(e, "%s: %s", est_name(s, name), operation);
		log_debug("%s: %s: HTTP status %d leads to '%s'", est_name(s, name), operation,
			answer.status, url);
	}
}

/* RFC 8951 5: what refuses is text, of type text/plain or of none; one line of it. */
static void
say_text(const struct http_answer *answer, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	if (answer->content_type[0] && !text_starts(answer->content_type, "text/plain")) {
		snprintf(text, size, " (%s)", answer->content_type);
		return;
	}
	for (const char *c = buf_text(&answer->body); *c && n < SHOWN_MAX && n + 3 < size; c++) {
		bool blank = *c == ' ' || *c == '\t' || *c == '\r' || *c == '\n';
		if (blank && (n == 0 || text[n - 1] == ' '))
			continue;
		if (n == 0) {
			text[n++] = ':';
			text[n++] = ' ';
		}
		text[n++] = blank ? ' ' : *c;
	}
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	text_printable(text);
}

int
est_fail(struct est *s, const char *operation, const struct http_answer *answer, struct err *e)
{
	char text[SHOWN_MAX + 8], name[96];
	int status = answer->status;
	when_t now = services_now(s->needs.services);
	enum err_kind kind = status == 429 || status == 503   ? ERR_BUSY
			     : status >= 500 || status == 408 ? ERR_NETWORK
							      : ERR_AUTHORITY;

	say_text(answer, text, sizeof text);
	err_set(e, kind, "%s: %s: HTTP status %d%s", est_name(s, name), operation, status, text);
	if (kind == ERR_BUSY)
		e->retry_at = come_back(now, answer, HOUR, NULL);
	if (status == 404)
		return err_hint(e, "is 'url:' (%s) right, and the 'label:'?", s->conf->url);
	return -1;
}

int
est_login(struct est *s, struct http_login *room, const struct http_login **ret, struct err *e)
{
	const struct est_conf *c = &s->conf->est;
	char what[128];

	*ret = NULL;
	if (!c->username)
		return 0;
	snprintf(what, sizeof what, "password of authority '%s'", s->conf->name);
	if (!s->password && source_get(c->password, what, &s->password, e) < 0) {
		e->kind = e->kind == ERR_PIN ? ERR_CONFIG : e->kind;
		return -1;
	}
	*room = (struct http_login){c->username, s->password, c->digest};
	*ret = room;
	return 0;
}
