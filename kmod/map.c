// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of files: what is read through them, and their first store. Page
 * tables are filled by the kernel's own helpers, see daxfs_insert() in compat.h.
 *
 * fs/dax.c is not asked for it: it notes an owner in every struct page it maps
 * and warns when a second file maps the same page. Equal files of an image share
 * their blocks, several mounts of a region share all of them, and a hostile image
 * may claim whatever it likes. And it maps one page a fault.
 *
 * A fault maps what it finds under the file's invalidate_lock, for which whoever
 * replaces blocks waits before he unmaps them. A huge entry is made with the lock
 * held exclusively, so that nobody fills a table of small ones in its place.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "daxfs.h"
#include "backing/backing.h"

/*
 * What a read fault brings in, when they lie side by side in the file: as
 * many as the kernel maps around a fault in the page cache.
 */
#define FAULT_SIZE (16ul << PAGE_SHIFT)

const struct address_space_operations daxfs_aops = {
	.dirty_folio = noop_dirty_folio,
};

static unsigned long pfn_of(const struct daxfs_backing *backing, dxc_off off)
{
	return PHYS_PFN(daxfs_backing_phys(backing, off));
}

/* Maps the page of the file at addr, which ex holds. */
static vm_fault_t insert_one(struct vm_area_struct *vma, unsigned long addr,
			     const struct daxfs_backing *backing, const struct dxc_extent *ex)
{
	u64 pos = (u64)linear_page_index(vma, addr) << PAGE_SHIFT;

	if (!ex->data)
		return daxfs_insert(vma, addr, page_to_pfn(ZERO_PAGE(addr)), false);
	return daxfs_insert(vma, addr, pfn_of(backing, ex->data + (pos - ex->pos)),
			    backing->has_pages);
}

/* Maps the page of vmf and its neighbours, as far as vma and extent go. */
static vm_fault_t insert_pages(struct vm_fault *vmf, const struct daxfs_backing *backing,
			       const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long wanted = vmf->address & PAGE_MASK, addr;
	unsigned long start = max(vma->vm_start, round_down(wanted, FAULT_SIZE));
	unsigned long end = min(vma->vm_end, round_down(wanted, FAULT_SIZE) + FAULT_SIZE);
	u64 pos = (u64)vmf->pgoff << PAGE_SHIFT;
	vm_fault_t ret;

	/* By address, so that one table is filled; no further than the extent. */
	start = max_t(u64, start, wanted - min_t(u64, wanted, pos - ex->pos));
	end = wanted + min_t(u64, end - wanted, ex->len - (pos - ex->pos));

	ret = insert_one(vma, wanted, backing, ex);
	for (addr = start; addr < end && ret == VM_FAULT_NOPAGE; addr += PAGE_SIZE) {
		if (addr != wanted && insert_one(vma, addr, backing, ex) != VM_FAULT_NOPAGE)
			break;
	}
	return ret;
}

/* A page that nobody else has: of the block at pos, or of zeros for a hole. */
static struct page *copy_page_of(const struct daxfs_volume *vol, const struct dxc_extent *ex,
				 dxc_pos pos)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	int err;

	if (!page)
		return ERR_PTR(-ENOMEM);
	if (!ex->data)
		return page;
	err = dxc_extent_copy(&vol->core.region, ex, pos, page_address(page), PAGE_SIZE);
	if (!err)
		return page;
	__free_page(page);
	return ERR_PTR(err);
}

/*
 * The page goes to the kernel, which makes a private copy of it, or maps it with
 * userfaultfd's note: by then nobody is inside the backing any more. So memory that
 * may vanish is copied from here; what is mapped is found by daxfs_device_removed().
 * Where there is no page to give, of one made for it, which stands for a hole until
 * that is written to.
 */
static vm_fault_t give_page(struct vm_fault *vmf, const struct daxfs_volume *vol,
			    const struct dxc_extent *ex)
{
	const struct daxfs_backing *backing = vol->backing;
	u64 pos = (u64)vmf->pgoff << PAGE_SHIFT;
	struct page *page;

	if (ex->data && backing->has_pages && !(vmf->cow_page && backing->may_vanish)) {
		page = pfn_to_page(pfn_of(backing, ex->data + (pos - ex->pos)));
		/* Of an idle page this may be the first. */
		page_ref_inc(page);
	} else {
		if (ex->data && !vmf->cow_page)
			return VM_FAULT_SIGBUS;
		page = copy_page_of(vol, ex, pos);
		if (IS_ERR(page))
			return PTR_ERR(page) == -EIO ? VM_FAULT_HWPOISON : vmf_error(PTR_ERR(page));
	}
	vmf->page = page;
	return 0;
}

/*
 * A packed file has its block together with others, so mappings show a page of its
 * own instead, with zeros behind the end: made when the first one wants it, the
 * same for all of them, as what is in the base does not change.
 */
static struct page *packed_page(struct inode *inode, const struct dxc_extent *ex)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	/* Pairs with cmpxchg_release(). */
	struct page *page = smp_load_acquire(&info->packed), *new;
	int err;

	if (page)
		return page;
	new = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!new)
		return ERR_PTR(-ENOMEM);
	err = dxc_extent_copy(&daxfs_volume_of(inode)->core.region, ex, ex->pos,
			      page_address(new), PAGE_SIZE);
	if (err) {
		__free_page(new);
		return ERR_PTR(err);
	}
	/* What is in the page comes before it. */
	page = cmpxchg_release(&info->packed, NULL, new);
	if (!page)
		return new;
	__free_page(new);
	return page;
}

/*
 * Maps the page of a packed file. The page tables count it, as it is no part of
 * the region: a first store through a shared mapping asks page_mkwrite.
 */
static vm_fault_t insert_packed(struct vm_fault *vmf, struct inode *inode,
				const struct dxc_extent *ex)
{
	struct page *page = packed_page(inode, ex);
	int err;

	if (IS_ERR(page))
		return vmf_error(PTR_ERR(page));
	if (vmf->cow_page || daxfs_has_marker(vmf)) {
		get_page(page);
		vmf->page = page;
		return 0;
	}
	err = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);
	/* Another fault was faster. */
	return err && err != -EBUSY ? vmf_error(err) : VM_FAULT_NOPAGE;
}

/* Maps 2 MiB at once, if file, memory and address space lie alike. */
static vm_fault_t insert_huge(struct vm_fault *vmf, const struct daxfs_backing *backing,
			      const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PMD_MASK;
	u64 pos, off;

	if (!DAXFS_HUGE_UNCOUNTED || !backing->has_pages || !ex->data || ex->packed)
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || vma->vm_end - addr < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	/* A private page is copied when it is written to, and one page only. */
	if (vmf->flags & FAULT_FLAG_WRITE && !(vma->vm_flags & VM_SHARED))
		return VM_FAULT_FALLBACK;
	pos = (u64)linear_page_index(vma, addr) << PAGE_SHIFT;
	if (pos < ex->pos || pos - ex->pos > ex->len || ex->len - (pos - ex->pos) < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	off = ex->data + (pos - ex->pos);
	if (!IS_ALIGNED(daxfs_backing_phys(backing, off), PMD_SIZE))
		return VM_FAULT_FALLBACK;
	if (!pmd_none(READ_ONCE(*vmf->pmd)))
		return daxfs_is_huge(vmf) ? VM_FAULT_NOPAGE : VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(vmf, daxfs_paged_pfn(pfn_of(backing, off)), false);
}

/* What is at the page of vmf, mapped. Inside the backing, under invalidate_lock. */
static vm_fault_t map_what_is_there(struct vm_fault *vmf, struct inode *inode, bool huge)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	u64 pages = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct dxc_finding f = {};
	struct dxc_extent ex;
	int err;

	if (vmf->pgoff >= pages)
		return VM_FAULT_SIGBUS;
	/* Mapped huge meanwhile: the page is there. */
	if (!huge && daxfs_is_huge(vmf))
		return VM_FAULT_NOPAGE;
	err = daxfs_find_extent(inode, (u64)vmf->pgoff << PAGE_SHIFT, &ex, &f);
	if (err) {
		daxfs_bad(vol, err, &f);
		return VM_FAULT_SIGBUS;
	}
	/* There may be blocks behind the end, which are nobody's to see. */
	ex.len = min(ex.len, (pages << PAGE_SHIFT) - ex.pos);
	if (huge)
		return insert_huge(vmf, vol->backing, &ex);
	if (ex.packed)
		return insert_packed(vmf, inode, &ex);
	/* userfaultfd's note in the place of a page is for the kernel itself to replace. */
	if (vmf->cow_page || daxfs_has_marker(vmf))
		return give_page(vmf, vol, &ex);
	return insert_pages(vmf, vol->backing, &ex);
}

static vm_fault_t fault(struct vm_fault *vmf, bool huge)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct address_space *mapping = inode->i_mapping;
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int id;

	if (daxfs_has_branches(vol) && vmf->flags & FAULT_FLAG_WRITE &&
	    vmf->vma->vm_flags & VM_SHARED)
		return huge ? VM_FAULT_FALLBACK : daxfs_write_fault(vmf);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return ret;
	/* When it goes, what was mapped before is unmapped under the lock. */
	if (huge) {
		filemap_invalidate_lock(mapping);
		if (!READ_ONCE(vol->backing->down))
			ret = map_what_is_there(vmf, inode, true);
		filemap_invalidate_unlock(mapping);
	} else {
		filemap_invalidate_lock_shared(mapping);
		if (!READ_ONCE(vol->backing->down))
			ret = map_what_is_there(vmf, inode, false);
		filemap_invalidate_unlock_shared(mapping);
	}
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

/* One block at most. */
static int load(struct inode *inode, loff_t pos, void *buf, int len)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_finding f = {};
	struct dxc_extent ex;
	int err;

	if (pos >= i_size_read(inode))
		return -EFAULT;
	len = min_t(int, len, PAGE_SIZE - offset_in_page(pos));
	filemap_invalidate_lock_shared(inode->i_mapping);
	err = daxfs_find_extent(inode, pos, &ex, &f);
	if (!err)
		err = dxc_extent_copy(&vol->core.region, &ex, pos, buf, len);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	daxfs_bad(vol, err, &f);
	return err ? err : len;
}

/*
 * For ptrace and /proc/PID/mem, where there are no pages that they could find. What
 * a private mapping has for itself they do find.
 */
static int daxfs_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			int write)
{
	struct inode *inode = file_inode(vma->vm_file);
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	loff_t pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
	int done = 0, n = 0, id;

	len = min_t(unsigned long, len, vma->vm_end - addr);
	if (write && (vma->vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EFAULT;
	/* First, as in daxfs_write_fault(). */
	if (write)
		sb_start_pagefault(inode->i_sb);
	id = daxfs_backing_enter(backing);
	if (id < 0) {
		n = id;
		goto out;
	}
	for (; done < len; done += n) {
		n = write ? daxfs_store(inode, pos + done, buf + done, len - done) :
			    load(inode, pos + done, buf + done, len - done);
		if (n < 0)
			break;
	}
	daxfs_backing_exit(backing, id);
out:
	if (write)
		sb_end_pagefault(inode->i_sb);
	return done ? done : n;
}

static const struct vm_operations_struct daxfs_vm_ops = {
	.fault = daxfs_fault,
	.huge_fault = daxfs_huge_fault,
	.access = daxfs_access,
};

/* With these, entries of shared mappings are made without the right to write. */
static const struct vm_operations_struct daxfs_branch_vm_ops = {
	.fault = daxfs_fault,
	.huge_fault = daxfs_huge_fault,
	.access = daxfs_access,
	.pfn_mkwrite = daxfs_write_fault,
	.page_mkwrite = daxfs_write_fault,	/* of pages that the kernel has mapped itself */
};

int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	const struct daxfs_backing *backing = vol->backing;

	if (READ_ONCE(backing->down))
		return -EIO;
	/* A fault returns when what it changed is durable, so that is all it takes. */
	if (vma->vm_flags & VM_SYNC && !backing->persistent)
		return -EOPNOTSUPP;
	vma->vm_ops = &daxfs_vm_ops;
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	if (!daxfs_has_branches(vol))
		return 0;
	if (daxfs_is_stale(inode))
		return -ESTALE;
	vma->vm_ops = &daxfs_branch_vm_ops;
	if (!READ_ONCE(vol->was_mapped))
		WRITE_ONCE(vol->was_mapped, true);
	if (vma->vm_flags & VM_SHARED && vma->vm_flags & VM_MAYWRITE) {
		/* Before anything can be written. */
		WRITE_ONCE(DAXFS_SB(inode->i_sb)->mapped, true);
		daxfs_set(DAXFS_I(inode), DAXFS_I_TOUCHED | DAXFS_I_MAPPED);
		/* Its pages are not for the kernel to look up, so zeros may stand for holes. */
		if (!backing->has_pages)
			vm_flags_set(vma, VM_IO);
	}
	return 0;
}
