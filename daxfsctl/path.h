/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths inside an image. They start at its root and never leave it. */
#ifndef DAXFSCTL_PATH_H
#define DAXFSCTL_PATH_H

#include "contents.h"

/*
 * Finds what path names. Symlinks on the way are followed, the last
 * component's only when follow is set. 0; -ENOENT, -ENOTDIR, -ELOOP,
 * -ENAMETOOLONG: the path; -ENOMEM; anything else: the media, see *f.
 */
int path_lookup(const struct contents *c, const char *path, bool follow,
		struct dxc_file *file, struct dxc_finding *f);

/*
 * *path, of *room bytes, whose first len are a directory, becomes the path of name in
 * it. 0 or -ENOMEM.
 */
int path_join(char **path, size_t *room, size_t len, const char *name);

#endif
