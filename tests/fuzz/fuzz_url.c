/*
 * Where a redirect leads (net/url.h). An input of two lines is a URL to begin from and a reference;
 * one of a single line is a reference from a server of ours.
 */
#include "fuzz.h"

#include <strings.h>

#include "keystay/base/text.h"
#include "keystay/net/url.h"

#define OURS "https://est.example:8443/.well-known/est/simpleenroll?x"
#define LEFT "left alone"

/* "https://", a host as DNS or an address has it, and a port; the same when it is read again. */
static void
is_origin(const char *origin)
{
	char again[URL_MAX];
	const char *host = origin + 8, *colon = strrchr(origin, ':');

	MUST(strncmp(origin, "https://", 8) == 0 && strlen(origin) < URL_MAX);
	MUST(colon > host && colon - host <= 255 && colon[1] && !strpbrk(host, "/?#@%"));
	for (const char *c = origin; *c; c++)
		MUST(*c > 0x20 && *c < 0x7f && (*c < 'A' || *c > 'Z'));
	MUST(url_origin(origin, again) && strcmp(again, origin) == 0);
	MUST(url_is_bare(origin));
}

/* It is https, it is what it is, and it is somebody's: whoever asks, the host is the same. */
static void
is_sound(const char *url)
{
	char again[URL_MAX], origin[URL_MAX];
	size_t len = strcspn(url + 8, "/?");

	MUST(strncmp(url, "https://", 8) == 0 && strlen(url) < URL_MAX);
	MUST(fuzz_printable(url) && !strchr(url, '#'));
	MUST(len > 0 && !memchr(url + 8, '@', len) && !memchr(url + 8, '%', len));
	MUST(url_join(url, url, again) && strcmp(again, url) == 0);
	MUST(url_join(OURS, url, again) && strcmp(again, url) == 0);
	MUST(url_origin(url, origin));
	is_origin(origin);
	/* No byte of the host was decoded on the way. */
	MUST(strncasecmp(origin, url, 8 + len) == 0);
}

static void
join(const char *base, const char *reference)
{
	char to[URL_MAX] = LEFT;

	if (!url_join(base, reference, to))
		MUST(strcmp(to, LEFT) == 0);
	else
		is_sound(to);
}

/* One segment more, of the same server. */
static void
append(const char *segment)
{
	static const char before[] = "https://est.example/est/";
	char to[URL_MAX] = LEFT, joined[URL_MAX];

	if (!url_append("https://est.example/est/", segment, to)) {
		MUST(strcmp(to, LEFT) == 0);
		return;
	}
	MUST(strncmp(to, before, sizeof before - 1) == 0 && strlen(to) < URL_MAX);
	MUST(to[sizeof before - 1] && !strpbrk(to + sizeof before - 1, "/?# \\\""));
	is_sound(to);
	/* Not a way up, nor to the same place. */
	MUST(url_join(to, to, joined) && strcmp(joined, to) == 0);
}

/* To whatever URL: to one of a server alone, and it stays with that server. */
static void
append_to(const char *url)
{
	char to[URL_MAX] = LEFT, origin[URL_MAX], same[URL_MAX];

	if (!url_append(url, "simpleenroll", to)) {
		MUST(strcmp(to, LEFT) == 0);
		return;
	}
	MUST(!strpbrk(url, "?#") && url_origin(url, origin) && url_origin(to, same));
	MUST(strcmp(origin, same) == 0);
	MUST(strcmp(to + strlen(to) - strlen("/simpleenroll"), "/simpleenroll") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);
	char origin[URL_MAX] = LEFT;

	char *reference = strchr(text, '\n');
	if (reference)
		*reference++ = '\0';
	if (!url_origin(text, origin))
		MUST(strcmp(origin, LEFT) == 0);
	else
		is_origin(origin);
	(void)url_is_bare(text);
	join(OURS, text);
	append(text);
	append_to(text);
	if (reference) {
		join(text, reference);
		join(OURS, reference);
	}
	return 0;
}
