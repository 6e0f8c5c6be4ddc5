// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: lookup and readdir, and whether a name that is in memory is
 * still what the view says. What changes names is in namei.c.
 *
 * A directory that no branch has changed is read from the base, without locks,
 * on images of either kind.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/slab.h>
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
	struct dxc_finding f = {};
	unsigned int code;

	if (dxc_type_of_mode(inode->i_mode) != de->type)
		code = DXC_DE_TYPE;
	else if (S_ISDIR(inode->i_mode) &&
		 READ_ONCE(DAXFS_I(inode)->parent) != dir->i_ino)
		code = DXC_DIR_PARENT;
	else
		return 0;
	dxc_found(&f, 0, code, DAXFS_AREA_DIRS, inode->i_ino,
		  DAXFS_I(dir)->core.data, dir->i_ino);
	daxfs_bad(daxfs_volume_of(dir), -EUCLEAN, &f);
	return -EUCLEAN;
}

/* The view is held, by a directory that has names of its own. */
static int look_into_view(struct dxc_layer *layer, struct inode *dir, const struct qstr *name,
			  struct dxc_dirent *de, struct dxc_finding *f)
{
	return dxc_view_lookup(layer, dir->i_ino, daxfs_base_of(DAXFS_I(dir)), name->name,
			       name->len, de, f);
}

static int look(struct inode *dir, const struct qstr *name, struct dxc_dirent *de,
		struct dxc_finding *f)
{
	struct daxfs_inode_info *info = DAXFS_I(dir);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err;

	if (likely(!daxfs_is_stale_or(dir, DAXFS_I_NAMES | DAXFS_I_NEW)))
		return dxc_dir_lookup(&daxfs_volume_of(dir)->core, &info->core, name->name,
				      name->len, de, f);
	layer = daxfs_view_read(dir->i_sb, &hold);
	err = daxfs_is_stale(dir) ? -ESTALE : look_into_view(layer, dir, name, de, f);
	daxfs_view_read_end(dir->i_sb, &hold);
	return err;
}

struct dentry *daxfs_lookup(struct inode *dir, struct dentry *dentry,
			    unsigned int flags)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct inode *inode = NULL;
	struct dxc_dirent de dxc_uninitialized;
	struct dxc_finding f = {};
	int err, id;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	daxfs_catch_up(dir->i_sb);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return ERR_PTR(id);
	/* Before anything is looked at: what changes meanwhile is looked at again. */
	dentry->d_time = daxfs_view_number(dir->i_sb);
	err = look(dir, &dentry->d_name, &de, &f);
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

/* ---- names in memory ---- */

static bool says_the_same(struct inode *inode, int err, const struct dxc_dirent *de)
{
	if (err || !inode)
		return err == -ENOENT && !inode;
	return inode->i_ino == de->ino && !daxfs_is_stale(inode);
}

bool daxfs_name_holds(struct dxc_layer *layer, struct inode *dir, struct dentry *dentry)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(dir->i_sb);
	unsigned long view = daxfs_view_number(dir->i_sb);
	struct dxc_dirent de dxc_uninitialized;
	int err;

	/* Between a reload of the branch and the worker's sweep no dentry is sure. */
	if (likely(dentry->d_time == view && sbi->sweep == READ_ONCE(sbi->swept)))
		return true;
	err = look_into_view(layer, dir, &dentry->d_name, &de, NULL);
	if (!says_the_same(d_inode(dentry), err, &de))
		return false;
	dentry->d_time = view;
	return true;
}

/* The view has changed since, but perhaps not this name in it. */
static noinline int look_again(struct dentry *dentry, unsigned int flags, unsigned long view)
{
	struct inode *inode = d_inode_rcu(dentry), *dir;
	struct dxc_dirent de dxc_uninitialized;
	struct name_snapshot name;
	struct daxfs_volume *vol;
	struct dentry *above;
	bool same;
	int id;

	if (flags & LOOKUP_RCU)
		return -ECHILD;
	if (inode && daxfs_is_stale(inode))
		return 0;
	/* In no directory: overlayfs keeps the dentry of the O_TMPFILE that it linked. */
	if (d_unhashed(dentry))
		return 1;
	above = dget_parent(dentry);
	dir = d_inode(above);
	vol = daxfs_volume_of(dir);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		dput(above);
		return id;
	}
	/* One that moves meanwhile is one that this does not matter for, but its bytes may be freed. */
	take_dentry_name_snapshot(&name, dentry);
	same = says_the_same(inode, look(dir, &name.name, &de, NULL), &de);
	release_dentry_name_snapshot(&name);
	daxfs_backing_exit(vol->backing, id);
	dput(above);
	if (same)
		WRITE_ONCE(dentry->d_time, view);
	return same;
}

/* On the way of every component of every path. */
static int daxfs_revalidate(DAXFS_REVALIDATE_ARGS struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode_rcu(dentry);
	unsigned long view;

	if (flags & LOOKUP_RCU) {
		if (unlikely(daxfs_news(dentry->d_sb)))
			return -ECHILD;
	} else {
		daxfs_catch_up(dentry->d_sb);
	}
	view = daxfs_view_number(dentry->d_sb);
	if (likely(READ_ONCE(dentry->d_time) == view &&
		   !(inode && daxfs_is_stale(inode))))
		return 1;
	return look_again(dentry, flags, view);
}

/* Where a path ends without a name being looked up: at ".", or at an open file. */
static int daxfs_weak_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode(dentry);

	return !inode || daxfs_is_root(inode) || !daxfs_is_stale(inode);
}

const struct dentry_operations daxfs_dentry_ops = {
	.d_revalidate = daxfs_revalidate,
	.d_weak_revalidate = daxfs_weak_revalidate,
};

/* ---- readdir: what is emitted, maybe to memory that does not come, is a copy, and the backing is left ---- */

/* Positions: 0 and 1 are "." and "..", entry i of the array is i + 2. */
static int read_base(struct inode *dir, struct dir_context *ctx)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	const struct dxc_inode *core = &DAXFS_I(dir)->core;
	struct dxc_dirent de dxc_uninitialized;
	struct dxc_finding f = {};
	int err = 0, id;
	loff_t pos;

	for (pos = ctx->pos; pos - 2 < core->count; ctx->pos = ++pos) {
		id = daxfs_backing_enter(vol->backing);
		if (id < 0)
			return id;
		err = dxc_dirent_read(&vol->core, core, pos - 2, &de, &f);
		daxfs_backing_exit(vol->backing, id);
		if (unlikely(err)) {
			daxfs_bad(vol, err, &f);
			break;
		}
		if (!dir_emit(ctx, dxc_dirent_name(&de), de.len, de.ino, de.type))
			break;
	}
	return err;
}

/* Entries of a view are collected while it is held, and emitted afterwards. */
struct collected {
	u64 pos;
	dxc_ino ino;
	u8 type, len;
	char name[];
};

/*
 * As many entries from *pos on as fit; bytes, 0 at the end, or an error. Names
 * that were made since the file was opened or rewound are left out: who renames
 * what he reads would find it again and again, behind where he is.
 */
static int collect(struct file *file, u64 *pos, void *buf, u32 room, struct dxc_finding *f)
{
	struct inode *dir = file_inode(file);
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(dir));
	struct dxc_dirent de dxc_uninitialized;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct collected *c;
	const struct daxfs_backing *backing = daxfs_volume_of(dir)->backing;
	u32 used = 0, size;
	int err = 0, id;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return id;
	layer = daxfs_view_read(dir->i_sb, &hold);
	if (daxfs_is_stale(dir)) {
		err = -ESTALE;
		goto out;
	}
	if (!file->private_data)
		file->private_data = (void *)layer->next_cookie;
	while (!(err = dxc_view_next(layer, dir->i_ino, base, pos, &de, f)) &&
	       *pos < (u64)file->private_data) {
		size = ALIGN(sizeof(*c) + de.len, 8);
		if (size > room - used)
			break;
		c = buf + used;
		c->pos = (*pos)++;
		c->ino = de.ino;
		c->type = de.type;
		c->len = de.len;
		memcpy(c->name, dxc_dirent_name(&de), de.len);
		used += size;
	}
out:
	daxfs_view_read_end(dir->i_sb, &hold);
	daxfs_backing_exit(backing, id);
	return used ? used : err == -ENOENT ? 0 : err;
}

/*
 * Positions as programs are told them: those of dxc_view_next() + 2, but names that
 * layers made come right behind those of the base, so that 31 bits are enough for as
 * long as there are not more names.
 */
static loff_t told_pos(const struct dxc_inode *base, u64 pos)
{
	return (pos < DXC_COOKIE_FIRST ? pos :
		pos - DXC_COOKIE_FIRST + (base ? base->count : 0)) + 2;
}

static u64 pos_told(const struct dxc_inode *base, loff_t told)
{
	u64 pos = told - 2, count = base ? base->count : 0;

	return pos < count ? pos : pos - count + DXC_COOKIE_FIRST;
}

static int read_view(struct file *file, struct dir_context *ctx)
{
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(file_inode(file)));
	void *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	u64 pos = pos_told(base, ctx->pos);
	struct dxc_finding f = {};
	struct collected *c;
	int got, used;

	if (!buf)
		return -ENOMEM;
	while ((got = collect(file, &pos, buf, PAGE_SIZE, &f)) > 0) {
		for (used = 0; used < got; used += ALIGN(sizeof(*c) + c->len, 8)) {
			c = buf + used;
			ctx->pos = told_pos(base, c->pos);
			if (!dir_emit(ctx, c->name, c->len, c->ino, c->type))
				goto out;
		}
		ctx->pos = told_pos(base, pos);
	}
	if (got < 0)
		daxfs_bad(daxfs_volume_of(file_inode(file)), got, &f);
out:
	kfree(buf);
	return min(got, 0);
}

static int daxfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);

	daxfs_catch_up(dir->i_sb);
	if (unlikely(daxfs_is_stale(dir)))
		return -ESTALE;
	/* Where the names end is found anew. */
	if (!ctx->pos)
		file->private_data = NULL;
	if (!dir_emit_dots(file, ctx))
		return 0;
	if (likely(!daxfs_is(DAXFS_I(dir), DAXFS_I_NAMES | DAXFS_I_NEW)))
		return read_base(dir, ctx);
	return read_view(file, ctx);
}

static int daxfs_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	/* Each operation on names was durable when it returned (I-7). */
	return daxfs_inode_flush_times(file_inode(file));
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
	.flock = daxfs_flock,
	.fsync = daxfs_dir_fsync,
	.unlocked_ioctl = daxfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
