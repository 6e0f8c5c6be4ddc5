// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the bytes of a file are, told to others: to page tables, and through
 * iomap to FIEMAP and SEEK_HOLE.
 */
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "daxfs.h"
#include "backing/backing.h"

/*
 * The address told is the offset in the region, by which whoever has imported
 * the same dma-buf, or maps the same memory, finds the file.
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
	return 0;
}

const struct iomap_ops daxfs_iomap_ops = {
	.iomap_begin = daxfs_iomap_begin,
};

const struct address_space_operations daxfs_aops = {
	.dirty_folio = noop_dirty_folio,
};

/* ---- mappings ---- */

/*
 * Page table entries are made here, not by dax_iomap_fault(): fs/dax.c notes an
 * owner in every struct page it maps and warns when a second file maps the same
 * page. Equal files of an image share their blocks, several mounts of a region
 * share all of them, and a hostile image may claim whatever it likes. Nothing
 * is noted here, so nothing can be contradicted, and one fault may bring in
 * many pages. Where the memory has struct pages the entries say so (devmap),
 * so that O_DIRECT and ptrace find them.
 *
 * A fault needs no lock: what it maps is base data, which does not move.
 */

/*
 * Pages that a read fault brings in, when they lie side by side in the file: as
 * many as the kernel maps around a fault in the page cache.
 */
#define FAULT_PAGES 16u

struct insertion {
	const struct daxfs_backing *backing;
	const struct dxc_extent *ex;
	struct vm_area_struct *vma;
};

/* For one entry of a page table, under its lock. */
static int insert_one(pte_t *pte, unsigned long addr, void *data)
{
	const struct insertion *in = data;
	const struct daxfs_backing *backing = in->backing;
	struct vm_area_struct *vma = in->vma;
	u64 pos = (u64)(vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT)) << PAGE_SHIFT;
	unsigned long pfn;
	bool paged = false;

	/* Somebody was faster, or has written to his private copy. */
	if (!pte_none(ptep_get(pte)))
		return 0;
	if (in->ex->data) {
		pfn = PHYS_PFN(daxfs_backing_phys(backing, in->ex->data + (pos - in->ex->pos)));
		paged = backing->has_pages;
	} else {
		pfn = my_zero_pfn(addr);
	}
	set_pte_at(vma->vm_mm, addr, pte, daxfs_make_pte(pfn, vma->vm_page_prot, paged));
	return 0;
}

/* Maps the page of vmf and its neighbours, as far as vma and extent go. */
static vm_fault_t insert_pages(struct vm_fault *vmf, const struct daxfs_backing *backing,
			       const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t start = round_down(vmf->pgoff, FAULT_PAGES);
	pgoff_t first = max3(start, vma->vm_pgoff, (pgoff_t)(ex->pos >> PAGE_SHIFT));
	pgoff_t last = min3(start + FAULT_PAGES, vma->vm_pgoff + vma_pages(vma),
			    (pgoff_t)((ex->pos + ex->len) >> PAGE_SHIFT));
	struct insertion in = { backing, ex, vma };

	/* The first touch is a write to a private page: a copy of one is wanted. */
	if (vmf->flags & FAULT_FLAG_WRITE) {
		first = vmf->pgoff;
		last = first + 1;
	}
	if (apply_to_page_range(vma->vm_mm,
				vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT),
				(last - first) << PAGE_SHIFT, insert_one, &in))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

/* Maps 2 MiB at once, if file, memory and address space lie alike. */
static vm_fault_t insert_huge(struct vm_fault *vmf, const struct daxfs_backing *backing,
			      const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PMD_MASK;
	u64 pos, off;

	if (!backing->has_pages || !ex->data)
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || vma->vm_end - addr < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	/* A private page is copied when it is written to, and one page only. */
	if (vmf->flags & FAULT_FLAG_WRITE && !(vma->vm_flags & VM_SHARED))
		return VM_FAULT_FALLBACK;
	pos = (u64)(vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT)) << PAGE_SHIFT;
	if (pos < ex->pos || pos - ex->pos > ex->len || ex->len - (pos - ex->pos) < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	off = ex->data + (pos - ex->pos);
	if (!IS_ALIGNED(daxfs_backing_phys(backing, off), PMD_SIZE))
		return VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(vmf, daxfs_paged_pfn(PHYS_PFN(daxfs_backing_phys(backing, off))),
				  false);
}

static vm_fault_t fault(struct vm_fault *vmf, bool huge)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	const struct dxc_inode *core = &DAXFS_I(inode)->core;
	struct dxc_extent ex;
	struct dxc_finding f;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int err, id;

	if (vmf->pgoff >= DIV_ROUND_UP(core->size, PAGE_SIZE))
		return VM_FAULT_SIGBUS;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return VM_FAULT_SIGBUS;
	err = dxc_extent_map(&vol->core, core, (u64)vmf->pgoff << PAGE_SHIFT, &ex, &f);
	if (err)
		daxfs_bad(vol, err, &f);
	else if (huge)
		ret = insert_huge(vmf, vol->backing, &ex);
	else
		ret = insert_pages(vmf, vol->backing, &ex);
	daxfs_backing_exit(vol->backing, id);
	return ret;
}

static vm_fault_t daxfs_fault(struct vm_fault *vmf)
{
	return fault(vmf, false);
}

static vm_fault_t daxfs_huge_fault(struct vm_fault *vmf, daxfs_fault_order order)
{
	return daxfs_order_is_pmd(order) ? fault(vmf, true) : VM_FAULT_FALLBACK;
}

static const struct vm_operations_struct daxfs_vm_ops = {
	.fault = daxfs_fault,
	.huge_fault = daxfs_huge_fault,
};

int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &daxfs_vm_ops;
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	return 0;
}
