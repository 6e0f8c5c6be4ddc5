// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the bytes of a file are, told to others: to page tables, and through
 * iomap to the kernel's DAX, to FIEMAP and to SEEK_HOLE.
 */
#include <linux/dax.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "daxfs.h"
#include "backing/backing.h"

/*
 * For faults the address is that in the DAX device; for those who report
 * (FIEMAP) it is the offset in the region, by which whoever has imported the
 * same dma-buf finds the file.
 */
static int daxfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
			     unsigned int flags, struct iomap *iomap,
			     struct iomap *srcmap)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	const struct dxc_inode *core = &DAXFS_I(inode)->core;
	struct dxc_extent ex;
	struct dxc_finding f;
	int err, id;

	iomap->flags = 0;
	iomap->bdev = NULL;
	iomap->dax_dev = vol->backing->dax;
	if (pos >= core->size) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		iomap->offset = pos;
		iomap->length = length;
		return 0;
	}
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = dxc_extent_map(&vol->core, core, pos, &ex, &f);
	daxfs_backing_exit(vol->backing, id);
	if (err) {
		daxfs_bad(vol, err, &f);
		return err;
	}
	iomap->offset = ex.pos;
	iomap->length = ex.len;
	if (!ex.data) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		return 0;
	}
	iomap->type = IOMAP_MAPPED;
	iomap->addr = ex.data;
	if (!(flags & IOMAP_REPORT)) {
		iomap->addr += vol->backing->dax_start;
		/* Equal files share blocks: no page belongs to one file. */
		iomap->flags |= IOMAP_F_SHARED;
	}
	return 0;
}

const struct iomap_ops daxfs_iomap_ops = {
	.iomap_begin = daxfs_iomap_begin,
};

const struct address_space_operations daxfs_aops = {
	.dirty_folio = noop_dirty_folio,
};

/* ---- through the kernel's DAX ---- */

static vm_fault_t daxfs_dax_huge_fault(struct vm_fault *vmf, daxfs_fault_order order)
{
	daxfs_pfn pfn;

	return dax_iomap_fault(vmf, order, &pfn, NULL, &daxfs_iomap_ops);
}

static vm_fault_t daxfs_dax_fault(struct vm_fault *vmf)
{
	return daxfs_dax_huge_fault(vmf, DAXFS_ORDER_PTE);
}

static const struct vm_operations_struct daxfs_dax_vm_ops = {
	.fault = daxfs_dax_fault,
	.huge_fault = daxfs_dax_huge_fault,
	.page_mkwrite = daxfs_dax_fault,
	.pfn_mkwrite = daxfs_dax_fault,
};

/* ---- page frames, for dma-bufs and kernels whose DAX cannot share blocks ---- */

/* Pages that one fault brings in, when they lie side by side in the file. */
#define FAULT_PAGES 64u

/* Maps the page of vmf and its neighbours, as far as vma and extent go. */
static vm_fault_t insert_pages(struct vm_fault *vmf, const struct daxfs_backing *backing,
			       const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t first = max3(round_down(vmf->pgoff, FAULT_PAGES), vma->vm_pgoff,
			     (pgoff_t)(ex->pos >> PAGE_SHIFT));
	pgoff_t last = min3(round_down(vmf->pgoff, FAULT_PAGES) + FAULT_PAGES,
			    vma->vm_pgoff + vma_pages(vma),
			    (pgoff_t)((ex->pos + ex->len) >> PAGE_SHIFT));
	vm_fault_t ret, result = VM_FAULT_NOPAGE;
	unsigned long pfn, addr;
	pgoff_t page;

	for (page = first; page < last; page++) {
		addr = vma->vm_start + ((page - vma->vm_pgoff) << PAGE_SHIFT);
		pfn = ex->data ? daxfs_backing_pfn(backing, ex->data +
						   ((u64)page << PAGE_SHIFT) - ex->pos) :
				 my_zero_pfn(addr);
		ret = daxfs_vmf_insert_mixed(vma, addr, pfn);
		/* Only the page that was asked for can fail the fault. */
		if (page == vmf->pgoff)
			result = ret;
		if (ret & VM_FAULT_ERROR)
			break;
	}
	return result;
}

static vm_fault_t daxfs_pfn_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	const struct dxc_inode *core = &DAXFS_I(inode)->core;
	struct dxc_extent ex;
	struct dxc_finding f;
	vm_fault_t ret;
	int err, id;

	if (vmf->pgoff >= DIV_ROUND_UP(core->size, PAGE_SIZE))
		return VM_FAULT_SIGBUS;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return VM_FAULT_SIGBUS;
	err = dxc_extent_map(&vol->core, core, (u64)vmf->pgoff << PAGE_SHIFT, &ex, &f);
	if (!err)
		ret = insert_pages(vmf, vol->backing, &ex);
	else
		ret = VM_FAULT_SIGBUS;
	daxfs_backing_exit(vol->backing, id);
	if (err)
		daxfs_bad(vol, err, &f);
	return ret;
}

static const struct vm_operations_struct daxfs_pfn_vm_ops = {
	.fault = daxfs_pfn_fault,
};

int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct daxfs_volume *vol = daxfs_volume_of(file_inode(file));

	if (vol->backing->dax && DAXFS_DAX_CAN_SHARE) {
		vma->vm_ops = &daxfs_dax_vm_ops;
		vm_flags_set(vma, VM_HUGEPAGE);
	} else {
		vma->vm_ops = &daxfs_pfn_vm_ops;
		vm_flags_set(vma, VM_MIXEDMAP);
	}
	return 0;
}
