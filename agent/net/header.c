#include "keystay/net/header.h"

#include <string.h>
#include <strings.h>

#define WAIT_MAX (30 * DAY)
#define TARGETS_MAX 32

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
retry_after_parse(const char *text, size_t len, when_t now, when_t *ret)
{
	when_t when = 0;

	while (len && is_blank(*text))
		text++, len--;
	while (len && is_blank(text[len - 1]))
		len--;
	if (len == 0)
		return false;
	if (*text >= '0' && *text <= '9') {
		for (size_t i = 0; i < len; i++) {
			if (text[i] < '0' || text[i] > '9')
				return false;
			when = when * 10 + (text[i] - '0');
			if (when > WAIT_MAX)
				when = WAIT_MAX;
		}
		when += now;
	} else if (!when_parse_http(text, len, &when)) {
		return false;
	}
	*ret = when < now ? now : when > now + WAIT_MAX ? now + WAIT_MAX : when;
	return true;
}

/* A cursor over the field. */
struct at {
	const char *p;
	const char *end;
};

static void
skip_blanks(struct at *a)
{
	while (a->p < a->end && is_blank(*a->p))
		a->p++;
}

static bool
next_is(struct at *a, char c)
{
	skip_blanks(a);
	if (a->p == a->end || *a->p != c)
		return false;
	a->p++;
	return true;
}

/* A parameter's value, quoted or a token; without the quotes, escapes left as they are. */
static bool
value_of(struct at *a, const char **ret, size_t *ret_len)
{
	skip_blanks(a);
	if (a->p < a->end && *a->p == '"') {
		const char *start = ++a->p;
		while (a->p < a->end && *a->p != '"')
			a->p += *a->p == '\\' && a->p + 1 < a->end ? 2 : 1;
		if (a->p >= a->end)
			return false;
		*ret = start;
		*ret_len = (size_t)(a->p++ - start);
		return true;
	}
	*ret = a->p;
	while (a->p < a->end && !is_blank(*a->p) && *a->p != ';' && *a->p != ',')
		a->p++;
	*ret_len = (size_t)(a->p - *ret);
	return true;
}

/* rel is a list of words separated by blanks (RFC 8288 3.3). */
static bool
has_word(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < len;) {
		while (i < len && is_blank(list[i]))
			i++;
		size_t start = i;
		while (i < len && !is_blank(list[i]))
			i++;
		if (i - start == n && strncasecmp(list + start, word, n) == 0)
			return true;
	}
	return false;
}

/* The parameters of one link; *ret_match when its first rel has the word. */
static bool
read_parameters(struct at *a, const char *rel, bool *ret_match)
{
	bool seen = false;

	*ret_match = false;
	while (next_is(a, ';')) {
		skip_blanks(a);
		const char *name = a->p, *value = "";
		size_t value_len = 0;
		while (a->p < a->end && !is_blank(*a->p) && !memchr("=;,", *a->p, 3))
			a->p++;
		size_t name_len = (size_t)(a->p - name);
		if (next_is(a, '=') && !value_of(a, &value, &value_len))
			return false;
		if (!seen && name_len == 3 && strncasecmp(name, "rel", 3) == 0) {
			seen = true;
			*ret_match = has_word(value, value_len, rel);
		}
	}
	return true;
}

bool
link_targets(const char *text, size_t len, const char *rel, struct list *ret)
{
	struct at a = {text, text + len};

	for (;;) {
		bool match;
		while (next_is(&a, ','))
			;
		if (a.p == a.end)
			return true;
		if (!next_is(&a, '<'))
			return false;
		const char *start = a.p;
		const char *stop = memchr(a.p, '>', (size_t)(a.end - a.p));
		if (!stop)
			return false;
		a.p = stop + 1;
		if (!read_parameters(&a, rel, &match))
			return false;
		if (match && ret->count < TARGETS_MAX &&
			!memchr(start, '\0', (size_t)(stop - start))) {
			AUTO(char) char *target = strndup(start, (size_t)(stop - start));
			if (!target || !list_add(ret, target))
				return false;
		}
		skip_blanks(&a);
		if (a.p < a.end && *a.p != ',')
			return false;
	}
}

/* RFC 9110 5.6.2, a token. */
static bool
is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* One element of the list: a scheme with what follows it, or a parameter of the scheme before. */
static bool
challenge_element(struct at *a, unsigned *ret)
{
	const char *value;
	size_t len;

	skip_blanks(a);
	const char *word = a->p;
	while (a->p < a->end && is_token_char(*a->p))
		a->p++;
	size_t n = (size_t)(a->p - word);
	if (n == 0)
		return false;
	skip_blanks(a);
	/* "name=value", with blanks around the sign at most (RFC 9110 11.2). */
	bool parameter = a->p < a->end && *a->p == '=';
	if (!parameter)
		*ret |= n == 5 && strncasecmp(word, "basic", n) == 0    ? CHALLENGE_BASIC
			: n == 6 && strncasecmp(word, "digest", n) == 0 ? CHALLENGE_DIGEST
									: CHALLENGE_OTHER;
	/* The rest of it, up to a comma that is not within quotes. */
	while (a->p < a->end && *a->p != ',') {
		if (*a->p != '"')
			a->p++;
		else if (!value_of(a, &value, &len))
			return false;
	}
	return true;
}

unsigned
challenge_schemes(const char *text, size_t len)
{
	struct at a = {text, text + len};
	unsigned schemes = 0;

	for (;;) {
		while (next_is(&a, ','))
			;
		if (a.p == a.end || !challenge_element(&a, &schemes))
			return schemes;
	}
}
