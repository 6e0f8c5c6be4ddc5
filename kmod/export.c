// SPDX-License-Identifier: GPL-2.0-only
/*
 * File handles, for NFS and open_by_handle_at(2): the inode number. On images
 * without branches it fits 32 bits; with branches numbers go on growing, and
 * are never used twice.
 */
#include <linux/exportfs.h>
#include "daxfs.h"

/* Not one of the kernel's: two numbers of 64 bits, the file's and its parent's. */
#define DAXFS_FILEID		0xdf
#define DAXFS_FILEID_PARENT	0xe0

struct daxfs_fid {
	__le64 ino;
	__le64 parent;
} __packed;

static struct inode *inode_of_handle(struct super_block *sb, u64 ino, u32 generation)
{
	const struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	struct inode *inode;

	if (!ino || generation || (ino > vol->core.inode_count && !daxfs_has_branches(vol)))
		return ERR_PTR(-ESTALE);
	inode = daxfs_iget(sb, ino);
	/* Open, but without a name: only a handle could lead there. */
	if (!IS_ERR(inode) && !inode->i_nlink) {
		iput(inode);
		return ERR_PTR(-ESTALE);
	}
	return inode;
}

/* As the kernel does it where it is not told otherwise. */
static int encode_ino32(struct inode *inode, __u32 *fh, int *len, struct inode *parent)
{
	struct fid *fid = (struct fid *)fh;
	int need = parent ? 4 : 2;

	if (*len < need) {
		*len = need;
		return FILEID_INVALID;
	}
	*len = need;
	fid->i32.ino = inode->i_ino;
	fid->i32.gen = 0;
	if (parent) {
		fid->i32.parent_ino = parent->i_ino;
		fid->i32.parent_gen = 0;
	}
	return parent ? FILEID_INO32_GEN_PARENT : FILEID_INO32_GEN;
}

static int daxfs_encode_fh(struct inode *inode, __u32 *fh, int *len, struct inode *parent)
{
	int need = (parent ? sizeof(struct daxfs_fid) : sizeof(__le64)) / sizeof(__u32);
	struct daxfs_fid *fid = (struct daxfs_fid *)fh;

	if (!daxfs_has_branches(daxfs_volume_of(inode)))
		return encode_ino32(inode, fh, len, parent);
	if (*len < need) {
		*len = need;
		return FILEID_INVALID;
	}
	*len = need;
	fid->ino = cpu_to_le64(inode->i_ino);
	if (parent)
		fid->parent = cpu_to_le64(parent->i_ino);
	return parent ? DAXFS_FILEID_PARENT : DAXFS_FILEID;
}

static struct dentry *daxfs_fh_to_dentry(struct super_block *sb, struct fid *raw,
					 int len, int type)
{
	const struct daxfs_fid *fid = (const struct daxfs_fid *)raw;

	if (type != DAXFS_FILEID && type != DAXFS_FILEID_PARENT)
		return generic_fh_to_dentry(sb, raw, len, type, inode_of_handle);
	if (len * sizeof(__u32) < sizeof(fid->ino))
		return NULL;
	return d_obtain_alias(inode_of_handle(sb, le64_to_cpu(fid->ino), 0));
}

static struct dentry *daxfs_fh_to_parent(struct super_block *sb, struct fid *raw,
					 int len, int type)
{
	const struct daxfs_fid *fid = (const struct daxfs_fid *)raw;

	if (type != DAXFS_FILEID_PARENT)
		return type == DAXFS_FILEID ? NULL :
			generic_fh_to_parent(sb, raw, len, type, inode_of_handle);
	if (len * sizeof(__u32) < sizeof(*fid))
		return NULL;
	return d_obtain_alias(inode_of_handle(sb, le64_to_cpu(fid->parent), 0));
}

static struct dentry *daxfs_get_parent(struct dentry *child)
{
	struct inode *inode = d_inode(child);

	return d_obtain_alias(daxfs_iget(inode->i_sb, READ_ONCE(DAXFS_I(inode)->parent)));
}

const struct export_operations daxfs_export_ops = {
	.encode_fh = daxfs_encode_fh,
	.fh_to_dentry = daxfs_fh_to_dentry,
	.fh_to_parent = daxfs_fh_to_parent,
	.get_parent = daxfs_get_parent,
};
