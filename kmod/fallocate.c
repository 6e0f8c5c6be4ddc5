// SPDX-License-Identifier: GPL-2.0-only
/*
 * fallocate(2): all or nothing. What can fail comes first and is not to be seen
 * from outside, or is undone: blocks of zeros where there were holes, copies of
 * blocks that are to be zeroed in part. Size, times and contents change at the
 * end, when nothing can fail any more.
 *
 * Called under i_rwsem, which keeps away whoever reads or writes the file, but
 * not its mappings: what they store into a block while it is here is kept.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "daxfs.h"
#include "backing/backing.h"

/* Blocks given to the file under one hold of the branch's lock. */
#define PIECE_BLOCKS	256u

/* Zeros in the part of the file's own block that [pos, pos + len) covers. */
struct edge {
	dxc_off off;			/* where they go; 0: a hole, which is zero */
	size_t len;
	loff_t block;			/* offset in the file */
	bool fresh;			/* see daxfs_own_block() */
};

static int own_edge(struct dxc_layer *layer, struct inode *inode, loff_t pos, size_t len,
		    struct edge *edge)
{
	struct dxc_part part;
	dxc_off off;
	int err;

	edge->len = len;
	edge->block = round_down(pos, PAGE_SIZE);
	edge->off = 0;
	edge->fresh = false;
	if (!len)
		return 0;
	err = dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), edge->block, &part,
			   NULL);
	if (err || !part.ex.data)
		return err;
	err = daxfs_own_block(layer, inode, edge->block, &off, &edge->fresh);
	if (!err)
		edge->off = off + offset_in_page(pos);
	return err;
}

/* Whoever has the old block mapped comes for the copy. Under the same invalidate_lock. */
static void unmap_edge(struct inode *inode, const struct edge *edge)
{
	if (!edge->fresh)
		return;
	unmap_mapping_range(inode->i_mapping, edge->block, PAGE_SIZE, 0);
	daxfs_disown(inode, edge->block >> PAGE_SHIFT, edge->block >> PAGE_SHIFT);
}

/* ---- holes ---- */

/* A hole as far as whole blocks go, zeros around it. -EAGAIN: after daxfs_view_claim(). */
static int try_punch(struct inode *inode, u64 pos, u64 end)
{
	struct inode *const changed[] = { inode, NULL };
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	u64 first = DIV_ROUND_UP_ULL(pos, PAGE_SIZE), last = end >> PAGE_SHIFT;
	u64 head = min(end, first << PAGE_SHIFT) - pos;
	u64 tail = first <= last ? offset_in_page(end) : 0;
	struct address_space *mapping = inode->i_mapping;
	struct edge edges[2] = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err, i;
	u64 units;

	filemap_invalidate_lock(mapping);
	/* Not private copies: those are lost with the end of the file only. */
	if (first < last) {
		unmap_mapping_range(mapping, first << PAGE_SHIFT, (last - first) << PAGE_SHIFT, 0);
		daxfs_disown(inode, first, last - 1);
	}
	layer = daxfs_view_replace(inode, &hold);
	err = PTR_ERR_OR_ZERO(layer);
	if (err)
		goto out;
	err = own_edge(layer, inode, pos, head, &edges[0]);
	if (!err)
		err = own_edge(layer, inode, end - tail, tail, &edges[1]);
	if (!err && first < last) {
		units = daxfs_blocks_units(layer, inode, first, last);
		daxfs_attr_after(inode, &attr, 0);
		err = dxc_op_punch(layer, &attr, first, last - first);
		if (!err) {
			daxfs_blocks_add(inode, -units);
			daxfs_done_writing(inode, &attr);
		}
	}
	for (i = 0; i < 2 && !err; i++) {
		if (edges[i].off)
			daxfs_zero(backing, edges[i].off, edges[i].len);
	}
	if (!err) {
		dxc_write_fence(backing->persistent);
		daxfs_touch(inode);
	}
	daxfs_view_replace_end(inode->i_sb, &hold, changed);
	unmap_edge(inode, &edges[0]);
	unmap_edge(inode, &edges[1]);
out:
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	return err;
}

static int punch(struct inode *inode, u64 pos, u64 end)
{
	int err;

	while ((err = try_punch(inode, pos, end)) == -EAGAIN) {
		err = daxfs_view_claim(inode, true);
		if (err)
			break;
	}
	return err;
}

/* ---- blocks ---- */

/* Blocks of the file that were a hole before. */
struct filled {
	u64 block, count;
};

struct allocation {
	struct inode *inode;
	struct file *file;
	u64 pos, end;			/* bytes */
	loff_t size;			/* of the file afterwards, at least */
	bool zeroes;			/* contents, too */
	bool copies;			/* blocks that are not own get own ones */
	struct filled *filled;
	u32 count, room;
};

static u64 first_block(const struct allocation *al)
{
	return al->pos >> PAGE_SHIFT;
}

static u64 last_block(const struct allocation *al)
{
	return DIV_ROUND_UP_ULL(al->end, PAGE_SIZE);
}

static bool has_what_it_needs(const struct allocation *al, const struct dxc_part *part)
{
	/* If nothing is said blocks of the base will do: they are copied when they are written. */
	return part->ex.data && (part->own || !al->copies);
}

/* Is there space for it now? What is missing by the end is found by fill_some(). */
static int check_space(const struct allocation *al)
{
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(al->inode));
	u64 block = first_block(al), needs = 0, part_end;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	int err = 0;

	layer = daxfs_view_read(al->inode->i_sb, &hold);
	for (; block < last_block(al); block = part_end) {
		err = dxc_view_map(layer, al->inode->i_ino, base, block << PAGE_SHIFT, &part,
				   NULL);
		if (!err && dxc_pause())
			err = -EINTR;
		if (err)
			break;
		part_end = min(last_block(al), (part.ex.pos + part.ex.len) >> PAGE_SHIFT);
		if (!has_what_it_needs(al, &part))
			needs += part_end - block;
	}
	if (!err && needs > dxc_space_left(layer))
		err = -ENOSPC;
	daxfs_view_read_end(al->inode->i_sb, &hold);
	return err;
}

/* Room for one more in the list. */
static int reserve_note(struct allocation *al)
{
	u32 room = al->room ? al->room * 2 : 16;
	struct filled *more;

	if (al->count < al->room)
		return 0;
	more = kvmalloc_array(room, sizeof(*more), GFP_KERNEL);
	if (!more)
		return -ENOMEM;
	if (al->count)
		memcpy(more, al->filled, al->count * sizeof(*more));
	kvfree(al->filled);
	al->filled = more;
	al->room = room;
	return 0;
}

static void note(struct allocation *al, u64 block, u64 count)
{
	struct filled *last = al->count ? &al->filled[al->count - 1] : NULL;

	if (last && last->block + last->count == block) {
		last->count += count;
		return;
	}
	al->filled[al->count].block = block;
	al->filled[al->count++].count = count;
}

/* New blocks in the place of part from block on, with what it says. */
static int give_blocks(struct allocation *al, struct dxc_layer *layer, u64 block, u64 want,
		       const struct dxc_part *part, u64 *got)
{
	const struct daxfs_backing *backing = daxfs_volume_of(al->inode)->backing;
	struct dxc_attr attr;
	dxc_off off;
	int err;

	err = dxc_blocks_take(layer, 0, want, &off, got);
	if (err)
		return err;
	err = dxc_extent_copy(&layer->vol->region, &part->ex, block << PAGE_SHIFT,
			      backing->base + off, *got << PAGE_SHIFT);
	if (!err && backing->persistent)
		dxc_write_back(backing->base + off, *got << PAGE_SHIFT);
	if (!err) {
		/* Neither size nor times: the file is what it was. */
		daxfs_attr_of(al->inode, &attr);
		err = dxc_op_map(layer, &attr, block, *got, off);
	}
	if (err) {
		dxc_blocks_give_back(layer, off, *got);
		return err;
	}
	daxfs_blocks_filled(al->inode, part, *got);
	daxfs_attr_done(al->inode, &attr, 0);
	return 0;
}

/* The part of the file that holds block, some of it: how many blocks. -EAGAIN as above. */
static s64 fill_some(struct allocation *al, u64 block)
{
	struct inode *const changed[] = { al->inode, NULL };
	struct address_space *mapping = al->inode->i_mapping;
	bool filled = false;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	u64 got = 0;
	int err;

	err = reserve_note(al);
	if (err)
		return err;
	filemap_invalidate_lock(mapping);
	layer = daxfs_view_replace(al->inode, &hold);
	if (IS_ERR(layer)) {
		filemap_invalidate_unlock(mapping);
		return PTR_ERR(layer);
	}
	err = dxc_view_map(layer, al->inode->i_ino, daxfs_base_of(DAXFS_I(al->inode)),
			   block << PAGE_SHIFT, &part, NULL);
	if (!err) {
		got = min(last_block(al), (part.ex.pos + part.ex.len) >> PAGE_SHIFT) - block;
		if (!has_what_it_needs(al, &part)) {
			err = give_blocks(al, layer, block, min_t(u64, got, PIECE_BLOCKS), &part,
					  &got);
			filled = !err;
		}
	}
	if (filled && !part.ex.data)
		note(al, block, got);
	daxfs_view_replace_end(al->inode->i_sb, &hold, filled ? changed : NULL);
	/* Pages of zeros that stood for holes, and blocks that were copied. */
	if (filled)
		unmap_mapping_range(mapping, block << PAGE_SHIFT, got << PAGE_SHIFT, 0);
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(al->inode->i_sb, &hold);
	return err ? err : (s64)got;
}

static int fill(struct allocation *al)
{
	u64 block = first_block(al);
	s64 got;

	while (block < last_block(al)) {
		got = fill_some(al, block);
		if (got == -EAGAIN)
			got = daxfs_view_claim(al->inode, true);
		if (got < 0)
			return got;
		block += got;
		if (dxc_pause())
			return -EINTR;
	}
	return 0;
}

/* How many blocks from block on are zero, at most count. buf is a page. */
static u64 count_zero(struct dxc_layer *layer, struct inode *inode, u64 block, u64 count, void *buf)
{
	struct dxc_part part;
	u64 n, pos;

	for (n = 0; n < count; n++) {
		pos = (block + n) << PAGE_SHIFT;
		if (dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), pos, &part,
				 NULL) || !part.own ||
		    dxc_region_read(&layer->vol->region, part.ex.data + (pos - part.ex.pos), buf,
				    PAGE_SIZE) || memchr_inv(buf, 0, PAGE_SIZE))
			break;
	}
	return n;
}

/* Some of what was filled becomes a hole again; *at moves behind it. -EAGAIN as above. */
static int undo_some(struct inode *inode, u64 *at, u64 end, void *buf)
{
	struct inode *const changed[] = { inode, NULL };
	struct address_space *mapping = inode->i_mapping;
	u64 count = min_t(u64, end - *at, PIECE_BLOCKS), n = 0;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err;

	filemap_invalidate_lock(mapping);
	/* After it nobody stores to what is found to be zero. */
	unmap_mapping_range(mapping, *at << PAGE_SHIFT, count << PAGE_SHIFT, 0);
	daxfs_disown(inode, *at, *at + count - 1);
	layer = daxfs_view_replace(inode, &hold);
	err = PTR_ERR_OR_ZERO(layer);
	if (!err) {
		n = count_zero(layer, inode, *at, count, buf);
		daxfs_attr_of(inode, &attr);
		if (n)
			err = dxc_op_punch(layer, &attr, *at, n);
		if (n && !err) {
			daxfs_blocks_add(inode, -(s64)(n << (PAGE_SHIFT - 9)));
			daxfs_attr_done(inode, &attr, 0);
		}
		/* A block that was stored to stays. */
		*at += n < count ? n + 1 : n;
		daxfs_view_replace_end(inode->i_sb, &hold, changed);
	}
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	return err;
}

/*
 * Gives back what fill() has taken. Fails where the branch was committed, or a
 * child made of it, meanwhile: then blocks of zeros stay where holes were.
 */
static void undo(struct allocation *al)
{
	void *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	u64 at, end;
	int err;
	u32 i;

	for (i = 0; buf && i < al->count; i++) {
		at = al->filled[i].block;
		end = at + al->filled[i].count;
		while (at < end) {
			err = undo_some(al->inode, &at, end, buf);
			if (err == -EAGAIN)
				err = daxfs_view_claim(al->inode, true);
			if (err)
				break;
			cond_resched();
		}
	}
	al->count = 0;
	kfree(buf);
}

/* Has all of it blocks of its own? The branch may be another one now. */
static int check_own(const struct allocation *al, struct dxc_layer *layer)
{
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(al->inode));
	struct dxc_part part;
	u64 pos;
	int err;

	for (pos = al->pos; pos < al->end; pos = part.ex.pos + part.ex.len) {
		err = dxc_view_map(layer, al->inode->i_ino, base, pos, &part, NULL);
		if (err)
			return err;
		if (!part.own)
			return -EAGAIN;
	}
	return 0;
}

/* After that, under the same hold: cannot fail. */
static void zero_contents(const struct allocation *al, struct dxc_layer *layer)
{
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(al->inode));
	const struct daxfs_backing *backing = daxfs_volume_of(al->inode)->backing;
	struct dxc_part part;
	u64 pos, len;

	for (pos = al->pos; pos < al->end; pos += len) {
		if (dxc_view_map(layer, al->inode->i_ino, base, pos, &part, NULL))
			break;
		len = min(al->end, part.ex.pos + part.ex.len) - pos;
		len = min_t(u64, len, PIECE_BLOCKS << PAGE_SHIFT);
		daxfs_zero(backing, part.ex.data + (pos - part.ex.pos), len);
		cond_resched();
	}
	dxc_write_fence(backing->persistent);
}

/* All blocks are there: what is seen of it. -EAGAIN: blocks are missing again. */
static int finish(const struct allocation *al)
{
	struct inode *const changed[] = { al->inode, NULL };
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_attr attr;
	int err = 0;

	layer = daxfs_view_write(al->inode, &hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	if (al->copies)
		err = check_own(al, layer);
	if (!err && al->size > i_size_read(al->inode)) {
		daxfs_attr_after(al->inode, &attr, al->size);
		err = dxc_op_setattr(layer, &attr);
		if (!err)
			daxfs_done_writing(al->inode, &attr);
	}
	if (!err && al->zeroes)
		zero_contents(al, layer);
	if (!err)
		daxfs_touch(al->inode);
	daxfs_view_write_end(al->inode->i_sb, &hold, changed);
	return err;
}

/* No hole is left in the range; with zeroes, nothing else than zeros. */
static int allocate(struct allocation *al)
{
	int err = 0;

	/* The old end's block is made zero behind it before it is inside. */
	if (al->size > i_size_read(al->inode))
		err = daxfs_prepare_longer(al->inode);
	if (!err)
		err = check_space(al);
	if (!err)
		err = file_remove_privs(al->file);
	if (err)
		return err;
	do {
		err = fill(al);
		if (!err)
			err = finish(al);
	} while (err == -EAGAIN && !fatal_signal_pending(current));
	if (err)
		undo(al);
	return err == -EAGAIN ? -EINTR : err;
}

long daxfs_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct allocation al = {
		.inode = inode,
		.file = file,
		.pos = pos,
		.end = (u64)pos + len,
		.size = mode & FALLOC_FL_KEEP_SIZE ? 0 : pos + len,
		.zeroes = mode & FALLOC_FL_ZERO_RANGE,
		.copies = mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_UNSHARE_RANGE),
	};
	bool waited = false;
	int err, id;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
		     FALLOC_FL_UNSHARE_RANGE))
		return -EOPNOTSUPP;
	inode_lock(inode);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		inode_unlock(inode);
		return id;
	}
	err = al.size ? inode_newsize_ok(inode, al.size) : 0;
	if (!err && mode & FALLOC_FL_PUNCH_HOLE)
		err = file_remove_privs(file);
	if (err)
		goto out;
	do {
		err = mode & FALLOC_FL_PUNCH_HOLE ? punch(inode, al.pos, al.end) : allocate(&al);
	} while (daxfs_space_came(vol, err, &waited));
	kvfree(al.filled);
out:
	daxfs_backing_exit(vol->backing, id);
	inode_unlock(inode);
	return err;
}
