#include "keystay/x509/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
name_is_ip(const char *name)
{
	unsigned char address[16];
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

bool
name_is_wildcard(const char *name)
{
	return text_starts(name, "*.") && !strchr(name, '@');
}

static int
fail_name(const char *text, const char *why, struct err *e)
{
	char shown[NAME_TEXT];

	text_copy(shown, sizeof shown, text);
	text_printable(shown);
	return err_set(e, ERR_CONFIG, "'%s' is no name for a certificate: %s", shown, why);
}

static int
host_normal(const char *text, char name[NAME_TEXT], struct err *e)
{
	unsigned char address[16];
	char out[NAME_TEXT];

	if (inet_pton(AF_INET6, text, address) == 1) {
		inet_ntop(AF_INET6, address, name, NAME_TEXT);
		return 0;
	}
	if (!text_copy(out, sizeof out, text) || strlen(text) > 254)
		return fail_name(text, "it is longer than 253 characters", e);
	size_t len = strlen(out);
	if (len && out[len - 1] == '.')
		out[--len] = '\0';
	if (len == 0 || len > 253)
		return fail_name(text, "its length is not 1 to 253 characters", e);
	if (inet_pton(AF_INET, out, address) == 1)
		return text_copy(name, NAME_TEXT, out), 0;
	size_t label = 0, labels = 1;
	bool digits = true; /* of the last label: such a name would be read as an address */
	for (char *c = out; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		if (*c == '.') {
			if (label == 0 || c[-1] == '-')
				return fail_name(text, "a label is empty or ends with '-'", e);
			label = 0;
			digits = true;
			labels++;
			continue;
		}
		if ((unsigned char)*c >= 0x80) {
			fail_name(text, "it is not ASCII", e);
			return err_hint(e, "write the A-label (xn--...), as 'idn2 NAME' prints it");
		}
		bool star = *c == '*' && c == out && c[1] == '.';
		bool ok = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
			  (*c == '-' && label > 0) || star;
		if (!ok)
			return fail_name(text, "letters, digits, '-' and '.' are allowed", e);
		digits = digits && *c >= '0' && *c <= '9';
		if (++label > 63)
			return fail_name(text, "a label is longer than 63 characters", e);
	}
	if (label == 0 || out[len - 1] == '-')
		return fail_name(text, "a label is empty or ends with '-'", e);
	if (digits)
		return fail_name(text, "its last label is a number", e);
	if (name_is_wildcard(out) && labels < 3)
		return fail_name(text, "a wildcard needs two labels behind it", e);
	text_copy(name, NAME_TEXT, out);
	return 0;
}

/* The letters of an atom (RFC 5322 3.2.3) beside letters and digits, and the dot. */
#define ATOM "!#$%&'*+-/=?^_`{|}~."

/* A dot-atom at a DNS name (RFC 5280 4.2.1.6: "local-part@domain"); only ASCII. */
static int
email_normal(const char *text, char name[NAME_TEXT], struct err *e)
{
	const char *at = strrchr(text, '@');
	char domain[NAME_TEXT];
	size_t local = (size_t)(at - text);

	if (local == 0 || local > 64)
		return fail_name(text, "the part before the '@' has not 1 to 64 characters", e);
	for (size_t i = 0; i < local; i++) {
		char c = text[i];
		bool dot = c == '.' && (i == 0 || i + 1 == local || text[i + 1] == '.');
		if (dot || !c || (!isalnum((unsigned char)c) && !strchr(ATOM, c)) || c & 0x80)
			return fail_name(text,
				"letters, digits and some signs stand before the '@', and dots "
				"between them",
				e);
	}
	if (host_normal(at + 1, domain, e) < 0 || name_is_ip(domain) || name_is_wildcard(domain))
		return fail_name(text, "no domain name stands behind the '@'", e);
	if (local + 1 + strlen(domain) > 254)
		return fail_name(text, "it is longer than 254 characters", e);
	snprintf(name, NAME_TEXT, "%.*s@%s", (int)local, text, domain);
	return 0;
}

/* Schemes that are written without "//". */
static const char *const bare_schemes[] = {"sip", "sips", "urn", "xmpp", "im", "tag"};

/* The length of the scheme (RFC 3986 3.1) that a URI begins with; 0 for what is no URI. */
static size_t
scheme_of(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || (len && text[len] && strchr("+-.", text[len])))
		len++;
	if (text[len] != ':' || !isalpha((unsigned char)text[0]) || !text[len + 1])
		return 0;
	if (text_starts(text + len, "://"))
		return text[len + 3] ? len : 0;
	for (size_t i = 0; i < COUNT(bare_schemes); i++)
		if (strlen(bare_schemes[i]) == len && strncasecmp(bare_schemes[i], text, len) == 0)
			return len;
	return 0;
}

static int
uri_normal(const char *text, size_t scheme, char name[NAME_TEXT], struct err *e)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("<>\"{}|\\^`", *c))
			return fail_name(text, "a URI has only the characters of RFC 3986", e);
	if (!text_copy(name, NAME_TEXT, text))
		return fail_name(text, "it is longer than 255 characters", e);
	for (size_t i = 0; i < scheme; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return 0;
}

int
name_normal(const char *text, char name[NAME_TEXT], struct err *e)
{
	char out[NAME_TEXT];
	size_t scheme = scheme_of(text);

	/* `name` may be `text`; and nothing is left of what is refused. */
	int rc = scheme              ? uri_normal(text, scheme, out, e)
		 : strchr(text, '@') ? email_normal(text, out, e)
				     : host_normal(text, out, e);
	if (rc == 0)
		text_copy(name, NAME_TEXT, out);
	return rc;
}

enum name_kind
name_kind(const char *name)
{
	if (scheme_of(name))
		return NAME_URI;
	if (strchr(name, '@'))
		return NAME_EMAIL;
	return name_is_ip(name) ? NAME_IP : NAME_DNS;
}

const char *
name_kind_word(enum name_kind kind)
{
	static const char *const words[] = {
		[NAME_DNS] = "DNS", [NAME_IP] = "IP", [NAME_EMAIL] = "e-mail", [NAME_URI] = "URI"};

	return words[kind];
}

bool
name_is_host(const char *name)
{
	enum name_kind kind = name_kind(name);

	return kind == NAME_DNS || kind == NAME_IP;
}

const char *
names_first_host(const struct list *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (name_is_host(names->item[i]))
			return names->item[i];
	return NULL;
}

bool
names_equal(const struct list *a, const struct list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!list_has(b, a->item[i]))
			return false;
	return true;
}
