#include "columns.h"

#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "keystay/base/text.h"

/* The next character of valid UTF-8; *ret_len has its bytes. What is not valid is one byte. */
static wchar_t
next_character(const char *text, size_t *ret_len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0xc0 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	static const unsigned char bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	wchar_t c = s[0] & bits[n];

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*ret_len = 1;
			return '?';
		}
		c = (wchar_t)(c << 6 | (s[i] & 0x3f));
	}
	*ret_len = n;
	return c;
}

/* The program itself has no locale: what it reads and writes is UTF-8 in any case. NULL where the
 * system has none for that. */
static locale_t
in_utf8(void)
{
	static locale_t utf8;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return utf8;
}

static size_t
width_of(wchar_t c)
{
	if (c < 0x80 || !in_utf8())
		return 1;
	locale_t before = uselocale(in_utf8());
	int width = wcwidth(c);
	uselocale(before);
	return width < 0 ? 1 : (size_t)width;
}

static wint_t
lower(wchar_t c)
{
	return in_utf8() ? towlower_l((wint_t)c, in_utf8()) : towlower((wint_t)c);
}

size_t
columns_of(const char *text)
{
	size_t width = 0, n;

	for (; *text; text += n)
		width += width_of(next_character(text, &n));
	return width;
}

void
columns_add(struct buf *b, const char *text, size_t room)
{
	size_t width = 0, n;
	const char *end = text;

	if (columns_of(text) <= room) {
		buf_adds(b, text);
		return;
	}
	for (; *end; end += n) {
		width += width_of(next_character(end, &n));
		if (width > room - 1)
			break;
	}
	buf_add(b, text, (size_t)(end - text));
	buf_adds(b, "…");
}

void
columns_pad(struct buf *b, const char *text, size_t room, bool right)
{
	size_t width = columns_of(text);
	size_t blanks = width < room ? room - width : 0;

	if (!right)
		buf_adds(b, text);
	for (size_t i = 0; i < blanks; i++)
		buf_adds(b, " ");
	if (right)
		buf_adds(b, text);
}

static bool
begins_with(const char *text, const char *part)
{
	size_t n, m;

	for (; *part; text += n, part += m)
		if (!*text || lower(next_character(text, &n)) != lower(next_character(part, &m)))
			return false;
	return true;
}

bool
columns_hold(const char *text, const char *part)
{
	size_t n;

	for (; *text; text += n) {
		if (begins_with(text, part))
			return true;
		(void)next_character(text, &n);
	}
	return *part == '\0';
}

size_t
columns_of_output(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}
