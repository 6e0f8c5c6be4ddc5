// SPDX-License-Identifier: GPL-2.0-only
/* Base inodes: decoded and checked in one place, encoded in one place. */
#include "core.h"

/* Does an element lie inside its area, aligned? */
static bool in_area(const struct dxc_volume *vol, unsigned int area, dxc_off off,
		    u64 len, u32 align)
{
	const struct dxc_area *ar = &vol->area[area];

	return off % align == 0 && dxc_range_ok(off, len, ar->offset, ar->length);
}

#define INODE_BAD(code, detail) \
	dxc_found(f, -EUCLEAN, code, DAXFS_AREA_INODES, inode->ino, at, detail)

static int check_packed(const struct dxc_volume *vol, dxc_off at,
			const struct dxc_inode *inode, struct dxc_finding *f)
{
	if (inode->flags & DAXFS_IN_EXTENTS)
		return INODE_BAD(DXC_INO_FLAGS, inode->flags);
	if (inode->count)
		return INODE_BAD(DXC_INO_RESERVED, inode->count);
	if (!inode->size || inode->size > DAXFS_PACKED_MAX)
		return INODE_BAD(DXC_INO_SIZE, inode->size);
	if (!in_area(vol, DAXFS_AREA_DATA, inode->data, inode->size, DAXFS_PACKED_ALIGN) ||
	    inode->data % DAXFS_BLOCK_SIZE + inode->size > DAXFS_BLOCK_SIZE)
		return INODE_BAD(DXC_INO_DATA, inode->data);
	return 0;
}

static int check_regular(const struct dxc_volume *vol, dxc_off at,
			 const struct dxc_inode *inode, struct dxc_finding *f)
{
	u64 bytes;

	if (inode->size > DXC_SIZE_MAX)
		return INODE_BAD(DXC_INO_SIZE, inode->size);
	if (inode->flags & DAXFS_IN_PACKED)
		return check_packed(vol, at, inode, f);
	if (inode->flags & DAXFS_IN_EXTENTS) {
		bytes = (u64)inode->count * sizeof(struct daxfs_extent);
		if (!inode->count ? inode->data != 0 :
		    !in_area(vol, DAXFS_AREA_EXTENTS, inode->data, bytes, 8))
			return INODE_BAD(DXC_INO_DATA, inode->data);
		return 0;
	}
	if (inode->count)
		return INODE_BAD(DXC_INO_RESERVED, inode->count);
	if (!inode->size)
		return inode->data ? INODE_BAD(DXC_INO_DATA, inode->data) : 0;
	/* Whole blocks: a mapping shows the last one to its end. */
	bytes = (inode->size + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1);
	if (!in_area(vol, DAXFS_AREA_DATA, inode->data, bytes, DAXFS_BLOCK_SIZE))
		return INODE_BAD(DXC_INO_DATA, inode->data);
	return 0;
}

static int check_directory(const struct dxc_volume *vol, dxc_off at, u32 unit,
			   const struct dxc_inode *inode, struct dxc_finding *f)
{
	u64 bytes = (u64)inode->count * inode->entry_size;

	if (!unit || unit > DAXFS_DIRENT_UNITS_MAX)
		return INODE_BAD(DXC_INO_SIZE, unit);
	if (inode->size != bytes)
		return INODE_BAD(DXC_INO_SIZE, inode->size);
	if (!inode->count ? inode->data != 0 :
	    !in_area(vol, DAXFS_AREA_DIRS, inode->data, bytes, DAXFS_DIRENT_UNIT))
		return INODE_BAD(DXC_INO_DATA, inode->data);
	if (!inode->parent || inode->parent > vol->inode_count ||
	    (inode->ino == DAXFS_ROOT_INO) != (inode->parent == inode->ino))
		return INODE_BAD(DXC_INO_PARENT, inode->parent);
	return 0;
}

int dxc_inode_read(const struct dxc_volume *vol, dxc_ino ino,
		   struct dxc_inode *inode, struct dxc_finding *f)
{
	const struct dxc_area *ar = &vol->area[DAXFS_AREA_INODES];
	struct daxfs_inode raw;
	bool is_file;
	dxc_off at;
	u32 unit;
	u64 data;
	int err;

	if (unlikely(!ino || ino > vol->inode_count))
		return dxc_found(f, -EUCLEAN, DXC_INO_RANGE, DAXFS_AREA_INODES,
				 ino, 0, ino);
	at = ar->offset + (ino - 1) * sizeof(raw);
	err = dxc_region_read(&vol->region, at, &raw, sizeof(raw));
	if (unlikely(err))
		return dxc_found(f, err, DXC_INO_RANGE, DAXFS_AREA_INODES, ino, at, ino);

	data = le64_to_cpu(raw.in_data);
	unit = le16_to_cpu(raw.in_unit);
	inode->ino = ino;
	inode->mode = le16_to_cpu(raw.in_mode);
	inode->flags = le16_to_cpu(raw.in_flags);
	inode->uid = le32_to_cpu(raw.in_uid);
	inode->gid = le32_to_cpu(raw.in_gid);
	inode->nlink = le32_to_cpu(raw.in_nlink);
	inode->xattr = le32_to_cpu(raw.in_xattr);
	inode->size = le64_to_cpu(raw.in_size);
	inode->mtime = (s64)le64_to_cpu(raw.in_mtime);
	inode->mtime_nsec = le32_to_cpu(raw.in_mtime_nsec);
	inode->count = le32_to_cpu(raw.in_count);
	inode->parent = le32_to_cpu(raw.in_parent);
	inode->data = data;
	inode->entry_size = unit * DAXFS_DIRENT_UNIT;
	inode->rdev_major = 0;
	inode->rdev_minor = 0;
	inode->checksum = le32_to_cpu(raw.in_checksum);

	if (raw.in_reserved0)
		return INODE_BAD(DXC_INO_RESERVED, 0);
	if (inode->mtime_nsec > 999999999)
		return INODE_BAD(DXC_INO_NSEC, inode->mtime_nsec);
	if (!inode->nlink)
		return INODE_BAD(DXC_INO_NLINK, 0);
	if (inode->uid == (u32)-1 || inode->gid == (u32)-1)
		return INODE_BAD(DXC_INO_RESERVED, (u32)-1);
	/* What has no type at all is blamed for that. */
	is_file = DXC_DIRENT_TYPES >> dxc_type_of_mode(inode->mode) & 1;
	if (is_file && inode->flags & ~(S_ISREG(inode->mode) ? DAXFS_IN_KNOWN : 0))
		return INODE_BAD(DXC_INO_FLAGS, inode->flags);
	if (inode->xattr &&
	    !in_area(vol, DAXFS_AREA_XATTRS,
		     vol->area[DAXFS_AREA_XATTRS].offset + (inode->xattr - 1) * 8ull,
		     sizeof(struct daxfs_xattr_set), 8))
		return INODE_BAD(DXC_INO_XATTR, inode->xattr);
	if (!S_ISDIR(inode->mode) && (inode->parent || unit))
		return INODE_BAD(DXC_INO_RESERVED, unit);

	if (is_file && inode->checksum && !S_ISREG(inode->mode))
		return INODE_BAD(DXC_INO_RESERVED, inode->checksum);

	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		return check_regular(vol, at, inode, f);
	case S_IFDIR:
		return check_directory(vol, at, unit, inode, f);
	case S_IFLNK:
		if (inode->count)
			return INODE_BAD(DXC_INO_RESERVED, inode->count);
		if (!inode->size || inode->size > DAXFS_SYMLINK_MAX)
			return INODE_BAD(DXC_INO_SIZE, inode->size);
		if (!in_area(vol, DAXFS_AREA_LINKS, data, inode->size + 1, 1))
			return INODE_BAD(DXC_INO_DATA, data);
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		/* The kernel's dev_t has 12 bits of major and 20 of minor. */
		if (data >> 44 || (u32)data >> 20)
			return INODE_BAD(DXC_INO_DATA, data);
		inode->rdev_major = data >> 32;
		inode->rdev_minor = (u32)data;
		break;
	case S_IFIFO:
	case S_IFSOCK:
		if (data)
			return INODE_BAD(DXC_INO_DATA, data);
		break;
	default:
		return INODE_BAD(DXC_INO_MODE, inode->mode);
	}
	if (inode->size)
		return INODE_BAD(DXC_INO_SIZE, inode->size);
	if (inode->count)
		return INODE_BAD(DXC_INO_RESERVED, inode->count);
	return 0;
}

void dxc_inode_encode(const struct dxc_inode *inode, struct daxfs_inode *raw)
{
	u64 data = inode->data;

	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		data = (u64)inode->rdev_major << 32 | inode->rdev_minor;

	memset(raw, 0, sizeof(*raw));
	raw->in_mode = cpu_to_le16(inode->mode);
	raw->in_flags = cpu_to_le16(inode->flags);
	raw->in_uid = cpu_to_le32(inode->uid);
	raw->in_gid = cpu_to_le32(inode->gid);
	raw->in_nlink = cpu_to_le32(inode->nlink);
	raw->in_size = cpu_to_le64(inode->size);
	raw->in_mtime = cpu_to_le64((u64)inode->mtime);
	raw->in_mtime_nsec = cpu_to_le32(inode->mtime_nsec);
	raw->in_xattr = cpu_to_le32(inode->xattr);
	raw->in_data = cpu_to_le64(data);
	raw->in_count = cpu_to_le32(inode->count);
	if (S_ISDIR(inode->mode)) {
		raw->in_parent = cpu_to_le32(inode->parent);
		raw->in_unit = cpu_to_le16(inode->entry_size / DAXFS_DIRENT_UNIT);
	}
	if (S_ISREG(inode->mode))
		raw->in_checksum = cpu_to_le32(inode->checksum);
}
