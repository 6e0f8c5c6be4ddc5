/* SPDX-License-Identifier: GPL-2.0-only */
/* What one branch shows, made the base of an image that has no branches. */
#ifndef DAXFSCTL_FLATTEN_H
#define DAXFSCTL_FLATTEN_H

#include <signal.h>

#include "branch_view.h"
#include "progress.h"
#include "target.h"

struct flatten {
	/* Set by the caller: */
	void *map;		/* the image, which nobody writes */
	u64 size;
	const char *branch;
	const char *name;	/* what names in messages begin with */
	struct target *target;	/* target_look() was called */
	struct progress *progress;
	const volatile sig_atomic_t *cancelled;
	/* out, after an error: */
	char *path;		/* the file that is meant, or NULL: the target; owned */
	const char *what;	/* static: what could not be done */
	bool target_failed;	/* target->what and target->hint say it */
};

/*
 * Writes the image; target_finish() is the caller's. 0 or -errno; -ENOENT: there
 * is no such branch, -EROFS: there are none, -EUCLEAN with what: it is damaged.
 */
int flatten_run(struct flatten *flat);
void flatten_free(struct flatten *flat);

#endif
