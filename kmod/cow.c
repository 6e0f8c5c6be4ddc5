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
 * these, who freezes a block waits in daxfs_await_answers().
 */
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/writeback.h>
#include "daxfs.h"
#include "backing/backing.h"

/* ---- pages that name their file ---- */

/*
 * The key of a futex in a shared mapping is the mapping and index of its struct
 * page, which fs/dax.c notes there. It warns when they are noted already; so it
 * is asked only for blocks of a branch that have none, under this lock. A block
 * of a branch is one page of one file; what is in the base may be many.
 */
static DEFINE_MUTEX(name_lock);

static struct page *page_at(const struct daxfs_backing *backing, dxc_off off)
{
	return pfn_to_page(PHYS_PFN(daxfs_backing_phys(backing, off)));
}

/* Whose page it is says who has it as his own block: one file, at one place. */
static bool may_name(const struct page *page, const struct address_space *mapping)
{
	const struct address_space *named = READ_ONCE(page->mapping);

	return !named || named == mapping;
}

/* Only what is the branch's own by now, and nobody else's. */
static int own_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		     struct iomap *iomap, struct iomap *srcmap)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	dxc_off off;
	int err;

	layer = daxfs_view_read(inode->i_sb, &hold);
	err = daxfs_is_stale(inode) ? -ESTALE :
		dxc_view_map(layer, inode->i_ino, daxfs_base_of(DAXFS_I(inode)), pos, &part, NULL);
	daxfs_view_read_end(inode->i_sb, &hold);
	if (err)
		return err;
	off = part.ex.data + (pos - part.ex.pos);
	if (!part.own || !may_name(page_at(backing, off), inode->i_mapping))
		return -EBUSY;
	iomap->type = IOMAP_MAPPED;
	iomap->flags = 0;
	iomap->addr = backing->dax_start + off;
	iomap->offset = pos;
	iomap->length = PAGE_SIZE;
	iomap->dax_dev = backing->dax;
	return 0;
}

static const struct iomap_ops own_ops = {
	.iomap_begin = own_begin,
};

/* VM_FAULT_FALLBACK: the page names another file. */
static vm_fault_t insert_by_dax(struct vm_fault *vmf, const struct daxfs_backing *backing,
				struct page *page)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	bool named = READ_ONCE(page->mapping);
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (!DAXFS_NAMES_PAGES || !backing->dax || !backing->names_pages)
		return ret;
	if (!named)
		mutex_lock(&name_lock);
	if (may_name(page, mapping))
		ret = daxfs_dax_fault(vmf, &own_ops);
	if (!named)
		mutex_unlock(&name_lock);
	/* What was stored is found by DAXFS_I_STORES; entries that are dirty would stay. */
	xa_lock_irq(&mapping->i_pages);
	__xa_clear_mark(&mapping->i_pages, vmf->pgoff, PAGECACHE_TAG_DIRTY);
	xa_unlock_irq(&mapping->i_pages);
	return ret;
}

void daxfs_disown(struct inode *inode, pgoff_t first, pgoff_t last)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct address_space *mapping = inode->i_mapping;
	int id;

	if (mapping_empty(mapping))
		return;
	id = daxfs_backing_hold(backing);
	if (id >= 0) {
		invalidate_inode_pages2_range(mapping, first, last);
		daxfs_backing_exit(backing, id);
	} else {
		/* The device has gone with its struct pages, as the inode was being evicted. */
		xa_destroy(&mapping->i_pages);
		mapping->nrpages = 0;
	}
}

/* No mapping is left: without the notes the inode can be forgotten. */
int daxfs_release(struct inode *inode, struct file *file)
{
	struct address_space *mapping = inode->i_mapping;

	if (mapping_mapped(mapping))
		return 0;
	/* fs/dax.c has said so; what is dirty is kept in memory. */
	if (inode_state_read_once(inode) & I_DIRTY_PAGES)
		sync_inode_metadata(inode, 0);
	if (mapping_empty(mapping))
		return 0;
	filemap_invalidate_lock(mapping);
	if (!mapping_mapped(mapping))
		daxfs_disown(inode, 0, ULONG_MAX);
	filemap_invalidate_unlock(mapping);
	return 0;
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

bool daxfs_blocks_pinned(const struct daxfs_backing *backing, dxc_off off, u64 blocks)
{
	u64 i;

	for (i = 0; backing->has_pages && i < blocks; i++) {
		if (daxfs_page_pins(page_at(backing, off) + i) > 0)
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
 * again.
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
		vmf->page = page_at(backing, off);
		page_ref_inc(vmf->page);
		return 0;
	}
	if (is_there && pfn != (vmf->page ? page_to_pfn(vmf->page) : pte_pfn(vmf->orig_pte))) {
		/* An old block that nobody has unmapped. */
		unmap_mapping_range(vmf->vma->vm_file->f_mapping,
				    (loff_t)vmf->pgoff << PAGE_SHIFT, PAGE_SIZE, 0);
		return VM_FAULT_NOPAGE;
	}
	if (backing->has_pages) {
		ret = daxfs_insert_writable(vmf, pfn);
		if (ret == VM_FAULT_FALLBACK && !vmf->page)
			ret = insert_by_dax(vmf, backing, page_at(backing, off));
	}
	if (ret != VM_FAULT_FALLBACK)
		return ret;
	if (!is_there)
		return daxfs_insert(vmf->vma, vmf->address & PAGE_MASK, pfn, backing->has_pages);
	WRITE_ONCE(vol->answered, true);
	if (!vmf->page)
		return 0;
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

void daxfs_await_answers(struct daxfs_volume *vol)
{
	/* Between the answer and the store to the entry nobody sleeps. */
	if (READ_ONCE(vol->answered) && xchg(&vol->answered, false))
		synchronize_rcu_tasks();
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
	ret = allow_stores(vmf, vol, off, fresh);
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
