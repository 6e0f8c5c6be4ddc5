// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files: reading. Mappings are in map.c, writing is in write.c.
 * What no branch has touched is read without locks.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include "daxfs.h"
#include "backing/backing.h"

/* Brought in at once when a page of the user's is not there. */
#define BRING_IN_MAX	0x100000u

/*
 * Copies from the region to the user, with page faults switched off: a reader whose
 * memory is slow to come, or never does, keeps nobody waiting for the backing or
 * for volume->srcu. Bytes; -EFAULT: none, as a page of the user's is not there;
 * -EIO: none, as the region cannot be read there. The plain _copy_to_iter is
 * meant: the region is no slab object that hardened usercopy would know anything
 * about, and dxc_extent_map() has checked the range.
 */
static ssize_t copy_out(const struct daxfs_backing *backing, dxc_off off,
			size_t len, struct iov_iter *to)
{
	void *from = backing->base + off;
	size_t done;
	u8 byte;

	pagefault_disable();
	done = backing->poisons ? _copy_mc_to_iter(from, len, to) :
				  _copy_to_iter(from, len, to);
	pagefault_enable();
	if (likely(done))
		return done;
	return backing->poisons && copy_mc_to_kernel(&byte, from, 1) ? -EIO : -EFAULT;
}

static ssize_t zero_out(size_t len, struct iov_iter *to)
{
	size_t done;

	pagefault_disable();
	done = iov_iter_zero(len, to);
	pagefault_enable();
	return done ? done : -EFAULT;
}

/* After -EFAULT, with nothing held that others may wait for. */
static int bring_in(struct iov_iter *to)
{
	size_t want = min_t(size_t, iov_iter_count(to), BRING_IN_MAX);

	if (fatal_signal_pending(current))
		return -EINTR;
	if (!user_backed_iter(to) || fault_in_iov_iter_writeable(to, want) == want)
		return -EFAULT;
	cond_resched();
	return 0;
}

/*
 * One contiguous part or hole of the base's file at pos, which lies before its
 * end; bytes copied, or an error if there are none.
 */
static ssize_t read_part(struct inode *inode, loff_t pos, struct iov_iter *to)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	const struct dxc_inode *core = &DAXFS_I(inode)->core;
	size_t len = min_t(u64, iov_iter_count(to), core->size - pos);
	struct dxc_extent ex;
	struct dxc_finding f = {};
	int err;

	/* Most files are contiguous, packed or not: their inode was checked when it was read. */
	if (likely(!(core->flags & DAXFS_IN_EXTENTS)))
		return copy_out(vol->backing, core->data + pos, len, to);
	err = dxc_extent_map(&vol->core, core, pos, &ex, &f);
	if (err) {
		daxfs_bad(vol, err, &f);
		return err;
	}
	len = min_t(u64, len, ex.len - (pos - ex.pos));
	return ex.data ? copy_out(vol->backing, ex.data + (pos - ex.pos), len, to) :
			 zero_out(len, to);
}

/* As far as it goes; 0 at the end of the file or of what is wanted. */
static int read_base(struct inode *inode, loff_t *pos, struct iov_iter *to)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	/* Not i_size: a branch may make the file longer meanwhile, the base stays as it is. */
	loff_t size = DAXFS_I(inode)->core.size;
	ssize_t done = 0;
	int id;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return id;
	while (done >= 0 && iov_iter_count(to) && *pos < size) {
		done = read_part(inode, *pos, to);
		if (done > 0)
			*pos += done;
	}
	daxfs_backing_exit(backing, id);
	return min_t(ssize_t, done, 0);
}

/*
 * The same of a file that a branch has touched. Its blocks may be given back
 * by truncating it, which i_rwsem keeps away, or with the branch, whose chunks
 * are not given out again before srcu is left.
 */
static ssize_t read_view_part(struct inode *inode, loff_t pos, loff_t size, bool nowait,
			      struct iov_iter *to)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct dxc_finding f = {};
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	size_t len;
	u64 stored;
	int err;

	layer = nowait ? daxfs_view_try_read(inode->i_sb, &hold) :
			 daxfs_view_read(inode->i_sb, &hold);
	if (!layer)
		return -EAGAIN;
	err = daxfs_is_stale(inode) ? -ESTALE :
		dxc_view_map(layer, inode->i_ino, daxfs_base_of(info), pos, &part, &f);
	daxfs_view_read_end(inode->i_sb, &hold);
	if (err) {
		daxfs_bad(vol, err, &f);
		return err;
	}
	len = min_t(u64, iov_iter_count(to), size - pos);
	stored = dxc_extent_stored(&part.ex, pos);
	len = min_t(u64, len, stored ?: part.ex.len - (pos - part.ex.pos));
	return stored ? copy_out(vol->backing, part.ex.data + (pos - part.ex.pos), len, to) :
			zero_out(len, to);
}

static int read_touched(struct inode *inode, loff_t *pos, bool nowait, struct iov_iter *to)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	ssize_t done = 0;
	loff_t size;
	int id, srcu;

	/* First, as a writer that has it may wait for a user's memory. */
	if (!nowait)
		inode_lock_shared(inode);
	else if (!inode_trylock_shared(inode))
		return -EAGAIN;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		inode_unlock_shared(inode);
		return id;
	}
	srcu = srcu_read_lock(&vol->srcu);
	if (daxfs_is_stale(inode))
		done = -ESTALE;
	size = i_size_read(inode);
	while (done >= 0 && iov_iter_count(to) && *pos < size) {
		done = read_view_part(inode, *pos, size, nowait, to);
		if (done > 0)
			*pos += done;
	}
	srcu_read_unlock(&vol->srcu, srcu);
	daxfs_backing_exit(vol->backing, id);
	inode_unlock_shared(inode);
	return min_t(ssize_t, done, 0);
}

ssize_t daxfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t start = iocb->ki_pos;
	int err;

	/* What was added behind the end; with IOCB_NOWAIT as far as it is known. */
	if (unlikely(start + (loff_t)iov_iter_count(to) > i_size_read(inode)) &&
	    !(iocb->ki_flags & IOCB_NOWAIT))
		daxfs_catch_up(inode->i_sb);
	do {
		if (unlikely(daxfs_is_stale_or(inode, ~0ul)))
			err = read_touched(inode, &iocb->ki_pos, iocb->ki_flags & IOCB_NOWAIT,
					   to);
		else
			err = read_base(inode, &iocb->ki_pos, to);
	} while (err == -EFAULT && !(err = bring_in(to)));
	return iocb->ki_pos > start ? iocb->ki_pos - start : err;
}

/* Reads never go through a cache, which is all O_DIRECT asks for, nor block. */
static int daxfs_open(struct inode *inode, struct file *file)
{
	if (READ_ONCE(daxfs_volume_of(inode)->backing->down))
		return -EIO;
	daxfs_catch_up(inode->i_sb);
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return generic_file_open(inode, file);
}

/* Nothing was written that could be lost. */
static int fsync_nothing(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

const struct inode_operations daxfs_file_iops = {
	.getattr = daxfs_getattr,
	.listxattr = daxfs_listxattr,
	.get_inode_acl = daxfs_get_inode_acl,
	.fiemap = daxfs_fiemap,
};

const struct file_operations daxfs_file_fops = {
	.open = daxfs_open,
	.llseek = daxfs_llseek,
	.read_iter = daxfs_read_iter,
	.splice_read = copy_splice_read,
	.mmap = daxfs_mmap,
	DAXFS_FOPS_MMAP_SYNC,
	.unlocked_ioctl = daxfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.get_unmapped_area = thp_get_unmapped_area,
	.fsync = fsync_nothing,
};
