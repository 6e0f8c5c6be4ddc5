// SPDX-License-Identifier: GPL-2.0-only
/* Sets the locale of the program. Knows nothing of what is printed. */
#include "charset.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

static bool user_has_utf8;

bool charset_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool charset_of_user_is_utf8(void)
{
	return user_has_utf8;
}

void charset_init(void)
{
	setlocale(LC_ALL, "");
	user_has_utf8 = charset_is_utf8();
	if (!user_has_utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
}
