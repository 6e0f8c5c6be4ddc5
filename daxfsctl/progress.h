/* SPDX-License-Identifier: GPL-2.0-only */
/* The bar that shows how far mkfs is. On a terminal only. */
#ifndef DAXFSCTL_PROGRESS_H
#define DAXFSCTL_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown;		/* stderr is a terminal and nobody asked for quiet */
	bool drawn;		/* there is something on the line */
	const char *what;
	uint64_t total;		/* 0: not known, the count alone is shown */
	atomic_uint_fast64_t done; /* any thread adds to it */
	int64_t last;		/* when it was drawn, in ms */
};

void progress_init(struct progress *progress, bool quiet);
/* A new stage; bytes when total is not 0, else things that are counted. */
void progress_start(struct progress *progress, const char *what, uint64_t total);
static inline void progress_add(struct progress *progress, uint64_t n)
{
	atomic_fetch_add_explicit(&progress->done, n, memory_order_relaxed);
}
/* Draws it, at most ten times a second. One thread. */
void progress_draw(struct progress *progress);
/* Leaves an empty line, for what is printed next. */
void progress_clear(struct progress *progress);

#endif
