/*
 * A few lines at the end of a terminal that are drawn again and again in the same place.
 *
 * The cursor always stands below them and is never hidden, and signals wait while they are written:
 * whatever ends the program, and be it SIGKILL, there is nothing to put in order.
 */
#ifndef KEYSTAY_RUN_SCREEN_H
#define KEYSTAY_RUN_SCREEN_H

#include <stdbool.h>

struct screen {
	int fd;
	int rows; /* that are drawn now, above the cursor */
	int width, height;
};

/* True where lines can be drawn anew: a terminal, and none that is "dumb". */
bool screen_possible(int fd);

/* Asks the terminal how large it is. Where that changed, what is drawn is left as it is. */
void screen_measure(struct screen *s);

/* Draws lines, each with its newline, over those that are there; fewer than the screen is high. */
void screen_draw(struct screen *s, const char *lines);

/* Takes them away: the next output begins where they began. */
void screen_clear(struct screen *s);

#endif
