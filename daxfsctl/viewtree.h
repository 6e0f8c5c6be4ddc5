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
#endif
