// SPDX-License-Identifier: GPL-2.0-only
/*
 * Views: what a layer and everything below it say together. The topmost layer
 * that says something of an attribute, a name, a block or an xattr is right.
 */
#include "node.h"

/* When it was made the base does not say. */
static void attr_of_base(const struct dxc_inode *base, struct dxc_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->ino = base->ino;
	attr->mode = base->mode;
	attr->nlink = base->nlink;
	attr->uid = base->uid;
	attr->gid = base->gid;
	attr->size = base->size;
	attr->rdev_major = base->rdev_major;
	attr->rdev_minor = base->rdev_minor;
	attr->parent = base->parent;
	attr->atime = base->mtime;
	attr->mtime = base->mtime;
	attr->ctime = base->mtime;
	attr->atime_nsec = base->mtime_nsec;
	attr->mtime_nsec = base->mtime_nsec;
	attr->ctime_nsec = base->mtime_nsec;
}

/* top NULL: the base alone. -ESTALE: not known; without a name it is. */
static int inode_from(const struct dxc_layer *top, const struct dxc_volume *vol, dxc_ino ino,
		      struct dxc_file *file, struct dxc_finding *f)
{
	const struct dxc_layer *layer;
	bool has_attr = false;
	struct dxc_node *node;
	int err;

	file->in_base = false;
	file->touched = false;
	file->has_names = false;
	file->has_xattrs = false;
	for (layer = top; layer; layer = layer->lower) {
		node = dxc_node_find(layer, ino);
		if (!node)
			continue;
		file->touched = true;
		file->has_names |= node->slot_count || node->whiteouts;
		file->has_xattrs |= !!node->xattrs;
		if (!has_attr && node->has_attr) {
			file->attr = node->attr;
			has_attr = true;
		}
	}
	if (ino && ino <= vol->inode_count) {
		err = dxc_inode_read(vol, ino, &file->base, f);
		if (err)
			return err;
		file->in_base = true;
		if (!has_attr)
			attr_of_base(&file->base, &file->attr);
		has_attr = true;
	}
	return has_attr ? 0 : -ESTALE;
}

int dxc_view_inode(const struct dxc_layer *top, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f)
{
	int err = inode_from(top, top->vol, ino, file, f);

	return err ? err : file->attr.nlink ? 0 : -ESTALE;
}

int dxc_base_inode(const struct dxc_volume *vol, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f)
{
	int err = dxc_inode_read(vol, ino, &file->base, f);

	if (err)
		return err;
	file->in_base = true;
	file->touched = false;
	file->has_names = false;
	file->has_xattrs = false;
	attr_of_base(&file->base, &file->attr);
	return 0;
}

int dxc_layer_below(const struct dxc_layer *layer, dxc_ino ino, struct dxc_file *file)
{
	return inode_from(layer->lower, layer->vol, ino, file, NULL);
}

int dxc_view_is_below(const struct dxc_layer *top, dxc_ino dir, dxc_ino other,
		      struct dxc_finding *f)
{
	struct dxc_file file dxc_uninitialized;
	u64 left = top->vol->inode_count;
	const struct dxc_layer *layer;
	int err;

	/* No way up is longer than there are inodes. */
	for (layer = top; layer; layer = layer->lower)
		left += layer->node_count;
	for (; dir != other; dir = file.attr.parent) {
		if (dir == DAXFS_ROOT_INO)
			return 0;
		err = dxc_view_inode(top, dir, &file, f);
		if (err)
			return err;
		if (!left-- || !S_ISDIR(file.attr.mode))
			return dxc_found(f, -EUCLEAN, DXC_DIR_PARENT, DAXFS_AREA_DIRS, dir, 0,
					 file.attr.parent);
		if (left % 4096 == 0 && dxc_pause())
			return -EINTR;
	}
	return 1;
}

/* ---- names ---- */

const struct dxc_name *dxc_name_above(const struct dxc_layer *top,
				      const struct dxc_layer *bottom, dxc_ino dir, u32 hash,
				      const char *name, u32 len)
{
	const struct dxc_name *entry;

	for (; top != bottom; top = top->lower) {
		entry = dxc_name_find(top, dir, hash, name, len);
		if (entry)
			return entry;
	}
	return NULL;
}

static void entry_of_name(const struct dxc_name *entry, struct dxc_dirent *de)
{
	de->ino = entry->ino;
	de->type = entry->type;
	de->len = entry->len;
	memcpy(de->raw.bytes + DAXFS_DIRENT_HEADER, entry->name, entry->len);
}

int dxc_view_lookup(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		    const char *name, u32 len, struct dxc_dirent *de, struct dxc_finding *f)
{
	const struct dxc_name *entry;

	entry = dxc_name_above(top, NULL, dir, dxc_layer_hash(top, dir, name, len), name, len);
	if (entry) {
		if (entry->whiteout)
			return -ENOENT;
		entry_of_name(entry, de);
		return 0;
	}
	return base ? dxc_dir_lookup(top->vol, base, name, len, de, f) : -ENOENT;
}

int dxc_layer_below_name(const struct dxc_layer *layer, dxc_ino dir, const char *name, u32 len,
			 struct dxc_finding *f)
{
	struct dxc_dirent de dxc_uninitialized;
	const struct dxc_inode *base = NULL;
	struct dxc_inode in;
	int err;

	if (dir <= layer->vol->inode_count) {
		err = dxc_inode_read(layer->vol, dir, &in, f);
		if (err)
			return err;
		base = &in;
	}
	if (layer->lower)
		return dxc_view_lookup(layer->lower, dir, base, name, len, &de, f);
	return base ? dxc_dir_lookup(layer->vol, base, name, len, &de, f) : -ENOENT;
}

/* The first slot of a directory with at least that cookie. */
static u32 slot_at(const struct dxc_node *dir, u64 cookie)
{
	u32 lo = 0, hi = dir->slot_count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (dir->slots[mid].cookie < cookie)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first name from pos on that one layer has. */
static const struct dxc_slot *next_in_layer(const struct dxc_layer *layer, dxc_ino dir, u64 pos)
{
	const struct dxc_node *node = dxc_node_find(layer, dir);
	u32 i;

	if (!node)
		return NULL;
	for (i = slot_at(node, pos); i < node->slot_count; i++)
		if (node->slots[i].name)
			return &node->slots[i];
	return NULL;
}

/* The first name from pos on that layers have and no layer above overrides. */
static const struct dxc_slot *next_in_layers(const struct dxc_layer *top, dxc_ino dir, u64 pos)
{
	const struct dxc_layer *layer, *from = NULL;
	const struct dxc_slot *slot, *best;

	for (;; pos = best->cookie + 1) {
		best = NULL;
		for (layer = top; layer; layer = layer->lower) {
			slot = next_in_layer(layer, dir, pos);
			if (!slot || (best && best->cookie <= slot->cookie))
				continue;
			best = slot;
			from = layer;
		}
		/* Only of this one it is asked in all layers. */
		if (!best || !dxc_name_above(top, from, dir, best->name->hash, best->name->name,
					     best->name->len))
			return best;
	}
}

/* Does no layer say anything of an entry of the base? */
static bool is_shown(const struct dxc_layer *top, dxc_ino dir, const struct dxc_dirent *de)
{
	const char *name = dxc_dirent_name(de);

	return !dxc_name_above(top, NULL, dir, dxc_layer_hash(top, dir, name, de->len), name,
			       de->len);
}

int dxc_view_next(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		  u64 *pos, struct dxc_dirent *de, struct dxc_finding *f)
{
	const struct dxc_slot *best;
	int err;

	for (; base && *pos < base->count; ++*pos) {
		err = dxc_dir_entry(top->vol, base, *pos, de, f);
		if (err)
			return err;
		if (is_shown(top, dir, de))
			return 0;
		if (*pos % 4096 == 4095 && dxc_pause())
			return -EINTR;
	}
	best = next_in_layers(top, dir, *pos);
	if (!best)
		return -ENOENT;
	*pos = best->cookie;
	entry_of_name(best->name, de);
	return 0;
}

int dxc_view_at(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base, u64 pos,
		struct dxc_dirent *de, struct dxc_finding *f)
{
	const struct dxc_layer *layer;
	const struct dxc_slot *slot;
	int err;

	if (base && pos < base->count) {
		err = dxc_dir_entry(top->vol, base, pos, de, f);
		return err ? err : is_shown(top, dir, de) ? 0 : -ENOENT;
	}
	for (layer = top; layer; layer = layer->lower) {
		slot = next_in_layer(layer, dir, pos);
		if (!slot || slot->cookie != pos ||
		    dxc_name_above(top, layer, dir, slot->name->hash, slot->name->name,
				   slot->name->len))
			continue;
		entry_of_name(slot->name, de);
		return 0;
	}
	return -ENOENT;
}

int dxc_view_dir_empty(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		       struct dxc_finding *f)
{
	struct dxc_dirent de dxc_uninitialized;
	u64 pos = 0;
	int err = dxc_view_next(top, dir, base, &pos, &de, f);

	return err == -ENOENT ? 0 : err ? err : -ENOTEMPTY;
}

/* ---- blocks ---- */

/* [lo, hi) of blocks, of which block is one, made smaller. */
struct span {
	u64 lo, hi;
};

/* What one node says of a block; false: nothing, and span is as far as that goes. */
static bool map_in_node(const struct dxc_node *node, u64 block, struct span *span,
			dxc_off *data)
{
	const struct dxc_run *run;
	struct dxc_place at;
	u64 end;

	if (dxc_blockmap_find(&node->map, block, &at)) {
		run = dxc_blockmap_at(&node->map, at);
		end = run->block + run->count;
		if (block < end) {
			span->lo = max_t(u64, span->lo, run->block);
			span->hi = min_t(u64, span->hi, end);
			*data = run->data ?
				run->data + (span->lo - run->block) * DAXFS_BLOCK_SIZE : 0;
			return true;
		}
		span->lo = max_t(u64, span->lo, end);
	} else {
		at.leaf = 0;
		at.run = DXC_NO_INDEX;
	}
	if (dxc_blockmap_next(&node->map, &at))
		span->hi = min_t(u64, span->hi, dxc_blockmap_at(&node->map, at)->block);
	if (block >= node->lower_end) {
		span->lo = max_t(u64, span->lo, node->lower_end);
		*data = 0;
		return true;
	}
	span->hi = min_t(u64, span->hi, node->lower_end);
	return false;
}

static int map_in_base(const struct dxc_volume *vol, const struct dxc_inode *base, u64 block,
		       struct span *span, dxc_off *data, u32 *packed, struct dxc_finding *f)
{
	u64 end = base ? (base->size + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE : 0;
	struct dxc_extent ex;
	u64 first, last;
	int err;

	*data = 0;
	if (block >= end) {
		span->lo = max_t(u64, span->lo, end);
		return 0;
	}
	err = dxc_extent_map(vol, base, block * DAXFS_BLOCK_SIZE, &ex, f);
	if (err)
		return err;
	first = ex.pos / DAXFS_BLOCK_SIZE;
	last = (ex.pos + ex.len + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE;
	span->lo = max_t(u64, span->lo, first);
	span->hi = min_t(u64, span->hi, last);
	if (ex.data)
		*data = ex.data + (span->lo - first) * DAXFS_BLOCK_SIZE;
	*packed = ex.packed;
	return 0;
}

int dxc_view_map(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		 dxc_pos pos, struct dxc_part *part, struct dxc_finding *f)
{
	struct span span = { 0, DXC_BLOCKS_MAX };
	u64 block = pos / DAXFS_BLOCK_SIZE;
	const struct dxc_layer *layer;
	const struct dxc_node *node;
	dxc_off data = 0;
	int err;

	if (block >= DXC_BLOCKS_MAX)
		return -EFBIG;
	part->own = false;
	part->ex.packed = 0;
	for (layer = top; layer; layer = layer->lower) {
		node = dxc_node_find(layer, ino);
		if (node && map_in_node(node, block, &span, &data)) {
			part->own = layer == top && data;
			break;
		}
	}
	if (!layer) {
		err = map_in_base(top->vol, base, block, &span, &data, &part->ex.packed, f);
		if (err)
			return err;
	}
	part->ex.pos = span.lo * DAXFS_BLOCK_SIZE;
	part->ex.len = (span.hi - span.lo) * DAXFS_BLOCK_SIZE;
	part->ex.data = data;
	return 0;
}

int dxc_view_blocks(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		    u64 first, u64 end, u64 *units)
{
	dxc_pos pos = first * DAXFS_BLOCK_SIZE;
	struct dxc_part part;
	u32 n = 0;
	int err;

	*units = 0;
	while (pos / DAXFS_BLOCK_SIZE < end) {
		err = dxc_view_map(top, ino, base, pos, &part, NULL);
		if (err)
			return err;
		part.ex.len = min_t(u64, part.ex.pos + part.ex.len, end * DAXFS_BLOCK_SIZE) - pos;
		part.ex.pos = pos;
		if (part.ex.data)
			*units += dxc_extent_units(&part.ex);
		pos += part.ex.len;
		if (++n % 1024 == 0 && dxc_pause())
			return -EINTR;
	}
	return 0;
}

/* ---- symlinks, xattrs ---- */

int dxc_view_symlink(const struct dxc_layer *top, const struct dxc_file *file, char *buf,
		     struct dxc_finding *f)
{
	const struct dxc_volume *vol = top->vol;
	const struct dxc_node *node;

	for (; top; top = top->lower) {
		node = dxc_node_find(top, file->attr.ino);
		if (!node || !node->target)
			continue;
		/* The size came from an item of its own, which may lie. */
		if (strlen(node->target) != file->attr.size)
			break;
		memcpy(buf, node->target, file->attr.size + 1);
		return 0;
	}
	if (!top && file->in_base && file->base.size == file->attr.size)
		return dxc_symlink_read(vol, &file->base, buf, f);
	return dxc_found(f, -EUCLEAN, DXC_LINK_TARGET, DAXFS_AREA_DELTA, file->attr.ino, 0,
			 file->attr.size);
}

static const struct dxc_layer_xattr *xattr_overlay(const struct dxc_layer *top,
						   const struct dxc_layer *bottom,
						   dxc_ino ino, u32 prefix, const char *name,
						   u32 len)
{
	const struct dxc_layer_xattr *xa;
	struct dxc_node *node;

	for (; top != bottom; top = top->lower) {
		node = dxc_node_find(top, ino);
		xa = node ? dxc_xattr_in_node(top, node, prefix, name, len) : NULL;
		if (xa)
			return xa;
	}
	return NULL;
}

/* Bytes of xattr sets of the base that are looked through for the records of a log. */
#define LOOK_MIN	0x10000u
#define LOOK_PART	4u

bool dxc_layer_below_has_xattr(struct dxc_layer *layer, dxc_ino ino, u32 prefix,
			       const char *name, u32 len)
{
	const struct dxc_area *ar = &layer->vol->area[DAXFS_AREA_XATTRS];
	const struct dxc_layer_xattr *xa;
	struct dxc_xattr *found;
	struct dxc_inode base;
	int err;

	xa = xattr_overlay(layer->lower, NULL, ino, prefix, name, len);
	if (xa)
		return !xa->removed;
	if (ino > layer->vol->inode_count)
		return false;
	if (dxc_inode_read(layer->vol, ino, &base, NULL))
		return true;
	if (!base.xattr)
		return false;
	/* A short record may name a long set, and so may the next one. */
	if (layer->looked_through > LOOK_MIN + layer->log_bytes / LOOK_PART)
		return true;
	found = dxc_alloc(1, sizeof(*found));
	if (!found)
		return true;
	err = dxc_xattr_find(layer->vol, &base, prefix, name, len, found, NULL);
	if (found->end)
		layer->looked_through += found->end - ar->offset - (base.xattr - 1) * 8ull;
	dxc_free(found);
	return err != -ENODATA;
}

int dxc_view_xattr(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		   u32 prefix, const char *name, u32 name_len, void *value, size_t size,
		   struct dxc_finding *f)
{
	const struct dxc_volume *vol = top->vol;
	const struct dxc_layer_xattr *xa;
	struct dxc_xattr *found;
	int err;

	xa = xattr_overlay(top, NULL, ino, prefix, name, name_len);
	if (xa) {
		if (xa->removed)
			return -ENODATA;
		if (!size)
			return (int)xa->value_len;
		if (xa->value_len > size)
			return -ERANGE;
		memcpy(value, xa->bytes + xa->name_len, xa->value_len);
		return (int)xa->value_len;
	}
	if (!base || !base->xattr)
		return -ENODATA;
	found = dxc_alloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	err = dxc_xattr_find(vol, base, prefix, name, name_len, found, f);
	if (!err && size) {
		if (found->value_len > size)
			err = -ERANGE;
		else
			err = dxc_region_read(&vol->region, found->value, value,
					      found->value_len);
	}
	if (!err)
		err = (int)found->value_len;
	dxc_free(found);
	return err;
}

int dxc_view_xattrs(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		    int (*each)(void *priv, u32 prefix, const char *name, u32 len),
		    void *priv, struct dxc_finding *f)
{
	const struct dxc_layer *layer;
	const struct dxc_layer_xattr *xa;
	const struct dxc_node *node;
	struct dxc_xattr *found;
	const char *name;
	int err;

	for (layer = top; layer; layer = layer->lower) {
		node = dxc_node_find(layer, ino);
		for (xa = node ? node->xattrs : NULL; xa; xa = xa->next) {
			name = (const char *)xa->bytes;
			if (xa->removed ||
			    xattr_overlay(top, layer, ino, xa->prefix, name, xa->name_len))
				continue;
			err = each(priv, xa->prefix, name, xa->name_len);
			if (err)
				return err;
		}
	}
	if (!base || !base->xattr)
		return 0;
	found = dxc_alloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	while (!(err = dxc_xattr_next(top->vol, base, found, f))) {
		if (xattr_overlay(top, NULL, ino, found->prefix, found->name, found->name_len))
			continue;
		err = each(priv, found->prefix, found->name, found->name_len);
		if (err)
			break;
	}
	dxc_free(found);
	return err == -ENODATA ? 0 : err;
}

static int count_name(void *priv, u32 prefix, const char *name, u32 len)
{
	u64 *left = priv, need = strlen(dxc_xattr_prefix(prefix)) + len + 1;

	(void)name;
	if (need > *left)
		return -ENOSPC;
	*left -= need;
	return 0;
}

int dxc_view_xattr_room(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
			u32 prefix, u32 name_len, struct dxc_finding *f)
{
	u64 left = DXC_XATTR_LIST_MAX;
	int err = count_name(&left, prefix, NULL, name_len);

	return err ? err : dxc_view_xattrs(top, ino, base, count_name, &left, f);
}
