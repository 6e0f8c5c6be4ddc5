// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes: what stat(2) is told, what chmod and the like change, and times
 * that are newer than what is logged.
 *
 * Attributes of an inode on an image with branches change under the hold of
 * daxfs_view_write(), together with the record that says so. Times of writes in
 * place are noted in the VFS's inode alone, and logged with the next record, by
 * fsync(2) and sync(2), before a branch operation, and by the worker.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include "daxfs.h"
#include "backing/backing.h"

void daxfs_attr_of(struct inode *inode, struct dxc_attr *attr)
{
	struct timespec64 ts;

	attr->ino = inode->i_ino;
	attr->mode = inode->i_mode;
	attr->nlink = inode->i_nlink;
	/* Mounts belong to the initial user namespace: no map to look into. */
	attr->uid = __kuid_val(inode->i_uid);
	attr->gid = __kgid_val(inode->i_gid);
	attr->size = i_size_read(inode);
	attr->rdev_major = MAJOR(inode->i_rdev);
	attr->rdev_minor = MINOR(inode->i_rdev);
	attr->parent = DAXFS_I(inode)->parent;
	ts = inode_get_atime(inode);
	attr->atime = ts.tv_sec;
	attr->atime_nsec = ts.tv_nsec;
	ts = inode_get_mtime(inode);
	attr->mtime = ts.tv_sec;
	attr->mtime_nsec = ts.tv_nsec;
	ts = inode_get_ctime(inode);
	attr->ctime = ts.tv_sec;
	attr->ctime_nsec = ts.tv_nsec;
	attr->btime = DAXFS_I(inode)->btime;
	attr->btime_nsec = DAXFS_I(inode)->btime_nsec;
}

void daxfs_set_times(struct dxc_attr *attr, struct timespec64 now, bool mtime)
{
	attr->ctime = now.tv_sec;
	attr->ctime_nsec = now.tv_nsec;
	if (mtime) {
		attr->mtime = now.tv_sec;
		attr->mtime_nsec = now.tv_nsec;
	}
}

void daxfs_attr_done(struct inode *inode, const struct dxc_attr *attr, unsigned long states)
{
	struct timespec64 ts = { .tv_sec = attr->ctime, .tv_nsec = attr->ctime_nsec };

	inode_set_ctime_to_ts(inode, ts);
	ts.tv_sec = attr->mtime;
	ts.tv_nsec = attr->mtime_nsec;
	inode_set_mtime_to_ts(inode, ts);
	if (inode->i_nlink != attr->nlink)
		set_nlink(inode, attr->nlink);
	if (S_ISDIR(inode->i_mode))
		DAXFS_I(inode)->parent = attr->parent;
	daxfs_set(DAXFS_I(inode), DAXFS_I_TOUCHED | states);
	/* The record had the times, too. */
	daxfs_forget_times(inode);
}

void daxfs_touch(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct timespec64 now = current_time(inode);

	if (IS_NOCMTIME(inode))
		return;
	inode_set_mtime_to_ts(inode, now);
	inode_set_ctime_to_ts(inode, now);
	if (daxfs_is_stale_or(inode, DAXFS_I_TIMES))
		return;
	spin_lock(&sbi->dirty_lock);
	if (!daxfs_is(info, DAXFS_I_TIMES)) {
		daxfs_set(info, DAXFS_I_TIMES);
		list_add_tail(&info->dirty, &sbi->dirty);
	}
	spin_unlock(&sbi->dirty_lock);
}

/* The inode stays: somebody has a reference, or evicts it. */
int daxfs_inode_flush_times(struct inode *inode)
{
	struct inode *const changed[] = { inode, NULL };
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err = 0, id;

	if (!daxfs_is(DAXFS_I(inode), DAXFS_I_TIMES))
		return 0;
	/* A frozen super block changes nothing; it has logged what there was before. */
	if (!sb_start_intwrite_trylock(inode->i_sb))
		return 0;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		sb_end_intwrite(inode->i_sb);
		return id;
	}
	/* Who wrote has the lease; if it was taken from us, so was the branch. */
	layer = daxfs_view_write_if_writer(inode, &hold);
	if (layer) {
		/* Of no use any more, if the view was left meanwhile. */
		if (daxfs_is(DAXFS_I(inode), DAXFS_I_TIMES)) {
			daxfs_attr_of(inode, &attr);
			err = dxc_op_setattr(layer, &attr);
			if (!err)
				daxfs_attr_done(inode, &attr, 0);
		}
		daxfs_view_times_end(inode->i_sb, &hold, changed);
	}
	daxfs_backing_exit(vol->backing, id);
	sb_end_intwrite(inode->i_sb);
	return err;
}

int daxfs_flush_all_times(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_inode_info *info;
	unsigned long left = 0;
	struct list_head *pos;
	struct inode *inode;
	int err = 0, err2;

	spin_lock(&sbi->dirty_lock);
	/* They stay where daxfs_forget_all_times() finds them; each has its turn once. */
	list_for_each(pos, &sbi->dirty)
		left++;
	for (; left && !list_empty(&sbi->dirty); left--) {
		info = list_first_entry(&sbi->dirty, struct daxfs_inode_info, dirty);
		list_move_tail(&info->dirty, &sbi->dirty);
		inode = igrab(&info->vfs);
		/* Being evicted, which does the same. */
		if (!inode)
			continue;
		spin_unlock(&sbi->dirty_lock);
		err2 = daxfs_inode_flush_times(inode);
		if (!err)
			err = err2;
		iput(inode);
		cond_resched();
		spin_lock(&sbi->dirty_lock);
	}
	spin_unlock(&sbi->dirty_lock);
	return err;
}

/* ---- stat ---- */

/*
 * Blocks of a sparse file are counted when somebody asks, once. The array was
 * bounds-checked with the inode; it may be long, so the count can be killed.
 */
static u64 count_base_blocks(struct inode *inode)
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

/* Then whatever gives the file blocks or takes them counts on, see daxfs_blocks_add(). */
static u64 count_view_blocks(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	u64 units = 0;
	int id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return 0;
	layer = daxfs_view_read(inode->i_sb, &hold);
	/* The lock that is held keeps the count as it is until it is noted. */
	if (!dxc_view_blocks(layer, inode->i_ino, daxfs_base_of(info), 0, DXC_BLOCKS_MAX, &units))
		WRITE_ONCE(info->blocks, units + 1);
	daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_backing_exit(vol->backing, id);
	return units;
}

u64 daxfs_blocks_units(struct dxc_layer *layer, struct inode *inode, u64 first, u64 end)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u64 units = 0;

	if (info->blocks && first < end &&
	    dxc_view_blocks(layer, inode->i_ino, daxfs_base_of(info), first, end, &units))
		daxfs_blocks_forget(inode);
	return units;
}

void daxfs_blocks_add(struct inode *inode, s64 units)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	if (info->blocks)
		WRITE_ONCE(info->blocks, info->blocks + units);
}

void daxfs_blocks_filled(struct inode *inode, const struct dxc_part *part, u64 count)
{
	if (part->ex.packed)
		daxfs_blocks_forget(inode);
	else if (!part->ex.data)
		daxfs_blocks_add(inode, count << (PAGE_SHIFT - 9));
}

int daxfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		  struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u32 btime_nsec;
	u64 blocks;

	if (unlikely(READ_ONCE(daxfs_volume_of(inode)->backing->down)))
		return -EIO;
	daxfs_catch_up(inode->i_sb);
	btime_nsec = READ_ONCE(info->btime_nsec);
	/* The root's go on to be told, by which a dead mount is found and taken down. */
	if (unlikely(daxfs_is_stale(inode)) && !daxfs_is_root(inode))
		return -ESTALE;
	daxfs_fillattr(idmap, mask, inode, stat);
	if (daxfs_has_branches(daxfs_volume_of(inode)))
		stat->dev = READ_ONCE(DAXFS_SB(inode->i_sb)->dev);
	if (btime_nsec) {
		stat->btime.tv_sec = info->btime;
		stat->btime.tv_nsec = btime_nsec - 1;
		stat->result_mask |= STATX_BTIME;
	}
	if (unlikely(daxfs_is(info, DAXFS_I_TOUCHED)) && S_ISREG(inode->i_mode)) {
		blocks = READ_ONCE(info->blocks);
		stat->blocks = blocks ? blocks - 1 : count_view_blocks(inode);
	} else if (info->core.flags & DAXFS_IN_PACKED && !daxfs_is(info, DAXFS_I_NEW)) {
		stat->blocks = DIV_ROUND_UP_ULL(info->core.size, 512);
	} else if (info->core.flags & DAXFS_IN_EXTENTS && !daxfs_is(info, DAXFS_I_NEW)) {
		blocks = READ_ONCE(info->blocks);
		if (blocks)
			stat->blocks = blocks - 1;
		else
			/* A branch may be about to change it. */
			stat->blocks = daxfs_has_branches(daxfs_volume_of(inode)) ?
				       count_view_blocks(inode) : count_base_blocks(inode);
	}
	return 0;
}

/* ---- chmod, chown, utimes, truncate ---- */

/* The VFS's inode changes first, as setattr_copy() knows how; this takes it back. */
struct saved {
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	struct timespec64 atime, mtime, ctime;
};

static void save(struct inode *inode, struct saved *old)
{
	old->uid = inode->i_uid;
	old->gid = inode->i_gid;
	old->mode = inode->i_mode;
	old->atime = inode_get_atime(inode);
	old->mtime = inode_get_mtime(inode);
	old->ctime = inode_get_ctime(inode);
}

static void restore(struct inode *inode, const struct saved *old)
{
	inode->i_uid = old->uid;
	inode->i_gid = old->gid;
	inode->i_mode = old->mode;
	inode_set_atime_to_ts(inode, old->atime);
	inode_set_mtime_to_ts(inode, old->mtime);
	inode_set_ctime_to_ts(inode, old->ctime);
}

/* Under the hold. */
static int log_attr(struct mnt_idmap *idmap, struct inode *inode, struct iattr *iattr,
		    struct dxc_layer *layer, struct dxc_finding *f)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	bool resize = iattr->ia_valid & ATTR_SIZE;
	struct dxc_attr attr;
	struct saved old;
	u64 units = 0;
	int err;

	save(inode, &old);
	setattr_copy(idmap, inode, iattr);
	daxfs_attr_of(inode, &attr);
	/* What a file that becomes longer was given before behind its end stays. */
	if (resize && iattr->ia_size <= attr.size)
		units = daxfs_blocks_units(layer, inode,
					   daxfs_block_end(iattr->ia_size) >> PAGE_SHIFT,
					   DXC_BLOCKS_MAX);
	if (resize && iattr->ia_size != attr.size)
		err = dxc_op_resize(layer, &attr, daxfs_base_of(info), iattr->ia_size, f);
	else if (resize)
		err = dxc_op_trim(layer, &attr, daxfs_base_of(info), f);
	else
		err = dxc_op_setattr(layer, &attr);
	if (err) {
		restore(inode, &old);
	} else {
		daxfs_blocks_add(inode, -units);
		/* In this order, see daxfs_done_writing(). */
		daxfs_set(info, DAXFS_I_TOUCHED);
		i_size_write(inode, attr.size);
		daxfs_attr_done(inode, &attr, 0);
	}
	return err;
}

static int change_attr(struct mnt_idmap *idmap, struct inode *inode, struct iattr *iattr)
{
	struct inode *const changed[] = { inode, NULL };
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err;

	layer = daxfs_view_write(inode, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	err = log_attr(idmap, inode, iattr, layer, &f);
	daxfs_view_write_end(inode->i_sb, &hold, changed);
	daxfs_bad(daxfs_volume_of(inode), err, &f);
	return err;
}

/* -EAGAIN: to be tried again after daxfs_view_claim(). */
static int change_size(struct mnt_idmap *idmap, struct inode *inode, struct iattr *iattr)
{
	struct inode *const changed[] = { inode, NULL };
	struct address_space *mapping = inode->i_mapping;
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	loff_t before, shorter;
	int err;

	/*
	 * No page of the region is mapped that the file may lose: before its
	 * blocks are given out again. The last one may become a copy. They come
	 * back by a fault if nothing is changed; private copies, which would not,
	 * go when it is.
	 */
	filemap_invalidate_lock(mapping);
	before = i_size_read(inode);
	shorter = min_t(loff_t, iattr->ia_size, before);
	unmap_mapping_range(mapping, round_down(shorter, PAGE_SIZE), 0, 0);
	daxfs_disown(inode, shorter >> PAGE_SHIFT, ULONG_MAX);
	layer = daxfs_view_replace(inode, &hold);
	err = PTR_ERR_OR_ZERO(layer);
	if (!err) {
		err = log_attr(idmap, inode, iattr, layer, &f);
		daxfs_view_replace_end(inode->i_sb, &hold, changed);
	}
	if (!err && shorter < before)
		unmap_mapping_range(mapping, daxfs_block_end(shorter), 0, 1);
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	daxfs_bad(daxfs_volume_of(inode), err, &f);
	return err;
}

static int change(struct mnt_idmap *idmap, struct inode *inode, struct iattr *iattr)
{
	int err;

	if (!(iattr->ia_valid & ATTR_SIZE))
		return change_attr(idmap, inode, iattr);
	while ((err = change_size(idmap, inode, iattr)) == -EAGAIN) {
		err = daxfs_view_claim(inode, true);
		if (err)
			break;
	}
	return err;
}

int daxfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *iattr)
{
	struct inode *inode = d_inode(dentry);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool waited = false;
	int err, id;

	err = setattr_prepare(idmap, dentry, iattr);
	if (err)
		return err;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	if (iattr->ia_valid & ATTR_SIZE && iattr->ia_size != i_size_read(inode))
		iattr->ia_valid |= ATTR_MTIME | ATTR_CTIME;
	do {
		err = change(idmap, inode, iattr);
	} while (daxfs_space_came(vol, err, &waited));
	daxfs_backing_exit(vol->backing, id);
	if (!err && iattr->ia_valid & ATTR_MODE)
		err = posix_acl_chmod(idmap, daxfs_acl_of(dentry), inode->i_mode);
	return err;
}

/* FIFOs are written to by the VFS, which notes the time here. */
static int daxfs_update_time(DAXFS_UPDATE_TIME_ARGS)
{
	if (daxfs_updates_atime(what))
		inode_set_atime_to_ts(inode, current_time(inode));
	if (daxfs_updates_cmtime(what))
		daxfs_touch(inode);
	return 0;
}

const struct inode_operations daxfs_symlink_iops = {
	.get_link = simple_get_link,
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
};

const struct inode_operations daxfs_special_iops = {
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
};

const struct inode_operations daxfs_branch_symlink_iops = {
	.get_link = simple_get_link,
	.getattr = daxfs_getattr,
	.setattr = daxfs_setattr,
	.listxattr = daxfs_listxattr,
};

const struct inode_operations daxfs_branch_special_iops = {
	.getattr = daxfs_getattr,
	.update_time = daxfs_update_time,
	.setattr = daxfs_setattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
	.set_acl = daxfs_set_acl,
};
