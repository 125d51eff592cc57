#include "keystay/x509/names.h"

#include <arpa/inet.h>
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
	return text_starts(name, "*.");
}

static int
fail_name(const char *text, const char *why, struct err *e)
{
	char shown[NAME_TEXT];

	text_copy(shown, sizeof shown, text);
	text_printable(shown);
	return err_set(e, ERR_CONFIG, "'%s' is not a DNS name or an IP address: %s", shown, why);
}

int
name_normal(const char *text, char name[NAME_TEXT], struct err *e)
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
