/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a layer changes of the view below it, piece by piece. Only what the layer
 * has is looked at, and what is needed to give that a path. Trust and results are as
 * in core.h, locking as in layer.h.
 *
 * There are four parts, each read from a place on, which says where to go on:
 *
 *	names	the names that the layer has, with what they name below and in the view
 *	inodes	the inodes that it has, as they are below and in the view
 *	files	unchanged names of files that it has, wherever they are: reads all
 *		directories of the base, so for who misses names of a file only
 *	dirs	unchanged names of directories that hold any of these, up to the root
 *
 * A name that is unchanged is one of the view below that the layer says nothing of.
 */
#ifndef DXC_DIFF_H
#define DXC_DIFF_H

#include "layer.h"

/* How an inode of both views differs, but for its names. */
#define DXC_DIFF_ATTR	0x1u	/* mode, owner, group, device number; size unless a directory's */
#define DXC_DIFF_TIME	0x2u	/* mtime, which names that come and go change of a directory */
#define DXC_DIFF_DATA	0x4u	/* regular file: size, or which memory holds what is in it */
#define DXC_DIFF_XATTR	0x8u

struct dxc_diff_name {
	dxc_ino dir;
	dxc_ino before, after;	/* who has it below and in the view; 0: nobody */
	u8 type_before, type_after;	/* DT_* */
	u64 pos;		/* files: where it is, for struct dxc_diff_dir; else 0 */
	u32 len;		/* 1 to 255 */
	const char *name;	/* not NUL terminated */
};

struct dxc_diff_inode {
	dxc_ino ino;
	u32 differs;		/* DXC_DIFF_*; 0 if it is not in both */
	bool was, is;		/* below, in the view: it has a name there */
	struct dxc_attr before, after;	/* zeros where it is not */
};

/* A directory to be named, and by what right: the layer has it, or a name at pos was told. */
struct dxc_diff_dir {
	dxc_ino ino;
	u64 pos;		/* of a file's name in it; not looked at if the layer has it */
};

/* Zeros: at the start. Any other value is harmless; only those that were returned are of use. */
struct dxc_diff_place {
	u64 at[2];
};

struct dxc_diff_set {
	struct dxc_diff_mark *marks;
	u32 mask, count;
};

/* Large: not for the kernel's stack. */
struct dxc_diff {
	/*
	 * The caller's: told of each piece, whose memory is the core's. 0; 1: it was not taken,
	 * and no more is wanted; or an error. NULL where the part has none.
	 */
	int (*name)(void *priv, const struct dxc_diff_name *name);
	int (*inode)(void *priv, const struct dxc_diff_inode *inode);
	void *priv;
	u32 steps;		/* entries that may be looked at yet; at least 1 before a call */

	/* The core's. */
	const struct dxc_layer *top, *below;
	struct dxc_layer nothing;	/* below main: a layer that says nothing */
	struct dxc_node *no_node;
	struct dxc_name *no_name;
	struct dxc_file old, new;
	struct dxc_inode base;
	struct dxc_dirent de;
	struct dxc_diff_name named;
	struct dxc_diff_inode found;
	struct dxc_diff_set set;
};

/* Of the view that top is the topmost layer of. The caller's members stay. */
void dxc_diff_open(struct dxc_diff *diff, const struct dxc_layer *top);

/*
 * A number that is another one when pieces told before do not go together with what
 * would be told now. names_only: for files and dirs, which what is in files does not
 * matter to. Not 0.
 */
u64 dxc_diff_state(const struct dxc_layer *top, bool names_only);

/*
 * 0: to the end; 1: there may be more, from *place on; or an error, as -EINTR. A call
 * looks at diff->steps entries, and ends when these are used up.
 */
int dxc_diff_names(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f);
int dxc_diff_inodes(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f);
int dxc_diff_files(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f);
/*
 * Of the directories in list and those above them, in both views; the same list for each
 * place. -EINVAL: the caller was not told of one. Takes time for each directory on the way
 * up in any case.
 */
int dxc_diff_dirs(struct dxc_diff *diff, const struct dxc_diff_dir *list, u32 count,
		  struct dxc_diff_place *place, struct dxc_finding *f);

#endif
