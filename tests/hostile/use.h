/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Uses a mounted tree with branches in all ways that a writer can. Errors are
 * counted; on a sound image that grow.h made, mounted with branch=leaf, there
 * are none. Files hold records (record.h) afterwards, too. One at a time in a
 * process: it takes SIGBUS for itself.
 */
#ifndef USE_H
#define USE_H

#include "walk.h"

struct use_options {
	bool exact; /* each error is said on standard error */
	/* Only these, for images that are shared: nothing of the base goes away. */
	bool repeatable;
	uint32_t file; /* number of the next file's records */
	volatile uint64_t *progress; /* may be NULL */
};

/* Adds errors to *result. */
void use(struct use_options *options, const char *dir, struct walk_result *result);

#endif
