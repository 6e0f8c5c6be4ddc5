/* SPDX-License-Identifier: GPL-2.0-only */
/* What holds for every input: a fuzzer takes anything else for a crash. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(e)                                                                      \
	do {                                                                         \
		if (!(e)) {                                                          \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, \
				#e);                                                 \
			abort();                                                     \
		}                                                                    \
	} while (0)

#endif
