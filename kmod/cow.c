// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared mappings that are written to. The first write to a page takes a fault,
 * which gives the branch a copy of that block of its own, one block and no
 * more, and makes the entry of the page table writable. Until then entries of
 * shared mappings are read-only (vm_ops->pfn_mkwrite asks for that), so a write
 * is noticed, and its time.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include "daxfs.h"
#include "backing/backing.h"

/* ---- pages that name their file ---- */

/*
 * The key of a futex in a shared mapping is the mapping and index of its struct
 * page. A block of a branch belongs to one page of one file, which may say so
 * there; what is in the base may be in many.
 */
static void own(struct inode *inode, pgoff_t index, struct page *page)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	if (page->mapping == inode->i_mapping || READ_ONCE(page->mapping))
		return;
	/* Without memory for the note no futex works there, which is told by EFAULT. */
	if (xa_err(xa_store(&info->owned, index, page, GFP_NOFS | __GFP_NOWARN)))
		return;
	page_folio(page)->index = index;
	WRITE_ONCE(page->mapping, inode->i_mapping);
}

void daxfs_disown(struct inode *inode, pgoff_t first, pgoff_t last)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct page *page;
	unsigned long index;
	int id;

	if (xa_empty(&info->owned))
		return;
	/* Of a device that has gone they are no more. */
	id = daxfs_backing_hold(backing);
	xa_for_each_range(&info->owned, index, page, first, last) {
		if (id >= 0 && page->mapping == inode->i_mapping)
			WRITE_ONCE(page->mapping, NULL);
		xa_erase(&info->owned, index);
	}
	if (id >= 0)
		daxfs_backing_exit(backing, id);
}

bool daxfs_blocks_busy(void *priv, dxc_off off, u64 blocks)
{
	const struct daxfs_backing *backing = priv;
	struct page *page;
	u64 i;

	if (!backing->has_pages)
		return false;
	for (i = 0; i < blocks; i++) {
		page = pfn_to_page(PHYS_PFN(daxfs_backing_phys(backing, off)) + i);
		if (page_ref_count(page) > DAXFS_IDLE_PAGE_REFS)
			return true;
	}
	return false;
}

/* ---- faults ---- */

/* A block that is a copy of the one the view has, or zeros. */
static int copy_block(struct dxc_layer *layer, const struct daxfs_backing *backing,
		      const struct dxc_part *part, loff_t pos, dxc_off *off)
{
	void *to;
	u64 got;
	int err;

	err = dxc_blocks_take(layer, 0, 1, off, &got);
	if (err)
		return err;
	to = backing->base + *off;
	err = dxc_extent_copy(&layer->vol->region, &part->ex, pos, to, PAGE_SIZE);
	if (err)
		dxc_blocks_give_back(layer, *off, 1);
	else if (backing->persistent)
		dxc_write_back(to, PAGE_SIZE);
	return err;
}

int daxfs_own_block(struct dxc_layer *layer, struct inode *inode, loff_t pos, dxc_off *off,
		    bool *fresh)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct dxc_attr attr;
	struct dxc_part part;
	int err;

	*fresh = false;
	err = dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), pos, &part, NULL);
	if (err)
		return err;
	if (part.own) {
		*off = part.ex.data + (pos - part.ex.pos);
		return 0;
	}
	err = copy_block(layer, backing, &part, pos, off);
	if (err)
		return err;
	daxfs_attr_of(inode, &attr);
	err = dxc_op_map(layer, &attr, pos >> PAGE_SHIFT, 1, *off);
	if (err) {
		dxc_blocks_give_back(layer, *off, 1);
		return err;
	}
	daxfs_attr_done(inode, &attr, 0);
	*fresh = true;
	return 0;
}

/* The same with the hold around it. Ends with daxfs_view_told() on hold. */
static int own_block(struct inode *inode, loff_t pos, struct daxfs_hold *hold, dxc_off *off,
		     bool *fresh)
{
	struct inode *const changed[] = { inode, NULL };
	struct dxc_layer *layer;
	int err;

	layer = daxfs_view_replace(inode, hold);
	if (IS_ERR(layer))
		return PTR_ERR(layer);
	err = daxfs_own_block(layer, inode, pos, off, fresh);
	daxfs_view_replace_end(inode->i_sb, hold, *fresh ? changed : NULL);
	return err;
}

struct insertion {
	struct vm_area_struct *vma;
	unsigned long pfn;
	bool paged;
};

/* For the entry of the page table, under its lock. -EEXIST: another page is there. */
static int insert_writable(pte_t *pte, unsigned long addr, void *data)
{
	const struct insertion *in = data;
	pte_t new = daxfs_make_pte(in->pfn, in->vma->vm_page_prot, in->paged);
	pte_t old = ptep_get(pte);
	bool marker = pte_is_uffd_wp_marker(old);

	/* Nobody else fills it in while invalidate_lock is held; it may be there, read-only. */
	if (!pte_none(old) && !marker && (!pte_present(old) || pte_pfn(old) != in->pfn))
		return -EEXIST;
	new = pte_mkdirty(pte_mkyoung(new));
	/* userfaultfd is asked first: the write comes here again after that. */
	if (marker || (pte_present(old) && pte_uffd_wp(old)))
		new = pte_mkuffd_wp(new);
	else if (in->vma->vm_flags & VM_WRITE)
		new = pte_mkwrite_novma(new);
	set_pte_at(in->vma->vm_mm, addr, pte, new);
	update_mmu_cache(in->vma, addr, pte);
	return 0;
}

static int make_writable(struct vm_fault *vmf, const struct daxfs_backing *backing, dxc_off off)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK;
	struct insertion in = {
		.vma = vma,
		.pfn = PHYS_PFN(daxfs_backing_phys(backing, off)),
		.paged = backing->has_pages,
	};
	struct mutex *lock = daxfs_pmd_lock_of(vmf);
	pmd_t pmd;
	int err = 0;

	mutex_lock(lock);
	pmd = READ_ONCE(*vmf->pmd);
	/* A huge entry came meanwhile, for reading: the write comes here again. */
	if (pmd_none(pmd) || !pmd_leaf(pmd))
		err = apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, insert_writable, &in);
	mutex_unlock(lock);
	return err;
}

/*
 * Space that has to be waited for is not waited for: whoever still reads it may
 * need the mmap_lock that we have.
 */
static vm_fault_t write_fault(struct vm_fault *vmf, struct inode *inode)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct address_space *mapping = inode->i_mapping;
	loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct daxfs_hold hold = {};
	bool fresh = false;
	dxc_off off;
	int err = 0;

	filemap_invalidate_lock(mapping);
	/* Who shuts it down unmaps, under this lock, what was mapped before. */
	if (pos >= i_size_read(inode) || READ_ONCE(vol->backing->down))
		goto out;
	err = own_block(inode, pos, &hold, &off, &fresh);
	if (err) {
		ret = err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
		goto out;
	}
	/* Everybody who has the old block mapped comes for the new one. */
	if (fresh)
		unmap_mapping_range(mapping, pos, PAGE_SIZE, 0);
	if (vol->backing->names_pages)
		own(inode, vmf->pgoff,
		    pfn_to_page(PHYS_PFN(daxfs_backing_phys(vol->backing, off))));
	/* Before anything can be written. */
	daxfs_set(DAXFS_I(inode), DAXFS_I_STORES);
	err = make_writable(vmf, vol->backing, off);
	if (err == -EEXIST) {
		/* An old block that nobody has unmapped would make this fault come again for ever. */
		unmap_mapping_range(mapping, pos, PAGE_SIZE, 0);
		err = make_writable(vmf, vol->backing, off);
	}
	if (!err)
		ret = VM_FAULT_NOPAGE;
	else if (err != -EEXIST)
		ret = VM_FAULT_OOM;
	daxfs_touch(inode);
out:
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	/* With the right to write, the access comes here again. */
	if (err == -EAGAIN && !daxfs_view_claim(inode))
		ret = VM_FAULT_NOPAGE;
	return ret;
}

vm_fault_t daxfs_write_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	vm_fault_t ret;
	int id;

	/* First: whoever waits for a thaw must not keep DAX devices of others from going away. */
	sb_start_pagefault(inode->i_sb);
	id = daxfs_backing_enter(vol->backing);
	if (id >= 0) {
		ret = write_fault(vmf, inode);
		daxfs_backing_exit(vol->backing, id);
	} else {
		ret = VM_FAULT_SIGBUS;
	}
	sb_end_pagefault(inode->i_sb);
	return ret;
}
