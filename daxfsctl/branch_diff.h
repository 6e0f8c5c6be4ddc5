/* SPDX-License-Identifier: GPL-2.0-only */
/* What is different between a branch and its parent. */
#ifndef DAXFSCTL_BRANCH_DIFF_H
#define DAXFSCTL_BRANCH_DIFF_H

#include "../kmod/core/layer.h"

enum diff_kind {
	DIFF_DELETED = 'D',
	DIFF_ADDED = 'A',
	DIFF_MODIFIED = 'M',
	DIFF_RENAMED = 'R',
};

struct diff_change {
	enum diff_kind kind;
	char *path;		/* starts with '/'; DIFF_DELETED: where it was */
	char *old_path;		/* DIFF_RENAMED, else NULL */
	bool modified;		/* DIFF_RENAMED: not only that */
	dxc_ino old_ino, ino;	/* 0: not there */
	u32 old_mode, mode;
	u64 old_size, size;	/* bytes; 0 for what is not there */
};

struct diff {
	struct diff_change *changes;	/* deletions first, then by path */
	size_t count;
};

struct feed;

/*
 * What the feed tells of, as changes of paths. Nobody needs to have locked the branch against
 * others who write it: what cannot be is an error then. 0 or -errno, with feed->finding for
 * what the media says; -EAGAIN: it changes all the time. diff_free() is right after either.
 */
int diff_read(struct feed *feed, struct diff *diff);
void diff_free(struct diff *diff);

#endif
