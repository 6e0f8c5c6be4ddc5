// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names that come and go: create, link, unlink, rename. Each is one operation
 * of the core, under the hold of daxfs_view_write(), in which the VFS's inodes
 * change too. The VFS has looked the names up and locked the directories; but
 * an ioctl or another mount may have changed the view since, so the names are
 * checked again where the dentries are older than the view, and what is above a
 * directory that moves always.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/slab.h>
#include "daxfs.h"
#include "backing/backing.h"

/* Xattrs that a new inode is born with; values are freed with it. */
struct born_with {
	struct dxc_new_xattr list[8];
	unsigned int count;
};

static int add_xattr(struct born_with *born, u32 prefix, const char *name, void *value,
		     size_t len)
{
	struct dxc_new_xattr *x;

	if (born->count == ARRAY_SIZE(born->list)) {
		kfree(value);
		return -ENOSPC;
	}
	x = &born->list[born->count++];
	x->prefix = prefix;
	x->name = name;
	x->name_len = strlen(name);
	x->value = value;
	x->value_len = len;
	return 0;
}

static void free_xattrs(struct born_with *born)
{
	while (born->count) {
		born->count--;
		kfree(born->list[born->count].value);
		if (born->list[born->count].prefix == DAXFS_XATTR_SECURITY)
			kfree(born->list[born->count].name);
	}
}

static int add_acl(struct born_with *born, u32 prefix, const struct posix_acl *acl)
{
	size_t len;
	void *value = daxfs_acl_to_xattr(acl, &len);

	if (IS_ERR(value))
		return PTR_ERR(value);
	return add_xattr(born, prefix, "", value, len);
}

static int take_security(struct inode *inode, const struct xattr *list, void *data)
{
	struct born_with *born = data;
	char *name;
	void *value;
	int err = 0;

	for (; list->name && !err; list++) {
		name = kstrdup(list->name, GFP_KERNEL);
		value = kmemdup(list->value, list->value_len, GFP_KERNEL);
		if (!name || !value) {
			kfree(name);
			kfree(value);
			return -ENOMEM;
		}
		err = add_xattr(born, DAXFS_XATTR_SECURITY, name, value, list->value_len);
		if (err)
			kfree(name);
	}
	return err;
}

/* ACLs that the directory passes on, and what security modules want noted. */
static int inherit(struct inode *dir, struct inode *inode, const struct qstr *name,
		   struct born_with *born)
{
	struct posix_acl *passed_on, *acl;
	int err;

	err = posix_acl_create(dir, &inode->i_mode, &passed_on, &acl);
	if (err)
		return err;
	if (passed_on)
		err = add_acl(born, DAXFS_XATTR_ACL_DEFAULT, passed_on);
	if (acl && !err)
		err = add_acl(born, DAXFS_XATTR_ACL_ACCESS, acl);
	if (!err) {
		set_cached_acl(inode, ACL_TYPE_ACCESS, acl);
		set_cached_acl(inode, ACL_TYPE_DEFAULT, passed_on);
	}
	posix_acl_release(passed_on);
	posix_acl_release(acl);
	if (!err)
		err = security_inode_init_security(inode, dir, name, take_security, born);
	return err == -EOPNOTSUPP ? 0 : err;
}

/* An inode that is in no directory yet, with a number of its own, locked as new. */
static struct inode *new_child(struct mnt_idmap *idmap, struct inode *dir, umode_t mode,
			       dev_t rdev)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct daxfs_inode_info *info;
	struct timespec64 now;
	struct inode *inode;
	dxc_ino ino;
	int err;

	inode = new_inode(dir->i_sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	err = dxc_next_ino(&vol->core, &ino);
	if (err) {
		iput(inode);
		return ERR_PTR(err);
	}
	inode->i_ino = ino;
	inode_init_owner(idmap, inode, dir, mode);
	now = current_time(inode);
	inode_set_atime_to_ts(inode, now);
	inode_set_mtime_to_ts(inode, now);
	inode_set_ctime_to_ts(inode, now);
	inode->i_rdev = rdev;
	if (S_ISDIR(mode))
		set_nlink(inode, 2);
	info = DAXFS_I(inode);
	memset(&info->core, 0, sizeof(info->core));
	info->core.ino = ino;
	info->state = DAXFS_I_NEW | DAXFS_I_TOUCHED | DAXFS_I_NAMES;
	info->parent = S_ISDIR(mode) ? dir->i_ino : 0;
	info->btime = now.tv_sec;
	info->btime_nsec = now.tv_nsec + 1;
	daxfs_inode_set_ops(inode);
	err = insert_inode_locked(inode);
	if (err) {
		/* The region has given a number twice. */
		make_bad_inode(inode);
		iput(inode);
		return ERR_PTR(-EUCLEAN);
	}
	return inode;
}

/* A record said that the directory changed. */
static void dir_done(struct inode *dir, const struct dxc_attr *attr)
{
	daxfs_attr_done(dir, attr, DAXFS_I_NAMES);
}

/* The operation itself; target and dentry may be NULL. */
static int try_child(struct inode *dir, struct dentry *dentry, struct inode *inode,
		     const char *target, const struct born_with *born)
{
	struct inode *const changed[] = { dir, NULL };
	const struct qstr *name = dentry ? &dentry->d_name : NULL;
	struct dxc_attr dir_attr, attr;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err;

	layer = daxfs_view_write(dir, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	daxfs_attr_of(inode, &attr);
	if (!name) {
		err = dxc_op_create(layer, NULL, NULL, 0, &attr, NULL, born->list, born->count);
	} else if (!daxfs_name_holds(layer, dir, dentry)) {
		err = -ESTALE;
	} else {
		daxfs_attr_of(dir, &dir_attr);
		daxfs_set_times(&dir_attr, inode_get_ctime(inode), true);
		err = dxc_op_create(layer, &dir_attr, name->name, name->len, &attr, target,
				    born->list, born->count);
		if (!err)
			dir_done(dir, &dir_attr);
	}
	if (!err && born->count)
		daxfs_set(DAXFS_I(inode), DAXFS_I_XATTRS);
	daxfs_view_write_end(dir->i_sb, &hold, changed);
	return err;
}

static int log_child(struct inode *dir, struct dentry *dentry, struct inode *inode,
		     const char *target, const struct born_with *born)
{
	bool waited = false;
	int err;

	do {
		err = try_child(dir, dentry, inode, target, born);
	} while (daxfs_space_came(daxfs_volume_of(dir), err, &waited));
	return err;
}

static int make(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode,
		dev_t rdev, const char *target)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct born_with born = { .count = 0 };
	struct inode *inode;
	int err = 0, id;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (S_ISDIR(mode) && dir->i_nlink == U32_MAX)
		return -EMLINK;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	inode = new_child(idmap, dir, mode, rdev);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		goto exit;
	}
	if (target) {
		inode->i_link = kstrdup(target, GFP_KERNEL);
		inode->i_size = strlen(target);
		inode->i_blocks = ALIGN(inode->i_size, DAXFS_BLOCK_SIZE) >> 9;
		err = inode->i_link ? 0 : -ENOMEM;
	}
	/* A symlink gets no ACL, which posix_acl_create() knows. */
	if (!err)
		err = inherit(dir, inode, &dentry->d_name, &born);
	if (!err)
		err = log_child(dir, dentry, inode, target, &born);
	free_xattrs(&born);
	if (err) {
		/* It never was: evicting it gives nothing back. */
		clear_nlink(inode);
		daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
		discard_new_inode(inode);
	} else {
		d_instantiate_new(dentry, inode);
	}
exit:
	daxfs_backing_exit(vol->backing, id);
	return err;
}

static int daxfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode, bool excl)
{
	return make(idmap, dir, dentry, mode | S_IFREG, 0, NULL);
}

static daxfs_mkdir_result daxfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				      struct dentry *dentry, umode_t mode)
{
	return DAXFS_MKDIR_RESULT(make(idmap, dir, dentry, mode | S_IFDIR, 0, NULL));
}

static int daxfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, dev_t rdev)
{
	return make(idmap, dir, dentry, mode, S_ISCHR(mode) || S_ISBLK(mode) ? rdev : 0, NULL);
}

static int daxfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 const char *target)
{
	if (!target[0] || strlen(target) > DAXFS_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return make(idmap, dir, dentry, 0777 | S_IFLNK, 0, target);
}

static int daxfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			 umode_t mode)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct born_with born = { .count = 0 };
	struct inode *inode;
	int err, id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return finish_open_simple(file, id);
	inode = new_child(idmap, dir, mode | S_IFREG, 0);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		goto exit;
	}
	/* d_tmpfile() expects the one link that it takes away. */
	err = inherit(dir, inode, &file->f_path.dentry->d_name, &born);
	if (!err) {
		clear_nlink(inode);
		err = log_child(dir, NULL, inode, NULL, &born);
		set_nlink(inode, 1);
	}
	free_xattrs(&born);
	if (err) {
		clear_nlink(inode);
		daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
		discard_new_inode(inode);
	} else {
		d_tmpfile(file, inode);
		unlock_new_inode(inode);
		/* It has marked the inode dirty; there is nothing to write, and the LRU takes no such. */
		sync_inode_metadata(inode, 0);
	}
exit:
	daxfs_backing_exit(vol->backing, id);
	return finish_open_simple(file, err);
}

static int try_link(struct inode *inode, struct inode *dir, struct dentry *dentry)
{
	struct inode *const changed[] = { dir, inode, NULL };
	struct dxc_attr dir_attr, attr;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct timespec64 now;
	int err;

	layer = daxfs_view_write(dir, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	now = current_time(inode);
	daxfs_attr_of(dir, &dir_attr);
	daxfs_set_times(&dir_attr, now, true);
	daxfs_attr_of(inode, &attr);
	daxfs_set_times(&attr, now, false);
	if (!daxfs_name_holds(layer, dir, dentry) || daxfs_is_stale(inode))
		err = -ESTALE;
	/* Made by O_TMPFILE, and a branch over it since: what it is made of will not last. */
	else if (!inode->i_nlink && dxc_orphan_is_lent(layer, inode->i_ino))
		err = -ENOENT;
	else
		err = dxc_op_link(layer, &dir_attr, dentry->d_name.name, dentry->d_name.len,
				  &attr);
	if (!err) {
		dir_done(dir, &dir_attr);
		daxfs_attr_done(inode, &attr, 0);
	}
	daxfs_view_write_end(dir->i_sb, &hold, changed);
	return err;
}

static int daxfs_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	struct inode *inode = d_inode(old);
	bool waited = false;
	int err, id;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (inode->i_nlink == U32_MAX)
		return -EMLINK;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	do {
		err = try_link(inode, dir, dentry);
	} while (daxfs_space_came(vol, err, &waited));
	if (!err) {
		ihold(inode);
		d_instantiate(dentry, inode);
	}
	daxfs_backing_exit(vol->backing, id);
	return err;
}

/* The name goes; must_be_empty: it is a directory's. */
static int try_take_away(struct inode *dir, struct dentry *dentry, bool must_be_empty)
{
	struct inode *inode = d_inode(dentry);
	struct inode *const changed[] = { dir, inode, NULL };
	struct dxc_attr dir_attr, attr;
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct timespec64 now;
	int err;

	layer = daxfs_view_write(dir, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	err = daxfs_name_holds(layer, dir, dentry) ? 0 : -ESTALE;
	if (!err && must_be_empty)
		err = dxc_view_dir_empty(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), &f);
	if (!err) {
		now = current_time(dir);
		daxfs_attr_of(dir, &dir_attr);
		daxfs_set_times(&dir_attr, now, true);
		daxfs_attr_of(inode, &attr);
		daxfs_set_times(&attr, now, false);
		err = dxc_op_unlink(layer, &dir_attr, dentry->d_name.name, dentry->d_name.len,
				    &attr);
	}
	if (!err) {
		dir_done(dir, &dir_attr);
		daxfs_attr_done(inode, &attr, 0);
	}
	daxfs_view_write_end(dir->i_sb, &hold, changed);
	daxfs_bad(daxfs_volume_of(dir), err, &f);
	return err;
}

static int take_away(struct inode *dir, struct dentry *dentry, bool must_be_empty)
{
	struct daxfs_volume *vol = daxfs_volume_of(dir);
	bool waited = false;
	int err, id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	do {
		err = try_take_away(dir, dentry, must_be_empty);
	} while (daxfs_space_came(vol, err, &waited));
	daxfs_backing_exit(vol->backing, id);
	return err;
}

static int daxfs_unlink(struct inode *dir, struct dentry *dentry)
{
	return take_away(dir, dentry, false);
}

static int daxfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	return take_away(dir, dentry, true);
}

/* ---- rename ---- */

/* The inodes of a rename, and what the record will say of them. */
struct renaming {
	struct mnt_idmap *idmap;
	struct inode *old_dir, *new_dir, *inode, *target;
	struct dxc_attr old_dir_attr, new_dir_attr, attr, target_attr, whiteout;
};

/* A character device 0,0 that stands for a name taken away, as overlayfs wants it. */
static int make_whiteout(struct mnt_idmap *idmap, struct inode *dir, struct dxc_attr *attr,
			 struct timespec64 now)
{
	kuid_t uid = mapped_fsuid(idmap, dir->i_sb->s_user_ns);
	/* As inode_init_owner() does it. */
	kgid_t gid = dir->i_mode & S_ISGID ? dir->i_gid :
					     mapped_fsgid(idmap, dir->i_sb->s_user_ns);

	/* The VFS asks for it where the new name is not there yet. */
	if (!uid_valid(uid) || !gid_valid(gid))
		return -EOVERFLOW;
	memset(attr, 0, sizeof(*attr));
	attr->mode = S_IFCHR | WHITEOUT_MODE;
	attr->nlink = 1;
	attr->uid = __kuid_val(uid);
	attr->gid = __kgid_val(gid);
	attr->atime = now.tv_sec;
	attr->atime_nsec = now.tv_nsec;
	daxfs_set_times(attr, now, true);
	dxc_attr_set_btime(attr, now.tv_sec, now.tv_nsec);
	return dxc_next_ino(&daxfs_volume_of(dir)->core, &attr->ino);
}

static int log_rename(struct dxc_layer *layer, struct renaming *rn, struct dentry *old,
		      struct dentry *new, unsigned int flags)
{
	struct timespec64 now = current_time(rn->old_dir);
	struct dxc_rename core = {
		.old_dir = &rn->old_dir_attr,
		.new_dir = rn->old_dir == rn->new_dir ? &rn->old_dir_attr : &rn->new_dir_attr,
		.old_name = old->d_name.name,
		.new_name = new->d_name.name,
		.old_len = old->d_name.len,
		.new_len = new->d_name.len,
		.inode = &rn->attr,
		.target = rn->target ? &rn->target_attr : NULL,
		.exchange = flags & RENAME_EXCHANGE,
	};
	int err;

	daxfs_attr_of(rn->old_dir, &rn->old_dir_attr);
	daxfs_set_times(&rn->old_dir_attr, now, true);
	daxfs_attr_of(rn->new_dir, &rn->new_dir_attr);
	daxfs_set_times(&rn->new_dir_attr, now, true);
	daxfs_attr_of(rn->inode, &rn->attr);
	daxfs_set_times(&rn->attr, now, false);
	if (rn->target) {
		daxfs_attr_of(rn->target, &rn->target_attr);
		daxfs_set_times(&rn->target_attr, now, false);
	}
	if (flags & RENAME_WHITEOUT) {
		err = make_whiteout(rn->idmap, rn->old_dir, &rn->whiteout, now);
		if (err)
			return err;
		core.whiteout = &rn->whiteout;
	}
	return dxc_op_rename(layer, &core);
}

/* The VFS knows only where this super block has last seen the directories above. */
static int check_move(struct dxc_layer *layer, struct inode *inode, struct inode *to,
		      struct dxc_finding *f)
{
	int err = S_ISDIR(inode->i_mode) ? dxc_view_is_below(layer, to->i_ino, inode->i_ino, f) : 0;

	/* Into itself, as rename(2) says it. */
	return err > 0 ? -EINVAL : err;
}

static int check_rename(struct dxc_layer *layer, struct renaming *rn, struct dentry *old,
			struct dentry *new, unsigned int flags, struct dxc_finding *f)
{
	int err;

	if (!daxfs_name_holds(layer, rn->old_dir, old) ||
	    !daxfs_name_holds(layer, rn->new_dir, new) ||
	    daxfs_is_stale(rn->new_dir))
		return -ESTALE;
	if (rn->old_dir != rn->new_dir) {
		err = check_move(layer, rn->inode, rn->new_dir, f);
		if (!err && flags & RENAME_EXCHANGE)
			err = check_move(layer, rn->target, rn->old_dir, f);
		if (err)
			return err;
	}
	if (!rn->target || flags & RENAME_EXCHANGE || !S_ISDIR(rn->target->i_mode))
		return 0;
	return dxc_view_dir_empty(layer, rn->target->i_ino, daxfs_base_of(DAXFS_I(rn->target)),
				  f);
}

static int try_rename(struct renaming *rn, struct dentry *old, struct dentry *new,
		      unsigned int flags)
{
	struct inode *const changed[] = { rn->old_dir, rn->new_dir, rn->inode, rn->target, NULL };
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err;

	layer = daxfs_view_write(rn->old_dir, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	err = check_rename(layer, rn, old, new, flags, &f);
	if (!err)
		err = log_rename(layer, rn, old, new, flags);
	if (!err) {
		dir_done(rn->old_dir, &rn->old_dir_attr);
		if (rn->new_dir != rn->old_dir)
			dir_done(rn->new_dir, &rn->new_dir_attr);
		daxfs_attr_done(rn->inode, &rn->attr, 0);
		if (rn->target)
			daxfs_attr_done(rn->target, &rn->target_attr, 0);
	}
	daxfs_view_write_end(rn->old_dir->i_sb, &hold, changed);
	daxfs_bad(daxfs_volume_of(rn->old_dir), err, &f);
	return err;
}

static int daxfs_rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old,
			struct inode *new_dir, struct dentry *new, unsigned int flags)
{
	struct daxfs_volume *vol = daxfs_volume_of(old_dir);
	struct renaming *rn;
	bool waited = false;
	int err, id;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if (new->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	/* Too much for the stack, below which overlayfs may be. */
	rn = kmalloc(sizeof(*rn), GFP_KERNEL);
	if (!rn)
		return -ENOMEM;
	rn->idmap = idmap;
	rn->old_dir = old_dir;
	rn->new_dir = new_dir;
	rn->inode = d_inode(old);
	rn->target = d_inode(new);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
		goto free;
	}
	do {
		err = try_rename(rn, old, new, flags);
	} while (daxfs_space_came(vol, err, &waited));
	daxfs_backing_exit(vol->backing, id);
free:
	kfree(rn);
	return err;
}

const struct inode_operations daxfs_branch_dir_iops = {
	.lookup = daxfs_lookup,
	.create = daxfs_create,
	.link = daxfs_link,
	.unlink = daxfs_unlink,
	.symlink = daxfs_symlink,
	.mkdir = daxfs_mkdir,
	.rmdir = daxfs_rmdir,
	.mknod = daxfs_mknod,
	.rename = daxfs_rename,
	.tmpfile = daxfs_tmpfile,
	.getattr = daxfs_getattr,
	.setattr = daxfs_setattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
	.set_acl = daxfs_set_acl,
};
