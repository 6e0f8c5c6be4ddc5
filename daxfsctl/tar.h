/* SPDX-License-Identifier: GPL-2.0-only */
/* A tar archive as the tree that unpacking it would give. */
#ifndef DAXFSCTL_TAR_H
#define DAXFSCTL_TAR_H

#include "tree.h"

/*
 * Reads the archive at path, "-" for standard input, into the tree, which
 * tree_init() has made ready. The same numbers as tree_scan() gives of the
 * unpacked tree. 0 or -errno with blame.
 */
int tar_scan(struct tree *tree, const char *path);

#endif
