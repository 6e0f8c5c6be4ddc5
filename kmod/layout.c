// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the bytes of a file are, told to others: to mappings, FIEMAP and
 * SEEK_HOLE.
 */
#include <linux/fiemap.h>
#include <linux/iomap.h>
#include <linux/slab.h>
#include "daxfs.h"
#include "backing/backing.h"

int daxfs_find_extent(struct inode *inode, loff_t pos, struct dxc_extent *ex,
		      struct dxc_finding *f)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	int err;

	if (likely(!daxfs_is_stale_or(inode, ~0ul)))
		return dxc_extent_map(&daxfs_volume_of(inode)->core, &info->core, pos, ex, f);
	layer = daxfs_view_read(inode->i_sb, &hold);
	err = daxfs_is_stale(inode) ? -ESTALE :
		dxc_view_map(layer, inode->i_ino, daxfs_base_of(info), pos, &part, f);
	daxfs_view_read_end(inode->i_sb, &hold);
	*ex = part.ex;
	return err;
}

/* ---- SEEK_HOLE, SEEK_DATA ---- */

static int daxfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
			     unsigned int flags, struct iomap *iomap,
			     struct iomap *srcmap)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct dxc_extent ex;
	int err, id;

	/* Called in a loop over as many extents as the image likes. */
	err = dxc_pause();
	if (err)
		return err;
	iomap->flags = 0;
	if (pos >= i_size_read(inode)) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		iomap->offset = pos;
		iomap->length = length;
		return 0;
	}
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = daxfs_find_extent(inode, pos, &ex, &f);
	daxfs_backing_exit(vol->backing, id);
	if (err) {
		daxfs_bad(vol, err, &f);
		return err;
	}
	/* What is packed ends before its block does. */
	if (ex.packed && pos < ex.packed) {
		ex.len = ex.packed;
	} else if (ex.packed) {
		ex.pos = ex.packed;
		ex.len -= ex.packed;
		ex.data = 0;
	}
	iomap->offset = ex.pos;
	iomap->length = ex.len;
	if (!ex.data) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		return 0;
	}
	iomap->type = IOMAP_MAPPED;
	iomap->addr = ex.data;
	return 0;
}

static const struct iomap_ops daxfs_iomap_ops = {
	.iomap_begin = daxfs_iomap_begin,
};

loff_t daxfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file->f_mapping->host;

	if (whence != SEEK_SET && whence != SEEK_CUR)
		daxfs_catch_up(inode->i_sb);
	switch (whence) {
	case SEEK_HOLE:
		offset = iomap_seek_hole(inode, offset, &daxfs_iomap_ops);
		break;
	case SEEK_DATA:
		offset = iomap_seek_data(inode, offset, &daxfs_iomap_ops);
		break;
	default:
		return generic_file_llseek(file, offset, whence);
	}
	if (offset < 0)
		return offset;
	return vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

/* ---- FIEMAP ---- */

/* Looked into under one hold of the view. */
#define LOOK_MAX	(256u << PAGE_SHIFT)

/* An extent as FIEMAP tells it. */
struct told {
	u64 pos, len;
	dxc_off data;			/* 0: a hole */
	u32 flags;
};

static bool is_zero_block(const struct daxfs_volume *vol, dxc_off off, void *buf)
{
	const struct dxc_region *region = &vol->core.region;

	/* A few bytes tell most of them. */
	return !dxc_region_read(region, off, buf, 64) && !memchr_inv(buf, 0, 64) &&
	       !dxc_region_read(region, off, buf, PAGE_SIZE) && !memchr_inv(buf, 0, PAGE_SIZE);
}

/*
 * A block of a branch that was only allocated is zeros, and says nothing else of
 * it: unwritten is what reads as if it had never been written to.
 */
static void look_into(const struct daxfs_volume *vol, struct told *t, void *buf)
{
	u64 len = min_t(u64, t->len, LOOK_MAX), at;
	bool zero = is_zero_block(vol, t->data, buf);

	for (at = PAGE_SIZE; at < len; at += PAGE_SIZE) {
		if (is_zero_block(vol, t->data + at, buf) != zero)
			break;
	}
	t->len = min(at, len);
	if (zero)
		t->flags |= FIEMAP_EXTENT_UNWRITTEN;
}

/* The extent at pos, from there on. Inside the backing. buf is a page. */
static int tell_one(struct inode *inode, u64 pos, struct told *t, void *buf)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_part part = {};
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	int err;

	t->pos = pos;
	t->flags = 0;
	if (daxfs_has_branches(vol)) {
		layer = daxfs_view_read(inode->i_sb, &hold);
		err = daxfs_is_stale(inode) ? -ESTALE :
			dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), pos,
				     &part, &f);
		if (part.ex.data && !part.own)
			t->flags |= FIEMAP_EXTENT_SHARED;
	} else {
		err = dxc_extent_map(&vol->core, &DAXFS_I(inode)->core, pos, &part.ex, &f);
	}
	t->data = part.ex.data ? part.ex.data + (pos - part.ex.pos) : 0;
	t->len = part.ex.len - (pos - part.ex.pos);
	/* Of a packed file's block only the first bytes are anywhere, among others'. */
	if (part.ex.packed && pos - part.ex.pos < part.ex.packed) {
		t->len = part.ex.packed - (pos - part.ex.pos);
		t->flags |= FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_NOT_ALIGNED;
	} else if (part.ex.packed) {
		t->data = 0;
	} else if (!err && part.own) {
		look_into(vol, t, buf);
	}
	if (daxfs_has_branches(vol))
		daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_bad(vol, err, &f);
	return err;
}

/* The first extent from pos on that is no hole, in one piece as far as it goes; data 0: none. */
static int tell_next(struct inode *inode, u64 pos, struct told *t, void *buf)
{
	u64 end = daxfs_has_branches(daxfs_volume_of(inode)) ? inode->i_sb->s_maxbytes :
							       i_size_read(inode);
	struct told more;
	int err;

	t->data = 0;
	for (; pos < end && !t->data; pos = t->pos + t->len) {
		err = dxc_pause() ? -EINTR : tell_one(inode, pos, t, buf);
		if (err)
			return err;
	}
	while (t->data && pos < end) {
		err = dxc_pause() ? -EINTR : tell_one(inode, pos, &more, buf);
		if (err)
			return err;
		if (more.data != t->data + t->len || more.flags != t->flags)
			break;
		t->len += more.len;
		pos += more.len;
	}
	return 0;
}

/* The same, inside the backing: not while the user's memory is written to, which may not come. */
static int tell_next_inside(struct inode *inode, u64 pos, struct told *t, void *buf)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	int id = daxfs_backing_enter(backing), err;

	if (id < 0)
		return id;
	err = tell_next(inode, pos, t, buf);
	daxfs_backing_exit(backing, id);
	return err;
}

/*
 * Physical is the offset in the region, by which whoever has imported the same
 * dma-buf, or maps the same memory, finds the file. Blocks behind the end are
 * told, too, and only the last extent of the file is called so, whatever was asked for.
 */
int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	struct told t, next;
	void *buf;
	int err;

	err = fiemap_prep(inode, info, start, &len, 0);
	if (err)
		return err;
	buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = tell_next_inside(inode, round_down(start, PAGE_SIZE), &t, buf);
	while (!err && t.data && t.pos < start + len) {
		err = tell_next_inside(inode, t.pos + t.len, &next, buf);
		if (!err)
			err = fiemap_fill_next_extent(info, t.pos, t.data, t.len, t.flags |
						      (next.data ? 0 : FIEMAP_EXTENT_LAST));
		t = next;
	}
	kfree(buf);
	/* 1: no room for more. */
	return err < 0 ? err : 0;
}
