/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test results in TAP. A test is a number of CHECKs followed by one tap_end()
 * whose sentence says what is true when all of them held. Knows nothing of
 * what is tested.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdint.h>

/* Each returns whether it held, for tests that cannot go on without it. */
bool tap_check(bool ok, const char *what, const char *file, int line);
bool tap_equal(uint64_t got, uint64_t want, const char *what, const char *file, int line);

#define CHECK(e) tap_check(!!(e), #e, __FILE__, __LINE__)
#define CHECK_EQ(got, want)                                                       \
	tap_equal((uint64_t)(got), (uint64_t)(want), #got " == " #want, __FILE__, \
		  __LINE__)

/* Prints the result of the checks since the last tap_end(). */
void tap_end(const char *sentence, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan; the exit status of the program. */
int tap_done(void);

#endif
