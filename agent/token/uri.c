#include "keystay/token/uri.h"

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
