// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes as people write them and read them. Knows no option and no file.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const char units[] = "KMGTPE";

/* Bits that a suffix shifts by, -1 when there is no such suffix. */
static int unit_shift(char c)
{
	switch (toupper((unsigned char)c)) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	}
	return -1;
}

int size_parse(const char *text, uint64_t *size)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long value;
	char *end;

	/* strtoull() would take spaces, signs and, after "0x", nothing at all. */
	if (!isdigit((unsigned char)text[0]) ||
	    (hex && !isxdigit((unsigned char)text[2])))
		return -EINVAL;

	errno = 0;
	value = strtoull(text, &end, hex ? 16 : 10);
	if (*end) {
		int shift = unit_shift(*end);

		if (shift < 0 || end[1])
			return -EINVAL;
		if (value > UINT64_MAX >> shift)
			return -ERANGE;
		value <<= shift;
	}
	if (errno == ERANGE)
		return -ERANGE;
	*size = value;
	return 0;
}

char *size_human(uint64_t size, char *buf, size_t n)
{
	uint64_t tenths;
	int shift = 0;
	int unit = -1;

	if (size < 1024) {
		snprintf(buf, n, "%" PRIu64 "B", size);
		return buf;
	}
	while (size >> shift >= 1024 && units[unit + 1]) {
		shift += 10;
		unit++;
	}
	/* Of the part below the unit only its upper 10 bits matter to a tenth. */
	tenths = (((size >> (shift - 10)) & 1023) * 10 + 512) / 1024;
	if (tenths == 10 && (size >> shift) + 1 == 1024 && units[unit + 1])
		snprintf(buf, n, "1%c", units[unit + 1]);
	else if (tenths == 10)
		snprintf(buf, n, "%" PRIu64 "%c", (size >> shift) + 1, units[unit]);
	else if (tenths)
		snprintf(buf, n, "%" PRIu64 ".%" PRIu64 "%c", size >> shift, tenths,
			 units[unit]);
	else
		snprintf(buf, n, "%" PRIu64 "%c", size >> shift, units[unit]);
	return buf;
}
