#include "est.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/buf.h"

#define WELL_KNOWN "/.well-known/est"

const char *
est_name(const struct est *s, char name[96])
{
	snprintf(name, 96, "authority '%s'", s->conf->name);
	return name;
}

void
est_close(void *ca)
{
	struct est *s = ca;

	if (!s)
		return;
	http_close(s->anybody);
	http_close(s->somebody);
	certs_free(s->anchors);
	certs_free(s->cacerts);
	csr_attrs_free(&s->attrs);
	secret_free(s->password);
	free(s);
}

/* A URL without a path leads to where RFC 7030 3.2.2 has it; any other is taken as it is. */
static int
set_base(struct est *s, struct err *e)
{
	AUTO(buf) struct buf b = BUF(URL_MAX - 1);
	size_t len = strlen(s->conf->url);

	while (len && s->conf->url[len - 1] == '/')
		len--;
	buf_addf(&b, "%.*s%s", (int)len, s->conf->url, url_is_bare(s->conf->url) ? WELL_KNOWN : "");
	text_copy(s->base, sizeof s->base, buf_text(&b));
	if (b.full ||
		(s->conf->est.label && !url_append(buf_text(&b), s->conf->est.label, s->base)))
		return err_set(e, ERR_CONFIG, "authority '%s': 'url:' is too long", s->conf->name);
	return 0;
}

/* The anchors that are known, as a set. */
static int
set_anchors(struct est *s, struct err *e)
{
	bool plain;

	if (s->needs.anchors && *s->needs.anchors)
		return certs_only_read(
			s->needs.anchors, strlen(s->needs.anchors), &s->anchors, &plain, e);
	s->anchors = certs_new();
	return s->anchors ? 0 : err_set(e, ERR_FAILED, "no memory for anchors");
}

int
est_open(const struct authority_conf *conf, const struct ca_needs *needs, void **ret, struct err *e)
{
	struct est *s = calloc(1, sizeof *s);

	if (!s)
		return err_set(e, ERR_FAILED, "no memory for an EST session");
	s->conf = conf;
	s->needs = *needs;
	if (set_base(s, e) < 0 || set_anchors(s, e) < 0) {
		est_close(s);
		return -1;
	}
	/* It lives as long as the caller's call alone. */
	s->needs.anchors = NULL;
	*ret = s;
	return 0;
}

const char *
est_account(void *ca)
{
	(void)ca;
	return "";
}
