// SPDX-License-Identifier: GPL-2.0-only
/*
 * phys=ADDR,size=SIZE: memory that the kernel does not use as its own. It gets
 * struct pages (memremap_pages), as fs/fuse/virtio_fs.c does for its window, so
 * that mappings of it are like those of a pmem device: O_DIRECT, ptrace and
 * huge pages work.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "backing.h"

struct phys_backing {
	struct daxfs_backing backing;
	struct dev_pagemap pgmap;
	struct list_head list;		/* lingering; guarded by lingering_lock */
	unsigned long idle;		/* pages before this frame nobody uses; the same */
};

/*
 * Closed, but somebody uses a page: given back later, unless mounted again before.
 * Each has a reference of the module.
 */
static DEFINE_MUTEX(lingering_lock);
static LIST_HEAD(lingering);

#define LOOK_EVERY (HZ / 4)

static struct phys_backing *to_phys(struct daxfs_backing *backing)
{
	return container_of(backing, struct phys_backing, backing);
}

/*
 * A page that somebody still reads (O_DIRECT in flight, a pipe filled by
 * vmsplice) outlives its mapping and the mount; its struct page must not go
 * before it. memunmap_pages() does not wait for such.
 */
static bool is_idle(struct phys_backing *pb)
{
	return daxfs_pages_are_idle(&pb->idle,
				    pb->backing.first_pfn + PHYS_PFN(pb->backing.size));
}

static void tear_down(struct phys_backing *pb)
{
	if (pb->backing.dax) {
		kill_dax(pb->backing.dax);
		put_dax(pb->backing.dax);
	}
	memunmap_pages(&pb->pgmap);
	release_mem_region(pb->backing.phys, pb->backing.size);
	kfree(pb);
}

static void look_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(later, look_again);

static void look_again(struct work_struct *work)
{
	struct phys_backing *pb, *next;
	unsigned int gone = 0;

	mutex_lock(&lingering_lock);
	list_for_each_entry_safe(pb, next, &lingering, list) {
		if (!is_idle(pb))
			continue;
		list_del(&pb->list);
		tear_down(pb);
		gone++;
	}
	if (!list_empty(&lingering))
		schedule_delayed_work(&later, LOOK_EVERY);
	mutex_unlock(&lingering_lock);
	/* Unloading waits for us to return: daxfs_phys_exit(). */
	while (gone--)
		module_put(THIS_MODULE);
}

/* ---- what fs/dax.c wants of a device, see page.c ---- */

static long phys_direct_access(struct dax_device *dax, pgoff_t page, long pages,
			       enum dax_access_mode mode, void **kaddr, daxfs_pfn *pfn)
{
	const struct phys_backing *pb = dax_get_private(dax);
	u64 count = pb->backing.size >> PAGE_SHIFT;

	if (page >= count)
		return -ERANGE;
	if (kaddr)
		*kaddr = pb->backing.base + (page << PAGE_SHIFT);
	if (pfn)
		*pfn = daxfs_paged_pfn(pb->backing.first_pfn + page);
	return count - page;
}

static int phys_zero_pages(struct dax_device *dax, pgoff_t page, size_t pages)
{
	return -EOPNOTSUPP;
}

static const struct dax_operations phys_dax_ops = {
	.direct_access = phys_direct_access,
	.zero_page_range = phys_zero_pages,
};

static void phys_close(struct daxfs_backing *backing)
{
	struct phys_backing *pb = to_phys(backing);

	pb->idle = backing->first_pfn;
	if (is_idle(pb)) {
		tear_down(pb);
		return;
	}
	pr_notice("phys=%#llx,size=%#llx: pages of it are still in use (a pipe, direct I/O): it is given back when they are not\n",
		  (u64)backing->phys, backing->size);
	__module_get(THIS_MODULE);
	mutex_lock(&lingering_lock);
	list_add(&pb->list, &lingering);
	schedule_delayed_work(&later, LOOK_EVERY);
	mutex_unlock(&lingering_lock);
}

void daxfs_phys_exit(void)
{
	cancel_delayed_work_sync(&later);
}

/* The same range, closed before, is in use again. NULL: there is none; *overlaps: another one. */
static struct phys_backing *take_back(phys_addr_t phys, u64 size, bool *overlaps)
{
	struct phys_backing *pb, *found = NULL;

	*overlaps = false;
	mutex_lock(&lingering_lock);
	list_for_each_entry(pb, &lingering, list) {
		if (pb->backing.phys == phys && pb->backing.size == size) {
			found = pb;
			list_del(&pb->list);
			break;
		}
		*overlaps |= phys < pb->backing.phys + pb->backing.size &&
			     pb->backing.phys < phys + size;
	}
	mutex_unlock(&lingering_lock);
	if (!found)
		return NULL;
	found->backing.down = false;
	found->backing.in_use = true;
	module_put(THIS_MODULE);
	return found;
}

/*
 * Memory that has failed. The kernel's own way would find only who has mapped a
 * page that names its file (page.c). So it is told that nothing can be done;
 * whoever reads the page gets the signal.
 */
static int phys_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
			       unsigned long nr_pages, int flags)
{
	return -EBUSY;
}

static const struct dev_pagemap_ops phys_pagemap_ops = {
	.memory_failure = phys_memory_failure,
};

static const struct daxfs_backing_ops phys_ops = {
	.close = phys_close,
};

/* Says why the range cannot be one; 0 when it can. */
static int phys_check(struct fs_context *fc, phys_addr_t phys, u64 size)
{
	u64 unit = PAGES_PER_SUBSECTION << PAGE_SHIFT;
	u64 end;
	int err;

	/* Whoever names any address reads and writes what is there, as in /dev/mem. */
	err = security_locked_down(LOCKDOWN_DEV_MEM);
	if (err) {
		errorf(fc, "daxfs: phys=%#llx,size=%#llx: the kernel is locked down, which forbids access to physical memory",
		       (u64)phys, size);
		return err;
	}

	if (!size)
		return invalf(fc, "daxfs: size=0: a region cannot be empty");
	if (!IS_ALIGNED(phys, unit) || !IS_ALIGNED(size, unit))
		return invalf(fc, "daxfs: phys=%#llx,size=%#llx: both must be multiples of %lluM",
			      (u64)phys, size, unit >> 20);
	if (check_add_overflow((u64)phys, size - 1, &end) ||
	    end > iomem_resource.end)
		return invalf(fc, "daxfs: phys=%#llx,size=%#llx is past the end of physical memory",
			      (u64)phys, size);
	if (region_intersects(phys, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return invalf(fc, "daxfs: phys=%#llx,size=%#llx is System RAM that this kernel uses; reserve it first (memmap= on the kernel command line)",
			      (u64)phys, size);
	return 0;
}

struct daxfs_backing *daxfs_phys_open(struct fs_context *fc,
				      const struct daxfs_mount_options *opt)
{
	struct phys_backing *pb;
	bool overlaps;
	int err;

	err = phys_check(fc, opt->phys, opt->size);
	if (err)
		return ERR_PTR(err);
	pb = take_back(opt->phys, opt->size, &overlaps);
	if (pb)
		return &pb->backing;
	pb = kzalloc(sizeof(*pb), GFP_KERNEL);
	if (!pb)
		return ERR_PTR(-ENOMEM);
	pb->backing.ops = &phys_ops;
	pb->backing.kind = DAXFS_BACKING_PHYS;
	pb->backing.phys = opt->phys;
	pb->backing.size = opt->size;
	pb->backing.writable = true;
	pb->backing.names_pages = true;
	pb->backing.poisons = true;
	if (!request_mem_region(opt->phys, opt->size, "daxfs")) {
		err = -EBUSY;
		if (overlaps)
			errorf(fc, "daxfs: phys=%#llx,size=%#llx: pages of another range there are still in use, of a mount that is gone",
			       (u64)opt->phys, opt->size);
		else
			errorf(fc, "daxfs: phys=%#llx,size=%#llx is in use by another driver, see /proc/iomem",
			       (u64)opt->phys, opt->size);
		goto free;
	}

	pb->pgmap.type = MEMORY_DEVICE_FS_DAX;
	pb->pgmap.range.start = opt->phys;
	pb->pgmap.range.end = opt->phys + opt->size - 1;
	pb->pgmap.nr_range = 1;
	pb->pgmap.ops = &phys_pagemap_ops;
	pb->backing.base = memremap_pages(&pb->pgmap, NUMA_NO_NODE);
	if (IS_ERR(pb->backing.base)) {
		err = PTR_ERR(pb->backing.base);
		errorf(fc, "daxfs: phys=%#llx,size=%#llx cannot be given struct pages: error %d",
		       (u64)opt->phys, opt->size, err);
		goto release;
	}
	pb->backing.has_pages = true;
	pb->backing.first_pfn = PHYS_PFN(opt->phys);
	pb->backing.dax = alloc_dax(pb, &phys_dax_ops);
	/* A kernel without such devices: it does without. */
	if (IS_ERR(pb->backing.dax))
		pb->backing.dax = NULL;
	return &pb->backing;

release:
	release_mem_region(opt->phys, opt->size);
free:
	kfree(pb);
	return ERR_PTR(err);
}
