// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks the core for what a branch or the base shows. Decides nothing of what
 * the bytes mean; knows no output.
 */
#include "contents.h"

static const struct dxc_inode *base_of(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

int contents_inode(const struct contents *c, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f)
{
	if (c->top)
		return dxc_view_inode(c->top, ino, file, f);
	return dxc_base_inode(c->vol, ino, file, f);
}

int contents_lookup(const struct contents *c, const struct dxc_file *dir,
		    const char *name, u32 len, struct dxc_dirent *de,
		    struct dxc_finding *f)
{
	if (c->top)
		return dxc_view_lookup(c->top, dir->attr.ino, base_of(dir), name, len, de,
				       f);
	return dxc_dir_lookup(c->vol, &dir->base, name, len, de, f);
}

int contents_next(const struct contents *c, const struct dxc_file *dir, u64 *pos,
		  struct dxc_dirent *de, struct dxc_finding *f)
{
	if (c->top)
		return dxc_view_next(c->top, dir->attr.ino, base_of(dir), pos, de, f);
	if (*pos >= dir->base.count)
		return -ENOENT;
	return dxc_dir_entry(c->vol, &dir->base, (u32)*pos, de, f);
}

int contents_map(const struct contents *c, const struct dxc_file *file, dxc_pos pos,
		 struct dxc_extent *ex, struct dxc_finding *f)
{
	struct dxc_part part;
	u64 end;
	int err;

	if (c->top) {
		err = dxc_view_map(c->top, file->attr.ino, base_of(file), pos, &part, f);
		*ex = part.ex;
	} else {
		err = dxc_extent_map(c->vol, &file->base, pos, ex, f);
	}
	if (err)
		return err;
	end = min_t(u64, ex->pos + ex->len, file->attr.size);
	/* Behind what is packed the block is a hole. */
	if (ex->packed && pos - ex->pos < ex->packed)
		end = min_t(u64, ex->pos + ex->packed, end);
	else if (ex->packed)
		ex->data = 0;
	if (ex->data)
		ex->data += pos - ex->pos;
	ex->pos = pos;
	ex->len = end - pos;
	return 0;
}

int contents_blocks(const struct contents *c, const struct dxc_file *file, u64 *units,
		    struct dxc_finding *f)
{
	struct dxc_extent ex;
	int err;

	if (file->touched && S_ISREG(file->attr.mode))
		return dxc_view_blocks(c->top, file->attr.ino, base_of(file), 0,
				       DXC_BLOCKS_MAX, units);
	*units = file->attr.size / DAXFS_BLOCK_SIZE +
		 !!(file->attr.size % DAXFS_BLOCK_SIZE);
	*units *= DAXFS_BLOCK_SIZE >> 9;
	if (file->in_base && file->base.flags & DAXFS_IN_PACKED)
		*units = (file->attr.size + 511) >> 9;
	if (!file->in_base || !(file->base.flags & DAXFS_IN_EXTENTS))
		return 0;
	*units = 0;
	for (u32 i = 0; i < file->base.count; i++) {
		err = dxc_extent_read(c->vol, &file->base, i, &ex, f);
		if (err)
			return err;
		*units += ex.len >> 9;
	}
	return 0;
}

int contents_link(const struct contents *c, const struct dxc_file *file, char **target,
		  struct dxc_finding *f)
{
	char *text;
	int err;

	/* Bounds the allocation, whatever the core thinks of the size. */
	if (file->attr.size > DAXFS_SYMLINK_MAX)
		return dxc_found(f, -EUCLEAN, DXC_INO_SIZE, DAXFS_AREA_INODES,
				 file->attr.ino, 0, file->attr.size);
	text = malloc(file->attr.size + 1);
	if (!text)
		return -ENOMEM;
	if (c->top)
		err = dxc_view_symlink(c->top, file, text, f);
	else
		err = dxc_symlink_read(c->vol, &file->base, text, f);
	if (err) {
		free(text);
		return err;
	}
	*target = text;
	return 0;
}

int contents_xattrs(const struct contents *c, const struct dxc_file *file,
		    int (*each)(void *priv, u32 prefix, const char *name, u32 len),
		    void *priv, struct dxc_finding *f)
{
	struct dxc_xattr xa = { 0 };
	int err = 0;

	if (c->top)
		return dxc_view_xattrs(c->top, file->attr.ino, base_of(file), each, priv,
				       f);
	if (!file->base.xattr)
		return 0;
	while (!err) {
		err = dxc_xattr_next(c->vol, &file->base, &xa, f);
		if (!err)
			err = each(priv, xa.prefix, xa.name, xa.name_len);
	}
	return err == -ENODATA ? 0 : err;
}

int contents_xattr(const struct contents *c, const struct dxc_file *file, u32 prefix,
		   const char *name, u32 len, void *value, struct dxc_finding *f)
{
	struct dxc_xattr xa = { 0 };
	int err;

	if (c->top)
		return dxc_view_xattr(c->top, file->attr.ino, base_of(file), prefix, name,
				      len, value, DAXFS_XATTR_VALUE_MAX, f);
	err = dxc_xattr_find(c->vol, &file->base, prefix, name, len, &xa, f);
	if (!err)
		err = dxc_region_read(&c->vol->region, xa.value, value, xa.value_len);
	return err ? err : (int)xa.value_len;
}

u64 contents_names_max(const struct contents *c)
{
	u64 max = c->vol->area[DAXFS_AREA_DIRS].length / DAXFS_DIRENT_UNIT;

	for (const struct dxc_layer *layer = c->top; layer; layer = layer->lower)
		max += layer->name_count;
	return max;
}
