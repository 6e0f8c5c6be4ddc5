/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daxfs media format, version 2: what every byte of an image means.
 *
 * Owns the layout and nothing else: no function here reads or writes memory.
 * Everything is little endian and naturally aligned. Every structure states
 * its size and the place of every member; the compiler checks both.
 *
 *      0 +---------------------+
 *        | superblock    4 KiB | immutable after mkfs
 * 0x1000 +---------------------+
 *        | shared state  4 KiB | the few words that change (writable images)
 * 0x2000 +---------------------+
 *        | zeros               | other filesystems look for themselves here
 * 0x120000 +-------------------+
 *        | branch table        | writable images only
 *        | mount table         |
 *        | chunk table         |
 * 0x200000 +-------------------+ (or after the tables when they are longer)
 *        | inode table         | immutable, each area with a checksum
 *        | directories         |
 *        | xattr sets          |
 *        | symlink targets     |
 *        | extents             |
 *        +---------------------+
 *        | data                | file contents, block aligned
 *        +---------------------+ multiple of the chunk size
 *        | delta               | chunks: log records and blocks of branches
 *        +---------------------+
 *        | zeros, 252 KiB      | RAID signatures are looked for here
 *        | superblock copy     | the last 4 KiB of the image
 *        +---------------------+
 *
 * "Region" is the memory that holds the image; an "offset" is a byte offset
 * in the region. The image starts at offset 0; the region may be longer.
 *
 * An example: the inode table starts at 0x200000, so inode 3 is the 64 bytes
 * at 0x200000 + (3 - 1) * 64 = 0x200080. When it is a regular file with
 * in_data = 0x400000 and in_size = 5000, its bytes are those from 0x400000 to
 * 0x401387, and the bytes 0x401388 to 0x401fff are zero. Inodes 4 and 5 of 30
 * and 100 bytes may be packed: with in_data = 0x402000 and 0x402020 they share
 * the block at 0x402000, the rest of which, from 0x40201e on and from 0x402084
 * on, is zero.
 */
#ifndef DAXFS_FORMAT_H
#define DAXFS_FORMAT_H

#include <linux/types.h>

#define DAXFS_AT(type, member, offset) \
	_Static_assert(__builtin_offsetof(struct type, member) == (offset), \
		       #type "." #member " has moved")
#define DAXFS_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " has changed size")

/* ---- superblock ---- */

/* Like PNG's: shows a transfer that changed line ends. Bytes 3.. are no OEM id. */
#define DAXFS_SB_MAGIC		"daxfs\r\n\x1a"
#define DAXFS_SB_MAGIC_LEN		8
/* statfs f_type: "daxF" read as a little-endian word */
#define DAXFS_SUPER_MAGIC	0x46786164

#define DAXFS_VERSION		2
#define DAXFS_SB_SIZE		4096
#define DAXFS_HEADER_SIZE	0x200000	/* no file's bytes below */
#define DAXFS_TABLES_OFFSET	0x120000	/* where the tables start */
#define DAXFS_TRAILER_SIZE	0x40000		/* zeros and the superblock copy */
#define DAXFS_BLOCK_SIZE	4096		/* the only block size of version 2 */
#define DAXFS_HUGE_SIZE		0x200000	/* alignment of files this long */
#define DAXFS_LABEL_LEN		64		/* bytes, NUL padded, not terminated when full */

/*
 * Feature words. An unknown bit in compat is ignored, in ro_compat refuses
 * writing, in incompat refuses the mount.
 */
#define DAXFS_COMPAT_KNOWN	0x0u
#define DAXFS_RO_COMPAT_KNOWN	0x0u
/* Branches: shared state, tables and delta area are there. */
#define DAXFS_INCOMPAT_DELTA	0x1u
#define DAXFS_INCOMPAT_KNOWN	DAXFS_INCOMPAT_DELTA

/* Index into sb_areas. */
enum daxfs_area_id {
	DAXFS_AREA_SHARED,	/* struct daxfs_shared, one */
	DAXFS_AREA_BRANCHES,	/* struct daxfs_branch[] */
	DAXFS_AREA_MOUNTS,	/* struct daxfs_mount[] */
	DAXFS_AREA_CHUNKS,	/* __le64[], one word per chunk of the delta area */
	DAXFS_AREA_INODES,	/* struct daxfs_inode[] */
	DAXFS_AREA_DIRS,	/* arrays of struct daxfs_dirent */
	DAXFS_AREA_XATTRS,	/* struct daxfs_xattr_set, one after the other */
	DAXFS_AREA_LINKS,	/* symlink targets, NUL terminated */
	DAXFS_AREA_EXTENTS,	/* arrays of struct daxfs_extent */
	DAXFS_AREA_DATA,	/* blocks */
	DAXFS_AREA_DELTA,	/* chunks */
	DAXFS_AREA_SPARE,	/* must be zero */
	DAXFS_AREA_COUNT
};

/*
 * An area: a contiguous part of the image. Areas do not overlap. An area that
 * the image has no use for has offset and length 0.
 */
struct daxfs_area {
	__le64 ar_offset;	/* bytes, multiple of 4096 */
	__le64 ar_length;	/* bytes in use; the next area starts after it */
	__le32 ar_checksum;	/* crc32c of ar_length bytes, areas INODES to EXTENTS;
				 * 0 in the others
				 */
	__le32 ar_reserved0;	/* 0 */
	__le64 ar_reserved1;	/* 0 */
};
DAXFS_SIZE(daxfs_area, 32);
DAXFS_AT(daxfs_area, ar_offset, 0);
DAXFS_AT(daxfs_area, ar_length, 8);
DAXFS_AT(daxfs_area, ar_checksum, 16);
DAXFS_AT(daxfs_area, ar_reserved0, 20);
DAXFS_AT(daxfs_area, ar_reserved1, 24);

/*
 * The reserved members at 0x18, 0x36, 0x50, 0x1b0 and 0x600 are zero for ever:
 * other filesystems' and volume managers' magics are looked for there.
 */
struct daxfs_super {
	__u8   sb_magic[8];	/* DAXFS_SB_MAGIC */
	__le32 sb_checksum;	/* crc32c of the 4096 bytes, this member as 0 */
	__le32 sb_version;	/* DAXFS_VERSION; no other is mounted */
	__le32 sb_block_size;	/* bytes, 4096 */
	__le32 sb_area_count;	/* DAXFS_AREA_COUNT */
	__u8   sb_zero0[16];
	__le64 sb_image_size;	/* bytes, multiple of 4096, with the trailer */
	__le32 sb_chunk_size;	/* bytes, power of two, 4 KiB to 64 KiB; 0: no delta */
	__le16 sb_reserved0;	/* 0 */
	__u8   sb_zero1[10];
	__le32 sb_compat;	/* DAXFS_COMPAT_* */
	__le32 sb_ro_compat;	/* DAXFS_RO_COMPAT_* */
	__le32 sb_incompat;	/* DAXFS_INCOMPAT_* */
	__le32 sb_reserved1;	/* 0 */
	__u8   sb_zero2[16];
	__u8   sb_uuid[16];
	__u8   sb_label[64];	/* UTF-8 */
	__le64 sb_inode_count;	/* base inodes; the root is number 1 */
	__le64 sb_hash_seed;	/* of the names in directories */
	__le64 sb_data_blocks;	/* blocks of the data area that hold file contents */
	__le64 sb_created;	/* seconds since 1970 */
	__le32 sb_branch_count;	/* entries of the branch table, 0 to 65,535 */
	__le32 sb_mount_count;	/* slots of the mount table */
	__u8   sb_reserved2[216]; /* 0 */
	__u8   sb_zero3[720];
	struct daxfs_area sb_areas[DAXFS_AREA_COUNT];
	__u8   sb_zero4[2560];
};
DAXFS_SIZE(daxfs_super, 4096);
DAXFS_AT(daxfs_super, sb_magic, 0x0);
DAXFS_AT(daxfs_super, sb_checksum, 0x8);
DAXFS_AT(daxfs_super, sb_version, 0xc);
DAXFS_AT(daxfs_super, sb_block_size, 0x10);
DAXFS_AT(daxfs_super, sb_area_count, 0x14);
DAXFS_AT(daxfs_super, sb_zero0, 0x18);
DAXFS_AT(daxfs_super, sb_image_size, 0x28);
DAXFS_AT(daxfs_super, sb_chunk_size, 0x30);
DAXFS_AT(daxfs_super, sb_reserved0, 0x34);
DAXFS_AT(daxfs_super, sb_zero1, 0x36);
DAXFS_AT(daxfs_super, sb_compat, 0x40);
DAXFS_AT(daxfs_super, sb_ro_compat, 0x44);
DAXFS_AT(daxfs_super, sb_incompat, 0x48);
DAXFS_AT(daxfs_super, sb_reserved1, 0x4c);
DAXFS_AT(daxfs_super, sb_zero2, 0x50);
DAXFS_AT(daxfs_super, sb_uuid, 0x60);
DAXFS_AT(daxfs_super, sb_label, 0x70);
DAXFS_AT(daxfs_super, sb_inode_count, 0xb0);
DAXFS_AT(daxfs_super, sb_hash_seed, 0xb8);
DAXFS_AT(daxfs_super, sb_data_blocks, 0xc0);
DAXFS_AT(daxfs_super, sb_created, 0xc8);
DAXFS_AT(daxfs_super, sb_branch_count, 0xd0);
DAXFS_AT(daxfs_super, sb_mount_count, 0xd4);
DAXFS_AT(daxfs_super, sb_reserved2, 0xd8);
DAXFS_AT(daxfs_super, sb_zero3, 0x1b0);
DAXFS_AT(daxfs_super, sb_areas, 0x480);
DAXFS_AT(daxfs_super, sb_zero4, 0x600);

/* ---- base: inodes ---- */

#define DAXFS_ROOT_INO		1u
/* Base inode numbers fit 32 bits; inodes made in branches come after them. */
#define DAXFS_MAX_INODES	0xfffffff0u
#define DAXFS_NAME_MAX		255u
#define DAXFS_SYMLINK_MAX	4095u

/* in_flags */
#define DAXFS_IN_EXTENTS	0x1u	/* regular file: in_data is an extent array */
#define DAXFS_IN_PACKED		0x2u	/* regular file: its block has other files', too */
#define DAXFS_IN_KNOWN		(DAXFS_IN_EXTENTS | DAXFS_IN_PACKED)

/* Of files with DAXFS_IN_PACKED */
#define DAXFS_PACKED_MAX	2048u	/* bytes of the longest */
#define DAXFS_PACKED_ALIGN	8u

/*
 * Inode number n is entry n - 1 of the inode table. What in_data, in_count and
 * in_unit mean depends on the type in in_mode:
 *
 *   regular      in_data  offset of the contents in DATA, block aligned; 0 when
 *                         in_size is 0
 *   regular with DAXFS_IN_EXTENTS
 *                in_data  offset of in_count extents in EXTENTS, 0 for none
 *   regular with DAXFS_IN_PACKED
 *                in_data  offset of the contents in DATA, multiple of 8; they are
 *                         1 to 2048 bytes in one block, whose bytes are zero
 *                         where no packed file is
 *   directory    in_data  offset of in_count entries in DIRS, 64-byte aligned,
 *                         0 for none; in_unit: size of an entry in 64 bytes;
 *                         in_size = in_count * in_unit * 64
 *   symlink      in_data  offset of the target in LINKS; in_size its length
 *   char, block  in_data  major << 32 | minor
 *   fifo, socket in_data  0
 *
 * in_checksum of a regular file: of its contents up to in_size; of one with
 * DAXFS_IN_EXTENTS, of the bytes of its extents, one after the other, up to
 * in_size. So holes cost nothing, and the extents say where they are. It is
 * for those who check an image: reading a file does not look at it.
 */
struct daxfs_inode {
	__le16 in_mode;		/* type and permissions as in stat(2) */
	__le16 in_flags;	/* DAXFS_IN_* */
	__le32 in_uid;
	__le32 in_gid;
	__le32 in_nlink;	/* dirents that name it; directories: 2 + subdirectories */
	__le64 in_size;		/* bytes */
	__le64 in_mtime;	/* seconds since 1970, two's complement */
	__le32 in_mtime_nsec;	/* 0 to 999,999,999 */
	__le32 in_xattr;	/* 1 + offset in XATTRS / 8; 0: no xattrs */
	__le64 in_data;
	__le32 in_count;
	__le32 in_parent;	/* directory: number of its parent (root: itself); else 0 */
	__le16 in_unit;		/* directory: 1 to 5; else 0 */
	__le16 in_reserved0;	/* 0 */
	__le32 in_checksum;	/* regular: crc32c of the contents, see above; else 0 */
};
DAXFS_SIZE(daxfs_inode, 64);
DAXFS_AT(daxfs_inode, in_mode, 0);
DAXFS_AT(daxfs_inode, in_flags, 2);
DAXFS_AT(daxfs_inode, in_uid, 4);
DAXFS_AT(daxfs_inode, in_gid, 8);
DAXFS_AT(daxfs_inode, in_nlink, 12);
DAXFS_AT(daxfs_inode, in_size, 16);
DAXFS_AT(daxfs_inode, in_mtime, 24);
DAXFS_AT(daxfs_inode, in_mtime_nsec, 32);
DAXFS_AT(daxfs_inode, in_xattr, 36);
DAXFS_AT(daxfs_inode, in_data, 40);
DAXFS_AT(daxfs_inode, in_count, 48);
DAXFS_AT(daxfs_inode, in_parent, 52);
DAXFS_AT(daxfs_inode, in_unit, 56);
DAXFS_AT(daxfs_inode, in_reserved0, 58);
DAXFS_AT(daxfs_inode, in_checksum, 60);

/* ---- base: directories ---- */

#define DAXFS_DIRENT_UNIT	64u	/* entry sizes are multiples of this */
#define DAXFS_DIRENT_HEADER	10u	/* bytes before the name */
#define DAXFS_DIRENT_UNITS_MAX	5u	/* 10 + 255 bytes of name fit 320 */

/*
 * All entries of a directory have the same size, the smallest multiple of 64
 * that its longest name fits. They are sorted by (de_hash, name as bytes,
 * shorter first), names are unique. "." and ".." are not stored.
 */
struct daxfs_dirent {
	__le32 de_hash;		/* of the name, with sb_hash_seed; see kmod/core/hash.c */
	__le32 de_ino;		/* 2 to sb_inode_count */
	__u8   de_type;		/* DT_* of the inode, as in getdents(2) */
	__u8   de_len;		/* bytes of the name, 1 to 255 */
	__u8   de_name[54];	/* may go on past this struct; zeros up to the end */
};
DAXFS_SIZE(daxfs_dirent, 64);
DAXFS_AT(daxfs_dirent, de_hash, 0);
DAXFS_AT(daxfs_dirent, de_ino, 4);
DAXFS_AT(daxfs_dirent, de_type, 8);
DAXFS_AT(daxfs_dirent, de_len, 9);
DAXFS_AT(daxfs_dirent, de_name, 10);

/* ---- base: extents of sparse files ---- */

/* Sorted by ex_pos, not overlapping; what none covers is a hole. */
struct daxfs_extent {
	__le64 ex_pos;		/* byte offset in the file, block aligned */
	__le64 ex_len;		/* bytes, multiple of the block size, not 0 */
	__le64 ex_data;		/* offset in DATA, block aligned */
};
DAXFS_SIZE(daxfs_extent, 24);
DAXFS_AT(daxfs_extent, ex_pos, 0);
DAXFS_AT(daxfs_extent, ex_len, 8);
DAXFS_AT(daxfs_extent, ex_data, 16);

/* ---- base: extended attributes ---- */

/* xe_prefix: the part of the name that is not stored */
enum daxfs_xattr_prefix {
	DAXFS_XATTR_USER = 1,		/* "user." */
	DAXFS_XATTR_TRUSTED = 2,	/* "trusted." */
	DAXFS_XATTR_SECURITY = 3,	/* "security." */
	DAXFS_XATTR_ACL_ACCESS = 4,	/* "system.posix_acl_access", name empty */
	DAXFS_XATTR_ACL_DEFAULT = 5,	/* "system.posix_acl_default", name empty */
	DAXFS_XATTR_PREFIXES
};

#define DAXFS_XATTR_VALUE_MAX	65536u
#define DAXFS_XATTR_SET_MAX	0x100000u	/* bytes of one set */

/*
 * A set starts on a multiple of 8 in XATTRS and is shared by all inodes with
 * equal xattrs. Entries follow the header without gaps, sorted by (prefix,
 * name); each is padded with zeros to a multiple of 4, the set to one of 8.
 */
struct daxfs_xattr_set {
	__le32 xs_size;		/* bytes with this header, multiple of 8 */
	__le32 xs_count;	/* entries, not 0 */
};
DAXFS_SIZE(daxfs_xattr_set, 8);
DAXFS_AT(daxfs_xattr_set, xs_size, 0);
DAXFS_AT(daxfs_xattr_set, xs_count, 4);

/* Followed by xe_name_len bytes of name and xe_value_len bytes of value. */
struct daxfs_xattr_entry {
	__u8   xe_prefix;	/* enum daxfs_xattr_prefix */
	__u8   xe_name_len;	/* bytes without the prefix, no NUL */
	__le16 xe_reserved0;	/* 0 */
	__le32 xe_value_len;	/* bytes, at most DAXFS_XATTR_VALUE_MAX */
};
DAXFS_SIZE(daxfs_xattr_entry, 8);
DAXFS_AT(daxfs_xattr_entry, xe_prefix, 0);
DAXFS_AT(daxfs_xattr_entry, xe_name_len, 1);
DAXFS_AT(daxfs_xattr_entry, xe_reserved0, 2);
DAXFS_AT(daxfs_xattr_entry, xe_value_len, 4);

/* ---- shared state and tables of writable images ---- */

/*
 * A word that decides what becomes of something carries a check:
 *   bits 0-7    check: remainder of bits 8-63, bit 63 first, divided by
 *               x^8 + x^2 + x + 1 (CRC-8, nothing inverted)
 *   bits 8-11   kind, enum daxfs_word_kind
 *   bits 12-63  a number, or two:
 *   bits 12-27  index of a branch or of a mount slot
 *   bits 28-63  generation of the branch, or epoch of the mount
 * Zero is a word, too: none, free. Any two words differ in four bits. A word
 * with one flipped bit is read as the one it was, and fsck says so. One with
 * two is no word: what hangs on it is not believed. An example: the word of
 * branch 1, generation 2, is 2 << 28 | 1 << 12 | 2 << 8 | 0x3d = 0x2000123d.
 */
enum daxfs_word_kind {
	DAXFS_WORD_STATE = 1,	/* enum daxfs_branch_state and a turn as index, generation */
	DAXFS_WORD_BRANCH = 2,	/* index, generation */
	DAXFS_WORD_LINK = 3,	/* number of a chunk + 1, and a turn: see br_head */
	DAXFS_WORD_HOLDER = 4,	/* slot, epoch: holds a lock or lease */
	DAXFS_WORD_OWNER = 5,	/* slot, epoch: has that slot */
	DAXFS_WORD_NUMBER = 6,	/* a number */
	/* enum daxfs_chunk_kind: 8 to 10 */
};

/*
 * Each word is changed by cmpxchg or by the holder of ss_lock only. The first
 * 64 bytes stay zero, as do 0x1220 and 0x1ff6 of the region, for probers.
 */
struct daxfs_shared {
	__u8   ss_zero0[64];
	__le64 ss_next_ino;	/* NUMBER: next inode number for a branch; only grows */
	__le64 ss_commit_seq;	/* NUMBER: grows with each create, rename, commit, abort */
	__le64 ss_lock;		/* 0 free, else HOLDER */
	__le64 ss_next_gen;	/* NUMBER: next generation of a branch; only grows */
	__le64 ss_next_salt;	/* NUMBER: next ch_salt; only grows */
	__le64 ss_taken;	/* NUMBER: grows by each chunk that is taken, at least: says
				 * when free chunks are to be counted anew; decides nothing
				 */
	__u8   ss_zero1[3984];
};
DAXFS_SIZE(daxfs_shared, 4096);
DAXFS_AT(daxfs_shared, ss_zero0, 0);
DAXFS_AT(daxfs_shared, ss_next_ino, 64);
DAXFS_AT(daxfs_shared, ss_commit_seq, 72);
DAXFS_AT(daxfs_shared, ss_lock, 80);
DAXFS_AT(daxfs_shared, ss_next_gen, 88);
DAXFS_AT(daxfs_shared, ss_next_salt, 96);
DAXFS_AT(daxfs_shared, ss_taken, 104);
DAXFS_AT(daxfs_shared, ss_zero1, 112);

#define DAXFS_MAIN_BRANCH	0u	/* index of "main", parent of all */
#define DAXFS_BRANCH_NAME_MAX	127u
#define DAXFS_BRANCHES_DEFAULT	256u
#define DAXFS_BRANCHES_MAX	65535u
#define DAXFS_BRANCH_DEPTH_MAX	128u	/* parents of a branch, up to main */
#define DAXFS_MOUNTS_DEFAULT	256u
#define DAXFS_CHUNK_DEFAULT	0x1000u
#define DAXFS_CHUNK_MIN		0x1000u
#define DAXFS_CHUNK_MAX		0x10000u

/*
 * In br_state, in bits 0 to 7 of the index; any two differ in four bits. In bits 8 to 15 is a
 * turn, counted up modulo 256 for each live branch by who takes ss_lock over, and for one by who
 * takes its lease over: a decision about it that was made before changes nothing.
 */
enum daxfs_branch_state {
	DAXFS_BRANCH_FREE = 0,		/* the word is zero */
	DAXFS_BRANCH_MAKING = 0x0f,	/* a create or rename that is under way */
	DAXFS_BRANCH_LIVE = 0x33,
	DAXFS_BRANCH_LEFT = 0x3c,	/* its maker was taken for dead, and may store to it: nobody's */
	DAXFS_BRANCH_DEAD = 0x55,	/* discarded or committed: free its chunks */
};

/*
 * One branch. Written by the holder of the volume lock, br_lease by cmpxchg,
 * br_head also by the holder of the lease. A word of another branch names it by
 * index and generation, so that a reused entry is not taken for the old one.
 *
 * A commit is the store of br_winner in the parent. From then on the parent's
 * log is its own chain followed by the winner's, unless that is damaged, which
 * undoes the commit. What is left to do (join the chains, relabel chunks, kill
 * the siblings and the winner's entry, clear br_winner) can be redone from this
 * word any number of times.
 *
 * A rename first writes the new name, with the branch's parent, maker and
 * generation, to an entry that is MAKING and whose br_winner names the branch.
 * When a live branch's checksum is wrong, its name is there.
 *
 * A branch with children has the records of its log up to their br_first_seq:
 * fewer are damage, more are what a writer left that had lost its lease, and do
 * not count.
 *
 * br_name is 1 to 127 bytes: of ASCII letters, digits and "-._/@+:", and of other
 * characters in UTF-8 but U+0080 to U+00A0, U+200B to U+200F, U+2028 to U+202E,
 * U+2060 to U+206F, U+FEFF; it does not start with '-' or '.'. NUL terminated,
 * NUL padded.
 */
struct daxfs_branch {
	__le64 br_state;	/* 0 free, else STATE */
	__le64 br_parent;	/* BRANCH; of main: itself */
	__le64 br_head;		/* 0, or LINK: in bits 0 to 31 of the value the number of the
				 * first log chunk + 1, 0: the log is empty; in bits 32 to 51 a
				 * turn, counted up modulo 2^20 by each change and each takeover,
				 * and for a new branch from that of the entry's last one
				 */
	/*
	 * BRANCH: child being committed. Else 0, or NUMBER: the commit sequence at which a commit
	 * was over, or ss_lock was taken over.
	 */
	__le64 br_winner;
	__le64 br_lease;	/* 0, or HOLDER: who may write */
	__le64 br_first_seq;	/* NUMBER: where the parent's log ended when it was made, so
				 * lr_seq of the first record of a log that is empty
				 */
	__le64 br_limit;	/* 0 none, or NUMBER: chunks it may own; not heeded yet */
	__le64 br_created;	/* nanoseconds since 1970, for people; in no checksum */
	__le32 br_uid;		/* who made it */
	__le32 br_checksum;	/* crc32c of generation (__le64), br_parent, br_uid, br_name */
	/*
	 * Changed by the writer, with cmpxchg from what it was last, to the number of the log's next
	 * record, before what it logged is said to have happened. For those who follow the log: while
	 * it is what it was there is nothing new. No word: a wrong one makes them look.
	 */
	__le64 br_tail;
	/*
	 * Counted up by a mount that shows the branch, before it reads the log: the writer looks for
	 * mounts that do since it was what it is. No word, likewise.
	 */
	__le64 br_watch;
	__u8   br_reserved0[40]; /* 0 */
	__u8   br_name[128];
};
DAXFS_SIZE(daxfs_branch, 256);
DAXFS_AT(daxfs_branch, br_state, 0);
DAXFS_AT(daxfs_branch, br_parent, 8);
DAXFS_AT(daxfs_branch, br_head, 16);
DAXFS_AT(daxfs_branch, br_winner, 24);
DAXFS_AT(daxfs_branch, br_lease, 32);
DAXFS_AT(daxfs_branch, br_first_seq, 40);
DAXFS_AT(daxfs_branch, br_limit, 48);
DAXFS_AT(daxfs_branch, br_created, 56);
DAXFS_AT(daxfs_branch, br_uid, 64);
DAXFS_AT(daxfs_branch, br_checksum, 68);
DAXFS_AT(daxfs_branch, br_tail, 72);
DAXFS_AT(daxfs_branch, br_watch, 80);
DAXFS_AT(daxfs_branch, br_reserved0, 88);
DAXFS_AT(daxfs_branch, br_name, 128);

/* One mount of the region in any kernel. Written by its owner only, once claimed. */
struct daxfs_mount {
	__le64 mt_owner;	/* 0 free, else OWNER: claimed by cmpxchg */
	__le64 mt_heartbeat;	/* grows at least every second while the mount lives */
	/*
	 * NUMBER: times 4096, and the low 12 bits of the owner's epoch, or else it says 0: what was
	 * discarded at that commit sequence, or before, is not read.
	 */
	__le64 mt_seen_seq;
	__le64 mt_branch;	/* 0 none, or BRANCH: what it shows */
	/*
	 * NUMBER: bit 0, for people: writable; bit 1: the rest is said, else nothing is; bits 2 to 13 those
	 * of the owner's epoch, as above; from bit 14 on the low 38 bits of the number of a record of
	 * mt_branch's log: nothing is read that earlier ones gave up.
	 */
	__le64 mt_applied;
	__u8   mt_host[24];	/* host name, NUL padded, for people */
};
DAXFS_SIZE(daxfs_mount, 64);
DAXFS_AT(daxfs_mount, mt_owner, 0);
DAXFS_AT(daxfs_mount, mt_heartbeat, 8);
DAXFS_AT(daxfs_mount, mt_seen_seq, 16);
DAXFS_AT(daxfs_mount, mt_branch, 24);
DAXFS_AT(daxfs_mount, mt_applied, 32);
DAXFS_AT(daxfs_mount, mt_host, 40);

/*
 * The kind of a word of the chunk table. 0 is a free chunk. Taken by cmpxchg
 * from 0; given back through FREED, which becomes 0 when every live mount has
 * seen that sequence.
 */
enum daxfs_chunk_kind {
	DAXFS_CHUNK_FREE = 0,	/* the word is zero */
	DAXFS_CHUNK_LOG = 8,	/* index and generation of the branch that owns it */
	DAXFS_CHUNK_DATA = 9,	/* likewise */
	DAXFS_CHUNK_FREED = 10,	/* the ss_commit_seq that freed it */
};

/*
 * The first 64 bytes of a log segment: ch_count chunks side by side, which are
 * one branch's log's; records follow. Data chunks have no header.
 *
 * ch_prev_seq says where the log before the segment ends: fewer records there
 * are damage, more are what a writer left that had lost its lease, and do not
 * count.
 */
struct daxfs_chunk {
	__le32 ch_magic;	/* DAXFS_CHUNK_MAGIC */
	__le32 ch_checksum;	/* crc32c of bytes 8 to 31 and 40 to 63 */
	__le64 ch_first_seq;	/* lr_seq of the first record; at least ch_prev_seq */
	__le64 ch_index;	/* number of the segment's first chunk */
	__le64 ch_salt;		/* of the records' checksums; never used twice in a region */
	__le64 ch_next;		/* as br_head: next segment of the chain; link 0: the last one. The
				 * turn begins with (ch_salt * 0x9e3779b97f4a7c15 mod 2^64) >> 44,
				 * far from that of an earlier segment there; readers accept any
				 */
	__le64 ch_prev_seq;	/* one more than the lr_seq of the last record before the segment */
	__le32 ch_count;	/* chunks, 1 to as many as the longest record needs */
	__u8   ch_reserved0[12]; /* 0 */
};
#define DAXFS_CHUNK_MAGIC	0x4b4e4843u	/* "CHNK" */
#define DAXFS_RECORD_MAX	0x10fc0u	/* bytes of a record */
#define DAXFS_ITEMS_MAX		16u		/* items of a record */
DAXFS_SIZE(daxfs_chunk, 64);
DAXFS_AT(daxfs_chunk, ch_magic, 0);
DAXFS_AT(daxfs_chunk, ch_checksum, 4);
DAXFS_AT(daxfs_chunk, ch_first_seq, 8);
DAXFS_AT(daxfs_chunk, ch_index, 16);
DAXFS_AT(daxfs_chunk, ch_salt, 24);
DAXFS_AT(daxfs_chunk, ch_next, 32);
DAXFS_AT(daxfs_chunk, ch_prev_seq, 40);
DAXFS_AT(daxfs_chunk, ch_count, 48);
DAXFS_AT(daxfs_chunk, ch_reserved0, 52);

/* ---- the delta log ---- */

/*
 * A record is one operation: it took place whole, or not at all. It is a
 * header and the items that follow it without gaps. Items state what holds
 * after the operation (an inode's attributes, a name, where a block is), not
 * what was asked for, so that replaying, compacting and reading the index need
 * to know no operation. A record has at most DAXFS_ITEMS_MAX items. Records are
 * contiguous; the log ends before the first record of its last segment whose
 * checksum or sequence is wrong. The rest of a segment is made zero when it is
 * taken, so that nothing which an earlier use of it left there, a file's
 * contents for one, can be taken for a record. Records of an earlier log have
 * another salt in their checksums too.
 */
struct daxfs_record {
	__le32 lr_checksum;	/* crc32c of ch_salt and of lr_size - 4 bytes from lr_size on */
	__le32 lr_size;		/* bytes with header and items, multiple of 8 */
	__le64 lr_seq;		/* one more than that of the record before */
};
DAXFS_SIZE(daxfs_record, 16);
DAXFS_AT(daxfs_record, lr_checksum, 0);
DAXFS_AT(daxfs_record, lr_size, 4);
DAXFS_AT(daxfs_record, lr_seq, 8);

enum daxfs_item_type {
	DAXFS_ITEM_INODE = 1,	/* struct daxfs_item_inode */
	/*
	 * The name names it_ino. A name that is there, here or in what lies
	 * below, is taken away by an UNLINK before.
	 */
	DAXFS_ITEM_LINK = 2,	/* struct daxfs_item_name */
	DAXFS_ITEM_UNLINK = 3,	/* struct daxfs_item_name: the name is gone */
	DAXFS_ITEM_MAP = 4,	/* struct daxfs_item_range: these blocks are there */
	DAXFS_ITEM_UNMAP = 5,	/* struct daxfs_item_range: these blocks are a hole */
	DAXFS_ITEM_SYMLINK = 6,	/* struct daxfs_item_name: target of symlink it_ino */
	DAXFS_ITEM_XATTR = 7,	/* struct daxfs_item_xattr: set */
	DAXFS_ITEM_UNXATTR = 8,	/* struct daxfs_item_xattr: removed */
};

/* Starts every item. */
struct daxfs_item {
	__le16 it_type;		/* enum daxfs_item_type */
	__le16 it_size;		/* bytes with this header, multiple of 8 */
	__u8   it_kind;		/* LINK: DT_*; XATTR, UNXATTR: enum daxfs_xattr_prefix */
	__u8   it_len;		/* XATTR, UNXATTR, LINK, UNLINK: bytes of the name */
	__le16 it_len2;		/* SYMLINK, XATTR: bytes of the target or value */
	__le64 it_ino;		/* the inode it is about */
};
DAXFS_SIZE(daxfs_item, 16);
DAXFS_AT(daxfs_item, it_type, 0);
DAXFS_AT(daxfs_item, it_size, 2);
DAXFS_AT(daxfs_item, it_kind, 4);
DAXFS_AT(daxfs_item, it_len, 5);
DAXFS_AT(daxfs_item, it_len2, 6);
DAXFS_AT(daxfs_item, it_ino, 8);

struct daxfs_item_inode {
	struct daxfs_item ii_item;
	__le32 ii_mode;		/* type and permissions */
	__le32 ii_nlink;	/* 0: open but without a name; gone when replay ends so */
	__le32 ii_uid;
	__le32 ii_gid;
	__le64 ii_size;		/* bytes; smaller than before: blocks past it are gone */
	__le64 ii_btime;	/* seconds since 1970: when it was made; 0 if not known */
	__le64 ii_data;		/* directory: inode number of the parent; char, block:
				 * major << 32 | minor; else 0
				 */
	__le64 ii_atime;	/* seconds since 1970, two's complement, as the others */
	__le64 ii_mtime;
	__le64 ii_ctime;
	__le32 ii_atime_nsec;	/* 0 to 999,999,999 */
	__le32 ii_mtime_nsec;
	__le32 ii_ctime_nsec;
	__le32 ii_btime_nsec;	/* 1 to 1,000,000,000: nanoseconds + 1; 0: when it was made is
				 * not known, as of all inodes of the base
				 */
};
DAXFS_SIZE(daxfs_item_inode, 96);
DAXFS_AT(daxfs_item_inode, ii_item, 0);
DAXFS_AT(daxfs_item_inode, ii_mode, 16);
DAXFS_AT(daxfs_item_inode, ii_nlink, 20);
DAXFS_AT(daxfs_item_inode, ii_uid, 24);
DAXFS_AT(daxfs_item_inode, ii_gid, 28);
DAXFS_AT(daxfs_item_inode, ii_size, 32);
DAXFS_AT(daxfs_item_inode, ii_btime, 40);
DAXFS_AT(daxfs_item_inode, ii_data, 48);
DAXFS_AT(daxfs_item_inode, ii_atime, 56);
DAXFS_AT(daxfs_item_inode, ii_mtime, 64);
DAXFS_AT(daxfs_item_inode, ii_ctime, 72);
DAXFS_AT(daxfs_item_inode, ii_atime_nsec, 80);
DAXFS_AT(daxfs_item_inode, ii_mtime_nsec, 84);
DAXFS_AT(daxfs_item_inode, ii_ctime_nsec, 88);
DAXFS_AT(daxfs_item_inode, ii_btime_nsec, 92);

/* Followed by the name or target, zeros up to it_size. */
struct daxfs_item_name {
	struct daxfs_item na_item;
	__le64 na_dir;		/* LINK, UNLINK: the directory; SYMLINK: 0 */
};
DAXFS_SIZE(daxfs_item_name, 24);
DAXFS_AT(daxfs_item_name, na_item, 0);
DAXFS_AT(daxfs_item_name, na_dir, 16);

struct daxfs_item_range {
	struct daxfs_item ra_item;
	__le64 ra_block;	/* first block of the file */
	__le64 ra_count;	/* blocks */
	__le64 ra_data;		/* MAP: offset in DELTA, block aligned; UNMAP: 0 */
};
DAXFS_SIZE(daxfs_item_range, 40);
DAXFS_AT(daxfs_item_range, ra_item, 0);
DAXFS_AT(daxfs_item_range, ra_block, 16);
DAXFS_AT(daxfs_item_range, ra_count, 24);
DAXFS_AT(daxfs_item_range, ra_data, 32);

/* Followed by it_len bytes of name and it_len2 bytes of value. */
struct daxfs_item_xattr {
	struct daxfs_item xa_item;
};
DAXFS_SIZE(daxfs_item_xattr, 16);
DAXFS_AT(daxfs_item_xattr, xa_item, 0);

#endif
