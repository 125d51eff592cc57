/*
 * URLs of https servers: where a redirect leads, and whether that is the same server. Foreign bytes
 * go through libcurl's parser.
 */
#ifndef KEYSTAY_NET_URL_H
#define KEYSTAY_NET_URL_H

#include <stdbool.h>

#define URL_MAX 512

/*
 * Where `reference` (a URL, or a path as a Location field may have it, RFC 9110 10.2.2) leads from
 * `base`. False for anything but https, for a user name or password in it, and for what does not
 * fit; then `to` is left alone.
 */
bool url_join(const char *base, const char *reference, char to[URL_MAX]);

/* "https://host:port", in lower case, with the port always (RFC 6454 6.1); false as above. */
bool url_origin(const char *url, char origin[URL_MAX]);

/*
 * `url` with one more segment, percent-encoded but for what may stand in one (RFC 3986 3.3: ':' and
 * '@', too). False as above, for a query or a fragment, and for "", "." and "..".
 */
bool url_append(const char *url, const char *segment, char to[URL_MAX]);

/* The path of a URL is "/" or nothing. */
bool url_is_bare(const char *url);

#endif
