// SPDX-License-Identifier: GPL-2.0-only
/* Findings: filling them in, and what they are called. */
#include "core.h"

int dxc_found(struct dxc_finding *f, int err, unsigned int code,
	      unsigned int area, dxc_ino ino, dxc_off offset, u64 detail)
{
	if (f) {
		f->code = code;
		f->area = area;
		f->reserved = 0;
		f->ino = ino;
		f->offset = offset;
		f->detail = detail;
	}
	return err;
}

static const char *const texts[DXC_CODES] = {
	[DXC_OK] = "nothing is wrong",
	[DXC_SB_SHORT] = "region is too short for a superblock",
	[DXC_SB_MAGIC] = "no daxfs magic",
	[DXC_SB_OLD] = "older format version is not read any more: make the image anew with mkdaxfs",
	[DXC_SB_VERSION] = "newer format version than this program knows",
	[DXC_SB_CHECKSUM] = "bad superblock checksum",
	[DXC_SB_FEATURE] = "unknown incompatible features",
	[DXC_SB_BLOCK_SIZE] = "block size is not 4096",
	[DXC_SB_IMAGE_SIZE] = "impossible image size",
	[DXC_SB_REGION_SIZE] = "region is smaller than the image",
	[DXC_SB_RESERVED] = "reserved byte of the superblock is not zero",
	[DXC_SB_COUNT] = "impossible count in the superblock",
	[DXC_SB_LABEL] = "label is not plain text",
	[DXC_SB_AREA_BOUNDS] = "area is outside the image or unaligned",
	[DXC_SB_AREA_ORDER] = "area overlaps the one before it",
	[DXC_SB_AREA_LENGTH] = "area's length does not match its count",
	[DXC_SB_CHUNK_SIZE] = "impossible chunk size",
	[DXC_SB_DELTA] = "areas for branches do not match the features",
	[DXC_INO_RANGE] = "no such inode number",
	[DXC_INO_MODE] = "impossible file type",
	[DXC_INO_FLAGS] = "unknown inode flags",
	[DXC_INO_NSEC] = "nanoseconds past a second",
	[DXC_INO_RESERVED] = "reserved member of the inode is not zero",
	[DXC_INO_NLINK] = "wrong link count",
	[DXC_INO_SIZE] = "impossible size",
	[DXC_INO_DATA] = "contents outside their area or unaligned",
	[DXC_INO_PARENT] = "impossible parent",
	[DXC_INO_XATTR] = "xattrs outside their area",
	[DXC_DE_INO] = "directory entry names an impossible inode",
	[DXC_DE_TYPE] = "directory entry's type is not the inode's",
	[DXC_DE_NAME] = "illegal name in a directory",
	[DXC_DE_PADDING] = "bytes after a name are not zero",
	[DXC_DE_HASH] = "directory entry has another name's hash",
	[DXC_DE_ORDER] = "directory is not sorted, or has a name twice",
	[DXC_EX_ALIGN] = "extent is unaligned or empty",
	[DXC_EX_ORDER] = "extent overlaps the one before it",
	[DXC_EX_BOUNDS] = "extent is outside the data area or past the end of the file",
	[DXC_LINK_TARGET] = "symlink target has a NUL inside, or none at its end",
	[DXC_XA_SIZE] = "xattr is past the bounds of its set",
	[DXC_XA_PREFIX] = "unknown xattr namespace",
	[DXC_XA_NAME] = "illegal xattr name",
	[DXC_XA_ORDER] = "xattrs are not sorted, or one is there twice",
	[DXC_XA_PADDING] = "bytes after an xattr are not zero",
	[DXC_BR_STATE] = "impossible state of a branch",
	[DXC_BR_PARENT] = "impossible parent of a branch",
	[DXC_BR_NAME] = "illegal name of a branch",
	[DXC_BR_WORD] = "word of a branch is none",
	[DXC_BR_CHECKSUM] = "bad checksum of a branch",
	[DXC_SB_COPY] = "superblock's copy at the end of the image differs",
	[DXC_AREA_CHECKSUM] = "bad checksum of an area",
	[DXC_ZERO_AREA] = "bytes that must be zero are not",
	[DXC_FILE_TAIL] = "bytes after the end of the file are not zero",
	[DXC_FILE_OVERLAP] = "file shares a part of another file's blocks",
	[DXC_FILE_CHECKSUM] = "contents of the file have changed: bad checksum",
	[DXC_DIR_OVERLAP] = "directory shares entries with another",
	[DXC_DIR_LOOP] = "no path from the root leads to the directory",
	[DXC_DIR_PARENT] = "directory is entered in one that is not its parent",
	[DXC_DIR_NAMES] = "directory has not exactly one name",
	[DXC_LR_START] = "log does not start where the branch says that it does",
	[DXC_LR_CHAIN] = "log goes on in what is no log chunk of the branch",
	[DXC_LR_ITEM] = "impossible item in a log",
	[DXC_LR_DIR] = "log names a file in what is no directory",
	[DXC_LR_LINK] = "log gives a name to an inode of another type",
	[DXC_LR_TYPE] = "log changes the type of a file",
	[DXC_LR_RANGE] = "log gives blocks to what cannot have them",
	[DXC_LR_SYMLINK] = "log gives a target to what is no new symlink",
	[DXC_LR_BLOCKS] = "blocks are not the branch's, or another file has them too",
	[DXC_LR_UNLINK] = "log takes away a name that is not there",
	[DXC_TB_FLIP] = "flipped bit in a table",
	[DXC_SS_WORD] = "counter of the shared state cannot be read",
	[DXC_SS_ZERO] = "byte of the shared state that must be zero is not",
	[DXC_SS_INO] = "next inode number is in use already, or past the last",
	[DXC_SS_GEN] = "generation or salt is in use before it was given",
	[DXC_BR_RESERVED] = "reserved member of a branch is not zero",
	[DXC_BR_TWICE] = "two branches have the same name",
	[DXC_BR_ORPHAN] = "branch whose parent is gone",
	[DXC_BR_LOST] = "branch whose parent is not there",
	[DXC_BR_WINNER] = "commit was not finished",
	[DXC_BR_RENAME] = "renaming a branch was not finished",
	[DXC_BR_LEFT] = "entry was being made by a mount that is gone",
	[DXC_BR_LOOP] = "no way leads from the branch to main",
	[DXC_BR_DEEP] = "branch has more parents than it may have",
	[DXC_BR_LEASE] = "lease of a branch is held by a mount that is gone",
	[DXC_SS_LOCK] = "volume lock is held by a mount that is gone",
	[DXC_MT_OWNER] = "impossible owner of a mount slot",
	[DXC_MT_GONE] = "mount slot of a mount that is gone",
	[DXC_CH_WORD] = "impossible word of a chunk",
	[DXC_CH_OWNER] = "chunk belongs to no branch",
	[DXC_CH_SEQ] = "chunk was freed in the future",
	[DXC_CH_IDLE] = "chunk is not used by the branch that owns it",
	[DXC_LR_MISSING] = "branch has names of an inode that is not there",
	[DXC_LR_NLINK] = "wrong link count in a branch",
	[DXC_LR_NAMES] = "directory of a branch has not exactly one name",
	[DXC_LR_PARENT] = "directory of a branch is entered in one that is not its parent",
	[DXC_LR_LOST] = "no path from the root leads to the directory in a branch",
	[DXC_LR_CUT] = "log ends at a damaged record, and others are behind it",
	[DXC_LR_GAP] = "log does not go on after this record, though others were written",
	[DXC_LR_TORN] = "last record of a log was not written to its end",
	[DXC_LR_OVER] = "log gives away a name that was not taken from its inode before",
};

const char *dxc_code_text(unsigned int code)
{
	return code < DXC_CODES && texts[code] ? texts[code] : "unknown finding";
}

static const char *const areas[DAXFS_AREA_COUNT + 1] = {
	[DAXFS_AREA_SHARED] = "shared",
	[DAXFS_AREA_BRANCHES] = "branches",
	[DAXFS_AREA_MOUNTS] = "mounts",
	[DAXFS_AREA_CHUNKS] = "chunks",
	[DAXFS_AREA_INODES] = "inodes",
	[DAXFS_AREA_DIRS] = "directories",
	[DAXFS_AREA_XATTRS] = "xattrs",
	[DAXFS_AREA_LINKS] = "symlinks",
	[DAXFS_AREA_EXTENTS] = "extents",
	[DAXFS_AREA_DATA] = "data",
	[DAXFS_AREA_DELTA] = "delta",
	[DAXFS_AREA_SPARE] = "spare",
	[DAXFS_AREA_COUNT] = "superblock",
};

const char *dxc_area_name(unsigned int area)
{
	return area <= DAXFS_AREA_COUNT ? areas[area] : "unknown";
}
