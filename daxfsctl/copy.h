/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes of a region, copied to a target as an image of its own: first while
 * others write, then, when nobody does, what has changed since.
 */
#ifndef DAXFSCTL_COPY_H
#define DAXFSCTL_COPY_H

#include <signal.h>

#include "../kmod/core/core.h"
#include "progress.h"
#include "target.h"

struct copy {
	/* Set by the caller: */
	const struct dxc_volume *vol;	/* of the region, as dxc_volume_open() has it */
	struct target *target;		/* target_begin() has made it ready; all zeros */
	struct progress *progress;
	const volatile sig_atomic_t *cancelled;
	/* Called several times a second while it works; may be NULL. */
	void (*tick)(void *priv);
	void *priv;
	/* out: */
	u64 changed;			/* copy_again(): blocks that others have written since */
	bool damaged;			/* copy_tidy(): the image is, as the region was */
	const char *what;		/* static: what could not be done, after an error */
};

/* All that is in the region: blocks of zeros and free chunks become holes. 0 or -errno. */
int copy_all(struct copy *copy);
/*
 * What is different now, of what can change: tables, logs and blocks of branches.
 * Nobody writes them meanwhile. 0 or -errno.
 */
int copy_again(struct copy *copy);
/*
 * Makes the copy one that nobody has mounted: gives up slots, locks and leases,
 * finishes what kernels that are dead had begun, and makes holes of what that
 * frees. What is damaged stays as it is. 0 or -errno.
 */
int copy_tidy(struct copy *copy);

#endif
