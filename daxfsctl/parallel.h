/* SPDX-License-Identifier: GPL-2.0-only */
/* Many small independent jobs on all processors. */
#ifndef DAXFSCTL_PARALLEL_H
#define DAXFSCTL_PARALLEL_H

#include <signal.h>
#include <stddef.h>

struct parallel {
	size_t jobs;
	void *priv;
	/* Runs job index; 0 or -errno, which stops the others. Any thread. */
	int (*job)(void *priv, void *local, size_t index);
	/* What a thread works with; NULL: there is no memory. */
	void *(*enter)(void *priv);
	void (*leave)(void *priv, void *local);
	/* In the calling thread, about ten times a second; may be NULL. */
	void (*tick)(void *priv);
	const volatile sig_atomic_t *cancelled; /* may be NULL */
};

/*
 * Starts the jobs in order of their index and waits for all that were started.
 * Each thread has a copy of the table of descriptors: what a job opens, it closes.
 * 0, the first error, or -EINTR when cancelled.
 */
int parallel_run(const struct parallel *p);

#endif
