// SPDX-License-Identifier: GPL-2.0-only
/*
 * Escapes of bytes that are not fit to be shown. Knows no file and no option.
 */
#include "escape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"

size_t escape_utf8_length(const unsigned char *p, size_t n)
{
	unsigned int code, min;
	size_t len;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0) {
		len = 2;
		min = 0x80;
		code = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] < 0xf0) {
		len = 3;
		min = 0x800;
		code = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] < 0xf5) {
		len = 4;
		min = 0x10000;
		code = p[0] & 0x07;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < min || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return len;
}

/* Length of the character at p if it can be shown as it is, else 0. */
static size_t shown_length(const unsigned char *p, size_t n)
{
	size_t len = escape_utf8_length(p, n);

	if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	/* U+0080 to U+009F are control characters to a terminal. */
	if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	/* U+2028 to U+202E, U+2066 to U+2069: break lines, turn text around. */
	if (len == 3 && p[0] == 0xe2 &&
	    ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
	     (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
		return 0;
	return len;
}

static char *escape(const void *bytes, size_t len, bool ascii)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	char *line, *out;

	line = malloc(len * 4 + 1);
	if (!line)
		return NULL;
	out = line;
	while (len) {
		size_t n = *p == '\\' ? 0 : shown_length(p, len);

		if (n == 1 || (n && !ascii)) {
			memcpy(out, p, n);
			out += n;
		} else {
			*out++ = '\\';
			*out++ = 'x';
			*out++ = digits[*p >> 4];
			*out++ = digits[*p & 15];
			n = 1;
		}
		p += n;
		len -= n;
	}
	*out = '\0';
	return line;
}

char *escape_line(const void *bytes, size_t len)
{
	return escape(bytes, len, false);
}

char *escape_cell(const void *bytes, size_t len)
{
	return escape(bytes, len, !charset_is_utf8());
}

void escape_print(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = strlen(text);

	while (len) {
		size_t n = shown_length(p, len);

		if (n) {
			fwrite(p, 1, n, out);
		} else {
			fprintf(out, "\\x%02x", *p);
			n = 1;
		}
		p += n;
		len -= n;
	}
}
