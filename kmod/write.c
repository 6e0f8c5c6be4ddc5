// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing to regular files. Blocks that are the branch's own are written in
 * place; others get a copy of the branch's own first, which becomes part of the
 * file by one record when it is complete.
 *
 * What is written comes from user memory while branch->lock is held, with page
 * faults switched off: a page that is not there is brought in without the lock
 * (a fault of a mapping takes it), and the rest is tried again.
 */
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include "daxfs.h"
#include "backing/backing.h"

/* Bytes written under one hold of the branch's lock. */
#define PIECE_MAX	0x100000u
/* The same in place: others of the branch wait no longer than for this. */
#define OVERWRITE_MAX	(64u << 10)

/* One write(2) under way. */
struct writing {
	struct inode *inode;
	struct daxfs_volume *vol;
	struct iov_iter *from;
	loff_t pos;
	size_t limit;			/* bytes of the next piece */
	int id;				/* of daxfs_backing_enter(); negative: it is gone */
	bool append;			/* pos is the end, and stays it */
	bool moved;			/* it is not: another super block wrote behind it */
};

/* Into the region; in persistent memory it is durable with the next fence. */
static size_t copy_in(const struct daxfs_backing *backing, dxc_off off, size_t len,
		      struct iov_iter *from)
{
	void *to = backing->base + off;
	size_t done;

	pagefault_disable();
	done = backing->persistent ? _copy_from_iter_flushcache(to, len, from) :
				     _copy_from_iter(to, len, from);
	pagefault_enable();
	return done;
}

void daxfs_zero(const struct daxfs_backing *backing, dxc_off off, size_t len)
{
	memset(backing->base + off, 0, len);
	if (backing->persistent)
		dxc_write_back(backing->base + off, len);
}

/* Part of an old block, which ex holds, or zeros where there was none. */
static int copy_old(struct daxfs_volume *vol, const struct dxc_extent *ex, u64 pos, dxc_off to,
		    size_t len)
{
	int err;

	if (!len)
		return 0;
	err = dxc_extent_copy(&vol->core.region, ex, pos, vol->backing->base + to, len);
	if (!err && vol->backing->persistent)
		dxc_write_back(vol->backing->base + to, len);
	return err;
}

/*
 * Fills new blocks at off: user data for [pos, pos + len), which lies in part,
 * around it what was there. Returns how much user data came; blocks behind it
 * are not filled.
 */
static ssize_t fill(struct writing *wr, dxc_off off, size_t len, const struct dxc_part *part)
{
	const struct daxfs_backing *backing = wr->vol->backing;
	u32 head = offset_in_page(wr->pos), tail;
	u64 first = wr->pos - head, end;
	size_t done;
	int err;

	err = copy_old(wr->vol, &part->ex, first, off, head);
	if (err)
		return err;
	done = copy_in(backing, off + head, len, wr->from);
	if (!done)
		return 0;
	end = wr->pos + done;
	tail = offset_in_page(end);
	if (!tail)
		return done;
	/* Behind the end of the file there is nothing to be kept. */
	if (end >= i_size_read(wr->inode)) {
		daxfs_zero(backing, off + (end - first), PAGE_SIZE - tail);
		return done;
	}
	err = copy_old(wr->vol, &part->ex, end, off + (end - first), PAGE_SIZE - tail);
	return err ? err : done;
}

void daxfs_attr_after(struct inode *inode, struct dxc_attr *attr, loff_t end)
{
	daxfs_attr_of(inode, attr);
	attr->size = max_t(u64, attr->size, end);
	if (!IS_NOCMTIME(inode))
		daxfs_set_times(attr, current_time(inode), true);
}

void daxfs_done_writing(struct inode *inode, const struct dxc_attr *attr)
{
	/* Whoever sees a size that is not the base's asks the view; pairs with i_size_read(). */
	daxfs_set(DAXFS_I(inode), DAXFS_I_TOUCHED);
	if (attr->size != i_size_read(inode))
		i_size_write(inode, attr->size);
	daxfs_attr_done(inode, attr, 0);
}

/* Own blocks: in place. A longer file is a record, of what comes behind the end alone. */
static ssize_t overwrite(struct writing *wr, struct dxc_layer *layer, size_t len,
			 const struct dxc_part *part)
{
	dxc_off off = part->ex.data + (wr->pos - part->ex.pos);
	loff_t size = i_size_read(wr->inode);
	struct dxc_attr attr;
	size_t done;
	int err;

	if (wr->pos < size)
		len = min_t(u64, len, size - wr->pos);
	done = copy_in(wr->vol->backing, off, len, wr->from);
	if (!done || wr->pos < size) {
		if (done)
			daxfs_touch(wr->inode);
		return done;
	}
	daxfs_attr_after(wr->inode, &attr, wr->pos + done);
	err = dxc_op_setattr(layer, &attr);
	if (err) {
		/* Mappings show the last block to its end. */
		daxfs_zero(wr->vol->backing, off, done);
		iov_iter_revert(wr->from, done);
		return err;
	}
	daxfs_done_writing(wr->inode, &attr);
	return done;
}

/* New blocks for a piece of the file that has none of its own. */
static ssize_t write_new(struct writing *wr, struct dxc_layer *layer, size_t len,
			 const struct dxc_part *part)
{
	u64 block = wr->pos >> PAGE_SHIFT, got, used;
	u64 want = DIV_ROUND_UP(offset_in_page(wr->pos) + len, PAGE_SIZE);
	dxc_off off, near = 0;
	struct dxc_attr attr;
	struct dxc_part before;
	ssize_t done;
	int err;

	/* Behind the block before, if it may be our own, so that files lie in one piece. */
	if (block && part->ex.pos == block << PAGE_SHIFT &&
	    !dxc_view_map(layer, wr->inode->i_ino, daxfs_base_of(DAXFS_I(wr->inode)),
			  (block - 1) << PAGE_SHIFT, &before, NULL) && before.own)
		near = before.ex.data + ((block << PAGE_SHIFT) - before.ex.pos);
	err = dxc_blocks_take(layer, near, want, &off, &got);
	if (err)
		return err;
	len = min_t(u64, len, (got << PAGE_SHIFT) - offset_in_page(wr->pos));
	done = fill(wr, off, len, part);
	used = done > 0 ? DIV_ROUND_UP(offset_in_page(wr->pos) + done, PAGE_SIZE) : 0;
	if (used < got)
		dxc_blocks_give_back(layer, off + (used << PAGE_SHIFT), got - used);
	if (done <= 0)
		return done;
	daxfs_attr_after(wr->inode, &attr, wr->pos + done);
	err = dxc_op_map(layer, &attr, block, used, off);
	if (err) {
		dxc_blocks_give_back(layer, off, used);
		iov_iter_revert(wr->from, done);
		return err;
	}
	daxfs_blocks_filled(wr->inode, part, used);
	daxfs_done_writing(wr->inode, &attr);
	return done;
}

/* See dxc_op_clean_end(); *moved: the block is another one now. */
static int clean_end(struct inode *inode, struct dxc_layer *layer, bool *moved)
{
	struct dxc_attr attr;
	int err;

	daxfs_attr_of(inode, &attr);
	err = dxc_op_clean_end(layer, &attr, daxfs_base_of(DAXFS_I(inode)), moved, NULL);
	if (*moved) {
		/* Of a packed file it counts for more now. */
		daxfs_blocks_forget(inode);
		daxfs_attr_done(inode, &attr, 0);
	}
	return err;
}

/* After it, under the same invalidate_lock: mappings come for the copy. */
static void unmap_end(struct inode *inode, loff_t size)
{
	unmap_mapping_range(inode->i_mapping, round_down(size, PAGE_SIZE), PAGE_SIZE, 0);
	daxfs_disown(inode, size >> PAGE_SHIFT, size >> PAGE_SHIFT);
}

/* -EAGAIN as in write_piece(). */
static int try_prepare_longer(struct inode *inode)
{
	struct inode *const changed[] = { inode, NULL };
	struct address_space *mapping = inode->i_mapping;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	bool moved = false;
	loff_t old;
	int err;

	filemap_invalidate_lock(mapping);
	layer = daxfs_view_replace(inode, &hold);
	if (IS_ERR(layer)) {
		filemap_invalidate_unlock(mapping);
		return PTR_ERR(layer);
	}
	old = i_size_read(inode);
	err = clean_end(inode, layer, &moved);
	daxfs_view_replace_end(inode->i_sb, &hold, moved ? changed : NULL);
	if (moved)
		unmap_end(inode, old);
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	return err;
}

int daxfs_prepare_longer(struct inode *inode)
{
	int err;

	while ((err = try_prepare_longer(inode)) == -EAGAIN) {
		err = daxfs_view_claim(inode, true);
		if (err)
			break;
	}
	return err;
}

/*
 * Part after part under one hold, so that what is appended through two super
 * blocks is not mixed. Bytes written, or the error of the first part.
 */
static ssize_t write_parts(struct writing *wr, struct dxc_layer *layer, size_t len)
{
	const struct dxc_inode *base = daxfs_base_of(DAXFS_I(wr->inode));
	loff_t start = wr->pos;
	struct dxc_part part;
	ssize_t done, all;
	size_t n;

	do {
		done = dxc_view_map(layer, wr->inode->i_ino, base, wr->pos, &part, NULL);
		if (done)
			break;
		n = min_t(u64, len, part.ex.pos + part.ex.len - wr->pos);
		done = part.own ? overwrite(wr, layer, n, &part) : write_new(wr, layer, n, &part);
		if (done <= 0)
			break;
		wr->pos += done;
		len -= done;
	} while (len);
	all = wr->pos - start;
	wr->pos = start;
	return all ?: done;
}

/*
 * Brings in len bytes of the user's memory, outside the backing: a device can go
 * away while they do not come. How many did not, or an error.
 */
static ssize_t fault_in(struct writing *wr, size_t len)
{
	daxfs_backing_exit(wr->vol->backing, wr->id);
	len = fault_in_iov_iter_readable(wr->from, len);
	wr->id = daxfs_backing_enter(wr->vol->backing);
	return wr->id < 0 ? wr->id : (ssize_t)len;
}

/*
 * Bytes written; 0: the user's page is not there, bring it in; -EAGAIN: the
 * super block has to become the branch's writer, or wr->moved.
 */
static ssize_t write_piece(struct writing *wr)
{
	struct inode *const changed[] = { wr->inode, NULL };
	struct daxfs_inode_info *info = DAXFS_I(wr->inode);
	struct address_space *mapping = wr->inode->i_mapping;
	size_t len = min_t(size_t, iov_iter_count(wr->from), wr->limit);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	bool moved = false;
	ssize_t done = 0;
	loff_t size;

	/* The usual second write to a place needs the branch only as it is. */
	if (wr->pos < i_size_read(wr->inode) && !wr->append && daxfs_is(info, DAXFS_I_TOUCHED)) {
		layer = daxfs_view_overwrite(wr->inode, &hold);
		if (IS_ERR(layer))
			return PTR_ERR(layer);
		done = dxc_view_map(layer, wr->inode->i_ino, daxfs_base_of(info), wr->pos, &part,
				    NULL);
		/* Through another super block the file may have become shorter until now. */
		if (!done && part.own && wr->pos < i_size_read(wr->inode)) {
			len = min_t(u64, len, part.ex.pos + part.ex.len - wr->pos);
			len = min_t(u64, len, i_size_read(wr->inode) - wr->pos);
			done = overwrite(wr, layer, min_t(size_t, len, OVERWRITE_MAX), &part);
			daxfs_view_read_end(wr->inode->i_sb, &hold);
			return done;
		}
		daxfs_view_read_end(wr->inode->i_sb, &hold);
		if (done)
			return done;
	}
	/* What is appended at once comes in at once, unless it is large or its pages leave again. */
	if (wr->append) {
		done = fault_in(wr, len);
		if (done < 0)
			return done;
		done = 0;
	}
	/* Faults that find the old blocks have mapped them before they are replaced. */
	filemap_invalidate_lock(mapping);
	layer = daxfs_view_replace(wr->inode, &hold);
	if (IS_ERR(layer)) {
		filemap_invalidate_unlock(mapping);
		return PTR_ERR(layer);
	}
	size = i_size_read(wr->inode);
	wr->moved = wr->append && wr->pos != size;
	if (wr->moved)
		done = -EAGAIN;
	else if (wr->pos > size)
		done = clean_end(wr->inode, layer, &moved);
	if (!done)
		done = write_parts(wr, layer, len);
	daxfs_view_replace_end(wr->inode->i_sb, &hold, wr->moved ? NULL : changed);
	if (moved)
		unmap_end(wr->inode, size);
	if (done > 0 && mapping_mapped(mapping))
		unmap_mapping_range(mapping, round_down(wr->pos, PAGE_SIZE),
				    round_up(offset_in_page(wr->pos) + done, PAGE_SIZE), 0);
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(wr->inode->i_sb, &hold);
	return done;
}

/*
 * Nothing could be copied: brings in what is wanted next. A copy by words, which
 * persistent memory gets, stops before a word that ends in a page that cannot be
 * read; the bytes before that page go one by one.
 */
static int bring_in(struct writing *wr, bool again)
{
	size_t want = min_t(size_t, iov_iter_count(wr->from), OVERWRITE_MAX);
	ssize_t left;

	if (fatal_signal_pending(current))
		return -EINTR;
	left = fault_in(wr, want);
	if (left < 0)
		return left;
	if (left == want)
		return -EFAULT;
	wr->limit = again ? 1 : PIECE_MAX;
	return 0;
}

static ssize_t write_pieces(struct writing *wr)
{
	bool waited = false, stuck = false;
	loff_t start = wr->pos;
	ssize_t done = 0;

	wr->limit = PIECE_MAX;
	while (iov_iter_count(wr->from)) {
		done = write_piece(wr);
		if (done > 0) {
			wr->pos += done;
			wr->limit = PIECE_MAX;
			stuck = false;
			if (fatal_signal_pending(current))
				break;
			cond_resched();
		} else if (!done) {
			done = bring_in(wr, stuck);
			if (done)
				break;
			stuck = true;
		} else if (done == -EAGAIN) {
			if (wr->moved)
				break;
			done = daxfs_view_claim(wr->inode, true);
			if (done)
				break;
		} else if (!daxfs_space_came(wr->vol, done, &waited)) {
			break;
		}
	}
	return wr->pos > start ? wr->pos - start : done;
}

static ssize_t daxfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct writing wr = {
		.inode = inode,
		.vol = daxfs_volume_of(inode),
		.from = from,
		.append = iocb->ki_flags & IOCB_APPEND,
	};
	ssize_t done;

	/* It may always come to locks, and to space that others have to give up. */
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	/* First: whoever has it may wait for a user's memory, outside the backing. */
	inode_lock(inode);
	wr.id = daxfs_backing_enter(wr.vol->backing);
	if (wr.id < 0) {
		inode_unlock(inode);
		return wr.id;
	}
	do {
		wr.moved = false;
		done = generic_write_checks(iocb, from);
		if (done <= 0)
			break;
		wr.pos = iocb->ki_pos;
		done = file_remove_privs(iocb->ki_filp);
		if (!done)
			done = write_pieces(&wr);
		/* What is behind the old end by now is not written over: limits are checked anew. */
	} while (done == -EAGAIN && wr.moved);
	if (done > 0)
		iocb->ki_pos += done;
	if (wr.id >= 0)
		daxfs_backing_exit(wr.vol->backing, wr.id);
	inode_unlock(inode);
	return done > 0 ? generic_write_sync(iocb, done) : done;
}

static int daxfs_branch_open(struct inode *inode, struct file *file)
{
	if (READ_ONCE(daxfs_volume_of(inode)->backing->down))
		return -EIO;
	if (daxfs_is_stale(inode))
		return -ESTALE;
	/* Reading can do without waiting. */
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return generic_file_open(inode, file);
}

const struct inode_operations daxfs_branch_file_iops = {
	.getattr = daxfs_getattr,
	.setattr = daxfs_setattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
	.set_acl = daxfs_set_acl,
	.fiemap = daxfs_fiemap,
};

const struct file_operations daxfs_branch_file_fops = {
	.open = daxfs_branch_open,
	.llseek = daxfs_llseek,
	.read_iter = daxfs_read_iter,
	.write_iter = daxfs_write_iter,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.mmap = daxfs_mmap,
	DAXFS_FOPS_MMAP_SYNC,
	.unlocked_ioctl = daxfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.get_unmapped_area = thp_get_unmapped_area,
	.release = daxfs_release,
	.fsync = daxfs_fsync,
	.flock = daxfs_flock,
	.lock = daxfs_lock,
	.fallocate = daxfs_fallocate,
};
