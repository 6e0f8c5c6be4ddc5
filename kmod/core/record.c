// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records: items put together on one side and taken apart on the other, here
 * and nowhere else. What dxc_item_next() returns has been checked for itself;
 * whether it fits the state of the branch is for the index to say.
 */
#include "delta.h"

void dxc_record_start(struct dxc_record *rec, void *buf, u32 room)
{
	rec->buf = buf;
	rec->room = room;
	rec->size = sizeof(struct daxfs_record);
	rec->items = 0;
	rec->ranges = 0;
	rec->full = room < sizeof(struct daxfs_record);
}

/* Room for an item with so many bytes after its head, zeroed; NULL when full. */
static void *add(struct dxc_record *rec, u32 type, dxc_ino ino, u32 head, u32 tail)
{
	u32 size = (head + tail + 7) & ~7u;
	struct daxfs_item *item;

	if (rec->full || rec->items == DAXFS_ITEMS_MAX || size > 0xfff8 ||
	    size > rec->room - rec->size) {
		rec->full = true;
		return NULL;
	}
	item = (struct daxfs_item *)(rec->buf + rec->size);
	memset(item, 0, size);
	item->it_type = cpu_to_le16(type);
	item->it_size = cpu_to_le16(size);
	item->it_ino = cpu_to_le64(ino);
	rec->size += size;
	rec->items++;
	return item;
}

void dxc_record_inode(struct dxc_record *rec, const struct dxc_attr *attr)
{
	struct daxfs_item_inode *raw;

	raw = add(rec, DAXFS_ITEM_INODE, attr->ino, sizeof(*raw), 0);
	if (!raw)
		return;
	raw->ii_mode = cpu_to_le32(attr->mode);
	raw->ii_nlink = cpu_to_le32(attr->nlink);
	raw->ii_uid = cpu_to_le32(attr->uid);
	raw->ii_gid = cpu_to_le32(attr->gid);
	raw->ii_size = cpu_to_le64(attr->size);
	raw->ii_btime = cpu_to_le64((u64)attr->btime);
	raw->ii_data = cpu_to_le64(S_ISDIR(attr->mode) ? attr->parent :
				   (u64)attr->rdev_major << 32 | attr->rdev_minor);
	raw->ii_atime = cpu_to_le64((u64)attr->atime);
	raw->ii_mtime = cpu_to_le64((u64)attr->mtime);
	raw->ii_ctime = cpu_to_le64((u64)attr->ctime);
	raw->ii_atime_nsec = cpu_to_le32(attr->atime_nsec);
	raw->ii_mtime_nsec = cpu_to_le32(attr->mtime_nsec);
	raw->ii_ctime_nsec = cpu_to_le32(attr->ctime_nsec);
	raw->ii_btime_nsec = cpu_to_le32(attr->btime_nsec);
}

static struct daxfs_item_name *add_name(struct dxc_record *rec, u32 type, dxc_ino ino,
					dxc_ino dir, const char *name, u32 len)
{
	struct daxfs_item_name *raw = add(rec, type, ino, sizeof(*raw), len);

	if (!raw)
		return NULL;
	raw->na_dir = cpu_to_le64(dir);
	memcpy(raw + 1, name, len);
	return raw;
}

void dxc_record_link(struct dxc_record *rec, dxc_ino dir, const char *name, u32 len,
		     dxc_ino ino, u8 type)
{
	struct daxfs_item_name *raw = add_name(rec, DAXFS_ITEM_LINK, ino, dir, name, len);

	if (raw) {
		raw->na_item.it_kind = type;
		raw->na_item.it_len = len;
	}
}

void dxc_record_unlink(struct dxc_record *rec, dxc_ino dir, const char *name, u32 len,
		       dxc_ino ino)
{
	struct daxfs_item_name *raw = add_name(rec, DAXFS_ITEM_UNLINK, ino, dir, name, len);

	if (raw)
		raw->na_item.it_len = len;
}

void dxc_record_symlink(struct dxc_record *rec, dxc_ino ino, const char *target, u32 len)
{
	struct daxfs_item_name *raw = add_name(rec, DAXFS_ITEM_SYMLINK, ino, 0, target, len);

	if (raw)
		raw->na_item.it_len2 = cpu_to_le16(len);
}

void dxc_record_range(struct dxc_record *rec, dxc_ino ino, u64 block, u64 count,
		      dxc_off data)
{
	struct daxfs_item_range *raw;

	raw = add(rec, data ? DAXFS_ITEM_MAP : DAXFS_ITEM_UNMAP, ino, sizeof(*raw), 0);
	if (!raw)
		return;
	raw->ra_block = cpu_to_le64(block);
	raw->ra_count = cpu_to_le64(count);
	raw->ra_data = cpu_to_le64(data);
	rec->ranges++;
}

void dxc_record_xattr(struct dxc_record *rec, dxc_ino ino, u32 prefix, const char *name,
		      u32 name_len, const void *value, u32 value_len)
{
	struct daxfs_item_xattr *raw;
	u8 *tail;

	if (value_len > 0xffff) {
		rec->full = true;
		return;
	}
	raw = add(rec, value ? DAXFS_ITEM_XATTR : DAXFS_ITEM_UNXATTR, ino, sizeof(*raw),
		  name_len + value_len);
	if (!raw)
		return;
	raw->xa_item.it_kind = prefix;
	raw->xa_item.it_len = name_len;
	raw->xa_item.it_len2 = cpu_to_le16(value_len);
	tail = (u8 *)(raw + 1);
	memcpy(tail, name, name_len);
	if (value_len)
		memcpy(tail + name_len, value, value_len);
}

/* ---- and back ---- */

static int decode_inode(const struct daxfs_item_inode *raw, struct dxc_attr *attr)
{
	u64 data = le64_to_cpu(raw->ii_data), rdev;

	attr->ino = le64_to_cpu(raw->ii_item.it_ino);
	attr->mode = le32_to_cpu(raw->ii_mode);
	attr->nlink = le32_to_cpu(raw->ii_nlink);
	attr->uid = le32_to_cpu(raw->ii_uid);
	attr->gid = le32_to_cpu(raw->ii_gid);
	attr->size = le64_to_cpu(raw->ii_size);
	attr->parent = S_ISDIR(attr->mode) ? data : 0;
	rdev = S_ISDIR(attr->mode) ? 0 : data;
	attr->rdev_major = rdev >> 32;
	attr->rdev_minor = (u32)rdev;
	attr->atime = (s64)le64_to_cpu(raw->ii_atime);
	attr->mtime = (s64)le64_to_cpu(raw->ii_mtime);
	attr->ctime = (s64)le64_to_cpu(raw->ii_ctime);
	attr->atime_nsec = le32_to_cpu(raw->ii_atime_nsec);
	attr->mtime_nsec = le32_to_cpu(raw->ii_mtime_nsec);
	attr->ctime_nsec = le32_to_cpu(raw->ii_ctime_nsec);
	attr->btime = (s64)le64_to_cpu(raw->ii_btime);
	attr->btime_nsec = le32_to_cpu(raw->ii_btime_nsec);

	if (attr->mode >> 16 || !(1u << dxc_type_of_mode(attr->mode) & DXC_DIRENT_TYPES))
		return -EUCLEAN;
	if (attr->uid == (u32)-1 || attr->gid == (u32)-1)
		return -EUCLEAN;
	if (attr->size > DXC_SIZE_MAX)
		return -EUCLEAN;
	/* A target is read into a buffer of that size. Other kinds have no contents at all. */
	if (S_ISLNK(attr->mode) ? !attr->size || attr->size > DAXFS_SYMLINK_MAX :
	    !S_ISREG(attr->mode) && !S_ISDIR(attr->mode) && attr->size)
		return -EUCLEAN;
	if (attr->atime_nsec > 999999999 || attr->mtime_nsec > 999999999 ||
	    attr->ctime_nsec > 999999999)
		return -EUCLEAN;
	if (attr->btime_nsec ? attr->btime_nsec > 1000000000 : attr->btime != 0)
		return -EUCLEAN;
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode) ?
	    attr->rdev_major >> 12 || attr->rdev_minor >> 20 : rdev != 0)
		return -EUCLEAN;
	if (S_ISDIR(attr->mode) && !attr->parent)
		return -EUCLEAN;
	return 0;
}

static int decode_range(const struct dxc_volume *vol, const struct daxfs_item_range *raw,
			struct dxc_item *item)
{
	const struct dxc_area *delta = &vol->area[DAXFS_AREA_DELTA];
	u64 end;

	item->block = le64_to_cpu(raw->ra_block);
	item->count = le64_to_cpu(raw->ra_count);
	item->data = le64_to_cpu(raw->ra_data);
	if (!item->count || check_add_overflow(item->block, item->count, &end) ||
	    end > DXC_BLOCKS_MAX)
		return -EUCLEAN;
	if (item->type == DAXFS_ITEM_UNMAP)
		return item->data ? -EUCLEAN : 0;
	/* count is at most 2^51, so the product cannot overflow. */
	if (item->data % DAXFS_BLOCK_SIZE ||
	    !dxc_range_ok(item->data, item->count * DAXFS_BLOCK_SIZE, delta->offset,
			  delta->length))
		return -EUCLEAN;
	return 0;
}

/* Names and xattrs: len and value_len are set, tail bytes follow the head. */
static int decode_text(struct dxc_item *item, const u8 *tail, u32 tail_len)
{
	u64 used = (u64)item->len + item->value_len;

	/* What pads an item to a multiple of 8 is zero. */
	if (used > tail_len || tail_len - used > 7)
		return -EUCLEAN;
	for (; used < tail_len; used++)
		if (tail[used])
			return -EUCLEAN;
	item->name = (const char *)tail;
	item->value = tail + item->len;
	switch (item->type) {
	case DAXFS_ITEM_LINK:
		if (item->kind > 12 || !(1u << item->kind & DXC_DIRENT_TYPES))
			return -EUCLEAN;
		return dxc_name_is_legal(item->name, item->len) ? 0 : -EUCLEAN;
	case DAXFS_ITEM_UNLINK:
		return dxc_name_is_legal(item->name, item->len) && !item->kind ? 0 : -EUCLEAN;
	case DAXFS_ITEM_SYMLINK:
		return item->len && item->len <= DAXFS_SYMLINK_MAX && !item->kind &&
			!memchr(item->name, 0, item->len) ? 0 : -EUCLEAN;
	}
	if (!item->kind || item->kind >= DAXFS_XATTR_PREFIXES)
		return -EUCLEAN;
	if (item->type == DAXFS_ITEM_UNXATTR && item->value_len)
		return -EUCLEAN;
	return item->kind == DAXFS_XATTR_ACL_ACCESS || item->kind == DAXFS_XATTR_ACL_DEFAULT ?
		(item->len ? -EUCLEAN : 0) :
		(!item->len || memchr(item->name, 0, item->len) ? -EUCLEAN : 0);
}

int dxc_item_next(const struct dxc_volume *vol, const void *record, u32 size,
		  u32 *pos, struct dxc_item *item)
{
	const struct daxfs_item *raw;
	const u8 *at;
	u32 item_size;

	if (!*pos)
		*pos = sizeof(struct daxfs_record);
	if (*pos == size)
		return -ENODATA;
	/* For who tells people of an item that cannot be. */
	item->type = 0;
	item->ino = 0;
	at = (const u8 *)record + *pos;
	raw = (const struct daxfs_item *)at;
	if (size - *pos < sizeof(*raw))
		return -EUCLEAN;
	item_size = le16_to_cpu(raw->it_size);
	if (item_size < sizeof(*raw) || item_size % 8 || item_size > size - *pos)
		return -EUCLEAN;
	item->type = le16_to_cpu(raw->it_type);
	item->kind = raw->it_kind;
	item->len = 0;
	item->value_len = 0;
	item->ino = le64_to_cpu(raw->it_ino);
	if (!item->ino)
		return -EUCLEAN;
	*pos += item_size;

	switch (item->type) {
	case DAXFS_ITEM_INODE:
		if (item_size != sizeof(struct daxfs_item_inode))
			return -EUCLEAN;
		return decode_inode((const struct daxfs_item_inode *)raw, &item->attr);
	case DAXFS_ITEM_MAP:
	case DAXFS_ITEM_UNMAP:
		if (item_size != sizeof(struct daxfs_item_range))
			return -EUCLEAN;
		return decode_range(vol, (const struct daxfs_item_range *)raw, item);
	case DAXFS_ITEM_LINK:
	case DAXFS_ITEM_UNLINK:
	case DAXFS_ITEM_SYMLINK:
		if (item_size < sizeof(struct daxfs_item_name))
			return -EUCLEAN;
		item->dir = le64_to_cpu(((const struct daxfs_item_name *)raw)->na_dir);
		item->len = raw->it_len;
		if (item->type == DAXFS_ITEM_SYMLINK)
			item->len = le16_to_cpu(raw->it_len2);
		if (!item->dir != (item->type == DAXFS_ITEM_SYMLINK))
			return -EUCLEAN;
		return decode_text(item, at + sizeof(struct daxfs_item_name),
				   item_size - sizeof(struct daxfs_item_name));
	case DAXFS_ITEM_XATTR:
	case DAXFS_ITEM_UNXATTR:
		item->len = raw->it_len;
		item->value_len = le16_to_cpu(raw->it_len2);
		return decode_text(item, at + sizeof(struct daxfs_item_xattr),
				   item_size - sizeof(struct daxfs_item_xattr));
	}
	return -EUCLEAN;
}
