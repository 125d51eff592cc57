#include "keystay/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes room for `more` bytes and a NUL; false when that is over the ceiling or there is no memory.
 */
static bool
grow(struct buf *b, size_t more)
{
	if (b->full || more > b->ceiling - b->len) {
		b->full = true;
		return false;
	}
	size_t need = b->len + more + 1;
	if (need <= b->room)
		return true;
	size_t room = b->room ? b->room : 128;
	while (room < need)
		room *= 2;
	char *text = realloc(b->text, room);
	if (!text) {
		b->full = true;
		return false;
	}
	b->text = text;
	b->room = room;
	return true;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!grow(b, len))
		return;
	if (len)
		memcpy(b->text + b->len, data, len);
	b->len += len;
	b->text[b->len] = '\0';
}

void
buf_adds(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && grow(b, (size_t)n)) {
		vsnprintf(b->text + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

const char *
buf_text(const struct buf *b)
{
	return b->text ? b->text : "";
}

char *
buf_take(struct buf *b)
{
	if (!grow(b, 0))
		return NULL;
	b->text[b->len] = '\0';
	char *text = b->text;
	*b = (struct buf)BUF(b->ceiling);
	return text;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->text)
		b->text[0] = '\0';
}

void
buf_free(struct buf *b)
{
	free(b->text);
	*b = (struct buf)BUF(b->ceiling);
}
