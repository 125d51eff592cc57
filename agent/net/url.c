#include "keystay/net/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"

AUTO_DEFINE(CURLU, curl_url_cleanup)

/* The longest DNS name, RFC 1035. */
#define HOST_MAX 255

static CURLU *
parse(const char *url)
{
	AUTO(CURLU) CURLU *u = curl_url();

	return u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK ? take(&u) : NULL;
}

/* The text of a part; "" where there is none. */
static bool
part(CURLU *u, CURLUPart which, unsigned flags, char *to, size_t size)
{
	char *text = NULL;

	bool fits = curl_url_get(u, which, &text, flags) != CURLUE_OK ? text_copy(to, size, "")
								      : text_copy(to, size, text);
	curl_free(text);
	return fits;
}

/* A name or an address, and nothing that means another host once it is decoded. */
static bool
is_plain_host(const char *host)
{
	for (const char *c = host; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '%')
			return false;
	return *host != '\0' && strlen(host) <= HOST_MAX;
}

static bool
has_none(CURLU *u, CURLUPart which, CURLUcode code)
{
	char *text = NULL;

	bool none = curl_url_get(u, which, &text, 0) == code;
	curl_free(text);
	return none;
}

/* No name or password may come with it, not even empty ones: they would be sent. */
static bool
is_plain_https(CURLU *u)
{
	char scheme[16], host[URL_MAX];

	return part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
	       strcasecmp(scheme, "https") == 0 && has_none(u, CURLUPART_USER, CURLUE_NO_USER) &&
	       has_none(u, CURLUPART_PASSWORD, CURLUE_NO_PASSWORD) &&
	       part(u, CURLUPART_HOST, 0, host, sizeof host) && is_plain_host(host);
}

bool
url_join(const char *base, const char *reference, char to[URL_MAX])
{
	AUTO(CURLU) CURLU *u = parse(base);
	char joined[URL_MAX];

	/* Newer libcurls encode them. */
	for (const char *c = reference; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	/* A fragment alone is another place in the same document (RFC 3986 5.2.2). */
	if (*reference == '#')
		reference = base;
	if (!u || !*reference || curl_url_set(u, CURLUPART_URL, reference, 0) != CURLUE_OK ||
		!is_plain_https(u) || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
		!part(u, CURLUPART_URL, 0, joined, sizeof joined) || !*joined)
		return false;
	text_copy(to, URL_MAX, joined);
	return true;
}

bool
url_origin(const char *url, char origin[URL_MAX])
{
	AUTO(CURLU) CURLU *u = parse(url);
	char host[HOST_MAX + 1], port[16], text[URL_MAX];

	if (!u || !is_plain_https(u) || !part(u, CURLUPART_HOST, 0, host, sizeof host) ||
		!part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port))
		return false;
	for (char *c = host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	snprintf(text, sizeof text, "https://%s:%s", host, port);
	text_copy(origin, URL_MAX, text);
	return true;
}

bool
url_append(const char *url, const char *segment, char to[URL_MAX])
{
	AUTO(buf) struct buf b = BUF(URL_MAX - 1);
	AUTO(CURLU) CURLU *u = parse(url);
	size_t len = strlen(url);

	if (!u || !is_plain_https(u) || strpbrk(url, "?#") || !*segment ||
		text_same(segment, ".") || text_same(segment, ".."))
		return false;
	while (len && url[len - 1] == '/')
		len--;
	buf_addf(&b, "%.*s/", (int)len, url);
	for (const char *c = segment; *c; c++)
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			strchr("0123456789-._~:@!$&'()*+,;=", *c))
			buf_add(&b, c, 1);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*c);
	if (b.full)
		return false;
	text_copy(to, URL_MAX, buf_text(&b));
	return true;
}

bool
url_is_bare(const char *url)
{
	AUTO(CURLU) CURLU *u = parse(url);
	char path[URL_MAX];

	return u && part(u, CURLUPART_PATH, 0, path, sizeof path) &&
	       strspn(path, "/") == strlen(path);
}
