/* Retry-After, Link and WWW-Authenticate as an authority sends them (net/header.h). */
#include "fuzz.h"
#include "keystay/net/header.h"

/* 2026-11-21, and two clocks that are plainly wrong. */
static const when_t clocks[] = {1795282774, 0, 4102444800};

#define TARGETS_MAX 32

static void
retry_after(const char *text, size_t len)
{
	for (size_t i = 0; i < COUNT(clocks); i++) {
		when_t now = clocks[i], when = -1;
		if (retry_after_parse(text, len, now, &when))
			MUST(when >= now && when <= now + 30 * DAY);
		else
			MUST(when == -1);
	}
}

static void
links(const char *text, size_t len, const char *rel)
{
	AUTO(list) struct list targets = {0};

	(void)link_targets(text, len, rel, &targets);
	MUST(targets.count <= TARGETS_MAX);
	for (size_t i = 0; i < targets.count; i++) {
		MUST(!strchr(targets.item[i], '>'));
		MUST(memmem(text, len, targets.item[i], strlen(targets.item[i])));
	}
	/* A second field of the same answer adds to the list; the ceiling is for both together. */
	(void)link_targets(text, len, rel, &targets);
	MUST(targets.count <= TARGETS_MAX);
}

#define ALL_SCHEMES (CHALLENGE_BASIC | CHALLENGE_DIGEST | CHALLENGE_OTHER)

static void
challenges(const char *text, size_t len)
{
	unsigned whole = challenge_schemes(text, len);

	MUST((whole & ~(unsigned)ALL_SCHEMES) == 0);
	MUST(challenge_schemes(text, len) == whole);
	/* A prefix of its own allocation: what reads beyond is seen. */
	for (size_t cut = len; cut > 0; cut /= 2) {
		AUTO(char) char *prefix = fuzz_bytes((const uint8_t *)text, cut - 1);
		unsigned found = challenge_schemes(prefix, cut - 1);
		MUST((found & ~(unsigned)ALL_SCHEMES) == 0);
	}
	/* One more in front of the list is one more. */
	AUTO(char) char *more = malloc(len + 8);
	memcpy(more, "Digest,", 7);
	if (len)
		memcpy(more + 7, text, len);
	MUST(challenge_schemes(more, len + 7) == (whole | CHALLENGE_DIGEST));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_bytes(data, size);

	retry_after(text, size);
	links(text, size, "alternate");
	links(text, size, "up");
	challenges(text, size);
	return 0;
}
