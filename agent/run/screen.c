#include "screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"

/* Of a terminal that does not say. */
#define WIDTH 80
#define HEIGHT 24

/* Whole screens of 500 lines of 500 columns fit. */
#define FRAME_MAX (256 * 1024)

#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

bool
screen_possible(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && !text_same(term, "dumb");
}

void
screen_measure(struct screen *s)
{
	struct winsize size = {0};
	int width = WIDTH, height = HEIGHT;

	if (ioctl(s->fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		width = size.ws_col;
		height = size.ws_row;
	}
	/* Some terminals break the lines anew and some do not: nobody knows where they are now. */
	if (width != s->width || height != s->height)
		s->rows = 0;
	s->width = width;
	s->height = height;
}

/* All of it or, where the terminal is gone, nothing more. */
static void
write_whole(int fd, const char *text, size_t len)
{
	sigset_t all, was;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &was);
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	sigprocmask(SIG_SETMASK, &was, NULL);
}

static void
go_up(const struct screen *s, struct buf *out)
{
	buf_adds(out, "\r");
	if (s->rows)
		buf_addf(out, "\033[%dA", s->rows);
}

void
screen_draw(struct screen *s, const char *lines)
{
	AUTO(buf) struct buf out = BUF(FRAME_MAX);
	int rows = 0;

	go_up(s, &out);
	for (const char *end; (end = strchr(lines, '\n')); lines = end + 1, rows++) {
		buf_add(&out, lines, (size_t)(end - lines));
		buf_adds(&out, CLEAR_LINE "\n");
	}
	/* There may have been more of them. */
	buf_adds(&out, CLEAR_BELOW);
	if (out.full)
		return;
	fflush(stdout);
	write_whole(s->fd, buf_text(&out), out.len);
	s->rows = rows;
}

void
screen_clear(struct screen *s)
{
	AUTO(buf) struct buf out = BUF(FRAME_MAX);

	if (!s->rows)
		return;
	go_up(s, &out);
	buf_adds(&out, CLEAR_BELOW);
	write_whole(s->fd, buf_text(&out), out.len);
	s->rows = 0;
}
