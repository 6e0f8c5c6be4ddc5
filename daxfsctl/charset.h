/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The character set of what is printed: names are UTF-8 whatever the locale of
 * the user is, so that one tree is shown in the same bytes everywhere.
 */
#ifndef DAXFSCTL_CHARSET_H
#define DAXFSCTL_CHARSET_H

#include <stdbool.h>

/* Takes the user's locale, with UTF-8 in place of its character set. Once, at the start. */
void charset_init(void);

/* Is the character set of the user's locale UTF-8, so that lines may be drawn with it? */
bool charset_of_user_is_utf8(void);

/*
 * Do the C library and those above it decode UTF-8? They do not where there is
 * no locale for it, and then libsmartcols never ends over a character of
 * several bytes: tables are to hold nothing but ASCII.
 */
bool charset_is_utf8(void);

#endif
