// SPDX-License-Identifier: GPL-2.0-only
/* Asks the terminal, then the environment. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 40
#define WIDTH_MAX 400

unsigned int terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = 0;
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (!width && columns)
		width = strtoul(columns, NULL, 10);
	if (!width)
		width = WIDTH_DEFAULT;
	if (width < WIDTH_MIN)
		return WIDTH_MIN;
	return width > WIDTH_MAX ? WIDTH_MAX : (unsigned int)width;
}

bool terminal_has_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

unsigned int terminal_columns(const char *text)
{
	size_t room = strlen(text) + 1;
	wchar_t *wide = malloc(room * sizeof(*wide));
	int columns = -1;

	if (wide && mbstowcs(wide, text, room) != (size_t)-1)
		columns = wcswidth(wide, room);
	free(wide);
	return columns < 0 ? (unsigned int)room - 1 : (unsigned int)columns;
}
