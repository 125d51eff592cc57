/*
 * Where a redirect leads (net/url.h). An input of two lines is a URL to begin from and a reference;
 * one of a single line is a reference from a server of ours.
 */
#include "fuzz.h"
#include "keystay/base/text.h"
#include "keystay/net/url.h"

#define OURS "https://est.example:8443/.well-known/est/simpleenroll?x"
#define LEFT "left alone"

/* It is https, it is what it is, and it is somebody's. */
static void
is_sound(const char *url)
{
	char again[URL_MAX], origin[URL_MAX], same[URL_MAX];

	MUST(strncmp(url, "https://", 8) == 0 && strlen(url) < URL_MAX);
	MUST(fuzz_printable(url) && !strchr(url, '#'));
	MUST(url_join(url, url, again) && strcmp(again, url) == 0);
	MUST(url_join(OURS, url, again) && strcmp(again, url) == 0);
	MUST(url_origin(url, origin) && strncmp(origin, "https://", 8) == 0);
	MUST(!strpbrk(origin + 8, "/?#@") && strrchr(origin, ':') > origin + 5);
	for (const char *c = origin; *c; c++)
		MUST(*c < 'A' || *c > 'Z');
	MUST(url_origin(origin, same) && strcmp(same, origin) == 0);
	MUST(url_is_bare(origin));
}

/*
 * A host as DNS can have it, without what libcurl decodes there and decodes again where the URL is
 * read anew.
 */
static bool
has_plain_host(const char *url)
{
	size_t len = strcspn(url + 8, "/?");

	return len <= 255 && !memchr(url + 8, '%', len) && !memchr(url + 8, 0x7f, len);
}

static void
join(const char *base, const char *reference)
{
	char to[URL_MAX] = LEFT;

	if (!url_join(base, reference, to))
		MUST(strcmp(to, LEFT) == 0);
	else if (has_plain_host(to))
		is_sound(to);
}

/* One segment more, of the same server. */
static void
append(const char *segment)
{
	static const char before[] = "https://est.example/est/";
	char to[URL_MAX] = LEFT, origin[URL_MAX];

	if (!url_append("https://est.example/est/", segment, to)) {
		MUST(strcmp(to, LEFT) == 0);
		return;
	}
	MUST(strncmp(to, before, sizeof before - 1) == 0 && strlen(to) < URL_MAX);
	MUST(!strpbrk(to + sizeof before - 1, "/?# \\\""));
	for (const char *c = to; *c; c++)
		MUST(*c > 0x20 && *c < 0x7f);
	MUST(url_origin(to, origin) && strcmp(origin, "https://est.example:443") == 0);
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
	(void)url_is_bare(text);
	join(OURS, text);
	append(text);
	if (reference) {
		join(text, reference);
		join(OURS, reference);
	}
	return 0;
}
