// SPDX-License-Identifier: GPL-2.0-only
/* Test results in TAP. */
#include <stdarg.h>
#include <stdio.h>
#include "tap.h"

static unsigned int tests, failed_tests, failed_checks;

/* A loop over a million names that all fail should not print them all. */
#define SHOWN 5

bool tap_check(bool ok, const char *what, const char *file, int line)
{
	if (!ok && failed_checks++ < SHOWN)
		printf("# %s:%d: not true: %s\n", file, line, what);
	return ok;
}

bool tap_equal(uint64_t got, uint64_t want, const char *what, const char *file, int line)
{
	if (got != want && failed_checks++ < SHOWN)
		printf("# %s:%d: not true: %s: 0x%llx is not 0x%llx\n", file, line, what,
		       (unsigned long long)got, (unsigned long long)want);
	return got == want;
}

void tap_end(const char *sentence, ...)
{
	va_list args;

	printf("%sok %u - ", failed_checks ? "not " : "", ++tests);
	va_start(args, sentence);
	vprintf(sentence, args);
	va_end(args);
	putchar('\n');
	/* A sanitizer may end the program: what was said so far must be out. */
	fflush(stdout);
	failed_tests += failed_checks != 0;
	failed_checks = 0;
}

int tap_done(void)
{
	printf("1..%u\n", tests);
	return failed_tests != 0;
}
