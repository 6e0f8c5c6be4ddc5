/* SPDX-License-Identifier: GPL-2.0-only */
/* Which bytes of a tree have to be stored: no holes, and equal files once. */
#ifndef DAXFSCTL_DEDUPE_H
#define DAXFSCTL_DEDUPE_H

#include "progress.h"
#include "tree.h"

struct dedupe {
	struct tree_content **contents;	/* those to be stored, by number of their owner */
	size_t count;
	u64 bytes;		/* sum of their sizes */
	u64 hole_bytes;		/* of these, not stored because they are holes */
	u64 files;		/* files that share the content of another one */
	u64 saved;		/* bytes: sum of the sizes of these files */
};

/*
 * Gives each regular file of the tree that is not empty its content. Reads
 * only files that have as many bytes as another one, and sparse ones. 0 or
 * -errno, with the tree's blame when a file is the reason.
 */
int dedupe_tree(struct tree *tree, struct dedupe *dedupe, struct progress *progress);
void dedupe_free(struct dedupe *dedupe);

#endif
