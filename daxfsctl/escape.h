/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that somebody else chose (file names, labels, symlink targets), made
 * fit to be shown: a name must not move a terminal's cursor or break a line.
 */
#ifndef DAXFSCTL_ESCAPE_H
#define DAXFSCTL_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/*
 * len bytes as one line: printable UTF-8 as it is; every other byte, and the
 * backslash, as \xHH. printf '%b' turns it back. NULL when there is no memory;
 * the caller frees the result.
 */
char *escape_line(const void *bytes, size_t len);

/*
 * The same for the cell of a table: where the libraries cannot decode UTF-8
 * (charset_is_utf8()) all that is not ASCII is written as \xHH, too.
 */
char *escape_cell(const void *bytes, size_t len);

/* Like escape_line(), but backslashes stay: for messages, which are not read back. */
void escape_print(FILE *out, const char *text);

/* Length of the UTF-8 character at p, at most n bytes; 0 when there is none. */
size_t escape_utf8_length(const unsigned char *p, size_t n);

#endif
