/* SPDX-License-Identifier: GPL-2.0-only */
/* What is mounted on this machine, and which of it is the same volume. */
#ifndef DAXFSCTL_MOUNTED_H
#define DAXFSCTL_MOUNTED_H

#include <libmount.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <daxfs/ioctl.h>

/* A super block, as its root directory says: enough to tell its volume from others. */
struct mounted {
	struct daxfs_volume_info info;
	struct daxfs_branch_info *branches;	/* owned */
	size_t count;
	dev_t dev;
};

/* fd is a root directory. 0 or -errno; what branches there are is the caller's to free. */
int mounted_read(int fd, struct mounted *mounted);
bool mounted_is_same_volume(const struct mounted *a, const struct mounted *b);
/* "phys", for people and JSON alike, of a DAXFS_BACKING_*. */
const char *mounted_backing(__u32 backing);

/*
 * Where the first daxfs of that UUID is mounted on this machine of which is_it()
 * says so, unless it is NULL; the caller frees. NULL: nowhere.
 */
char *mounted_find(const __u8 uuid[16],
		   bool (*is_it)(const void *priv, struct libmnt_fs *fs,
				 const struct daxfs_volume_info *info),
		   const void *priv);

/* The mount table; NULL when there is none to be had. */
struct libmnt_table *mounted_table(void);
bool mounted_is_daxfs(struct libmnt_fs *fs);
/*
 * A root directory of a super block: -ENOENT when something else is mounted over
 * it, or another directory is.
 */
int mounted_open(struct libmnt_fs *fs);

#endif
