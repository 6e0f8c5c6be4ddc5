// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the bytes of a file are, told to others: to mappings, FIEMAP and
 * SEEK_HOLE.
 */
#include <linux/fiemap.h>
#include <linux/iomap.h>
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

/* ---- FIEMAP, SEEK_HOLE, SEEK_DATA ---- */

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
	/* Others' bytes are in its block, which FIEMAP is told by this. */
	iomap->type = ex.packed ? IOMAP_INLINE : IOMAP_MAPPED;
	iomap->addr = ex.data;
	return 0;
}

static const struct iomap_ops daxfs_iomap_ops = {
	.iomap_begin = daxfs_iomap_begin,
};

loff_t daxfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file->f_mapping->host;

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

/*
 * The address told is the offset in the region, by which whoever has imported
 * the same dma-buf, or maps the same memory, finds the file.
 */
int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	return iomap_fiemap(inode, info, start, len, &daxfs_iomap_ops);
}
