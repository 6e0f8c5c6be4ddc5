/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an image shows: a branch with what lies below it, or the base alone,
 * asked in one way.
 */
#ifndef DAXFSCTL_CONTENTS_H
#define DAXFSCTL_CONTENTS_H

#include "../kmod/core/layer.h"

struct contents {
	const struct dxc_volume *vol;
	const struct dxc_layer *top;	/* NULL: the base alone */
};

/* 0 or -errno, f as everywhere in the core; -ESTALE: there is no such inode. */
int contents_inode(const struct contents *c, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f);
/* A name in a directory: of de only ino and type are set. -ENOENT. */
int contents_lookup(const struct contents *c, const struct dxc_file *dir,
		    const char *name, u32 len, struct dxc_dirent *de,
		    struct dxc_finding *f);
/*
 * The first entry of a directory at *pos or behind it, which *pos becomes the
 * position of; -ENOENT at the end. After another error, -ENOMEM apart, the entry
 * at *pos cannot be read, and there may be more behind it.
 */
int contents_next(const struct contents *c, const struct dxc_file *dir, u64 *pos,
		  struct dxc_dirent *de, struct dxc_finding *f);
/*
 * The part of a regular file that starts at pos and is in one piece, cut to its size, or to
 * the end of what is packed (and packed is not 0).
 */
int contents_map(const struct contents *c, const struct dxc_file *file, dxc_pos pos,
		 struct dxc_extent *ex, struct dxc_finding *f);
/* 512-byte units that stat(2) reports in a mount. */
int contents_blocks(const struct contents *c, const struct dxc_file *file, u64 *units,
		    struct dxc_finding *f);
/* The target of a symlink, NUL terminated, which the caller frees. */
int contents_link(const struct contents *c, const struct dxc_file *file, char **target,
		  struct dxc_finding *f);
/* Calls each() for every xattr; nonzero stops and is returned. */
int contents_xattrs(const struct contents *c, const struct dxc_file *file,
		    int (*each)(void *priv, u32 prefix, const char *name, u32 len),
		    void *priv, struct dxc_finding *f);
/* The length of a value, copied to value: at most DAXFS_XATTR_VALUE_MAX bytes. */
int contents_xattr(const struct contents *c, const struct dxc_file *file, u32 prefix,
		   const char *name, u32 len, void *value, struct dxc_finding *f);
/* How many names there can be at most, if no two directories share theirs. */
u64 contents_names_max(const struct contents *c);

#endif
