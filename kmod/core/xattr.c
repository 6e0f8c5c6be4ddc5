// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes of base inodes: flat sets, walked from start to end. */
#include "core.h"

static const struct {
	const char *text;
	u32 len;
	bool whole;	/* the prefix is the whole name */
} prefixes[DAXFS_XATTR_PREFIXES] = {
	[DAXFS_XATTR_USER] = { "user.", 5, false },
	[DAXFS_XATTR_TRUSTED] = { "trusted.", 8, false },
	[DAXFS_XATTR_SECURITY] = { "security.", 9, false },
	[DAXFS_XATTR_ACL_ACCESS] = { "system.posix_acl_access", 23, true },
	[DAXFS_XATTR_ACL_DEFAULT] = { "system.posix_acl_default", 24, true },
};

const char *dxc_xattr_prefix(u32 prefix)
{
	return prefix && prefix < DAXFS_XATTR_PREFIXES ? prefixes[prefix].text : "";
}

u32 dxc_xattr_split(const char *full_name, u32 *prefix_len)
{
	u32 i;

	for (i = 1; i < DAXFS_XATTR_PREFIXES; i++) {
		if (strncmp(full_name, prefixes[i].text, prefixes[i].len) != 0)
			continue;
		/* A bare namespace names nothing; nothing comes after a whole name. */
		if (prefixes[i].whole == !full_name[prefixes[i].len]) {
			*prefix_len = prefixes[i].len;
			return i;
		}
	}
	return 0;
}

#define XATTR_ERR(err, code, detail) \
	dxc_found(f, err, code, DAXFS_AREA_XATTRS, inode->ino, xa->next, detail)
#define XATTR_BAD(code, detail) XATTR_ERR(-EUCLEAN, code, detail)

static int first(const struct dxc_volume *vol, const struct dxc_inode *inode,
		 struct dxc_xattr *xa, struct dxc_finding *f)
{
	const struct dxc_area *ar = &vol->area[DAXFS_AREA_XATTRS];
	struct daxfs_xattr_set set;
	u32 size;
	int err;

	xa->next = ar->offset + (inode->xattr - 1) * 8ull;
	err = dxc_region_read(&vol->region, xa->next, &set, sizeof(set));
	if (err)
		return XATTR_ERR(err, DXC_INO_XATTR, inode->xattr);
	size = le32_to_cpu(set.xs_size);
	xa->left = le32_to_cpu(set.xs_count);
	if (size % 8 || size < sizeof(set) || size > DAXFS_XATTR_SET_MAX ||
	    !dxc_range_ok(xa->next, size, ar->offset, ar->length) || !xa->left)
		return XATTR_BAD(DXC_XA_SIZE, size);
	xa->end = xa->next + size;
	xa->next += sizeof(set);
	return 0;
}

int dxc_xattr_next(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   struct dxc_xattr *xa, struct dxc_finding *f)
{
	struct daxfs_xattr_entry raw;
	u32 size;
	int err;

	if (!inode->xattr)
		return -ENODATA;
	if (!xa->end) {
		err = first(vol, inode, xa, f);
		if (err)
			return err;
	}
	if (!xa->left)
		return -ENODATA;
	/* Each entry is at least 8 bytes long, so a set bounds its own walk. */
	if (xa->end - xa->next < sizeof(raw))
		return XATTR_BAD(DXC_XA_SIZE, xa->left);
	err = dxc_region_read(&vol->region, xa->next, &raw, sizeof(raw));
	if (err)
		return XATTR_ERR(err, DXC_XA_SIZE, 0);
	xa->prefix = raw.xe_prefix;
	xa->name_len = raw.xe_name_len;
	xa->value_len = le32_to_cpu(raw.xe_value_len);
	if (!xa->prefix || xa->prefix >= DAXFS_XATTR_PREFIXES)
		return XATTR_BAD(DXC_XA_PREFIX, xa->prefix);
	if (xa->value_len > DAXFS_XATTR_VALUE_MAX || raw.xe_reserved0)
		return XATTR_BAD(DXC_XA_SIZE, xa->value_len);
	size = dxc_xattr_entry_size(xa->name_len, xa->value_len);
	if (size > xa->end - xa->next)
		return XATTR_BAD(DXC_XA_SIZE, size);
	err = dxc_region_read(&vol->region, xa->next + sizeof(raw), xa->name,
			      xa->name_len);
	if (err)
		return XATTR_ERR(err, DXC_XA_SIZE, size);
	xa->name[xa->name_len] = 0;
	if (prefixes[xa->prefix].whole ? xa->name_len != 0 :
	    !xa->name_len || memchr(xa->name, 0, xa->name_len))
		return XATTR_BAD(DXC_XA_NAME, xa->name_len);
	xa->value = xa->next + sizeof(raw) + xa->name_len;
	xa->next += size;
	xa->left--;
	return 0;
}

int dxc_xattr_find(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   u32 prefix, const char *name, u32 name_len,
		   struct dxc_xattr *xa, struct dxc_finding *f)
{
	int err;

	memset(xa, 0, offsetof(struct dxc_xattr, name));
	xa->end = 0;
	while (!(err = dxc_xattr_next(vol, inode, xa, f)))
		if (xa->prefix == prefix && xa->name_len == name_len &&
		    !memcmp(xa->name, name, name_len))
			return 0;
	return err;
}

u32 dxc_xattr_encode(void *raw, u32 prefix, const void *name, u32 name_len,
		     const void *value, u32 value_len)
{
	u32 size = dxc_xattr_entry_size(name_len, value_len);
	struct daxfs_xattr_entry *xe = raw;
	u8 *p = raw;

	memset(raw, 0, size);
	xe->xe_prefix = prefix;
	xe->xe_name_len = name_len;
	xe->xe_value_len = cpu_to_le32(value_len);
	memcpy(p + sizeof(*xe), name, name_len);
	if (value_len)
		memcpy(p + sizeof(*xe) + name_len, value, value_len);
	return size;
}
