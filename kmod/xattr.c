// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes and the ACLs among them. */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>
#include "daxfs.h"
#include "backing/backing.h"

/* The same where a branch has changed xattrs. */
static int get_from_view(struct inode *inode, u32 prefix, const char *name, void *value,
			 size_t size)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err, id;

	if (daxfs_is_stale(inode))
		return -ESTALE;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	layer = daxfs_view_read(inode->i_sb, &hold);
	err = dxc_view_xattr(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), prefix, name,
			     strlen(name), value, size, &f);
	daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_backing_exit(vol->backing, id);
	daxfs_bad(vol, err, &f);
	return err;
}

/*
 * The value of one xattr: its length when size is 0, -ERANGE when it does not
 * fit, -ENODATA when there is none.
 */
static int get_value(struct inode *inode, u32 prefix, const char *name,
		     void *value, size_t size)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct dxc_xattr *xa;
	int err, id;

	if (unlikely(daxfs_is_stale_or(inode, DAXFS_I_XATTRS)))
		return get_from_view(inode, prefix, name, value, size);
	if (!DAXFS_I(inode)->core.xattr)
		return -ENODATA;
	xa = kmalloc(sizeof(*xa), GFP_KERNEL);
	if (!xa)
		return -ENOMEM;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
		goto free;
	}
	err = dxc_xattr_find(&vol->core, &DAXFS_I(inode)->core, prefix, name,
			     strlen(name), xa, &f);
	if (err)
		daxfs_bad(vol, err, &f);
	else if (!size)
		err = xa->value_len;
	else if (xa->value_len > size)
		err = -ERANGE;
	else
		err = dxc_region_read(&vol->core.region, xa->value, value,
				      xa->value_len) ?: xa->value_len;
	daxfs_backing_exit(vol->backing, id);
free:
	kfree(xa);
	return err;
}

static int daxfs_xattr_get(const struct xattr_handler *handler,
			   struct dentry *dentry, struct inode *inode,
			   const char *name, void *value, size_t size)
{
	daxfs_catch_up(inode->i_sb);
	return get_value(inode, handler->flags, name, value, size);
}

/* One record: the xattr, and the inode's mode and times with it. value NULL: removed. */
static int log_xattr(struct inode *inode, struct dxc_attr *attr, struct dxc_layer *layer,
		     u32 prefix, const char *name, const void *value, size_t size, int flags)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	bool is_there;
	int err;

	err = dxc_view_xattr(layer, inode->i_ino, daxfs_base_of(info), prefix, name,
			     strlen(name), NULL, 0, NULL);
	if (err < 0 && err != -ENODATA)
		return err;
	is_there = err != -ENODATA;
	if (is_there ? flags & XATTR_CREATE : flags & XATTR_REPLACE || !value)
		return is_there ? -EEXIST : -ENODATA;
	if (!is_there) {
		err = dxc_view_xattr_room(layer, inode->i_ino, daxfs_base_of(info), prefix,
					  strlen(name), NULL);
		if (err)
			return err;
	}
	daxfs_set_times(attr, current_time(inode), false);
	err = dxc_op_xattr(layer, attr, prefix, name, strlen(name), value, size);
	if (!err)
		daxfs_attr_done(inode, attr, DAXFS_I_XATTRS);
	/* What does not fit a chunk of the log, other file systems have no space for. */
	return err == -E2BIG ? -ENOSPC : err;
}

/* mode: what an ACL makes of it; NULL: it stays. */
static int try_value(struct inode *inode, const umode_t *mode, u32 prefix, const char *name,
		     const void *value, size_t size, int flags)
{
	struct inode *const changed[] = { inode, NULL };
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err;

	layer = daxfs_view_write(inode, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	daxfs_attr_of(inode, &attr);
	if (mode)
		attr.mode = *mode;
	err = log_xattr(inode, &attr, layer, prefix, name, value, size, flags);
	if (!err)
		inode->i_mode = attr.mode;
	daxfs_view_write_end(inode->i_sb, &hold, changed);
	return err;
}

static int set_value(struct inode *inode, const umode_t *mode, u32 prefix, const char *name,
		     const void *value, size_t size, int flags)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool waited = false;
	int err, id;

	if (!daxfs_has_branches(vol))
		return -EROFS;
	if (size > DAXFS_XATTR_VALUE_MAX)
		return -ENOSPC;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	do {
		err = try_value(inode, mode, prefix, name, value, size, flags);
	} while (daxfs_space_came(vol, err, &waited));
	daxfs_backing_exit(vol->backing, id);
	return err;
}

static int try_mode(struct inode *inode, umode_t mode)
{
	struct inode *const changed[] = { inode, NULL };
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err;

	layer = daxfs_view_write(inode, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	daxfs_attr_of(inode, &attr);
	attr.mode = mode;
	daxfs_set_times(&attr, current_time(inode), false);
	err = dxc_op_setattr(layer, &attr);
	if (!err) {
		inode->i_mode = mode;
		daxfs_attr_done(inode, &attr, 0);
	}
	daxfs_view_write_end(inode->i_sb, &hold, changed);
	return err;
}

static int set_mode(struct inode *inode, umode_t mode)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool waited = false;
	int err, id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	do {
		err = try_mode(inode, mode);
	} while (daxfs_space_came(vol, err, &waited));
	daxfs_backing_exit(vol->backing, id);
	return err;
}

static int daxfs_xattr_set(const struct xattr_handler *handler, struct mnt_idmap *idmap,
			   struct dentry *dentry, struct inode *inode, const char *name,
			   const void *value, size_t size, int flags)
{
	/* An empty value is a value; the VFS removes by passing none. */
	return set_value(inode, NULL, handler->flags, name, value, size, flags);
}

static const struct xattr_handler user_handler = {
	.prefix = XATTR_USER_PREFIX,
	.flags = DAXFS_XATTR_USER,
	.get = daxfs_xattr_get,
	.set = daxfs_xattr_set,
};

static const struct xattr_handler trusted_handler = {
	.prefix = XATTR_TRUSTED_PREFIX,
	.flags = DAXFS_XATTR_TRUSTED,
	.get = daxfs_xattr_get,
	.set = daxfs_xattr_set,
};

static const struct xattr_handler security_handler = {
	.prefix = XATTR_SECURITY_PREFIX,
	.flags = DAXFS_XATTR_SECURITY,
	.get = daxfs_xattr_get,
	.set = daxfs_xattr_set,
};

daxfs_xattr_handler daxfs_xattr_handlers[] = {
	&user_handler,
	&trusted_handler,
	&security_handler,
	DAXFS_ACL_HANDLERS
	NULL
};

/* A list that may be full or only counted. */
struct name_list {
	char *list;
	size_t size, used;
	bool trusted;			/* may see trusted ones */
};

/* Appends "prefix" "name" NUL. */
static int list_one(void *priv, u32 number, const char *name, u32 len)
{
	const char *prefix = dxc_xattr_prefix(number);
	size_t plen = strlen(prefix), need = plen + len + 1;
	struct name_list *nl = priv;

	if (number == DAXFS_XATTR_TRUSTED && !nl->trusted)
		return 0;
	if (nl->list) {
		if (need > nl->size - nl->used)
			return -ERANGE;
		memcpy(nl->list + nl->used, prefix, plen);
		memcpy(nl->list + nl->used + plen, name, len);
		nl->list[nl->used + need - 1] = 0;
	}
	nl->used += need;
	return 0;
}

static int list_view(struct inode *inode, struct name_list *nl)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err, id;

	if (daxfs_is_stale(inode))
		return -ESTALE;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	layer = daxfs_view_read(inode->i_sb, &hold);
	err = dxc_view_xattrs(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), list_one, nl,
			      &f);
	daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_backing_exit(vol->backing, id);
	daxfs_bad(vol, err, &f);
	return err;
}

ssize_t daxfs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	struct name_list nl = { .list = list, .size = size, .trusted = capable(CAP_SYS_ADMIN) };
	struct inode *inode = d_inode(dentry);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct dxc_xattr *xa;
	int err, id;

	daxfs_catch_up(inode->i_sb);
	if (unlikely(daxfs_is_stale_or(inode, DAXFS_I_XATTRS))) {
		err = list_view(inode, &nl);
		return err ? err : nl.used;
	}
	if (!DAXFS_I(inode)->core.xattr)
		return 0;
	xa = kzalloc(sizeof(*xa), GFP_KERNEL);
	if (!xa)
		return -ENOMEM;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
		goto free;
	}
	while (!(err = dxc_xattr_next(&vol->core, &DAXFS_I(inode)->core, xa, &f))) {
		err = list_one(&nl, xa->prefix, xa->name, xa->name_len);
		if (err)
			break;
	}
	daxfs_backing_exit(vol->backing, id);
	if (err == -ENODATA)
		err = 0;
	else
		daxfs_bad(vol, err, &f);
free:
	kfree(xa);
	return err ? err : nl.used;
}

/*
 * ACLs are stored as user space gives them, which is the same for all
 * processors. One that cannot be understood must not be taken for none.
 */
struct posix_acl *daxfs_get_inode_acl(struct inode *inode, int type, bool rcu)
{
	u32 prefix = type == ACL_TYPE_ACCESS ? DAXFS_XATTR_ACL_ACCESS :
					       DAXFS_XATTR_ACL_DEFAULT;
	struct posix_acl *acl;
	void *value;
	int len;

	if (!DAXFS_I(inode)->core.xattr &&
	    !daxfs_is_stale_or(inode, DAXFS_I_XATTRS))
		return NULL;
	if (rcu)
		return ERR_PTR(-ECHILD);
	len = get_value(inode, prefix, "", NULL, 0);
	if (len == -ENODATA)
		return NULL;
	if (len < 0)
		return ERR_PTR(len);
	value = kvmalloc(len + 1, GFP_KERNEL);
	if (!value)
		return ERR_PTR(-ENOMEM);
	len = get_value(inode, prefix, "", value, len + 1);
	acl = len < 0 ? ERR_PTR(len) : posix_acl_from_xattr(&init_user_ns, value, len);
	kvfree(value);
	return acl;
}

int daxfs_set_acl(struct mnt_idmap *idmap, DAXFS_ACL_OBJECT *object, struct posix_acl *acl,
		  int type)
{
	struct inode *inode = daxfs_acl_inode(object);
	u32 prefix = type == ACL_TYPE_ACCESS ? DAXFS_XATTR_ACL_ACCESS :
					       DAXFS_XATTR_ACL_DEFAULT;
	struct posix_acl *stored = acl;
	bool sets_mode = type == ACL_TYPE_ACCESS && acl;
	umode_t mode = inode->i_mode;
	void *value = NULL;
	size_t len = 0;
	int err;

	/* One that only says what the mode says is not stored. */
	if (sets_mode) {
		err = posix_acl_update_mode(idmap, inode, &mode, &stored);
		if (err)
			return err;
	}
	if (type == ACL_TYPE_DEFAULT && !S_ISDIR(inode->i_mode))
		return acl ? -EACCES : 0;
	if (stored) {
		value = daxfs_acl_to_xattr(stored, &len);
		if (IS_ERR(value))
			return PTR_ERR(value);
	}
	err = set_value(inode, sets_mode ? &mode : NULL, prefix, "", value, len, 0);
	/* There was none to be removed; the mode may change all the same. */
	if (err == -ENODATA && !stored)
		err = sets_mode && mode != inode->i_mode ? set_mode(inode, mode) : 0;
	if (!err)
		set_cached_acl(inode, type, stored);
	kfree(value);
	return err;
}
