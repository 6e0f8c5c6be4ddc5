// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared mappings that are written to. The first write to a page takes a fault,
 * which gives the branch a copy of that block of its own, one block and no
 * more. Entries of shared mappings are made read-only; one becomes writable under
 * the file's invalidate_lock, for which whoever unmaps a page after what he did to
 * its block waits. So he is told of the next store.
 *
 * Where no exported helper makes a writable entry (a dma-buf, see allow_stores()),
 * the kernel does when vm_ops->pfn_mkwrite has agreed, unless the entry has changed
 * since. One that was unmapped and mapped for reading again in between has not: for
 * these, who freezes a block waits: await_answers() in view/stale.c.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "daxfs.h"
#include "backing/backing.h"

/* ---- faults ---- */

/* A block that is a copy of the one the view has, or zeros. */
static int take_copy(struct dxc_layer *layer, const struct daxfs_backing *backing,
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
	err = take_copy(layer, backing, &part, pos, off);
	if (err)
		return err;
	daxfs_attr_of(inode, &attr);
	err = dxc_op_map(layer, &attr, pos >> PAGE_SHIFT, 1, *off);
	if (err) {
		dxc_blocks_give_back(layer, *off, 1);
		return err;
	}
	daxfs_blocks_filled(inode, &part, 1);
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

/*
 * The entry of the file's own block, writable: of a page by the kernel's helper, or
 * by fs/dax.c. Else the kernel gives the right to write to an entry that is there,
 * when it is told so, and one that is not is made without, and the store comes here
 * again. The view is held.
 */
static vm_fault_t allow_stores(struct vm_fault *vmf, struct daxfs_volume *vol, dxc_off off,
			       bool fresh)
{
	const struct daxfs_backing *backing = vol->backing;
	unsigned long pfn = PHYS_PFN(daxfs_backing_phys(backing, off));
	bool is_there = vmf->flags & FAULT_FLAG_MKWRITE && !fresh;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (!(vmf->flags & FAULT_FLAG_MKWRITE) && daxfs_has_marker(vmf)) {
		/* userfaultfd is asked first, by the kernel, which maps the page with its note. */
		if (!backing->has_pages)
			return VM_FAULT_SIGBUS;
		vmf->page = pfn_to_page(pfn);
		page_ref_inc(vmf->page);
		return 0;
	}
	if (is_there && pfn != (vmf->page ? page_to_pfn(vmf->page) : pte_pfn(vmf->orig_pte))) {
		/* An old block that nobody has unmapped. */
		unmap_mapping_range(vmf->vma->vm_file->f_mapping,
				    (loff_t)vmf->pgoff << PAGE_SHIFT, PAGE_SIZE, 0);
		return VM_FAULT_NOPAGE;
	}
	if (backing->has_pages)
		ret = daxfs_page_insert(vmf, backing, off);
	if (ret != VM_FAULT_FALLBACK)
		return ret;
	if (!is_there)
		return daxfs_insert(vmf->vma, vmf->address & PAGE_MASK, pfn, backing->has_pages);
	/* Whoever has the lock of the page may wait for ours. */
	if (vmf->page && !trylock_page(vmf->page))
		return VM_FAULT_NOPAGE;
	WRITE_ONCE(vol->answered, true);
	return vmf->page ? VM_FAULT_LOCKED : 0;
}

/*
 * The same if the block is the branch's own still. A branch may have been made over it since
 * that was seen: who does that unmaps, under tree, what is writable by then, and
 * the store comes here again.
 */
static vm_fault_t allow_if_own(struct vm_fault *vmf, struct inode *inode, dxc_off off, bool fresh)
{
	loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_NOPAGE;
	struct dxc_layer *layer;
	struct daxfs_hold hold;
	struct dxc_part part;

	layer = daxfs_view_read(inode->i_sb, &hold);
	if (!hold.branch->frozen && !daxfs_is_stale(inode) &&
	    !dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), pos, &part, NULL) &&
	    part.own && part.ex.data + (pos - part.ex.pos) == off)
		ret = allow_stores(vmf, daxfs_volume_of(inode), off, fresh);
	daxfs_view_read_end(inode->i_sb, &hold);
	return ret;
}

/*
 * Space that has to be waited for is not waited for: whoever still reads it may
 * need the mmap_lock that we have. *claim: see claim_for_fault().
 */
static vm_fault_t write_fault(struct vm_fault *vmf, struct inode *inode, bool *claim)
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
	/* A huge entry came meanwhile, for reading: the store comes here again. */
	if (daxfs_is_huge(vmf)) {
		ret = VM_FAULT_NOPAGE;
		goto out;
	}
	err = own_block(inode, pos, &hold, &off, &fresh);
	if (err) {
		ret = vmf_error(err);
		goto out;
	}
	/* Everybody who has the old block mapped comes for the new one. */
	if (fresh)
		unmap_mapping_range(mapping, pos, PAGE_SIZE, 0);
	/* Before anything can be written. */
	daxfs_set(DAXFS_I(inode), DAXFS_I_STORES);
	daxfs_touch(inode);
	ret = allow_if_own(vmf, inode, off, fresh);
out:
	filemap_invalidate_unlock(mapping);
	daxfs_view_told(inode->i_sb, &hold);
	*claim = err == -EAGAIN;
	return ret;
}

/*
 * The super block is not its branch's writer, which it may take seconds to become:
 * without mmap_lock, after which the access comes here again. For one that cannot
 * come again it is now or never.
 */
static vm_fault_t claim_for_fault(struct vm_fault *vmf, struct inode *inode)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct super_block *sb = inode->i_sb;
	bool wait = fault_flag_allow_retry_first(vmf->flags) &&
		    !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct file *file = NULL;
	int id;

	/* In ->page_mkwrite nobody knows: without the page it comes to ->fault. */
	if (vmf->page) {
		unmap_mapping_range(inode->i_mapping, (loff_t)vmf->pgoff << PAGE_SHIFT, PAGE_SIZE,
				    0);
		return VM_FAULT_NOPAGE;
	}
	if (wait) {
		/* In ->pfn_mkwrite the kernel goes on without VM_FAULT_NOPAGE. */
		ret = VM_FAULT_RETRY | VM_FAULT_NOPAGE;
		file = get_file(vmf->vma->vm_file);
		release_fault_lock(vmf);
	}
	sb_start_pagefault(sb);
	id = daxfs_backing_enter(backing);
	if (id >= 0) {
		if (!daxfs_view_claim(inode, wait) && !wait)
			ret = VM_FAULT_NOPAGE;
		daxfs_backing_exit(backing, id);
	}
	sb_end_pagefault(sb);
	if (wait)
		fput(file);
	return ret;
}

vm_fault_t daxfs_write_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool claim = false;
	vm_fault_t ret;
	int id;

	/* First: whoever waits for a thaw must not keep DAX devices of others from going away. */
	sb_start_pagefault(inode->i_sb);
	id = daxfs_backing_enter(vol->backing);
	if (id >= 0) {
		ret = write_fault(vmf, inode, &claim);
		daxfs_backing_exit(vol->backing, id);
	} else {
		ret = VM_FAULT_SIGBUS;
	}
	sb_end_pagefault(inode->i_sb);
	return claim ? claim_for_fault(vmf, inode) : ret;
}

static int try_store(struct inode *inode, loff_t pos, const void *buf, size_t len)
{
	struct inode *const changed[] = { inode, NULL };
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	loff_t block = round_down(pos, PAGE_SIZE);
	struct daxfs_hold hold = {};
	struct dxc_layer *layer;
	bool fresh = false;
	dxc_off off;
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	layer = daxfs_view_replace(inode, &hold);
	err = PTR_ERR_OR_ZERO(layer);
	if (err)
		goto out;
	if (pos >= i_size_read(inode))
		err = -EFAULT;
	else
		err = daxfs_own_block(layer, inode, block, &off, &fresh);
	if (!err) {
		daxfs_set(DAXFS_I(inode), DAXFS_I_STORES);
		memcpy(backing->base + off + offset_in_page(pos), buf, len);
		daxfs_touch(inode);
	}
	daxfs_view_replace_end(inode->i_sb, &hold, fresh ? changed : NULL);
	if (fresh)
		unmap_mapping_range(inode->i_mapping, block, PAGE_SIZE, 0);
out:
	filemap_invalidate_unlock(inode->i_mapping);
	daxfs_view_told(inode->i_sb, &hold);
	return err;
}

int daxfs_store(struct inode *inode, loff_t pos, const void *buf, size_t len)
{
	int err;

	len = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));
	err = try_store(inode, pos, buf, len);
	if (err == -EAGAIN && !daxfs_view_claim(inode, false))
		err = try_store(inode, pos, buf, len);
	return err ? err : (int)len;
}
