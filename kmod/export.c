// SPDX-License-Identifier: GPL-2.0-only
/* File handles, for NFS and open_by_handle_at(2): the inode number. */
#include <linux/exportfs.h>
#include "daxfs.h"

static struct inode *inode_of_handle(struct super_block *sb, u64 ino, u32 generation)
{
	/* The base never reuses a number. */
	if (!ino || ino > DAXFS_SB(sb)->volume->core.inode_count || generation)
		return ERR_PTR(-ESTALE);
	return daxfs_iget(sb, ino);
}

static struct dentry *daxfs_fh_to_dentry(struct super_block *sb, struct fid *fid,
					 int len, int type)
{
	return generic_fh_to_dentry(sb, fid, len, type, inode_of_handle);
}

static struct dentry *daxfs_fh_to_parent(struct super_block *sb, struct fid *fid,
					 int len, int type)
{
	return generic_fh_to_parent(sb, fid, len, type, inode_of_handle);
}

static struct dentry *daxfs_get_parent(struct dentry *child)
{
	struct inode *inode = d_inode(child);

	return d_obtain_alias(daxfs_iget(inode->i_sb, DAXFS_I(inode)->core.parent));
}

const struct export_operations daxfs_export_ops = {
	.encode_fh = generic_encode_ino32_fh,
	.fh_to_dentry = daxfs_fh_to_dentry,
	.fh_to_parent = daxfs_fh_to_parent,
	.get_parent = daxfs_get_parent,
};
