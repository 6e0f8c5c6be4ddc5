/* SPDX-License-Identifier: GPL-2.0-only */
/* Where everything goes in an image: decided before a byte is written. */
#ifndef DAXFSCTL_LAYOUT_H
#define DAXFSCTL_LAYOUT_H

#include "dedupe.h"
#include "tree.h"

/* Part of a file that is copied in one go. */
struct layout_piece {
	struct tree_content *content;
	dxc_pos pos;
	dxc_off off;		/* block aligned */
	u64 len;		/* bytes of the file; zeros follow up to the block's end */
};

/* Bytes of the image that nothing is stored in. */
struct layout_gap {
	dxc_off off;
	u64 len;
};

struct layout {
	struct dxc_area area[DAXFS_AREA_COUNT];	/* checksums are the writer's */
	u64 counts[DAXFS_AREA_COUNT];	/* elements of each, for people */
	u64 image_size;
	u64 data_blocks;		/* of the data area, holding contents */
	u64 bytes_to_copy;
	struct layout_piece *pieces;	/* by offset */
	size_t piece_count;
	struct layout_gap *gaps;	/* by offset; header and trailer are gaps too */
	size_t gap_count;
};

/*
 * Sets the offsets in the tree's inodes and contents. The same tree gives the
 * same layout. 0 or -errno.
 */
int layout_make(struct layout *layout, struct tree *tree, const struct dedupe *dedupe);
void layout_free(struct layout *layout);

#endif
