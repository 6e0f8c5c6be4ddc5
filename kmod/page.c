// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the region that are a branch's own, and name the file that they are of in
 * their struct page: mapped writable, so that futexes work, until they are disowned.
 */
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>
#include "daxfs.h"
#include "backing/backing.h"

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

/* Only what is the branch's own, and nobody else's. Whoever had the page mapped holds the view. */
static int own_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		     struct iomap *iomap, struct iomap *srcmap)
{
	const struct daxfs_backing *backing = daxfs_volume_of(inode)->backing;
	struct dxc_part part;
	dxc_off off;
	int err;

	err = dxc_view_map(&DAXFS_SB(inode->i_sb)->branch->layer, inode->i_ino,
			   daxfs_base_of(DAXFS_I(inode)), pos, &part, NULL);
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
	return ret & VM_FAULT_SIGBUS ? VM_FAULT_FALLBACK : ret;
}

vm_fault_t daxfs_page_insert(struct vm_fault *vmf, const struct daxfs_backing *backing,
			     dxc_off off)
{
	struct page *page = page_at(backing, off);
	vm_fault_t ret = daxfs_insert_writable(vmf, page_to_pfn(page));

	/* An entry that the kernel counts is not for fs/dax.c. */
	return ret == VM_FAULT_FALLBACK && !vmf->page ? insert_by_dax(vmf, backing, page) : ret;
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
