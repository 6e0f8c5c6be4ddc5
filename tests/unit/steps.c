// SPDX-License-Identifier: GPL-2.0-only
/* Called by each basic block of the core. */
#include "steps.h"

uint64_t steps;

void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
	steps++;
}
