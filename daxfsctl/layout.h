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
	dxc_off off;		/* block aligned, when it is not packed */
	u64 len;		/* bytes of the file */
	u64 room;		/* with the zeros that follow: to the block's end, or the next file */
	u32 checksum;		/* of these bytes: the writer's */
};

/* Bytes of the image that nothing is stored in. */
struct layout_gap {
	dxc_off off;
	u64 len;
};

/* What makes an image writable, as the user wants it. */
struct layout_delta {
	bool wanted;
	u64 bytes;		/* of the delta area, multiple of LAYOUT_CHUNK; 0: not said */
	u32 branches;		/* entries of the branch table */
	u64 room;		/* bytes the target has, which the image may fill; 0: any */
};

#define LAYOUT_CHUNK		DAXFS_CHUNK_DEFAULT
#define LAYOUT_CHUNKS_MIN	256u
/* A chunk's number + 1 is kept in 32 bits in places. */
#define LAYOUT_CHUNKS_MAX	0xfffffff0u
/* Of the delta area when nothing says how large: this, or half of the contents. */
#define LAYOUT_DELTA_DEFAULT	(64ull << 20)

struct layout {
	struct dxc_area area[DAXFS_AREA_COUNT];	/* checksums are the writer's */
	u64 counts[DAXFS_AREA_COUNT];	/* elements of each, for people */
	u64 image_size;
	u32 chunk_size;			/* 0 in read-only images, as the next two */
	u32 branch_count;
	u32 mount_count;
	u64 data_blocks;		/* of the data area, holding contents */
	u64 packed_files, packed_blocks; /* contents that share blocks, and those */
	u64 bytes_to_copy;
	struct layout_piece *pieces;	/* by offset */
	size_t piece_count;
	/* By offset; header and trailer are gaps too, the delta area is none. */
	struct layout_gap *gaps;
	size_t gap_count;
};

/*
 * Sets the offsets in the tree's inodes and contents. The same tree and delta
 * give the same layout. It may be larger than delta->room. pack: small files
 * may share blocks. 0 or -errno.
 */
int layout_make(struct layout *layout, struct tree *tree, const struct dedupe *dedupe,
		const struct layout_delta *delta, bool pack);
void layout_free(struct layout *layout);

#endif
