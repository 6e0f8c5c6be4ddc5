// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on the topmost layer of a view. Each puts a record together that
 * states what holds afterwards, makes ready whatever memory taking it in
 * needs, appends it - from there on it has happened - and takes it in.
 */
#include "node.h"

static int append(struct dxc_layer *layer, struct dxc_record *rec, enum dxc_purpose purpose)
{
	dxc_chunk chunk;
	u32 count;
	int err;

	if (rec->full || rec->size > DAXFS_RECORD_MAX)
		return -E2BIG;
	/* What was lost would be behind it, or in its place. */
	if (unlikely(layer->damaged))
		return -EUCLEAN;
	if (unlikely(layer->fenced))
		return -ESTALE;
	if (dxc_log_has_room(layer->vol, &layer->log, rec))
		return dxc_log_add(layer->vol, &layer->log, rec);
	err = dxc_space_take_segment(layer, rec->size, purpose, &chunk, &count);
	if (err == -ENOSPC && dxc_layer_squeeze(layer)) {
		if (dxc_log_has_room(layer->vol, &layer->log, rec))
			return dxc_log_add(layer->vol, &layer->log, rec);
		err = dxc_space_take_segment(layer, rec->size, purpose, &chunk, &count);
	}
	if (unlikely(layer->fenced))
		err = -ESTALE;
	if (err)
		return err;
	/* Whoever has the lease may have given them back, and to a file. */
	if (!dxc_layer_look(layer))
		return -ESTALE;
	err = dxc_log_extend(layer->vol, &layer->log,
			     dxc_branch_head_at(layer->vol, layer->owner.branch), chunk, count,
			     rec);
	/* The log was extended by a former holder of the lease that came late, or by a new one. */
	if (err == -ESTALE)
		layer->fenced = true;
	if (err)
		dxc_space_drop_segment(layer, chunk, count);
	else
		layer->behind = 0;
	return err;
}

/*
 * Whoever takes the lease over reads the log after that: a record is in what he has read, or
 * behind where he goes on, and nobody can know which.
 */
int dxc_layer_append(struct dxc_layer *layer, struct dxc_record *rec, enum dxc_purpose purpose)
{
	int err = append(layer, rec, purpose);

	if (unlikely(err))
		return err;
	dxc_layer_tell(layer);
	return likely(dxc_layer_look(layer)) ? 0 : -ESTALE;
}

/* Without memory for it the record has no room, which finish() says. */
static void begin_record(struct dxc_layer *layer, struct dxc_record *rec)
{
	bool there = !dxc_layer_scratch(layer);

	dxc_record_start(rec, layer->scratch, there ? DAXFS_RECORD_MAX : 0);
}

static int finish(struct dxc_layer *layer, struct dxc_record *rec, enum dxc_purpose purpose)
{
	struct dxc_apply ap;
	int err;

	if (rec->full)
		return rec->room ? -E2BIG : -ENOMEM;
	err = dxc_apply_prepare(layer, rec->buf, rec->size, rec->ranges, false, &ap, NULL);
	if (err)
		return err;
	err = dxc_layer_append(layer, rec, purpose);
	if (err) {
		dxc_apply_cancel(layer, rec->buf, rec->size, &ap);
		return err;
	}
	dxc_apply(layer, rec->size, &ap);
	return 0;
}

/* ---- names ---- */

/* One link more; a log that lies may have left no room for it, and 0 would be no inode. */
static void gain_name(struct dxc_attr *attr)
{
	attr->nlink += attr->nlink < 0xffffffffu;
}

int dxc_op_create(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		  const struct dxc_attr *attr, const char *target,
		  const struct dxc_new_xattr *xattrs, u32 xattr_count)
{
	u32 nlink = dir ? dir->nlink : 0, i;
	struct dxc_record rec;
	int err;

	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	if (target)
		dxc_record_symlink(&rec, attr->ino, target, attr->size);
	for (i = 0; i < xattr_count; i++)
		dxc_record_xattr(&rec, attr->ino, xattrs[i].prefix, xattrs[i].name,
				 xattrs[i].name_len, xattrs[i].value, xattrs[i].value_len);
	if (dir) {
		if (S_ISDIR(attr->mode))
			gain_name(dir);
		dxc_record_inode(&rec, dir);
		dxc_record_link(&rec, dir->ino, name, len, attr->ino,
				dxc_type_of_mode(attr->mode));
	}
	err = finish(layer, &rec, DXC_GROWS);
	if (err && dir)
		dir->nlink = nlink;
	return err;
}

int dxc_op_link(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		struct dxc_attr *attr)
{
	u32 nlink = attr->nlink;
	struct dxc_record rec;
	int err;

	gain_name(attr);
	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	dxc_record_inode(&rec, dir);
	dxc_record_link(&rec, dir->ino, name, len, attr->ino, dxc_type_of_mode(attr->mode));
	err = finish(layer, &rec, DXC_GROWS);
	if (err)
		attr->nlink = nlink;
	return err;
}

/* One name less: what that makes of nlink. A directory had its own "." too. */
static void lose_name(struct dxc_attr *attr, struct dxc_attr *dir)
{
	if (S_ISDIR(attr->mode)) {
		attr->nlink = 0;
		dir->nlink -= dir->nlink > 2;
	} else {
		attr->nlink -= attr->nlink > 0;
	}
}

/* Has the layer blocks of it? Holes give nothing back. */
static bool has_blocks(const struct dxc_node *node)
{
	struct dxc_place at = { 0, DXC_NO_INDEX };

	while (dxc_blockmap_next(&node->map, &at))
		if (dxc_blockmap_at(&node->map, at)->data)
			return true;
	return false;
}

/* What goes with the name: nothing that the layer has, if the name is of those below, and the inode. */
static enum dxc_purpose loses(const struct dxc_layer *layer, dxc_ino dir, const char *name, u32 len,
			      dxc_ino ino)
{
	u32 hash = dxc_layer_hash(layer, dir, name, len);
	const struct dxc_node *node = dxc_node_find(layer, ino);

	return dxc_name_find(layer, dir, hash, name, len) ||
		(node && (has_blocks(node) || node->xattrs)) ? DXC_FREES : DXC_HIDES;
}

int dxc_op_unlink(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		  struct dxc_attr *attr)
{
	u32 nlink = attr->nlink, dir_nlink = dir->nlink;
	struct dxc_record rec;
	int err;

	lose_name(attr, dir);
	begin_record(layer, &rec);
	dxc_record_unlink(&rec, dir->ino, name, len, attr->ino);
	dxc_record_inode(&rec, attr);
	dxc_record_inode(&rec, dir);
	err = finish(layer, &rec, loses(layer, dir->ino, name, len, attr->ino));
	if (err) {
		attr->nlink = nlink;
		dir->nlink = dir_nlink;
	}
	return err;
}

/* A directory that moves takes its ".." with it. */
static void move_parent(struct dxc_attr *attr, struct dxc_attr *from, struct dxc_attr *to)
{
	if (!S_ISDIR(attr->mode) || from == to)
		return;
	attr->parent = to->ino;
	from->nlink -= from->nlink > 2;
	gain_name(to);
}

int dxc_op_rename(struct dxc_layer *layer, struct dxc_rename *rn)
{
	struct dxc_attr old_dir = *rn->old_dir, new_dir = *rn->new_dir, inode = *rn->inode;
	struct dxc_attr target, *other = rn->target;
	struct dxc_record rec;
	int err;

	if (other)
		target = *other;
	begin_record(layer, &rec);
	dxc_record_unlink(&rec, rn->old_dir->ino, rn->old_name, rn->old_len, rn->inode->ino);
	if (other) {
		dxc_record_unlink(&rec, rn->new_dir->ino, rn->new_name, rn->new_len, other->ino);
		if (rn->exchange)
			move_parent(other, rn->new_dir, rn->old_dir);
		else
			lose_name(other, rn->new_dir);
	}
	move_parent(rn->inode, rn->old_dir, rn->new_dir);
	dxc_record_inode(&rec, rn->inode);
	if (other)
		dxc_record_inode(&rec, other);
	if (rn->whiteout)
		dxc_record_inode(&rec, rn->whiteout);
	dxc_record_inode(&rec, rn->old_dir);
	if (rn->new_dir != rn->old_dir)
		dxc_record_inode(&rec, rn->new_dir);
	dxc_record_link(&rec, rn->new_dir->ino, rn->new_name, rn->new_len, rn->inode->ino,
			dxc_type_of_mode(rn->inode->mode));
	if (rn->exchange)
		dxc_record_link(&rec, rn->old_dir->ino, rn->old_name, rn->old_len, other->ino,
				dxc_type_of_mode(other->mode));
	else if (rn->whiteout)
		dxc_record_link(&rec, rn->old_dir->ino, rn->old_name, rn->old_len,
				rn->whiteout->ino, dxc_type_of_mode(rn->whiteout->mode));
	err = finish(layer, &rec, DXC_GROWS);
	if (!err)
		return 0;
	*rn->old_dir = old_dir;
	*rn->new_dir = new_dir;
	*rn->inode = inode;
	if (other)
		*other = target;
	return err;
}

/* ---- attributes and contents ---- */

int dxc_op_setattr(struct dxc_layer *layer, const struct dxc_attr *attr)
{
	struct dxc_record rec;

	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	/* It may happen any number of times, and makes no room. */
	return finish(layer, &rec, DXC_GROWS);
}

static void make_zero(const struct dxc_volume *vol, dxc_off off, u32 len)
{
	memset(vol->region.base + off, 0, len);
	/* Durable after the next fence. */
	if (vol->region.persistent)
		dxc_write_back(vol->region.base + off, len);
}

/* A copy of the first len bytes of a block, zeros after them, in a new block. */
static int copy_block(struct dxc_layer *layer, dxc_off from, u32 len, dxc_off *to)
{
	const struct dxc_volume *vol = layer->vol;
	u64 got;
	int err;

	err = dxc_blocks_take(layer, 0, 1, to, &got);
	if (err)
		return err;
	err = dxc_region_read(&vol->region, from, vol->region.base + *to, len);
	if (err) {
		dxc_blocks_give_back(layer, *to, 1);
		return err;
	}
	if (vol->region.persistent)
		dxc_write_back(vol->region.base + *to, len);
	make_zero(vol, *to + len, DAXFS_BLOCK_SIZE - len);
	return 0;
}

/*
 * Where the block is that a file of that size ends in; 0: in a hole, it ends with a block, or
 * nothing can be behind the end: a packed file has zeros there.
 */
static int find_last(const struct dxc_layer *layer, dxc_ino ino, const struct dxc_inode *base,
		     u64 size, dxc_off *last, bool *own, struct dxc_finding *f)
{
	u32 rest = size % DAXFS_BLOCK_SIZE;
	struct dxc_part part;
	int err;

	*last = 0;
	*own = false;
	if (!rest)
		return 0;
	err = dxc_view_map(layer, ino, base, size, &part, f);
	if (err)
		return err;
	*own = part.own;
	if (part.ex.data && (!part.ex.packed || part.ex.packed > rest))
		*last = part.ex.data + (size - rest - part.ex.pos);
	return 0;
}

int dxc_op_clean_end(struct dxc_layer *layer, const struct dxc_attr *attr,
		     const struct dxc_inode *base, bool *copied, struct dxc_finding *f)
{
	u32 rest = attr->size % DAXFS_BLOCK_SIZE;
	dxc_off last, copy;
	bool own;
	int err;

	*copied = false;
	err = find_last(layer, attr->ino, base, attr->size, &last, &own, f);
	if (err || !last)
		return err;
	if (own) {
		make_zero(layer->vol, last + rest, DAXFS_BLOCK_SIZE - rest);
		/* Before the record that makes the file longer. */
		dxc_write_fence(layer->vol->region.persistent);
		return 0;
	}
	err = copy_block(layer, last, rest, &copy);
	if (err)
		return err;
	err = dxc_op_map(layer, attr, attr->size / DAXFS_BLOCK_SIZE, 1, copy);
	if (err)
		dxc_blocks_give_back(layer, copy, 1);
	*copied = !err;
	return err;
}

/* What a file that becomes shorter makes of the space: blocks of layers below do not come back. */
static enum dxc_purpose cuts(const struct dxc_layer *layer, dxc_ino ino)
{
	const struct dxc_node *node = dxc_node_find(layer, ino);

	return node && has_blocks(node) ? DXC_FREES : DXC_TRIMS;
}

int dxc_op_resize(struct dxc_layer *layer, struct dxc_attr *attr, const struct dxc_inode *base,
		  u64 size, struct dxc_finding *f)
{
	u64 before = attr->size, shorter = min_t(u64, size, before);
	u32 rest = shorter % DAXFS_BLOCK_SIZE;
	dxc_off last = 0, copy = 0;
	struct dxc_record rec;
	bool own = false;
	int err;

	if (size != before) {
		err = find_last(layer, attr->ino, base, shorter, &last, &own, f);
		if (err)
			return err;
	}
	/* What was written behind the end through a mapping must not come to light. */
	if (last && own && size > before)
		make_zero(layer->vol, last + rest, DAXFS_BLOCK_SIZE - rest);
	if (last && !own) {
		err = copy_block(layer, last, rest, &copy);
		if (err)
			return err;
	}
	/* What the block says is there before the record that shows it. */
	if (last)
		dxc_write_fence(layer->vol->region.persistent);
	attr->size = size;
	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	if (copy)
		dxc_record_range(&rec, attr->ino, shorter / DAXFS_BLOCK_SIZE, 1, copy);
	err = finish(layer, &rec, size < before && !copy ? cuts(layer, attr->ino) : DXC_GROWS);
	if (err) {
		attr->size = before;
		if (copy)
			dxc_blocks_give_back(layer, copy, 1);
		return err;
	}
	if (last && own && size < before) {
		make_zero(layer->vol, last + rest, DAXFS_BLOCK_SIZE - rest);
		dxc_write_fence(layer->vol->region.persistent);
	}
	return 0;
}

int dxc_op_trim(struct dxc_layer *layer, const struct dxc_attr *attr,
		const struct dxc_inode *base, struct dxc_finding *f)
{
	u64 end = (attr->size + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE, first = 0, last = 0;
	dxc_pos pos = end * DAXFS_BLOCK_SIZE;
	struct dxc_part part;
	int err;

	while (pos / DAXFS_BLOCK_SIZE < DXC_BLOCKS_MAX) {
		err = dxc_view_map(layer, attr->ino, base, pos, &part, f);
		if (err)
			return err;
		if (part.ex.data) {
			first = first ? first : pos / DAXFS_BLOCK_SIZE;
			last = (part.ex.pos + part.ex.len) / DAXFS_BLOCK_SIZE;
		}
		pos = part.ex.pos + part.ex.len;
	}
	return last ? dxc_op_punch(layer, attr, first, last - first) : dxc_op_setattr(layer, attr);
}

int dxc_op_map(struct dxc_layer *layer, const struct dxc_attr *attr, u64 block, u64 count,
	       dxc_off off)
{
	struct dxc_record rec;

	/* What the caller filled the blocks with is there before the record that shows it. */
	dxc_write_fence(layer->vol->region.persistent);
	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	dxc_record_range(&rec, attr->ino, block, count, off);
	return finish(layer, &rec, DXC_GROWS);
}

int dxc_op_punch(struct dxc_layer *layer, const struct dxc_attr *attr, u64 block, u64 count)
{
	struct dxc_record rec;

	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	dxc_record_range(&rec, attr->ino, block, count, 0);
	return finish(layer, &rec, DXC_TRIMS);
}

int dxc_op_xattr(struct dxc_layer *layer, const struct dxc_attr *attr, u32 prefix,
		 const char *name, u32 len, const void *value, u32 value_len)
{
	struct dxc_record rec;

	begin_record(layer, &rec);
	dxc_record_inode(&rec, attr);
	dxc_record_xattr(&rec, attr->ino, prefix, name, len, value, value_len);
	return finish(layer, &rec, value ? DXC_GROWS : DXC_TRIMS);
}

static void free_run(struct dxc_layer *layer, const struct dxc_run *run)
{
	if (run->data)
		dxc_space_free(layer, run->data, run->count);
}

void dxc_op_forget(struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_node *node = dxc_node_find(layer, ino);
	struct dxc_place at = { 0, DXC_NO_INDEX };

	/* What has a name, or is a lower layer's, stays. */
	if (!node || !node->has_attr || node->attr.nlink)
		return;
	while (dxc_blockmap_next(&node->map, &at))
		free_run(layer, dxc_blockmap_at(&node->map, at));
	dxc_node_drop(layer, node);
}
