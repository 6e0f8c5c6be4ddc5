/* SPDX-License-Identifier: GPL-2.0-only */
/* What standard output is, for who draws on it. */
#ifndef DAXFSCTL_TERMINAL_H
#define DAXFSCTL_TERMINAL_H

#include <stdbool.h>

/* Columns: of the terminal, else what $COLUMNS says, else 80; 40 to 400. */
unsigned int terminal_width(void);
/* Is it a terminal, and does nobody forbid colour (NO_COLOR, TERM=dumb)? */
bool terminal_has_colour(void);
/* How many columns the text takes; its bytes where that cannot be known. */
unsigned int terminal_columns(const char *text);

#endif
