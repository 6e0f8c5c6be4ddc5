// SPDX-License-Identifier: GPL-2.0-only
/* Directories: lookup and readdir. */
#include <linux/fs.h>
#include "daxfs.h"
#include "backing/backing.h"
#include "core/entry.h"

/*
 * What the entry says of the inode must be what the inode says of itself; a
 * directory is entered through its parent only, so that no path through a
 * hostile image is endless (I-5).
 */
static int check_child(struct inode *dir, struct inode *inode,
		       const struct dxc_dirent *de)
{
	struct dxc_finding f;
	unsigned int code;

	if (dxc_type_of_mode(inode->i_mode) != de->type)
		code = DXC_DE_TYPE;
	else if (S_ISDIR(inode->i_mode) &&
		 DAXFS_I(inode)->core.parent != dir->i_ino)
		code = DXC_DIR_PARENT;
	else
		return 0;
	dxc_found(&f, 0, code, DAXFS_AREA_DIRS, inode->i_ino,
		  DAXFS_I(dir)->core.data, dir->i_ino);
	daxfs_bad(daxfs_volume_of(dir), -EUCLEAN, &f);
	return -EUCLEAN;
}

static struct dentry *daxfs_lookup(struct inode *dir, struct dentry *dentry,
				   unsigned int flags)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct inode *inode = NULL;
	struct dxc_dirent de dxc_uninitialized;
	struct dxc_finding f;
	int err, id;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return ERR_PTR(id);
	err = dxc_dir_lookup(&vol->core, &DAXFS_I(dir)->core, dentry->d_name.name,
			     dentry->d_name.len, &de, &f);
	if (!err)
		inode = daxfs_iget_inside(dir->i_sb, de.ino);
	daxfs_backing_exit(vol->backing, id);
	if (err && err != -ENOENT) {
		daxfs_bad(vol, err, &f);
		return ERR_PTR(err);
	}
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	if (inode) {
		err = check_child(dir, inode, &de);
		if (err) {
			iput(inode);
			return ERR_PTR(err);
		}
	}
	return d_splice_alias(inode, dentry);
}

/* Positions: 0 and 1 are "." and "..", entry i of the array is i + 2. */
static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	const struct dxc_inode *core = &DAXFS_I(dir)->core;
	struct dxc_dirent de dxc_uninitialized;
	struct dxc_finding f;
	loff_t pos;
	int err = 0, id;

	if (!dir_emit_dots(file, ctx))
		return 0;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	for (pos = ctx->pos; pos - 2 < core->count; ctx->pos = ++pos) {
		err = dxc_dirent_read(&vol->core, core, pos - 2, &de, &f);
		if (unlikely(err)) {
			daxfs_bad(vol, err, &f);
			break;
		}
		if (!dir_emit(ctx, dxc_dirent_name(&de), de.len, de.ino, de.type))
			break;
	}
	daxfs_backing_exit(vol->backing, id);
	return err;
}

const struct inode_operations daxfs_dir_iops = {
	.lookup = daxfs_lookup,
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
};

const struct file_operations daxfs_dir_fops = {
	.llseek = generic_file_llseek,
	.read = generic_read_dir,
	.iterate_shared = daxfs_iterate,
	.unlocked_ioctl = daxfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
