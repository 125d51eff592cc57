#include "keystay/token/uri.h"

#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"

/* Everything but unreserved characters is percent-encoded (RFC 7512 2.3). */
static void
add_escaped(struct buf *b, const char *text)
{
	for (; *text; text++)
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
			(*text >= '0' && *text <= '9') || strchr("-._~", *text))
			buf_add(b, text, 1);
		else
			buf_addf(b, "%%%02X", (unsigned char)*text);
}

int
uri_make(const char *token, const char *serial, const char *object, const char *id_hex,
	char uri[KEY_URI_TEXT], struct err *e)
{
	AUTO(buf) struct buf b = BUF(KEY_URI_TEXT - 1);

	buf_adds(&b, "pkcs11:token=");
	add_escaped(&b, token);
	if (*serial) {
		buf_adds(&b, ";serial=");
		add_escaped(&b, serial);
	}
	buf_adds(&b, ";object=");
	add_escaped(&b, object);
	buf_adds(&b, ";id=");
	for (const char *hex = id_hex; hex[0] && hex[1]; hex += 2)
		buf_addf(&b, "%%%.2s", hex);
	buf_adds(&b, ";type=private");
	if (b.full)
		return err_set(e, ERR_FAILED, "the URI of key '%s' is too long", object);
	text_copy(uri, KEY_URI_TEXT, buf_text(&b));
	return 0;
}

/* The value of an attribute of the path, decoded to at most `room` bytes; their number, or -1. */
static int
read_attribute(const char *uri, const char *name, unsigned char *value, size_t room)
{
	size_t len = strlen(name), n = 0;
	const char *p = uri;

	while (p && !(strncmp(p, name, len) == 0 && p[len] == '=')) {
		p = strchr(p, ';');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return -1;
	for (p += len + 1; *p && *p != ';'; n++) {
		char hex[3] = {p[0] == '%' ? p[1] : '\0', p[0] == '%' && p[1] ? p[2] : '\0', '\0'};
		if (n == room || (*p == '%' && hex_decode(hex, value + n, 1) != 1))
			return -1;
		if (*p != '%')
			value[n] = (unsigned char)*p;
		p += *p == '%' ? 3 : 1;
	}
	return (int)n;
}

bool
uri_read(const char *uri, struct key_name *ret)
{
	static const char scheme[] = "pkcs11:";
	unsigned char id[KEY_ID_BYTES], label[KEY_LABEL_TEXT];
	struct key_name name;

	if (!text_starts(uri, scheme) || strlen(uri) >= KEY_URI_TEXT)
		return false;
	uri += strlen(scheme);
	int label_len = read_attribute(uri, "object", label, sizeof label - 1);
	if (label_len < 1 || memchr(label, '\0', (size_t)label_len) ||
		read_attribute(uri, "id", id, sizeof id) != (int)sizeof id)
		return false;
	memcpy(name.label, label, (size_t)label_len);
	name.label[label_len] = '\0';
	hex_encode(id, sizeof id, name.id);
	*ret = name;
	return true;
}
