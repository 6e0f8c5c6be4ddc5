// SPDX-License-Identifier: GPL-2.0-only
/*
 * source=/dev/pmem0: a block device that is memory. Opened exclusively, so that
 * nobody makes another file system on it meanwhile; read and written through
 * its dax_device only.
 */
#include <linux/mutex.h>
#include <linux/slab.h>
#include "backing.h"

struct shared_holder {
	struct list_head list;
	struct dax_device *dax;		/* a reference */
	unsigned int users;		/* struct dax_backing */
};

struct dax_backing {
	struct daxfs_backing backing;
	struct daxfs_bdev_handle *handle;
	struct shared_holder *holder;	/* NULL: another file system is it */
};

/*
 * A dax_device has one holder, which is told of errors and before it goes, but may
 * have partitions, each with a backing. So the holder is one for all of them: it
 * stays for as long as any.
 */
static DEFINE_MUTEX(holders_lock);
static LIST_HEAD(holders);	/* guarded by holders_lock */

void (*daxfs_dax_removed)(struct dax_device *dax);

static struct dax_backing *to_dax(struct daxfs_backing *backing)
{
	return container_of(backing, struct dax_backing, backing);
}

/* Of an error: as phys_memory_failure(). */
static int dax_notify_failure(struct dax_device *dax, u64 off, u64 len, int flags)
{
	if (!daxfs_is_removal(off, len, flags))
		return -EBUSY;
	daxfs_dax_removed(dax);
	return 0;
}

static const struct dax_holder_operations holder_ops = {
	.notify_failure = dax_notify_failure,
};

/* holders_lock is held. NULL: another file system is the holder. -ENOMEM. */
static struct shared_holder *find_holder(struct block_device *bdev, struct dax_device *dax)
{
	struct shared_holder *holder;
	u64 start;

	list_for_each_entry(holder, &holders, list) {
		if (holder->dax == dax)
			return holder;
	}
	if (dax_holder(dax))
		return NULL;
	holder = kzalloc(sizeof(*holder), GFP_KERNEL);
	if (!holder)
		return ERR_PTR(-ENOMEM);
	holder->dax = fs_dax_get_by_bdev(bdev, &start, holder, &holder_ops);
	if (!holder->dax) {
		kfree(holder);
		return NULL;
	}
	list_add(&holder->list, &holders);
	return holder;
}

static void release_device(struct dax_backing *db)
{
	struct shared_holder *holder = db->holder;

	mutex_lock(&holders_lock);
	if (holder && !--holder->users) {
		list_del(&holder->list);
		fs_put_dax(holder->dax, holder);
		kfree(holder);
	}
	mutex_unlock(&holders_lock);
	fs_put_dax(db->backing.dax, NULL);
}

static int hold_device(struct dax_backing *db, struct block_device *bdev)
{
	struct shared_holder *holder;

	db->backing.dax = fs_dax_get_by_bdev(bdev, &db->backing.dax_start, NULL, NULL);
	if (!db->backing.dax)
		return -EOPNOTSUPP;
	mutex_lock(&holders_lock);
	holder = find_holder(bdev, db->backing.dax);
	if (!IS_ERR_OR_NULL(holder)) {
		holder->users++;
		db->holder = holder;
		db->backing.names_pages = true;
	}
	mutex_unlock(&holders_lock);
	if (!IS_ERR(holder))
		return 0;
	fs_put_dax(db->backing.dax, NULL);
	return PTR_ERR(holder);
}

static void dax_close(struct daxfs_backing *backing)
{
	struct dax_backing *db = to_dax(backing);

	release_device(db);
	daxfs_bdev_close(db->handle, backing->writable);
	kfree(db);
}

static const struct daxfs_backing_ops dax_ops = {
	.close = dax_close,
};

/* Maps the whole device; one piece unless it has known bad blocks. */
static int dax_map(struct fs_context *fc, struct dax_backing *db,
		   struct block_device *bdev)
{
	u64 pages = bdev_nr_bytes(bdev) >> PAGE_SHIFT;
	daxfs_pfn pfn;
	long got;
	int id;

	id = dax_read_lock();
	got = dax_direct_access(db->backing.dax, db->backing.dax_start >> PAGE_SHIFT,
				min_t(u64, pages, LONG_MAX), DAX_ACCESS,
				&db->backing.base, &pfn);
	dax_read_unlock(id);
	if (got <= 0) {
		errorf(fc, "daxfs: %s: its memory cannot be mapped: error %ld",
		       fc->source, got);
		return got ? got : -EIO;
	}
	db->backing.size = (u64)got << PAGE_SHIFT;
	if (!daxfs_pfn_has_page(pfn)) {
		errorf(fc, "daxfs: %s has no struct pages; make its namespace one of mode fsdax (ndctl create-namespace)",
		       fc->source);
		return -EOPNOTSUPP;
	}
	db->backing.has_pages = true;
	db->backing.first_pfn = daxfs_pfn_number(pfn);
	return 0;
}

static bool is_read_only(const struct daxfs_bdev_handle *handle)
{
	return IS_ERR(handle) && (PTR_ERR(handle) == -EACCES || PTR_ERR(handle) == -EROFS);
}

struct daxfs_backing *daxfs_dax_open(struct fs_context *fc)
{
	struct dax_backing *db;
	struct block_device *bdev;
	int err;

	db = kzalloc(sizeof(*db), GFP_KERNEL);
	if (!db)
		return ERR_PTR(-ENOMEM);
	db->backing.ops = &dax_ops;
	db->backing.kind = DAXFS_BACKING_DAX;
	db->backing.may_vanish = true;
	db->backing.poisons = true;
	db->backing.writable = true;
	db->handle = daxfs_bdev_open(fc->source, true, db);
	if (is_read_only(db->handle)) {
		db->backing.writable = false;
		db->handle = daxfs_bdev_open(fc->source, false, db);
	}
	if (IS_ERR(db->handle)) {
		err = PTR_ERR(db->handle);
		if (err == -EBUSY)
			errorf(fc, "daxfs: %s is in use", fc->source);
		else
			errorf(fc, "daxfs: %s cannot be opened: error %d",
			       fc->source, err);
		goto free;
	}
	bdev = daxfs_bdev_of(db->handle);
	db->backing.device.dev = bdev->bd_dev;
	err = hold_device(db, bdev);
	if (err) {
		if (err == -EOPNOTSUPP)
			errorf(fc, "daxfs: %s is no memory (no DAX); an image file on it can be mounted with 'daxfsctl mount FILE DIR'",
			       fc->source);
		goto close;
	}
	err = dax_map(fc, db, bdev);
	if (err)
		goto put;
	/*
	 * Lines that were written back are safe: not where that takes a call to
	 * a host, and not needed where caches outlive the power.
	 */
	db->backing.persistent = dax_synchronous(db->backing.dax) &&
				 dax_write_cache_enabled(db->backing.dax);
	return &db->backing;

put:
	release_device(db);
close:
	daxfs_bdev_close(db->handle, db->backing.writable);
free:
	kfree(db);
	return ERR_PTR(err);
}
