/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core: what the bytes of a region mean. Compiled into daxfs.ko, daxfsctl,
 * the unit tests and the fuzzers. Knows no VFS, no libc, no printing, no locks
 * and has no globals that change.
 *
 * Trust: a region may be written by somebody else at any moment. Every
 * function here copies what it looks at out of the region once
 * (dxc_region_read), checks the copy against the region's bounds, and uses
 * only the copy. What it returns in host-endian structures is therefore a
 * consistent, in-bounds statement even if the region says something else by
 * then. The image as a whole is only consistent if dxc_check() found nothing
 * and nobody writes.
 *
 * Results: 0 or a negative errno. -EUCLEAN is a statement of the media that
 * cannot be, -EBADMSG a wrong checksum, -EOPNOTSUPP another version of the format, -EINVAL no
 * daxfs at all, -EIO memory that cannot be read, -ENOMEM. Where a function
 * takes a struct dxc_finding, it is filled in for EUCLEAN, EBADMSG,
 * EOPNOTSUPP and EINVAL; it may be NULL.
 */
#ifndef DXC_CORE_H
#define DXC_CORE_H

#include "env.h"
#include <daxfs/format.h>

typedef u64 dxc_off;	/* byte offset in the region */
typedef u64 dxc_pos;	/* byte offset in a file */
typedef u64 dxc_ino;	/* inode number, 1 is the root */

/*
 * The largest size of a file: what the VFS can count, so that each size which
 * it lets through can be had, and each offset lies in a block below
 * DXC_BLOCKS_MAX. The end of the last block is 2^63: no loff_t, but a dxc_pos.
 */
#define DXC_SIZE_MAX	((u64)LLONG_MAX)
#define DXC_BLOCKS_MAX	(DXC_SIZE_MAX / DAXFS_BLOCK_SIZE + 1)

/* What is wrong; dxc_code_text() says it in words. */
enum dxc_code {
	DXC_OK = 0,
	/* superblock: checked at every open */
	DXC_SB_SHORT,		/* region shorter than a superblock; detail: its size */
	DXC_SB_MAGIC,
	DXC_SB_OLD,		/* an earlier version; detail: version */
	DXC_SB_VERSION,		/* a later version; detail: version */
	DXC_SB_CHECKSUM,	/* detail: what it should be */
	DXC_SB_FEATURE,		/* detail: unknown incompat bits */
	DXC_SB_BLOCK_SIZE,	/* detail: block size */
	DXC_SB_IMAGE_SIZE,	/* detail: image size */
	DXC_SB_REGION_SIZE,	/* image longer than the region; detail: image size */
	DXC_SB_RESERVED,	/* a reserved byte is not zero; offset says which */
	DXC_SB_COUNT,		/* inode, branch, mount or area count; detail: it */
	DXC_SB_LABEL,
	DXC_SB_AREA_BOUNDS,	/* area outside the image or unaligned; detail: offset */
	DXC_SB_AREA_ORDER,	/* area overlaps the one before; detail: offset */
	DXC_SB_AREA_LENGTH,	/* length does not match the count; detail: length */
	DXC_SB_CHUNK_SIZE,	/* detail: chunk size */
	DXC_SB_DELTA,		/* areas of branches without the feature, or not with it */
	/* inodes: checked whenever one is read */
	DXC_INO_RANGE,		/* inode number 0 or past the table; detail: it */
	DXC_INO_MODE,		/* no such file type; detail: mode */
	DXC_INO_FLAGS,		/* detail: flags */
	DXC_INO_NSEC,		/* detail: nanoseconds */
	DXC_INO_RESERVED,	/* a member that must be zero is not */
	DXC_INO_NLINK,		/* 0, or not as many as there are names; detail: it */
	DXC_INO_SIZE,		/* size cannot be; detail: it */
	DXC_INO_DATA,		/* contents outside their area or unaligned; detail: offset */
	DXC_INO_PARENT,		/* detail: parent */
	DXC_INO_XATTR,		/* xattr set outside its area; detail: reference */
	/* directories: checked whenever an entry is read */
	DXC_DE_INO,		/* detail: inode number */
	DXC_DE_TYPE,		/* not the inode's type; detail: type */
	DXC_DE_NAME,		/* empty, too long, '/', NUL, "." or ".."; detail: length */
	DXC_DE_PADDING,		/* bytes after the name are not zero */
	DXC_DE_HASH,		/* not the hash of the name; detail: hash */
	DXC_DE_ORDER,		/* not sorted, or the name is there twice; detail: index */
	/* extents: checked whenever one is read */
	DXC_EX_ALIGN,		/* detail: offset of the extent's contents */
	DXC_EX_ORDER,		/* overlaps the one before; detail: file position */
	DXC_EX_BOUNDS,		/* outside DATA or past the end of the file; detail: same */
	/* symlinks, xattrs: checked whenever one is read */
	DXC_LINK_TARGET,	/* NUL in the target, or none after it */
	DXC_XA_SIZE,		/* set or entry past its bounds; detail: size */
	DXC_XA_PREFIX,		/* detail: prefix */
	DXC_XA_NAME,		/* NUL in a name, or a name where none may be */
	DXC_XA_ORDER,		/* not sorted, or there twice */
	DXC_XA_PADDING,
	/* branches: checked whenever an entry is read */
	DXC_BR_STATE,		/* no such state, or no generation; detail: the word */
	DXC_BR_PARENT,		/* past the table, or itself; detail: the word */
	DXC_BR_NAME,
	DXC_BR_WORD,		/* detail: it */
	DXC_BR_CHECKSUM,	/* detail: what it should be */
	/* the whole: found by dxc_check() only */
	DXC_SB_COPY,		/* the superblock's copy at the end differs */
	DXC_AREA_CHECKSUM,	/* detail: what it should be */
	DXC_ZERO_AREA,		/* bytes that other filesystems probe are not zero */
	DXC_FILE_TAIL,		/* last block not zero after the end of the file */
	DXC_FILE_OVERLAP,	/* two files share blocks or extents, not all; detail: offset */
	DXC_FILE_CHECKSUM,	/* contents are not what they were made as; detail: what it should be */
	DXC_DIR_OVERLAP,	/* two directories share entries; detail: offset */
	DXC_DIR_LOOP,		/* directory that no path from the root leads to */
	DXC_DIR_PARENT,		/* is entered in another than its parent; detail: it */
	DXC_DIR_NAMES,		/* directory with more or fewer than one name */
	/* logs: found when a layer is loaded */
	DXC_LR_START,		/* no log where the entry says; detail: its head, or a sequence number */
	DXC_LR_CHAIN,		/* detail: what should name a log chunk */
	DXC_LR_ITEM,		/* detail: item type */
	DXC_LR_DIR,		/* detail: inode named in what is no directory */
	DXC_LR_LINK,		/* detail: DT_* that the inode is not */
	DXC_LR_TYPE,		/* detail: mode with another type than before */
	DXC_LR_RANGE,		/* detail: block */
	DXC_LR_SYMLINK,		/* detail: length */
	DXC_LR_BLOCKS,		/* detail: block of the file */
	DXC_LR_UNLINK,		/* detail: inode that is said to have had the name */
	/* branches as a whole: found by dxc_check() only */
	DXC_TB_FLIP,		/* a flipped bit in a table; detail: the word without it */
	DXC_SS_WORD,		/* a counter that cannot be read; detail: the word */
	DXC_SS_ZERO,		/* a byte of the shared state that must be zero is not */
	DXC_SS_INO,		/* next inode number is in use, or past the last; detail: it */
	DXC_SS_GEN,		/* generation or salt that is still to be given; detail: it */
	DXC_BR_RESERVED,
	DXC_BR_TWICE,		/* two live branches have one name; detail: the other's index */
	DXC_BR_ORPHAN,		/* live, its parent is dead; detail: the parent's word */
	DXC_BR_LOST,		/* live, its parent is not there at all; detail: the same */
	DXC_BR_WINNER,		/* a commit that was not finished; detail: the word */
	DXC_BR_RENAME,		/* a name that was written in part; the whole is still there */
	DXC_BR_LEFT,		/* an entry that a mount was making when it was taken for dead */
	DXC_BR_LOOP,		/* no way leads to main; detail: the parent's word */
	DXC_BR_DEEP,		/* more parents than a branch may have; detail: the first one's word */
	DXC_BR_LEASE,		/* held by a mount that is gone; detail: the holder */
	DXC_SS_LOCK,		/* likewise the volume lock */
	DXC_MT_OWNER,		/* slot that nobody can have claimed; detail: the word */
	DXC_MT_GONE,		/* of a mount that is gone; detail: number of the slot */
	DXC_CH_WORD,		/* means nothing; detail: number of the chunk */
	DXC_CH_OWNER,		/* no live branch; detail: number of the chunk */
	DXC_CH_SEQ,		/* freed in the future; detail: commit sequence */
	DXC_CH_IDLE,		/* owned, but not used; detail: number of the chunk */
	/* views: likewise; offset: the entry of the branch that shows it */
	DXC_LR_MISSING,		/* names of an inode that is not there; detail: how many */
	DXC_LR_NLINK,		/* not as many as there are names; detail: it */
	DXC_LR_NAMES,		/* directory with more or fewer than one name; detail: how many */
	DXC_LR_PARENT,		/* directory is entered in another than its parent; detail: it */
	DXC_LR_LOST,		/* directory that no path from the root leads to */
	DXC_LR_CUT,		/* records behind a damaged one; detail: number of that */
	DXC_LR_GAP,		/* records are lost before what a log goes on in; detail: number of the first */
	DXC_LR_TORN,		/* a record that was written in part; detail: its number */
	DXC_LR_OVER,		/* name that is there below, not taken away; detail: who has it */
	DXC_CODES
};

/* One thing that is wrong, fixed size, for the caller to print. */
struct dxc_finding {
	u16 code;		/* enum dxc_code */
	u16 area;		/* enum daxfs_area_id, DAXFS_AREA_COUNT: superblock */
	u32 reserved;
	dxc_ino ino;		/* inode concerned, 0: none */
	dxc_off offset;		/* where in the region */
	u64 detail;		/* see enum dxc_code */
};

/*
 * Is it what a kernel leaves behind that dies at the wrong moment? The next one
 * that writes clears it up; nothing is lost. An operation under way looks the
 * same.
 */
static inline bool dxc_code_is_leftover(unsigned int code)
{
	return code == DXC_BR_ORPHAN || code == DXC_BR_WINNER || code == DXC_BR_RENAME ||
	       code == DXC_BR_LEFT || code == DXC_BR_LEASE || code == DXC_SS_LOCK ||
	       code == DXC_MT_OWNER || code == DXC_MT_GONE || code == DXC_CH_OWNER ||
	       code == DXC_CH_IDLE ||
	       code == DXC_LR_TORN;
}

/* Static strings, never NULL. The text is the predicate: "has ...", "is ...". */
const char *dxc_code_text(unsigned int code);
const char *dxc_area_name(unsigned int area);

/*
 * Memory that holds an image, or may. The core never frees it. The caller
 * keeps it mapped for as long as it calls the core with it.
 */
struct dxc_region {
	u8 *base;
	u64 size;		/* bytes */
	bool poisons;		/* lines of it may be broken: reading reports -EIO */
	bool persistent;	/* keeps what was flushed to it when the power goes */
};

struct dxc_area {
	dxc_off offset;
	u64 length;		/* bytes; offset + length <= image size was checked */
	u32 checksum;
};

/* The superblock in host order, checked. Does not change while in use. */
struct dxc_volume {
	struct dxc_region region;	/* cut to the size of the image */
	struct dxc_area area[DAXFS_AREA_COUNT];
	u64 inode_count;
	u64 hash_seed;
	u64 data_blocks;
	s64 created;
	u32 chunk_size;
	u32 branch_count;
	u32 mount_count;
	u32 compat;
	u32 ro_compat;
	u32 incompat;
	u32 version;
	u8 uuid[16];
	char label[DAXFS_LABEL_LEN + 1];
	struct dxc_tally *tally;	/* counts chunks along, or NULL: see delta.h */
};

static inline bool dxc_volume_is_writable(const struct dxc_volume *vol)
{
	return vol->incompat & DAXFS_INCOMPAT_DELTA;
}

/* Is everything in it known that who writes has to know? */
static inline bool dxc_volume_may_be_written(const struct dxc_volume *vol)
{
	return !(vol->ro_compat & ~DAXFS_RO_COMPAT_KNOWN);
}

/* ---- region.c ---- */

/* Is [off, off + len) inside [base, base + size)? Overflow-safe. */
static inline bool dxc_range_ok(u64 off, u64 len, u64 base, u64 size)
{
	return off >= base && off - base <= size && len <= size - (off - base);
}

/*
 * The single fetch: copies len bytes out of the region. -EUCLEAN when the
 * range is not inside it, -EIO when the memory is broken. After it the compiler
 * may not go back to the region for what is in dst.
 */
static inline int dxc_region_read(const struct dxc_region *rg, dxc_off off,
				  void *dst, size_t len)
{
	if (unlikely(!dxc_range_ok(off, len, 0, rg->size)))
		return -EUCLEAN;
	if (unlikely(rg->poisons))
		return dxc_copy(dst, rg->base + off, len);
	memcpy(dst, rg->base + off, len);
	barrier();
	return 0;
}

/* Fills in *f if it is there and returns err. */
int dxc_found(struct dxc_finding *f, int err, unsigned int code,
	      unsigned int area, dxc_ino ino, dxc_off offset, u64 detail);

/* ---- super.c ---- */

/*
 * Reads and checks the superblock of a region of size bytes at base. On
 * success *vol describes the image. Does not check the areas' checksums. The
 * caller sets vol->region.poisons afterwards if the memory is of that kind.
 * Reads the first DAXFS_SB_SIZE bytes only: base may hold nothing but these when
 * the caller only wants to know what the superblock says.
 */
int dxc_volume_open(struct dxc_volume *vol, void *base, u64 size,
		    struct dxc_finding *f);

/* Where the copy of the superblock of an image of size bytes is. */
static inline dxc_off dxc_super_copy_at(u64 size)
{
	return size - DAXFS_SB_SIZE;
}

/*
 * The same for who has read the superblock of a region of size bytes, and has
 * nothing else of it: vol->region has no base. Changes *sb.
 */
int dxc_super_decode(struct dxc_volume *vol, struct daxfs_super *sb, u64 size,
		     struct dxc_finding *f);

/*
 * Writes the superblock that describes *vol, with its checksum, into *sb.
 * For mkfs; *vol is as dxc_volume_open would fill it in.
 */
void dxc_super_encode(const struct dxc_volume *vol, struct daxfs_super *sb);

/* ---- hash.c ---- */

/* Hash of a file name, as stored in de_hash. */
u32 dxc_name_hash(u64 seed, const void *name, u32 len);

/* Byte order, a prefix before what it is a prefix of. */
int dxc_name_cmp(const void *a, u32 alen, const void *b, u32 blen);

/*
 * Is it a name that may stand in a directory: not empty, not "." or "..", no
 * '/' and no NUL?
 */
bool dxc_name_is_legal(const void *name, u32 len);

/* ---- inode.c ---- */

struct dxc_inode {
	dxc_ino ino;
	u32 mode;
	u32 flags;		/* DAXFS_IN_* */
	u32 uid;
	u32 gid;
	u32 nlink;
	u32 xattr;		/* as in_xattr */
	u64 size;
	s64 mtime;
	u32 mtime_nsec;
	u32 count;		/* dirents or extents */
	dxc_off data;		/* see struct daxfs_inode; not for devices */
	dxc_ino parent;		/* directories */
	u32 entry_size;		/* directories: bytes of an entry */
	u32 checksum;		/* regular files: as in_checksum */
	u32 rdev_major;		/* devices */
	u32 rdev_minor;
};

/* Reads base inode ino. What it returns lies inside the areas it refers to. */
int dxc_inode_read(const struct dxc_volume *vol, dxc_ino ino,
		   struct dxc_inode *inode, struct dxc_finding *f);
void dxc_inode_encode(const struct dxc_inode *inode, struct daxfs_inode *raw);

/* S_IFMT of a mode to DT_* and the other way; 0 for what does not exist. */
static inline u32 dxc_type_of_mode(u32 mode)
{
	return (mode & S_IFMT) >> 12;
}

/* ---- entry.c ---- */

/* Types an entry may have, as bits: FIFO 1, CHR 2, DIR 4, BLK 6, REG 8, LNK 10, SOCK 12. */
#define DXC_DIRENT_TYPES 0x1556u
#define DXC_DIRENT_MAX	(DAXFS_DIRENT_UNIT * DAXFS_DIRENT_UNITS_MAX)

/* A checked copy of an entry. Its name is not NUL terminated. */
struct dxc_dirent {
	dxc_ino ino;
	u32 hash;
	u8 type;		/* DT_* */
	u8 len;			/* bytes of name */
	union {
		struct daxfs_dirent head;
		u8 bytes[DXC_DIRENT_MAX];
		__le64 words[DXC_DIRENT_MAX / 8];
	} raw;
};

static inline const char *dxc_dirent_name(const struct dxc_dirent *de)
{
	return (const char *)de->raw.bytes + DAXFS_DIRENT_HEADER;
}

/* Bytes of an entry for names up to max_len bytes. */
static inline u32 dxc_dirent_size(u32 max_len)
{
	return (DAXFS_DIRENT_HEADER + max_len + DAXFS_DIRENT_UNIT - 1) /
		DAXFS_DIRENT_UNIT * DAXFS_DIRENT_UNIT;
}

/*
 * Entry number index, 0 to dir->count - 1 (-ENOENT past it). What is in de->raw
 * after the name is undefined.
 */
int dxc_dir_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		  u32 index, struct dxc_dirent *de, struct dxc_finding *f);

/*
 * Writes an entry of entry_size bytes to raw, padding included. The caller
 * sorts the entries with dxc_dirent_cmp order: hash, then dxc_name_cmp.
 */
void dxc_dirent_encode(void *raw, u32 entry_size, u32 hash, dxc_ino ino,
		       u8 type, const void *name, u32 len);

/* ---- dir.c ---- */

/*
 * Finds a name: 0, -ENOENT, or an error. O(log log n) fetches in an honest
 * directory, O(log n) in any other.
 */
int dxc_dir_lookup(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   const char *name, u32 len, struct dxc_dirent *de,
		   struct dxc_finding *f);

/* ---- extent.c ---- */

/* Part of a file: contents at data, or a hole when data is 0. */
struct dxc_extent {
	dxc_pos pos;
	u64 len;		/* bytes, > 0; may go past the end of the file to its block's end */
	dxc_off data;
	/*
	 * Not 0: of the one block only so many bytes are at data, which no block
	 * need start at, and the others are zeros. What is there may be other files'.
	 */
	u32 packed;
};

/* How many bytes are there from pos on, which ex holds: 0 in a hole, and behind what is packed. */
static inline u64 dxc_extent_stored(const struct dxc_extent *ex, dxc_pos pos)
{
	u64 bytes = !ex->data ? 0 : ex->packed ? ex->packed : ex->len;

	return pos - ex->pos < bytes ? bytes - (pos - ex->pos) : 0;
}

/* 512-byte units that it takes, as stat(2) counts them. */
static inline u64 dxc_extent_units(const struct dxc_extent *ex)
{
	return !ex->data ? 0 : ex->packed ? (ex->packed + 511) >> 9 : ex->len >> 9;
}

/* len bytes from pos on, all of which ex holds, with their zeros. As dxc_region_read(). */
int dxc_extent_copy(const struct dxc_region *rg, const struct dxc_extent *ex, dxc_pos pos,
		    void *dst, size_t len);

/*
 * The longest part of a regular file that starts at or before pos and holds
 * it. pos < size, else -ENXIO. data + len, or data + packed, is inside the data area.
 */
int dxc_extent_map(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   dxc_pos pos, struct dxc_extent *ex, struct dxc_finding *f);
/* Extent number index of an inode with DAXFS_IN_EXTENTS; -ENOENT past the last. */
int dxc_extent_read(const struct dxc_volume *vol, const struct dxc_inode *inode,
		    u32 index, struct dxc_extent *ex, struct dxc_finding *f);
void dxc_extent_encode(const struct dxc_extent *ex, struct daxfs_extent *raw);

/* ---- symlink.c ---- */

/* The target into buf, which holds inode->size + 1 bytes; NUL terminated. */
int dxc_symlink_read(const struct dxc_volume *vol, const struct dxc_inode *inode,
		     char *buf, struct dxc_finding *f);

/* ---- xattr.c ---- */

/* One xattr of a set, checked; the value is still in the region. */
struct dxc_xattr {
	u32 prefix;		/* enum daxfs_xattr_prefix */
	u32 name_len;
	char name[256];		/* without prefix, NUL terminated */
	u32 value_len;		/* at most DAXFS_XATTR_VALUE_MAX */
	dxc_off value;		/* offset in the region, in bounds */
	/* where the next one is, for dxc_xattr_next() */
	dxc_off next;
	dxc_off end;
	u32 left;
};

/*
 * Before the first call *xa is zeroed. 0: *xa is the next one; -ENODATA: there
 * is none.
 */
int dxc_xattr_next(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   struct dxc_xattr *xa, struct dxc_finding *f);
/* -ENODATA when the inode has no such xattr. */
int dxc_xattr_find(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   u32 prefix, const char *name, u32 name_len,
		   struct dxc_xattr *xa, struct dxc_finding *f);
/* Prefix number of a full name and its length, 0 if daxfs stores no such name. */
u32 dxc_xattr_split(const char *full_name, u32 *prefix_len);
const char *dxc_xattr_prefix(u32 prefix);

/* Bytes that an entry takes in a set, padding included. */
static inline u32 dxc_xattr_entry_size(u32 name_len, u32 value_len)
{
	return (sizeof(struct daxfs_xattr_entry) + name_len + value_len + 3) & ~3u;
}

/* Writes one entry, with padding; returns its size. For mkfs. */
u32 dxc_xattr_encode(void *raw, u32 prefix, const void *name, u32 name_len,
		     const void *value, u32 value_len);

/* ---- check.c ---- */

struct dxc_mount;

/*
 * The full check. report is called for each finding; nonzero stops the check
 * and is returned. progress (may be NULL) is called now and then. gone: is that
 * mount known to be no more? NULL: of none.
 */
struct dxc_check {
	int (*report)(void *priv, const struct dxc_finding *f);
	void (*progress)(void *priv, u64 done, u64 total);
	bool (*gone)(void *priv, const struct dxc_mount *mt);
	void *priv;
	u64 findings;		/* out: how many were reported */
	u64 leftovers;		/* out: how many of them are no damage: dxc_code_is_leftover() */
	bool partial;		/* out: logs that a leftover is about were not looked at */
	bool logs;		/* out: the others were: the base is in order */
};

/*
 * 0: checked to the end (see findings), -ENOMEM, -EINTR, -EIO, or what report
 * returned. Takes about 24 bytes of memory per inode and 32 per file, directory
 * and extent.
 */
int dxc_check(const struct dxc_volume *vol, struct dxc_check *chk);

#endif
