// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes of the VFS, made from those of the base and of branches. What happens
 * to them when their view changes is here too; attributes are in attr.c.
 */
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
	info->state = 0;
	info->parent = 0;
	info->btime = 0;
	info->btime_nsec = 0;
	info->life = READ_ONCE(DAXFS_SB(sb)->life);
	info->packed = NULL;
	/* The VFS leaves the last owner's there; for us 0 means not filled in yet. */
	info->vfs.i_mode = 0;
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
	INIT_LIST_HEAD(&info->dirty);
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

void daxfs_inode_set_ops(struct inode *inode)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool branches = daxfs_has_branches(vol);

	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = branches ? &daxfs_branch_file_iops : &daxfs_file_iops;
		inode->i_fop = branches ? &daxfs_branch_file_fops : &daxfs_file_fops;
		inode->i_mapping->a_ops = &daxfs_aops;
		/* Page faults of such files may map 2 MiB at once. */
		if (vol->backing->has_pages)
			inode->i_flags |= S_DAX;
		break;
	case S_IFDIR:
		inode->i_op = branches ? &daxfs_branch_dir_iops : &daxfs_dir_iops;
		inode->i_fop = &daxfs_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = branches ? &daxfs_branch_symlink_iops : &daxfs_symlink_iops;
		break;
	default:
		inode->i_op = branches ? &daxfs_branch_special_iops : &daxfs_special_iops;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

/* A symlink's target is copied once, so that path walks see one that stays. */
static int read_symlink(struct inode *inode, struct dxc_layer *layer,
			const struct dxc_file *file, struct dxc_finding *f)
{
	char *target = kmalloc(file->attr.size + 1, GFP_KERNEL);
	int err;

	if (!target)
		return -ENOMEM;
	if (layer)
		err = dxc_view_symlink(layer, file, target, f);
	else
		err = dxc_symlink_read(&daxfs_volume_of(inode)->core, &file->base, target, f);
	if (err) {
		kfree(target);
		return err;
	}
	inode->i_link = target;
	return 0;
}

static unsigned long states_of(const struct dxc_file *file)
{
	return (file->touched ? DAXFS_I_TOUCHED : 0) | (file->has_names ? DAXFS_I_NAMES : 0) |
		(file->has_xattrs ? DAXFS_I_XATTRS : 0) | (file->in_base ? 0 : DAXFS_I_NEW);
}

static void take_attr(struct inode *inode, const struct dxc_attr *attr)
{
	struct timespec64 ts;

	inode->i_mode = attr->mode;
	/* Mounts belong to the initial user namespace: no map to look into. */
	inode->i_uid = KUIDT_INIT(attr->uid);
	inode->i_gid = KGIDT_INIT(attr->gid);
	set_nlink(inode, attr->nlink);
	i_size_write(inode, attr->size);
	inode->i_blocks = ALIGN(attr->size, DAXFS_BLOCK_SIZE) >> 9;
	inode->i_rdev = MKDEV(attr->rdev_major, attr->rdev_minor);
	ts.tv_sec = attr->atime;
	ts.tv_nsec = attr->atime_nsec;
	inode_set_atime_to_ts(inode, ts);
	ts.tv_sec = attr->mtime;
	ts.tv_nsec = attr->mtime_nsec;
	inode_set_mtime_to_ts(inode, ts);
	ts.tv_sec = attr->ctime;
	ts.tv_nsec = attr->ctime_nsec;
	inode_set_ctime_to_ts(inode, ts);
	DAXFS_I(inode)->btime = attr->btime;
	WRITE_ONCE(DAXFS_I(inode)->btime_nsec, attr->btime_nsec);
}

static int fill_inode(struct inode *inode, const struct dxc_file *file, struct dxc_layer *layer,
		      struct dxc_finding *f)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	int err;

	/* Before i_mode says so: a failed inode must not free a link it has not. */
	if (S_ISLNK(file->attr.mode)) {
		err = read_symlink(inode, layer, file, f);
		if (err)
			return err;
	}
	if (file->in_base)
		info->core = file->base;
	else
		memset(&info->core, 0, sizeof(info->core));
	info->state = states_of(file);
	info->life = DAXFS_SB(inode->i_sb)->life;
	info->parent = file->attr.parent;
	take_attr(inode, &file->attr);
	if (!(file->in_base && file->base.xattr) && !file->has_xattrs)
		cache_no_acl(inode);
	daxfs_inode_set_ops(inode);
	return 0;
}

/*
 * The attributes of an inode that only the base knows are those that a view
 * without layers has, so both kinds of volumes are filled in the same way.
 */
static int read_inode(struct inode *inode, struct dxc_finding *f)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_file file dxc_uninitialized;
	struct dxc_layer *layer = NULL;
	struct daxfs_hold hold;
	int err;

	if (!daxfs_has_branches(vol)) {
		err = dxc_base_inode(&vol->core, inode->i_ino, &file, f);
		return err ? err : fill_inode(inode, &file, NULL, f);
	}
	layer = daxfs_view_read(inode->i_sb, &hold);
	err = DAXFS_SB(inode->i_sb)->dead ? -ESTALE :
		dxc_view_inode(layer, inode->i_ino, &file, f);
	/* Filled in before the layers change: later changes find it in memory. */
	if (!err)
		err = fill_inode(inode, &file, layer, f);
	daxfs_view_read_end(inode->i_sb, &hold);
	return err;
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

	for (;;) {
		inode = iget_locked(sb, ino);
		if (!inode)
			return ERR_PTR(-ENOMEM);
		if (inode_state_read_once(inode) & I_NEW)
			break;
		if (likely(!daxfs_is_stale(inode)) || daxfs_is_root(inode))
			return inode;
		/* Of a life that is over, and not buried yet. */
		remove_inode_hash(inode);
		iput(inode);
	}
	err = read_inode(inode, &f);
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

/* ---- leaving, and changes of the view ---- */

/* Nobody has it open, and it has no name: its blocks come back, or will. */
static void forget_inode(struct inode *inode)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int id;

	/* Else, and while it is frozen, they come back when the branch is loaded the next time. */
	if (!sb_start_intwrite_trylock(inode->i_sb))
		return;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		goto end;
	layer = daxfs_view_write_if_writer(inode, &hold);
	if (layer) {
		dxc_op_forget(layer, inode->i_ino);
		dxc_orphan_closed(layer->lower, inode->i_ino);
		daxfs_view_write_end(inode->i_sb, &hold, NULL);
	} else {
		/* The worker will see to it when the branch can be changed. */
		layer = daxfs_view_read(inode->i_sb, &hold);
		dxc_orphan_closed(layer, inode->i_ino);
		daxfs_view_read_end(inode->i_sb, &hold);
	}
	daxfs_backing_exit(vol->backing, id);
end:
	sb_end_intwrite(inode->i_sb);
}

void daxfs_evict_inode(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	daxfs_disown(inode, 0, ULONG_MAX);
	truncate_inode_pages_final(&inode->i_data);
	/* Nobody maps it any more; what is pinned of it stays as long as that. */
	if (info->packed)
		put_page(info->packed);
	info->packed = NULL;
	if (daxfs_has_branches(daxfs_volume_of(inode)) && !is_bad_inode(inode)) {
		if (!daxfs_is_stale(inode) && inode->i_nlink)
			daxfs_write_back_last(inode);
		if (daxfs_is_stale(inode) || !inode->i_nlink)
			daxfs_forget_times(inode);
		else if (daxfs_is(info, DAXFS_I_TIMES))
			daxfs_inode_flush_times(inode);
		/* Of a mount that died a moment ago, too: its branch's parents may have it. */
		if (!inode->i_nlink && !daxfs_is(info, DAXFS_I_STALE))
			forget_inode(inode);
		/* What could not be logged is lost with the inode. */
		daxfs_forget_times(inode);
	}
	clear_inode(inode);
}

void daxfs_inode_unmap(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	if (!S_ISREG(inode->i_mode))
		return;
	filemap_invalidate_lock(mapping);
	/* Private copies stay, unless the file they are of is gone. */
	unmap_mapping_range(mapping, 0, 0, daxfs_is_stale(inode));
	daxfs_disown(inode, 0, ULONG_MAX);
	filemap_invalidate_unlock(mapping);
}

/* Another owner of a program that runs, or ran, as its owner. */
static bool changes_who_runs(const struct inode *inode, const struct dxc_attr *attr)
{
	return S_ISREG(inode->i_mode) && (inode->i_mode | attr->mode) & (S_ISUID | S_ISGID) &&
		(__kuid_val(inode->i_uid) != attr->uid || __kgid_val(inode->i_gid) != attr->gid);
}

void daxfs_inode_refresh(struct inode *inode, struct dxc_layer *layer)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct dxc_file file dxc_uninitialized;
	bool locked = false;

	if (dxc_view_inode(layer, inode->i_ino, &file, NULL) ||
	    (file.attr.mode ^ inode->i_mode) & S_IFMT) {
		daxfs_set(info, DAXFS_I_STALE);
		return;
	}
	/*
	 * execve(2) reads mode and owner under i_rwsem, which comes before the locks
	 * that are held. Where it is in use the file is found anew, by its name.
	 */
	if (changes_who_runs(inode, &file.attr)) {
		locked = inode_trylock(inode);
		if (!locked) {
			daxfs_set(info, DAXFS_I_STALE);
			return;
		}
	}
	/*
	 * First, see daxfs_done_writing(). Where no layer says anything any more, asking
	 * the view is right too.
	 */
	daxfs_set(info, (states_of(&file) & ~DAXFS_I_NEW) | DAXFS_I_TOUCHED |
		  (S_ISDIR(inode->i_mode) ? DAXFS_I_NAMES : 0) | DAXFS_I_XATTRS);
	take_attr(inode, &file.attr);
	daxfs_blocks_forget(inode);
	info->parent = file.attr.parent;
	forget_all_cached_acls(inode);
	inode_set_flags(inode, 0, S_NOSEC);
	daxfs_forget_times(inode);
	if (locked)
		inode_unlock(inode);
}

/* What is stale, or on its way out, does not count: it is forgotten without us or by us. */
static int match_open(struct inode *inode, daxfs_ino_arg ino, void *found)
{
	if (inode->i_ino != ino)
		return 0;
	spin_lock(&inode->i_lock);
	*(bool *)found = !(inode_state_read_once(inode) & (I_FREEING | I_WILL_FREE)) &&
			 !daxfs_is_stale(inode);
	spin_unlock(&inode->i_lock);
	return -1;
}

bool daxfs_inode_is_open(struct daxfs_sb_info *sbi, dxc_ino ino)
{
	bool found = false;

	find_inode_nowait(sbi->sb, ino, match_open, &found);
	return found;
}
