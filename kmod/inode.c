// SPDX-License-Identifier: GPL-2.0-only
/* Inodes of the VFS, made from those of the base. */
#include <linux/namei.h>
#include <linux/slab.h>
#include "daxfs.h"
#include "backing/backing.h"

static struct kmem_cache *inode_cache;

struct inode *daxfs_alloc_inode(struct super_block *sb)
{
	struct daxfs_inode_info *info;

	info = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);
	if (!info)
		return NULL;
	info->blocks = 0;
	return &info->vfs;
}

void daxfs_free_inode(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(inode_cache, DAXFS_I(inode));
}

static void init_once(void *p)
{
	struct daxfs_inode_info *info = p;

	inode_init_once(&info->vfs);
}

int daxfs_inode_cache_init(void)
{
	inode_cache = kmem_cache_create("daxfs_inode", sizeof(struct daxfs_inode_info),
					0, SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void daxfs_inode_cache_exit(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(inode_cache);
}

/*
 * Blocks of a sparse file are counted when somebody asks, once. The array was
 * bounds-checked with the inode; it may be long, so the count can be killed.
 */
static u64 count_blocks(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	u64 bytes = 0;
	struct dxc_extent ex;
	int id;
	u32 i;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return 0;
	for (i = 0; i < info->core.count; i++) {
		if (dxc_extent_read(&vol->core, &info->core, i, &ex, NULL))
			break;
		bytes += ex.len;
		if (i % 1024 == 1023 && dxc_pause())
			break;
	}
	daxfs_backing_exit(vol->backing, id);
	if (i == info->core.count)
		WRITE_ONCE(info->blocks, (bytes >> 9) + 1);
	return bytes >> 9;
}

int daxfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		  struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	u64 blocks;

	daxfs_fillattr(idmap, mask, inode, stat);
	if (DAXFS_I(inode)->core.flags & DAXFS_IN_EXTENTS) {
		blocks = READ_ONCE(DAXFS_I(inode)->blocks);
		stat->blocks = blocks ? blocks - 1 : count_blocks(inode);
	}
	return 0;
}

static const struct inode_operations daxfs_symlink_iops = {
	.get_link = simple_get_link,
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
};

static const struct inode_operations daxfs_special_iops = {
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
};

/* A symlink's target is copied once, so that path walks see one that stays. */
static int read_symlink(struct daxfs_volume *vol, struct inode *inode,
			const struct dxc_inode *core, struct dxc_finding *f)
{
	char *target = kmalloc(core->size + 1, GFP_KERNEL);
	int err;

	if (!target)
		return -ENOMEM;
	err = dxc_symlink_read(&vol->core, core, target, f);
	if (err) {
		kfree(target);
		return err;
	}
	inode->i_link = target;
	return 0;
}

static int fill_inode(struct inode *inode, struct dxc_finding *f)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_inode *core = &DAXFS_I(inode)->core;
	struct timespec64 ts;
	int err;

	err = dxc_inode_read(&vol->core, inode->i_ino, core, f);
	if (err)
		return err;
	/* Before i_mode says so: a failed inode must not free a link it has not. */
	if (S_ISLNK(core->mode)) {
		err = read_symlink(vol, inode, core, f);
		if (err)
			return err;
	}

	inode->i_mode = core->mode;
	/* Mounts belong to the initial user namespace: no map to look into. */
	inode->i_uid = KUIDT_INIT(core->uid);
	inode->i_gid = KGIDT_INIT(core->gid);
	set_nlink(inode, core->nlink);
	inode->i_size = core->size;
	inode->i_blocks = ALIGN(core->size, DAXFS_BLOCK_SIZE) >> 9;
	ts.tv_sec = core->mtime;
	ts.tv_nsec = core->mtime_nsec;
	inode_set_mtime_to_ts(inode, ts);
	inode_set_atime_to_ts(inode, ts);
	inode_set_ctime_to_ts(inode, ts);
	if (!core->xattr)
		cache_no_acl(inode);

	switch (core->mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &daxfs_file_iops;
		inode->i_fop = &daxfs_file_fops;
		inode->i_mapping->a_ops = &daxfs_aops;
		/* Page faults of such files may map 2 MiB at once. */
		if (vol->backing->has_pages)
			inode->i_flags |= S_DAX;
		break;
	case S_IFDIR:
		inode->i_op = &daxfs_dir_iops;
		inode->i_fop = &daxfs_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &daxfs_symlink_iops;
		break;
	default:
		inode->i_op = &daxfs_special_iops;
		init_special_inode(inode, inode->i_mode,
				   MKDEV(core->rdev_major, core->rdev_minor));
	}
	return 0;
}

/*
 * The inode with this number, read if it is not in memory. The caller is inside
 * the backing (daxfs_backing_enter); the reference is the caller's.
 */
struct inode *daxfs_iget_inside(struct super_block *sb, dxc_ino ino)
{
	struct dxc_finding f = {};
	struct inode *inode;
	int err;

	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(inode->i_state & I_NEW))
		return inode;
	err = fill_inode(inode, &f);
	if (err) {
		daxfs_bad(DAXFS_SB(sb)->volume, err, &f);
		iget_failed(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

/* The same for callers that are not inside the backing. */
struct inode *daxfs_iget(struct super_block *sb, dxc_ino ino)
{
	const struct daxfs_backing *backing = DAXFS_SB(sb)->volume->backing;
	struct inode *inode;
	int id;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return ERR_PTR(id);
	inode = daxfs_iget_inside(sb, ino);
	daxfs_backing_exit(backing, id);
	return inode;
}
