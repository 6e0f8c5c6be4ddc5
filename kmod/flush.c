// SPDX-License-Identifier: GPL-2.0-only
/*
 * Made durable: what was stored through mappings. Other writes are when they
 * return, or with the next fence; of these nobody hears but by the first fault.
 * Who says that something is durable writes back what they may have stored, in
 * persistent memory: fsync(2), sync(2), eviction, branch operations.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include "daxfs.h"
#include "backing/backing.h"

/* Bytes written back under one hold of the branch's lock. */
#define WRITE_BACK_MAX	(4u << 20)

/*
 * Blocks of a branch, this one's or, from before it was made, its parents'.
 * What is in the base nobody has written.
 */
static bool is_of_branch(const struct daxfs_volume *vol, const struct dxc_extent *ex)
{
	const struct dxc_area *delta = &vol->core.area[DAXFS_AREA_DELTA];

	return dxc_range_ok(ex->data, 1, delta->offset, delta->length);
}

/* Writes through mappings are somewhere in [pos, end). */
static int write_back(struct inode *inode, loff_t pos, loff_t end, bool killable)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	dxc_off off;
	u64 len = 0;
	int err = 0;

	for (pos = round_down(pos, PAGE_SIZE); pos < end && !err; pos += len) {
		layer = daxfs_view_read(inode->i_sb, &hold);
		err = daxfs_is_stale(inode) ? -ESTALE :
			dxc_view_map(layer, inode->i_ino, daxfs_base_of(info), pos, &part, NULL);
		if (!err)
			len = min_t(u64, end, part.ex.pos + part.ex.len) - pos;
		if (!err && is_of_branch(vol, &part.ex)) {
			off = part.ex.data + (pos - part.ex.pos);
			len = min_t(u64, len, WRITE_BACK_MAX);
			dxc_write_back(vol->backing->base + off, len);
		}
		daxfs_view_read_end(inode->i_sb, &hold);
		if (!err && killable)
			err = dxc_pause();
		else
			cond_resched();
	}
	return err;
}

/* The next store to a page of [pos, end) takes a fault, by which it is noticed, and its time. */
static void expect_stores(struct inode *inode, loff_t pos, loff_t end)
{
	if (mapping_writably_mapped(inode->i_mapping))
		unmap_mapping_range(inode->i_mapping, pos, end - pos, 0);
}

/* All of it; next time only if somebody has stored again. */
static int write_back_whole(struct inode *inode, bool killable)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	loff_t size = i_size_read(inode);
	int err = 0;

	/* In this order: whoever stores later sets it in his fault. */
	daxfs_clear(info, DAXFS_I_STORES);
	expect_stores(inode, 0, size);
	if (daxfs_volume_of(inode)->backing->persistent)
		err = write_back(inode, 0, size, killable);
	if (err)
		daxfs_set(info, DAXFS_I_STORES);
	return err;
}

void daxfs_write_back_last(struct inode *inode)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	int id;

	if (!vol->backing->persistent || !daxfs_is(DAXFS_I(inode), DAXFS_I_STORES))
		return;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return;
	write_back(inode, 0, i_size_read(inode), false);
	/* Whoever says later that it is durable does so on another processor. */
	dxc_write_fence(true);
	daxfs_backing_exit(vol->backing, id);
}

/* An error is that of the image, and said when the file is read. */
static void write_back_one(struct inode *inode)
{
	write_back_whole(inode, false);
}

/*
 * Another super block that shows the same as sbi, and was mapped writable; the
 * one after at, which stays in the list as its reference is kept.
 */
static struct daxfs_sb_info *next_mapped(struct daxfs_sb_info *sbi, struct daxfs_sb_info *at,
					 bool get)
{
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_sb_info *other = at ?: list_entry(&vol->supers, struct daxfs_sb_info, list);

	list_for_each_entry_continue(other, &vol->supers, list) {
		if (other != sbi && other->branch == sbi->branch && READ_ONCE(other->mapped) &&
		    (!get || atomic_inc_not_zero(&other->sb->s_active)))
			return other;
	}
	return NULL;
}

void daxfs_write_back_all(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb), *at = NULL, *next;
	struct daxfs_volume *vol = sbi->volume;

	if (!vol->backing->persistent)
		return;
	if (READ_ONCE(sbi->mapped))
		daxfs_sweep(sb, DAXFS_I_STORES, write_back_one);
	do {
		down_read(&vol->tree);
		next = next_mapped(sbi, at, true);
		up_read(&vol->tree);
		if (at)
			daxfs_super_put(at);
		at = next;
		if (at)
			daxfs_sweep(at->sb, DAXFS_I_STORES, write_back_one);
	} while (at);
	dxc_write_fence(true);
}

/* May there be stores to a file that its inode here knows nothing of? */
static bool is_mapped_elsewhere(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	bool mapped;

	down_read(&sbi->volume->tree);
	mapped = sbi->branch->views > 1 && next_mapped(sbi, NULL, false);
	up_read(&sbi->volume->tree);
	return mapped;
}

/* Of a file that is open: what was stored to [start, end]. */
static int write_back_range(struct inode *inode, loff_t start, loff_t end)
{
	bool persistent = daxfs_volume_of(inode)->backing->persistent;
	loff_t last = i_size_read(inode) - 1;

	if (!daxfs_is(DAXFS_I(inode), DAXFS_I_STORES) &&
	    !(persistent && is_mapped_elsewhere(inode)))
		return 0;
	if (!start && end >= last)
		return write_back_whole(inode, true);
	start = round_down(start, PAGE_SIZE);
	end = daxfs_block_end(min(end, last) + 1);
	if (end <= start)
		return 0;
	expect_stores(inode, start, end);
	return persistent ? write_back(inode, start, end, true) : 0;
}

int daxfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	int err, id;

	if (daxfs_is_stale(inode))
		return -ESTALE;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = write_back_range(inode, start, end);
	if (!err && !datasync)
		err = daxfs_inode_flush_times(inode);
	/* What was written in place is durable after this. */
	dxc_write_fence(vol->backing->persistent);
	daxfs_backing_exit(vol->backing, id);
	return err;
}
