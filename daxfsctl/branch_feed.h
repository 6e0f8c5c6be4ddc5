/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the pieces of a diff come from: a branch that was read here, or the kernel. */
#ifndef DAXFSCTL_BRANCH_FEED_H
#define DAXFSCTL_BRANCH_FEED_H

#include <daxfs/ioctl.h>

#include "../kmod/core/diff.h"

/* Told of each piece, whose memory is not the receiver's. 0, or an error, which ends it. */
struct feed_taker {
	int (*name)(void *priv, const struct dxc_diff_name *name);
	int (*inode)(void *priv, const struct dxc_diff_inode *inode);
	void *priv;
};

struct feed {
	/*
	 * Tells of a part; NAMES is followed by INODES. dirs, count: for DIRS. 0 or
	 * -errno; -EAGAIN: the branch has changed since an earlier part was told, and all
	 * of it is to be asked for again.
	 */
	int (*read)(struct feed *feed, enum daxfs_diff_part part,
		    const struct dxc_diff_dir *dirs, u32 count,
		    const struct feed_taker *taker);

	const struct dxc_layer *top;	/* read here */

	int fd;				/* a mount's root: DAXFS_IOC_BRANCH_DIFF */
	void *records;
	struct daxfs_branch_diff page;
	char reason[DAXFS_REASON_SIZE];	/* after an error; "": none */

	struct dxc_finding finding;	/* what is wrong, when the media is */
};

/* What the topmost of some layers changes. Nothing needs to be closed. */
void feed_of_layer(struct feed *feed, const struct dxc_layer *top);
/* What a branch changes, as the kernel tells at fd. 0 or -ENOMEM; to be closed after either. */
int feed_of_mount(struct feed *feed, int fd, const char *name);
/* Before all of it is asked for again. */
void feed_rewind(struct feed *feed);
void feed_close(struct feed *feed);

#endif
