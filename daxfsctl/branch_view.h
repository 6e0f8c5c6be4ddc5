/* SPDX-License-Identifier: GPL-2.0-only */
/* A branch as it is in the region: its layers, read from the logs. */
#ifndef DAXFSCTL_BRANCH_VIEW_H
#define DAXFSCTL_BRANCH_VIEW_H

#include "../kmod/core/layer.h"

struct branch_view {
	struct dxc_volume vol;
	struct dxc_space space;
	struct dxc_layer *layers;	/* main's first; those that were loaded */
	u32 count;
	const struct dxc_layer *top;
	struct dxc_finding finding;	/* what is wrong, when the media is */
};

/*
 * Reads branch name of the image in size bytes at map, which stay mapped and
 * are not written to. 0 or -errno; -ENOENT: no such branch, -EROFS: an image
 * without branches. branch_view_close() is right after either.
 *
 * A damaged log is -EUCLEAN; with salvages it is read up to there, which
 * dxc_layer.damaged says of its layer and of those above.
 */
int branch_view_open(struct branch_view *view, void *map, u64 size, const char *name,
		     bool salvages);
void branch_view_close(struct branch_view *view);

#endif
