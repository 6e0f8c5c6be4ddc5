// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on the root directory of a mount, include/daxfs/ioctl.h: copies
 * arguments in and out, says who may, lists branches. What they do to branches
 * is in branch_op.c, what a branch changed in diff.c. No lock of ours is held while
 * user memory is touched.
 */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "daxfs.h"
#include "backing/backing.h"

static void fill_info(struct daxfs_sb_info *sbi, struct daxfs_volume_info *info)
{
	const struct daxfs_volume *vol = sbi->volume;
	const struct dxc_volume *core = &vol->core;

	info->dv_version = core->version;
	memcpy(info->dv_uuid, core->uuid, sizeof(info->dv_uuid));
	strscpy(info->dv_label, core->label, sizeof(info->dv_label));
	info->dv_image_size = core->region.size;
	info->dv_region_size = vol->backing->size;
	info->dv_inode_count = core->inode_count;
	info->dv_data_blocks = core->data_blocks;
	info->dv_block_size = DAXFS_BLOCK_SIZE;
	info->dv_backing = vol->backing->kind;
	if (vol->backing->kind == DAXFS_BACKING_PHYS && daxfs_shows_places(NULL))
		info->dv_phys = vol->backing->phys;
	info->dv_incompat = core->incompat;
	info->dv_ro_compat = core->ro_compat;
	info->dv_compat = core->compat;
	info->dv_flags = READ_ONCE(vol->validated) ? DAXFS_VOLUME_VALIDATED : 0;
	if (daxfs_has_branches(vol))
		info->dv_flags |= DAXFS_VOLUME_BRANCHES;
	info->dv_flags |= daxfs_home_flags(sbi);
	info->dv_instance = vol->instance;
}

/*
 * Copies an argument of a program that may be older or newer: *size is what it
 * takes back. A newer program's members must be zero, or it is told that they
 * mean nothing.
 */
static int copy_in(void *to, size_t room, void __user *arg, u32 *size)
{
	int rest;

	if (get_user(*size, (u32 __user *)arg))
		return -EFAULT;
	if (*size < sizeof(*size) || *size > PAGE_SIZE)
		return -EINVAL;
	if (*size > room) {
		rest = check_zeroed_user(arg + room, *size - room);
		if (rest <= 0)
			return rest ? rest : -E2BIG;
		*size = room;
	}
	return copy_from_user(to, arg, *size) ? -EFAULT : 0;
}

static long volume_info(struct inode *root, void __user *arg)
{
	struct daxfs_volume_info info = {};
	u32 size;
	int err;

	err = copy_in(&info, sizeof(info), arg, &size);
	if (err)
		return err;
	memset(&info, 0, sizeof(info));
	fill_info(DAXFS_SB(root->i_sb), &info);
	info.dv_size = size;
	return copy_to_user(arg, &info, size) ? -EFAULT : 0;
}

/* ---- branches ---- */

/*
 * Not mnt_want_write_file(): a super block that is read-only because it was made
 * for another branch may do all of it. Of others daxfs_branch_op() knows, which lets
 * one that was mounted read-only be switched.
 */
static bool mount_allows(struct file *file, const struct daxfs_caller *caller, bool writes)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(file_inode(file)->i_sb);

	return !(file->f_path.mnt->mnt_flags & MNT_READONLY) ||
		(!writes && caller->is_admin && !READ_ONCE(sbi->home_rw));
}

/* Of the mount's own root directory; of each branch it is asked when that is found. */
static bool may_ask(struct file *file, struct daxfs_caller *caller)
{
	daxfs_caller_init(caller, file);
	return caller->is_admin || inode_owner_or_capable(caller->idmap, file_inode(file));
}

static long branch_op(struct file *file, unsigned int nr, void __user *arg)
{
	struct inode *root = file_inode(file);
	struct super_block *sb = root->i_sb;
	/* Large, and what is done with it goes deep. */
	struct daxfs_branch_op *op = kzalloc(sizeof(*op), GFP_KERNEL);
	struct daxfs_caller caller;
	/* Switching changes what is seen, not what there is. */
	bool writes = nr != _IOC_NR(DAXFS_IOC_BRANCH_SWITCH);
	u32 flags = 0, size;
	long err;

	if (!op)
		return -ENOMEM;
	err = copy_in(op, sizeof(*op), arg, &size);
	if (err)
		goto out;
	if (nr == _IOC_NR(DAXFS_IOC_BRANCH_CREATE))
		flags = DAXFS_BRANCH_STAY;
	else if (nr == _IOC_NR(DAXFS_IOC_BRANCH_COMMIT))
		flags = DAXFS_BRANCH_TO_ROOT;
	err = -EINVAL;
	if (op->bo_flags & ~flags || op->bo_reserved0)
		goto out;
	err = -EPERM;
	if (!may_ask(file, &caller))
		goto out;
	if (!mount_allows(file, &caller, writes)) {
		strscpy(op->bo_reason, "this mount is read-only", sizeof(op->bo_reason));
		err = -EROFS;
	} else {
		/* It logs times of the branch that is left, which waits while that is frozen. */
		sb_start_write(sb);
		err = daxfs_branch_op(sb, nr, &caller, op);
		sb_end_write(sb);
	}
	op->bo_size = size;
	if (copy_to_user(arg, op, size))
		err = -EFAULT;
out:
	kfree(op);
	return err;
}

static bool diff_is_sane(const struct daxfs_branch_diff *bd, u32 size)
{
	return size == sizeof(*bd) && !bd->bd_reserved0 && bd->bd_part < DAXFS_DIFF_END &&
		bd->bd_room >= DAXFS_DIFF_ROOM_MIN && bd->bd_dir_count <= DAXFS_DIFF_DIRS_MAX &&
		(!bd->bd_dir_count || bd->bd_part == DAXFS_DIFF_DIRS) &&
		strnlen(bd->bd_name, sizeof(bd->bd_name)) < sizeof(bd->bd_name);
}

static int copy_diff(struct file *file, struct daxfs_branch_diff *bd,
		     const struct daxfs_caller *caller)
{
	struct daxfs_diff_dir *dirs = NULL;
	void *records;
	int err;

	bd->bd_room = min_t(u32, bd->bd_room, DAXFS_DIFF_ROOM_MAX);
	records = kvmalloc(bd->bd_room, GFP_KERNEL);
	if (!records)
		return -ENOMEM;
	if (bd->bd_dir_count)
		dirs = vmemdup_user(u64_to_user_ptr(bd->bd_dirs),
				    bd->bd_dir_count * sizeof(*dirs));
	err = PTR_ERR_OR_ZERO(dirs);
	if (!err) {
		err = daxfs_branch_diff(file_inode(file)->i_sb, caller, bd, dirs, records);
		kvfree(dirs);
	}
	if (!err && copy_to_user(u64_to_user_ptr(bd->bd_records), records, bd->bd_used))
		err = -EFAULT;
	kvfree(records);
	return err;
}

static long branch_diff(struct file *file, void __user *arg)
{
	struct daxfs_branch_diff *bd = kzalloc(sizeof(*bd), GFP_KERNEL);
	struct daxfs_caller caller;
	u32 size;
	int err;

	if (!bd)
		return -ENOMEM;
	err = copy_in(bd, sizeof(*bd), arg, &size);
	if (!err && !diff_is_sane(bd, size))
		err = -EINVAL;
	if (!err && !daxfs_has_branches(daxfs_volume_of(file_inode(file))))
		err = -EROFS;
	if (!err && !may_ask(file, &caller))
		err = -EPERM;
	if (!err) {
		err = copy_diff(file, bd, &caller);
		bd->bd_size = size;
		if (copy_to_user(arg, bd, size))
			err = -EFAULT;
	}
	kfree(bd);
	return err;
}

/* What the tables say of each branch, found in one pass over each of them. */
struct tally {
	u64 generation;		/* of the live branch of that index; 0: none */
	bool has_child;
	u32 chunks;
	u32 mounts;
	u32 mount;		/* number + 1 of one of them in the mount table */
};

static int count_chunks(const struct dxc_volume *core, struct tally *tally)
{
	u32 count = dxc_chunk_count(core), i;
	struct dxc_chunk_use use;
	struct tally *t;
	int err;

	for (i = 0; i < count; i++) {
		if (i % 4096 == 4095) {
			err = dxc_pause();
			if (err)
				return err;
		}
		if (dxc_chunk_read(core, i, &use))
			continue;
		t = &tally[use.owner.branch];
		if (use.owner.generation && use.owner.generation == t->generation)
			t->chunks++;
	}
	return 0;
}

static int count_mounts(struct daxfs_volume *vol, struct tally *tally)
{
	const struct dxc_volume *core = &vol->core;
	struct dxc_mount mt;
	struct tally *t;
	u32 i;
	int err;

	for (i = 0; i < core->mount_count; i++) {
		if (i % 1024 == 1023) {
			err = dxc_pause();
			if (err)
				return err;
		}
		if (dxc_mount_read(core, i, &mt) || mt.branch.branch >= core->branch_count ||
		    daxfs_mount_is_dead(vol, &mt))
			continue;
		t = &tally[mt.branch.branch];
		if (mt.branch.generation && mt.branch.generation == t->generation) {
			t->mounts++;
			t->mount = i + 1;
		}
	}
	return 0;
}

/* Which branches there are, and which of them have children. */
static int count_branches(struct daxfs_volume *vol, struct tally *tally)
{
	const struct dxc_volume *core = &vol->core;
	struct dxc_branch br;
	u32 index = 0, i = 0;
	struct tally *t;
	int err = 0;

	while (!err && !daxfs_branch_next(vol, &index, &br)) {
		tally[br.id.branch].generation = br.id.generation;
		if (++i % 1024 == 0)
			err = dxc_pause();
	}
	index = 0;
	while (!err && !daxfs_branch_next(vol, &index, &br)) {
		if (++i % 1024 == 0)
			err = dxc_pause();
		if (br.id.branch == DAXFS_MAIN_BRANCH || br.parent.branch >= core->branch_count)
			continue;
		t = &tally[br.parent.branch];
		if (br.parent.generation == t->generation)
			t->has_child = true;
	}
	return err;
}

static struct tally *count_all(struct daxfs_volume *vol)
{
	struct tally *tally;
	int err;

	tally = kvcalloc(vol->core.branch_count, sizeof(*tally), GFP_KERNEL);
	if (!tally)
		return ERR_PTR(-ENOMEM);
	err = count_branches(vol, tally);
	if (!err)
		err = count_chunks(&vol->core, tally);
	if (!err)
		err = count_mounts(vol, tally);
	if (!err)
		return tally;
	kvfree(tally);
	return ERR_PTR(err);
}

/* The mount that a lease names, if it lives. */
static bool read_writer(struct daxfs_volume *vol, dxc_holder lease, struct dxc_mount *mt)
{
	u32 slot, epoch;

	return dxc_holder_open(&vol->core, lease, &slot, &epoch) &&
		!dxc_mount_read(&vol->core, slot, mt) && mt->epoch == epoch &&
		!daxfs_mount_is_dead(vol, mt);
}

static void describe(struct daxfs_sb_info *sbi, const struct dxc_branch *br,
		     const struct tally *t, struct daxfs_branch_info *info)
{
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_mount mt;

	memset(info, 0, sizeof(*info));
	strscpy(info->di_name, br->name, sizeof(info->di_name));
	info->di_id = dxc_id_word(br->id);
	info->di_parent = dxc_id_word(br->parent);
	info->di_uid = from_kuid_munged(current_user_ns(), make_kuid(&init_user_ns, br->uid));
	info->di_limit = br->limit;
	info->di_created = br->created;
	info->di_used = (u64)t->chunks * vol->core.chunk_size;
	info->di_mounts = t->mounts;
	if (info->di_id == READ_ONCE(sbi->shown))
		info->di_flags |= DAXFS_BRANCH_SHOWN;
	if (t->has_child && t->generation == br->id.generation)
		info->di_flags |= DAXFS_BRANCH_FROZEN;
	mt.host[0] = 0;
	if (read_writer(vol, br->lease, &mt))
		info->di_flags |= DAXFS_BRANCH_WRITTEN;
	else if (t->mount && dxc_mount_read(&vol->core, t->mount - 1, &mt))
		mt.host[0] = 0;
	if (daxfs_shows_places(NULL))
		strscpy(info->di_host, mt.host, sizeof(info->di_host));
}

/* As many as fit into a page and into room, from list->dl_next on. */
static int describe_some(struct daxfs_sb_info *sbi, const struct tally *tally,
			 struct daxfs_branch_info *page, u32 room, struct daxfs_branch_list *list)
{
	struct daxfs_volume *vol = sbi->volume;
	u32 index = list->dl_next, count = 0;
	struct dxc_branch br;

	room = min_t(u32, room, PAGE_SIZE / sizeof(*page));
	while (count < room) {
		if (daxfs_branch_next(vol, &index, &br)) {
			list->dl_next = 0;
			return count;
		}
		describe(sbi, &br, &tally[br.id.branch], &page[count++]);
		list->dl_next = index;
	}
	/* So that the last call is not one that returns nothing. */
	if (daxfs_branch_next(vol, &index, &br))
		list->dl_next = 0;
	return count;
}

static int list_branches(struct daxfs_sb_info *sbi, struct daxfs_branch_list *list,
			 struct daxfs_branch_info *page)
{
	struct daxfs_branch_info __user *to = u64_to_user_ptr(list->dl_branches);
	const struct daxfs_backing *backing = sbi->volume->backing;
	struct tally *tally;
	int id, count = 0;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return id;
	daxfs_relations_check(sbi->volume);
	tally = count_all(sbi->volume);
	daxfs_backing_exit(backing, id);
	if (IS_ERR(tally))
		return PTR_ERR(tally);
	list->dl_count = 0;
	list->dl_next = list->dl_start;
	do {
		id = daxfs_backing_enter(backing);
		if (id < 0) {
			count = id;
			break;
		}
		count = describe_some(sbi, tally, page, list->dl_room - list->dl_count, list);
		daxfs_backing_exit(backing, id);
		if (copy_to_user(to + list->dl_count, page, count * sizeof(*page))) {
			count = -EFAULT;
			break;
		}
		list->dl_count += count;
		count = dxc_pause();
	} while (!count && list->dl_next && list->dl_count < list->dl_room);
	kvfree(tally);
	return count;
}

static long branch_list(struct inode *root, void __user *arg)
{
	struct daxfs_branch_list list = {};
	struct daxfs_branch_info *page;
	u32 size;
	long err;

	err = copy_in(&list, sizeof(list), arg, &size);
	if (err)
		return err;
	if (size < sizeof(list) || list.dl_reserved0)
		return -EINVAL;
	if (!daxfs_has_branches(daxfs_volume_of(root)))
		return -EROFS;
	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	err = list_branches(DAXFS_SB(root->i_sb), &list, page);
	free_page((unsigned long)page);
	if (err)
		return err;
	list.dl_size = size;
	return copy_to_user(arg, &list, size) ? -EFAULT : 0;
}

/* ---- the region itself ---- */

static long get_dmabuf(struct inode *root, void __user *arg)
{
	struct daxfs_dmabuf db = {};
	u32 size;
	int fd;

	fd = copy_in(&db, sizeof(db), arg, &size);
	if (fd)
		return fd;
	if (size < sizeof(db) || db.db_reserved0 || db.db_flags & ~(O_CLOEXEC | O_ACCMODE) ||
	    (db.db_flags & O_ACCMODE) == O_WRONLY || (db.db_flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	/* It knows no file modes, so it is not for who mounted in a namespace of his own. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	fd = daxfs_export(daxfs_volume_of(root)->backing, db.db_flags);
	if (fd < 0)
		return fd;
	db.db_size = size;
	db.db_fd = fd;
	/* The program finds a descriptor that it was not told of in its table. */
	return copy_to_user(arg, &db, size) ? -EFAULT : 0;
}

long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inode *inode = file_inode(file);
	void __user *p = (void __user *)arg;

	if (cmd == FS_IOC_SHUTDOWN)
		return daxfs_ioctl_shutdown(inode->i_sb, p);
	if (inode != d_inode(inode->i_sb->s_root) || _IOC_TYPE(cmd) != DAXFS_IOC_MAGIC)
		return -ENOTTY;
	/* By number only: the size is in the structure, so that it may grow. */
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(DAXFS_IOC_VOLUME_INFO):
		return volume_info(inode, p);
	case _IOC_NR(DAXFS_IOC_BRANCH_LIST):
		return branch_list(inode, p);
	case _IOC_NR(DAXFS_IOC_BRANCH_CREATE):
	case _IOC_NR(DAXFS_IOC_BRANCH_SWITCH):
	case _IOC_NR(DAXFS_IOC_BRANCH_COMMIT):
	case _IOC_NR(DAXFS_IOC_BRANCH_ABORT):
	case _IOC_NR(DAXFS_IOC_BRANCH_RENAME):
		return branch_op(file, _IOC_NR(cmd), p);
	case _IOC_NR(DAXFS_IOC_BRANCH_DIFF):
		return branch_diff(file, p);
	case _IOC_NR(DAXFS_IOC_DMABUF):
		return get_dmabuf(inode, p);
	}
	return -ENOTTY;
}
