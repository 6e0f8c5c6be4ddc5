// SPDX-License-Identifier: GPL-2.0-only
/*
 * source=/dev/dax0.0: a character device that is memory, as memory behind CXL
 * comes. The kernel lends it to a file system while its driver is fsdev_dax,
 * through which no program can map it. Knows nothing of block devices.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include "backing.h"

struct devdax_backing {
	struct daxfs_backing backing;
	struct file *file;		/* keeps the driver loaded */
};

static struct devdax_backing *to_devdax(struct daxfs_backing *backing)
{
	return container_of(backing, struct devdax_backing, backing);
}

/* Of an error: as phys_memory_failure(). */
static int devdax_notify_failure(struct dax_device *dax, u64 off, u64 len, int flags)
{
	if (!daxfs_is_removal(off, len, flags))
		return -EBUSY;
	daxfs_dax_removed(dax);
	return 0;
}

static const struct dax_holder_operations holder_ops = {
	.notify_failure = devdax_notify_failure,
};

static void devdax_close(struct daxfs_backing *backing)
{
	struct devdax_backing *db = to_devdax(backing);

	fs_put_dax(backing->dax, db);
	fput(db->file);
	kfree(db);
}

static const struct daxfs_backing_ops devdax_ops = {
	.close = devdax_close,
};

static int refuse_no_memory(struct fs_context *fc)
{
	errorf(fc, "daxfs: %s is no block device and no /dev/daxX.Y; give phys=,size= or a dma-buf, or a pmem device",
	       fc->source);
	return -ENOTBLK;
}

int daxfs_device_find(struct fs_context *fc, struct daxfs_device *device)
{
	struct path path;
	int err;

	err = lookup_bdev(fc->source, &device->dev);
	if (err == -ENOTBLK && !kern_path(fc->source, LOOKUP_FOLLOW, &path)) {
		device->dev = d_backing_inode(path.dentry)->i_rdev;
		device->is_char = S_ISCHR(d_backing_inode(path.dentry)->i_mode);
		path_put(&path);
		if (device->is_char)
			return 0;
	}
	if (err == -ENOTBLK)
		return refuse_no_memory(fc);
	if (err)
		errorf(fc, "daxfs: %s cannot be found: error %d", fc->source, err);
	return err;
}

/*
 * dax_dev_get() believes any number. The file of a DAX device has a cdev below
 * a device of the bus "dax"; other cdevs are below devices of other buses, or
 * below none. All devices are in one kset, by which they are told from what else
 * a cdev may be below.
 */
static bool is_dax(const struct file *file)
{
	const struct cdev *cdev = file_inode(file)->i_cdev;
	struct kobject *parent = cdev ? cdev->kobj.parent : NULL;
	const struct device *dev;

	if (!parent || !parent->kset || strcmp(kobject_name(&parent->kset->kobj), "devices"))
		return false;
	dev = kobj_to_dev(parent);
	return dev->bus && !strcmp(dev->bus->name, "dax");
}

/*
 * How many pages from the first on are one run of memory. The driver refuses to
 * speak of more than there are, and does not say how many that is.
 */
static unsigned long count_pages(struct devdax_backing *db, daxfs_pfn *pfn)
{
	unsigned long pages = 0, step;
	void **base = &db->backing.base;

	for (step = BIT(MAX_PHYSMEM_BITS - PAGE_SHIFT); step; step >>= 1) {
		if (dax_direct_access(db->backing.dax, 0, pages + step, DAX_ACCESS, base, pfn) ==
		    pages + step)
			pages += step;
	}
	/* The last answer was perhaps none. */
	if (pages && dax_direct_access(db->backing.dax, 0, pages, DAX_ACCESS, base, pfn) != pages)
		return 0;
	return pages;
}

static int devdax_map(struct fs_context *fc, struct devdax_backing *db)
{
	daxfs_pfn pfn;
	int id;

	id = dax_read_lock();
	db->backing.size = (u64)count_pages(db, &pfn) << PAGE_SHIFT;
	dax_read_unlock(id);
	if (!db->backing.size) {
		errorf(fc, "daxfs: %s: its memory cannot be mapped", fc->source);
		return -EIO;
	}
	db->backing.has_pages = true;
	db->backing.names_pages = true;
	db->backing.first_pfn = daxfs_pfn_number(pfn);
	return 0;
}

static int take_device(struct fs_context *fc, struct devdax_backing *db)
{
	struct dax_device *dax;

	if (!is_dax(db->file))
		return refuse_no_memory(fc);
	dax = daxfs_devdax_get(db->backing.device.dev, db, &holder_ops);
	if (!IS_ERR(dax)) {
		db->backing.dax = dax;
		return 0;
	}
	if (PTR_ERR(dax) == -EBUSY)
		errorf(fc, "daxfs: %s is in use", fc->source);
	else if (!DAXFS_HAS_DEVDAX)
		errorf(fc, "daxfs: %s: a file system on a DAX character device needs Linux 7.1 or newer; with this kernel make its namespace one of mode fsdax (ndctl create-namespace -f -e NAMESPACE -m fsdax) and mount its /dev/pmemN",
		       fc->source);
	else if (PTR_ERR(dax) == -EOPNOTSUPP)
		errorf(fc, "daxfs: %s has a driver for programs, not fsdev_dax, the one for file systems; 'daxfsctl mount' changes it",
		       fc->source);
	else
		errorf(fc, "daxfs: %s cannot be used: error %ld", fc->source, PTR_ERR(dax));
	return PTR_ERR(dax);
}

struct daxfs_backing *daxfs_devdax_open(struct fs_context *fc)
{
	struct devdax_backing *db;
	int err;

	db = kzalloc(sizeof(*db), GFP_KERNEL);
	if (!db)
		return ERR_PTR(-ENOMEM);
	db->backing.ops = &devdax_ops;
	db->backing.kind = DAXFS_BACKING_DAX;
	db->backing.may_vanish = true;
	db->backing.poisons = true;
	db->backing.writable = true;
	/* Nothing says whether it is: it is written back as if it were. */
	db->backing.persistent = true;
	db->file = filp_open(fc->source, O_RDWR, 0);
	if (IS_ERR(db->file)) {
		err = PTR_ERR(db->file);
		errorf(fc, "daxfs: %s cannot be opened: error %d%s", fc->source, err,
		       err == -ENXIO ? "; it has no driver" : "");
		goto free;
	}
	db->backing.device.dev = file_inode(db->file)->i_rdev;
	db->backing.device.is_char = true;
	err = take_device(fc, db);
	if (err)
		goto close;
	err = devdax_map(fc, db);
	if (err)
		goto put;
	return &db->backing;

put:
	fs_put_dax(db->backing.dax, db);
close:
	fput(db->file);
free:
	kfree(db);
	return ERR_PTR(err);
}
