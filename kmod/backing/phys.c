// SPDX-License-Identifier: GPL-2.0-only
/*
 * phys=ADDR,size=SIZE: memory that the kernel does not use as its own. It gets
 * struct pages (memremap_pages), as fs/fuse/virtio_fs.c does for its window, so
 * that mappings of it are like those of a pmem device: O_DIRECT, ptrace and
 * huge pages work.
 */
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include "backing.h"

struct phys_backing {
	struct daxfs_backing backing;
	struct dev_pagemap pgmap;
};

static struct phys_backing *to_phys(struct daxfs_backing *backing)
{
	return container_of(backing, struct phys_backing, backing);
}

/*
 * A page that somebody still reads (O_DIRECT in flight, a pipe filled by
 * vmsplice) outlives its mapping and the mount; its struct page must not go
 * before it. memunmap_pages() does not wait for such.
 */
static void wait_for_pins(struct daxfs_backing *backing)
{
	u64 count = backing->size >> PAGE_SHIFT, i;
	struct page *page;

	for (i = 0; i < count; i++) {
		page = pfn_to_page(backing->first_pfn + i);
		wait_var_event(&page->_refcount,
			       page_ref_count(page) <= DAXFS_IDLE_PAGE_REFS);
		if (i % 1024 == 1023)
			cond_resched();
	}
}

static void phys_close(struct daxfs_backing *backing)
{
	struct phys_backing *pb = to_phys(backing);

	wait_for_pins(backing);
	memunmap_pages(&pb->pgmap);
	release_mem_region(backing->phys, backing->size);
	kfree(pb);
}

/*
 * Memory that has failed. The kernel's own way would look for an entry of fs/dax.c
 * in the mapping that a page names (cow.c), and leave a locked one where it
 * found none, for which evicting the inode waits for ever. So it is told that
 * nothing can be done; whoever reads the page gets the signal.
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
	int err;

	err = phys_check(fc, opt->phys, opt->size);
	if (err)
		return ERR_PTR(err);
	pb = kzalloc(sizeof(*pb), GFP_KERNEL);
	if (!pb)
		return ERR_PTR(-ENOMEM);
	pb->backing.ops = &phys_ops;
	pb->backing.kind = DAXFS_BACKING_PHYS;
	pb->backing.phys = opt->phys;
	pb->backing.size = opt->size;
	pb->backing.writable = true;
	pb->backing.names_pages = true;
	if (!request_mem_region(opt->phys, opt->size, "daxfs")) {
		err = -EBUSY;
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
	return &pb->backing;

release:
	release_mem_region(opt->phys, opt->size);
free:
	kfree(pb);
	return ERR_PTR(err);
}
