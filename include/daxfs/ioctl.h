/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The calls a mounted daxfs answers, on any fd of its root directory.
 *
 * Every structure starts with its own size. The kernel accepts a shorter one
 * (an older program) and fills what fits; a longer one is accepted when the
 * bytes it does not know are zero (E2BIG otherwise).
 */
#ifndef DAXFS_IOCTL_H
#define DAXFS_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* dv_backing */
enum daxfs_backing_kind {
	DAXFS_BACKING_PHYS = 1,
	DAXFS_BACKING_DAX = 2,
	DAXFS_BACKING_DMABUF = 3,
};

/* Answer of DAXFS_IOC_VOLUME_INFO. Any user may ask. */
struct daxfs_volume_info {
	__u32 dv_size;		/* in: sizeof; out: bytes the kernel filled in */
	__u32 dv_version;	/* of the media format */
	__u8  dv_uuid[16];
	char  dv_label[72];	/* NUL terminated */
	__u64 dv_image_size;	/* bytes */
	__u64 dv_region_size;	/* bytes */
	__u64 dv_inode_count;	/* of the base */
	__u64 dv_data_blocks;	/* of the base */
	__u32 dv_block_size;	/* bytes */
	__u32 dv_backing;	/* enum daxfs_backing_kind */
	__u64 dv_phys;		/* physical address, 0 unless DAXFS_BACKING_PHYS */
	__u32 dv_incompat;	/* feature words of the superblock */
	__u32 dv_ro_compat;
	__u32 dv_compat;
	__u32 dv_flags;		/* DAXFS_VOLUME_* */
};
_Static_assert(sizeof(struct daxfs_volume_info) == 160, "daxfs_volume_info has changed size");

#define DAXFS_VOLUME_VALIDATED	0x1u	/* mounted with "validate" */

#define DAXFS_IOC_MAGIC		0xdf
#define DAXFS_IOC_VOLUME_INFO	_IOWR(DAXFS_IOC_MAGIC, 1, struct daxfs_volume_info)

#endif
