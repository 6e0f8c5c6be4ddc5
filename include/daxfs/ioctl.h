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
	__u64 dv_phys;		/* physical address; 0: no DAXFS_BACKING_PHYS, or not for the caller */
	__u32 dv_incompat;	/* feature words of the superblock */
	__u32 dv_ro_compat;
	__u32 dv_compat;
	__u32 dv_flags;		/* DAXFS_VOLUME_* */
	__u64 dv_instance;	/* the same for all mounts of one region in this kernel, and no other */
};
_Static_assert(sizeof(struct daxfs_volume_info) == 168, "daxfs_volume_info has changed size");

#define DAXFS_VOLUME_VALIDATED	0x1u	/* mounted with "validate" */
#define DAXFS_VOLUME_BRANCHES	0x2u	/* the image has branches */
#define DAXFS_VOLUME_DISCARDED	0x4u	/* the branch of this mount is gone, it shows nothing */
#define DAXFS_VOLUME_VISITOR	0x8u	/* it is read-only in what it shows: made for another branch */
#define DAXFS_VOLUME_SECOND	0x10u	/* likewise: another mount of this kernel may write that */

#define DAXFS_BRANCH_NAME_SIZE	128	/* bytes of a branch's name with its NUL */
#define DAXFS_REASON_SIZE	192

/* di_flags */
#define DAXFS_BRANCH_SHOWN	0x1u	/* the mount asked shows it */
#define DAXFS_BRANCH_FROZEN	0x2u	/* has children: read-only until they are gone */
#define DAXFS_BRANCH_WRITTEN	0x4u	/* a live mount somewhere holds the right to write */

/* One branch. An id names an entry of the branch table in one of its uses. */
struct daxfs_branch_info {
	char  di_name[DAXFS_BRANCH_NAME_SIZE];	/* NUL terminated */
	__u64 di_id;		/* index | generation << 16 */
	__u64 di_parent;	/* the same; main: itself */
	__s64 di_created;	/* nanoseconds since 1970 */
	__u64 di_used;		/* bytes of the chunks it owns */
	__u64 di_limit;		/* chunks it may own; 0: any number */
	__u32 di_flags;		/* DAXFS_BRANCH_* */
	__u32 di_mounts;	/* live mounts that show it, in all kernels */
	__u32 di_uid;		/* who made it, as the caller's user namespace names him */
	__u32 di_reserved0;	/* 0 */
	char  di_host[32];	/* host of the writer, or of one of the mounts; NUL terminated, "": not for the caller */
};
_Static_assert(sizeof(struct daxfs_branch_info) == 216, "daxfs_branch_info has changed size");

/*
 * DAXFS_IOC_BRANCH_LIST: in dl_start, dl_room and dl_branches; out dl_count
 * entries filled in and dl_next, the dl_start of the next call, 0 at the end.
 * Any user may ask.
 */
struct daxfs_branch_list {
	__u32 dl_size;		/* sizeof */
	__u32 dl_start;		/* index in the branch table */
	__u32 dl_room;		/* entries that fit */
	__u32 dl_count;
	__u32 dl_next;
	__u32 dl_reserved0;	/* 0 */
	__u64 dl_branches;	/* address of struct daxfs_branch_info[] */
};
_Static_assert(sizeof(struct daxfs_branch_list) == 32, "daxfs_branch_list has changed size");

/* bo_flags */
#define DAXFS_BRANCH_STAY	0x1u	/* CREATE: the mount goes on showing what it shows */
#define DAXFS_BRANCH_TO_ROOT	0x2u	/* COMMIT: level by level, up to main */

/*
 * CREATE	makes bo_name, a child of bo_other ("": what the mount shows), and
 *		switches the mount to it unless DAXFS_BRANCH_STAY
 * SWITCH	the mount shows bo_name from now on
 * COMMIT	bo_name ("": what the mount shows) into its parent
 * ABORT	discards bo_name ("": likewise) and its descendants
 * RENAME	bo_name is called bo_other
 *
 * For holders of CAP_SYS_ADMIN, and for the owner of the mount's root directory
 * if the root directory of each of these branches is his, too: the parent of CREATE;
 * bo_name of SWITCH, COMMIT, ABORT and RENAME; all branches that COMMIT and ABORT
 * discard. After an error bo_reason may say more: EINVAL (name), EEXIST, ENOENT,
 * ENOSPC, EBUSY, EROFS (an image without branches; a read-only mount), EPERM
 * (another's; main), ESTALE.
 */
struct daxfs_branch_op {
	__u32 bo_size;		/* in: sizeof; out: bytes the kernel filled in */
	__u32 bo_flags;
	char  bo_name[DAXFS_BRANCH_NAME_SIZE];
	char  bo_other[DAXFS_BRANCH_NAME_SIZE];
	__u64 bo_id;		/* out: of the branch that was made, or the mount now shows */
	__u32 bo_discarded;	/* out: COMMIT, ABORT: branches that are gone, without bo_name */
	__u32 bo_reserved0;	/* 0 */
	char  bo_reason[DAXFS_REASON_SIZE];	/* out: NUL terminated */
};
_Static_assert(sizeof(struct daxfs_branch_op) == 472, "daxfs_branch_op has changed size");

/*
 * DAXFS_IOC_DMABUF: a new dma-buf file descriptor of the whole region, which
 * knows no file modes: CAP_SYS_ADMIN in the initial user namespace. db_flags:
 * O_CLOEXEC and O_RDONLY or O_RDWR.
 */
struct daxfs_dmabuf {
	__u32 db_size;		/* sizeof */
	__u32 db_flags;
	__s32 db_fd;		/* out */
	__u32 db_reserved0;	/* 0 */
};
_Static_assert(sizeof(struct daxfs_dmabuf) == 16, "daxfs_dmabuf has changed size");

#define DAXFS_IOC_MAGIC		0xdf
#define DAXFS_IOC_VOLUME_INFO	_IOWR(DAXFS_IOC_MAGIC, 1, struct daxfs_volume_info)
#define DAXFS_IOC_BRANCH_LIST	_IOWR(DAXFS_IOC_MAGIC, 2, struct daxfs_branch_list)
#define DAXFS_IOC_BRANCH_CREATE	_IOWR(DAXFS_IOC_MAGIC, 3, struct daxfs_branch_op)
#define DAXFS_IOC_BRANCH_SWITCH	_IOWR(DAXFS_IOC_MAGIC, 4, struct daxfs_branch_op)
#define DAXFS_IOC_BRANCH_COMMIT	_IOWR(DAXFS_IOC_MAGIC, 5, struct daxfs_branch_op)
#define DAXFS_IOC_BRANCH_ABORT	_IOWR(DAXFS_IOC_MAGIC, 6, struct daxfs_branch_op)
#define DAXFS_IOC_BRANCH_RENAME	_IOWR(DAXFS_IOC_MAGIC, 7, struct daxfs_branch_op)
#define DAXFS_IOC_DMABUF	_IOWR(DAXFS_IOC_MAGIC, 8, struct daxfs_dmabuf)

#endif
