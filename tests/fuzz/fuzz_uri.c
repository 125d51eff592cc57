/*
 * PKCS#11 URIs (token/uri.h). The input is a token's label, serial and a key's label, a line each,
 * as a module may give them; taken apart by RFC 7512's grammar the URI must give them back.
 */
#include "fuzz.h"
#include "keystay/base/text.h"
#include "keystay/token/uri.h"

static const char id[] = "00112233445566778899aabbccddeeff";

/* The value of an attribute of the path, decoded; false when the URI does not have it. */
static bool
attribute(const char *uri, const char *name, char *value, size_t room)
{
	size_t len = strlen(name), n = 0;
	const char *p = uri + strlen("pkcs11:");

	while (!(strncmp(p, name, len) == 0 && p[len] == '=')) {
		p = strchr(p, ';');
		if (!p)
			return false;
		p++;
	}
	for (p += len + 1; *p && *p != ';' && n + 1 < room; n++) {
		if (*p == '%') {
			char hex[3] = {p[1], p[2], '\0'};
			MUST(hex_decode(hex, value + n, 1) == 1);
			p += 3;
		} else {
			value[n] = *p++;
		}
	}
	value[n] = '\0';
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);
	char uri[KEY_URI_TEXT] = "left alone", value[KEY_URI_TEXT];
	char *part[3] = {text, (char *)"", (char *)""};
	struct err e;

	for (int i = 1; i < 3; i++) {
		char *newline = strchr(part[i - 1], '\n');
		if (!newline)
			break;
		*newline = '\0';
		part[i] = newline + 1;
	}
	struct key_name name, again;
	/* As it is, it may be a URI that somebody else wrote. */
	if (uri_read(text, &name))
		MUST(strlen(name.id) == 2 * KEY_ID_BYTES && *name.label);
	if (uri_make(part[0], part[1], part[2], id, uri, &e) < 0) {
		MUST(text_same(uri, "left alone") && e.kind == ERR_FAILED);
		return 0;
	}
	for (const char *p = uri; *p; p++)
		MUST(*p > ' ' && *p < 0x7f && !strchr("\"'<>\\^`{|}?", *p));
	MUST(attribute(uri, "token", value, sizeof value) && text_same(value, part[0]));
	MUST(attribute(uri, "object", value, sizeof value) && text_same(value, part[2]));
	MUST(attribute(uri, "serial", value, sizeof value) == (*part[1] != '\0'));
	MUST(!*part[1] || text_same(value, part[1]));
	MUST(attribute(uri, "type", value, sizeof value) && text_same(value, "private"));
	MUST(!strstr(uri, "pin-value") || strstr(part[0], "pin-value") ||
		strstr(part[1], "pin-value") || strstr(part[2], "pin-value"));
	if (*part[2] && strlen(part[2]) < KEY_LABEL_TEXT) {
		MUST(uri_read(uri, &again));
		MUST(text_same(again.label, part[2]) && text_same(again.id, id));
	}
	return 0;
}
