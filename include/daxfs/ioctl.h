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
 * DAXFS_IOC_BRANCH_DIFF: what a branch changed against its parent (main: against the
 * base), and nothing else of either. For those who may change the branch: holders of
 * CAP_SYS_ADMIN, and the owner of the mount's root directory if that of the branch is
 * his, too; the branch need not be mounted, nor the mount be writable.
 *
 * A diff is read in pages: records go to bd_records as long as bd_room is left and the
 * call has not taken too long, so a page may have none. bd_place and bd_part then say
 * where the next one goes on; bd_place is zeros at the start of a part.
 *
 *	NAMES	each name that the branch made or took away, then INODES in the same page
 *		as far as they fit
 *	INODES	each inode that it changed, made or took away; then END
 *	FILES	the unchanged names of files among these. Looks through all directories,
 *		so for who has an inode without its names; then END
 *	DIRS	the unchanged names of the directories in bd_dirs and of those above them,
 *		before and after; then END. The same bd_dirs with each page. They may be
 *		told twice.
 *
 * A page of NAMES or INODES whose bd_seq is not 0 fails with EAGAIN if the branch
 * has changed since the page that said it; so does one of FILES or DIRS by bd_names_seq, for
 * which only names matter. Then all of it is to be read anew. Pages of one diff have the same
 * bd_id, too.
 *
 * After an error bd_reason may say more: EPERM, ENOENT, ESTALE, EUCLEAN; EINVAL: a directory
 * in bd_dirs that was not told of.
 */
enum daxfs_diff_part {
	DAXFS_DIFF_NAMES = 0,
	DAXFS_DIFF_INODES = 1,
	DAXFS_DIFF_FILES = 2,
	DAXFS_DIFF_DIRS = 3,
	DAXFS_DIFF_END = 4,
};

#define DAXFS_DIFF_ROOM_MIN	1024u		/* bytes that any record fits */
#define DAXFS_DIFF_ROOM_MAX	0x100000u	/* more is not filled in at once */
#define DAXFS_DIFF_DIRS_MAX	0x10000u

struct daxfs_branch_diff {
	__u32 bd_size;		/* in: sizeof; out: bytes the kernel filled in */
	__u32 bd_part;		/* enum daxfs_diff_part; out: of the next page */
	__u64 bd_place[2];	/* in, out */
	__u64 bd_seq;		/* in: 0 for the first page; out: of what the branch is */
	__u64 bd_names_seq;	/* likewise of its names */
	__u64 bd_records;	/* address */
	__u64 bd_dirs;		/* DIRS: address of struct daxfs_diff_dir[] */
	__u32 bd_room;		/* bytes at bd_records, at least DAXFS_DIFF_ROOM_MIN */
	__u32 bd_used;		/* out: bytes of records */
	__u32 bd_dir_count;	/* at most DAXFS_DIFF_DIRS_MAX; else than for DIRS 0 */
	__u32 bd_reserved0;	/* 0 */
	__u64 bd_id;		/* out: which branch, as di_id */
	char  bd_name[DAXFS_BRANCH_NAME_SIZE];	/* "": what the mount shows */
	char  bd_reason[DAXFS_REASON_SIZE];	/* out: NUL terminated */
};
_Static_assert(sizeof(struct daxfs_branch_diff) == 400, "daxfs_branch_diff has changed size");

struct daxfs_diff_dir {
	__u64 dd_ino;
	__u64 dd_pos;		/* dn_pos of a name in it that FILES told; 0: NAMES or INODES told of it */
};
_Static_assert(sizeof(struct daxfs_diff_dir) == 16, "daxfs_diff_dir has changed size");

enum daxfs_diff_kind {
	DAXFS_DIFF_NAME = 1,
	DAXFS_DIFF_INODE = 2,
};

/* A record of NAMES, FILES or DIRS. A name that is there before and after may be another inode's. */
struct daxfs_diff_name {
	__u32 dn_size;		/* of the record: a multiple of 8 */
	__u32 dn_kind;		/* DAXFS_DIFF_NAME */
	__u64 dn_dir;		/* inode of the directory */
	__u64 dn_before;	/* inode that it names in the parent; 0: none */
	__u64 dn_after;		/* and in the branch */
	__u64 dn_pos;		/* for dd_pos */
	__u8  dn_type_before;	/* DT_*; 0: none */
	__u8  dn_type_after;
	__u16 dn_len;		/* bytes of the name, which is not NUL terminated */
	__u32 dn_reserved0;	/* 0 */
	char  dn_name[];
};
_Static_assert(sizeof(struct daxfs_diff_name) == 48, "daxfs_diff_name has changed size");

/* As stat(2) tells; zeros for an inode that is not there. */
struct daxfs_diff_attr {
	__u64 da_size;		/* bytes */
	__s64 da_mtime;		/* seconds since 1970 */
	__u32 da_mtime_nsec;
	__u32 da_mode;
	__u32 da_uid;		/* as the caller's user namespace names it */
	__u32 da_gid;
	__u32 da_nlink;		/* 0: not there */
	__u32 da_rdev_major;
	__u32 da_rdev_minor;
	__u32 da_reserved0;	/* 0 */
};
_Static_assert(sizeof(struct daxfs_diff_attr) == 48, "daxfs_diff_attr has changed size");

/* dx_differs: how an inode that is there before and after is another, but for its names */
#define DAXFS_DIFF_ATTR		0x1u	/* mode, owner, group, device; size of what is no directory */
#define DAXFS_DIFF_TIME		0x2u	/* mtime, which a directory's names change, too */
#define DAXFS_DIFF_DATA		0x4u	/* contents of a regular file: other size or other blocks */
#define DAXFS_DIFF_XATTR	0x8u

/* A record of INODES. */
struct daxfs_diff_inode {
	__u32 dx_size;		/* of the record: a multiple of 8 */
	__u32 dx_kind;		/* DAXFS_DIFF_INODE */
	__u64 dx_ino;
	__u32 dx_differs;
	__u32 dx_reserved0;	/* 0 */
	struct daxfs_diff_attr dx_before;
	struct daxfs_diff_attr dx_after;
};
_Static_assert(sizeof(struct daxfs_diff_inode) == 120, "daxfs_diff_inode has changed size");

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
#define DAXFS_IOC_BRANCH_DIFF	_IOWR(DAXFS_IOC_MAGIC, 9, struct daxfs_branch_diff)

#endif
