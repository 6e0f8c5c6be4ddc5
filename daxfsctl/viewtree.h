/* SPDX-License-Identifier: GPL-2.0-only */
/* A branch, or the base, as a tree that an image is made of. */
#ifndef DAXFSCTL_VIEWTREE_H
#define DAXFSCTL_VIEWTREE_H

#include "contents.h"
#include "tree.h"

/*
 * Reads names and attributes of what contents shows, which is in memory that
 * nobody writes and must outlive the tree, as tree_scan() does of a directory.
 * 0 or -errno with blame.
 */
int viewtree_scan(struct tree *tree, const struct contents *contents);
/* What tree_read_file() and tree_next_data() do for such a tree, without blame. */
ssize_t viewtree_read(const struct tree *tree, const struct tree_inode *inode, void *buf,
		      size_t len, u64 pos);
int viewtree_next_data(const struct tree *tree, const struct tree_inode *inode, u64 from,
		       u64 *data, u64 *hole);

#endif
