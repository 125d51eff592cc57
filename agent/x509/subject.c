#include "keystay/x509/subject.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *word, *long_word;
	size_t offset;
} fields[] = {
	{"O", "organizationName", offsetof(struct subject, organization)},
	{"OU", "organizationalUnitName", offsetof(struct subject, unit)},
	{"L", "localityName", offsetof(struct subject, locality)},
	{"ST", "stateOrProvinceName", offsetof(struct subject, state)},
	{"S", "state", offsetof(struct subject, state)},
	{"C", "countryName", offsetof(struct subject, country)},
	{"serialNumber", "SERIALNUMBER", offsetof(struct subject, serial_number)},
};

static const char *const passed_over[] = {"CN", "commonName", "emailAddress", "E"};

void
subject_clear(struct subject *s)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		char **slot = (char **)((char *)s + fields[i].offset);
		free(*slot);
		*slot = NULL;
	}
}

struct reader {
	const char *p;
	bool slashes; /* the form of "/C=GB/O=..." */
	char value[SUBJECT_LINE_MAX];
	size_t len;
};

static const char *
skip_blank(const char *p)
{
	return p + strspn(p, " \t");
}

/* "WORD=" with blanks around the word; the place behind it, or NULL. */
static const char *
read_word(const char *p, char word[32])
{
	p = skip_blank(p);
	size_t len = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	const char *behind = skip_blank(p + len);

	if (len == 0 || len >= 32 || *behind != '=')
		return NULL;
	memcpy(word, p, len);
	word[len] = '\0';
	return behind + 1;
}

/* A slash within a value ("Roads/Parking") has no word and '=' behind it. */
static bool
ends_here(const struct reader *r, const char *p)
{
	char word[32];

	if (!*p)
		return true;
	return r->slashes ? *p == '/' && read_word(p + 1, word) : strchr(",;+", *p) != NULL;
}

/* RFC 4514 2.4: a backslash before a character, or before two hex digits. */
static bool
read_escape(struct reader *r)
{
	unsigned char byte;
	char pair[3] = {r->p[1], r->p[1] ? r->p[2] : '\0', '\0'};

	if (!r->p[1])
		return false;
	if (hex_decode(pair, &byte, 1) == 1) {
		r->value[r->len++] = (char)byte;
		r->p += 3;
		return byte != 0;
	}
	r->value[r->len++] = r->p[1];
	r->p += 2;
	return true;
}

/* The value at r->p, without the blanks around it; stops at what is behind it. */
static bool
read_value(struct reader *r)
{
	size_t kept = 0; /* what is quoted or escaped is no blank at the end */
	bool quoted = false;

	r->len = 0;
	r->p = skip_blank(r->p);
	if (*r->p == '"' && !r->slashes) {
		quoted = true;
		r->p++;
	}
	while (*r->p && (quoted ? *r->p != '"' : !ends_here(r, r->p))) {
		if (*r->p == '\\') {
			if (!read_escape(r))
				return false;
			kept = r->len;
			continue;
		}
		r->value[r->len++] = *r->p++;
	}
	if (quoted) {
		if (*r->p != '"')
			return false;
		kept = r->len;
		r->p = skip_blank(r->p + 1);
	}
	while (r->len > kept && strchr(" \t", r->value[r->len - 1]))
		r->len--;
	r->value[r->len] = '\0';
	return ends_here(r, r->p);
}

static bool
is_passed_over(const char *word)
{
	for (size_t i = 0; i < COUNT(passed_over); i++)
		if (strcasecmp(passed_over[i], word) == 0)
			return true;
	return false;
}

static int
keep_field(struct subject *s, const char *word, const char *value, struct err *e)
{
	size_t i = 0;

	while (i < COUNT(fields) && strcasecmp(fields[i].word, word) != 0 &&
		strcasecmp(fields[i].long_word, word) != 0)
		i++;
	if (i == COUNT(fields) && is_passed_over(word))
		return 0;
	if (i == COUNT(fields)) {
		err_set(e, ERR_CONFIG, "a subject has no field '%s' here", word);
		return err_hint(e, "the fields are O, OU, L, ST and C");
	}
	char **slot = (char **)((char *)s + fields[i].offset);
	if (*slot)
		return err_set(e, ERR_CONFIG, "the subject has the field '%s' twice", word);
	if (!*value || text_find_foreign(value, strlen(value)))
		return err_set(e, ERR_CONFIG, "the subject's field '%s' is %s", word,
			*value ? "not UTF-8" : "empty");
	*slot = strdup(value);
	return *slot ? 0 : err_set(e, ERR_FAILED, "no memory for a subject");
}

static int
fail_form(const char *line, struct err *e)
{
	char shown[128];

	text_copy(shown, sizeof shown, line);
	text_printable(shown);
	err_set(e, ERR_CONFIG, "'%s' is not a subject", shown);
	return err_hint(e, "write it like \"O=Example Council,L=Exeter,C=GB\"");
}

int
subject_read(const char *line, struct subject *ret, struct err *e)
{
	AUTO(subject) struct subject s = {.country = NULL};
	struct reader r = {.p = skip_blank(line)};
	char word[32];

	if (strlen(line) >= SUBJECT_LINE_MAX)
		return err_set(
			e, ERR_CONFIG, "a subject is longer than %d bytes", SUBJECT_LINE_MAX);
	r.slashes = *r.p == '/';
	if (r.slashes)
		r.p++;
	while (*r.p) {
		r.p = read_word(r.p, word);
		if (!r.p || !read_value(&r))
			return fail_form(line, e);
		if (keep_field(&s, word, r.value, e) < 0)
			return -1;
		if (!*r.p)
			break;
		r.p++;
		if (!*skip_blank(r.p))
			return fail_form(line, e);
	}
	*ret = s;
	s = (struct subject){.country = NULL};
	return 0;
}
