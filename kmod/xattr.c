// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes and the ACLs among them. */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>
#include "daxfs.h"
#include "backing/backing.h"

/*
 * The value of one xattr: its length when size is 0, -ERANGE when it does not
 * fit, -ENODATA when there is none.
 */
static int get_value(struct inode *inode, u32 prefix, const char *name,
		     void *value, size_t size)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f;
	struct dxc_xattr *xa;
	int err, id;

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
	return get_value(inode, handler->flags, name, value, size);
}

static const struct xattr_handler user_handler = {
	.prefix = XATTR_USER_PREFIX,
	.flags = DAXFS_XATTR_USER,
	.get = daxfs_xattr_get,
};

static const struct xattr_handler trusted_handler = {
	.prefix = XATTR_TRUSTED_PREFIX,
	.flags = DAXFS_XATTR_TRUSTED,
	.get = daxfs_xattr_get,
};

static const struct xattr_handler security_handler = {
	.prefix = XATTR_SECURITY_PREFIX,
	.flags = DAXFS_XATTR_SECURITY,
	.get = daxfs_xattr_get,
};

daxfs_xattr_handler daxfs_xattr_handlers[] = {
	&user_handler,
	&trusted_handler,
	&security_handler,
	DAXFS_ACL_HANDLERS
	NULL
};

/* Appends "prefix" "name" NUL to a list that may be full or only counted. */
static int list_one(const struct dxc_xattr *xa, char *list, size_t size, size_t *used)
{
	const char *prefix = dxc_xattr_prefix(xa->prefix);
	size_t plen = strlen(prefix), need = plen + xa->name_len + 1;

	if (list) {
		if (need > size - *used)
			return -ERANGE;
		memcpy(list + *used, prefix, plen);
		memcpy(list + *used + plen, xa->name, xa->name_len + 1);
	}
	*used += need;
	return 0;
}

ssize_t daxfs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	struct inode *inode = d_inode(dentry);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool trusted = capable(CAP_SYS_ADMIN);
	struct dxc_finding f;
	struct dxc_xattr *xa;
	size_t used = 0;
	int err, id;

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
		if (xa->prefix == DAXFS_XATTR_TRUSTED && !trusted)
			continue;
		err = list_one(xa, list, size, &used);
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
	return err ? err : used;
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

	if (!DAXFS_I(inode)->core.xattr)
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
