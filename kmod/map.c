// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the bytes of a file are, told to others: to page tables, and through
 * iomap to FIEMAP and SEEK_HOLE.
 */
#include <linux/hash.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include "daxfs.h"
#include "backing/backing.h"

/* The part of the file that holds pos; inside the backing. */
static int find_extent(struct inode *inode, loff_t pos, struct dxc_extent *ex,
		       struct dxc_finding *f)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_hold hold;
	struct dxc_layer *layer;
	struct dxc_part part;
	int err;

	if (likely(!daxfs_is_stale_or(inode, ~0ul)))
		return dxc_extent_map(&daxfs_volume_of(inode)->core, &info->core, pos, ex, f);
	layer = daxfs_view_read(inode->i_sb, &hold);
	err = daxfs_is_stale(inode) ? -ESTALE :
		dxc_view_map(layer, inode->i_ino, daxfs_base_of(info), pos, &part, f);
	daxfs_view_read_end(inode->i_sb, &hold);
	*ex = part.ex;
	return err;
}

/*
 * The address told is the offset in the region, by which whoever has imported
 * the same dma-buf, or maps the same memory, finds the file.
 */
static int daxfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
			     unsigned int flags, struct iomap *iomap,
			     struct iomap *srcmap)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	struct dxc_extent ex;
	struct dxc_finding f;
	int err, id;

	/* Called in a loop over as many extents as the image likes. */
	err = dxc_pause();
	if (err)
		return err;
	iomap->flags = 0;
	if (pos >= i_size_read(inode)) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		iomap->offset = pos;
		iomap->length = length;
		return 0;
	}
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = find_extent(inode, pos, &ex, &f);
	daxfs_backing_exit(vol->backing, id);
	if (err) {
		daxfs_bad(vol, err, &f);
		return err;
	}
	/* What is packed ends before its block does. */
	if (ex.packed && pos < ex.packed) {
		ex.len = ex.packed;
	} else if (ex.packed) {
		ex.pos = ex.packed;
		ex.len -= ex.packed;
		ex.data = 0;
	}
	iomap->offset = ex.pos;
	iomap->length = ex.len;
	if (!ex.data) {
		iomap->type = IOMAP_HOLE;
		iomap->addr = IOMAP_NULL_ADDR;
		return 0;
	}
	/* Others' bytes are in its block, which FIEMAP is told by this. */
	iomap->type = ex.packed ? IOMAP_INLINE : IOMAP_MAPPED;
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
 * What is mapped does not move, so a fault needs no lock of the file. But two
 * faults must not make a huge entry and a table of small ones in one place:
 * pmd_locks, chosen by the entry of the upper table, keep them apart.
 */
static struct mutex pmd_locks[64];

void daxfs_map_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pmd_locks); i++)
		mutex_init(&pmd_locks[i]);
}

struct mutex *daxfs_pmd_lock_of(const struct vm_fault *vmf)
{
	return &pmd_locks[hash_ptr(vmf->pmd, ilog2(ARRAY_SIZE(pmd_locks)))];
}

/*
 * What a read fault brings in, when they lie side by side in the file: as
 * many as the kernel maps around a fault in the page cache.
 */
#define FAULT_SIZE (16ul << PAGE_SHIFT)

struct insertion {
	const struct daxfs_backing *backing;
	const struct dxc_extent *ex;
	struct vm_area_struct *vma;
	unsigned long wanted;		/* address of the fault */
	struct page *page;		/* what is there when the file is packed */
};

/* For one entry of a page table, under its lock. */
static int insert_one(pte_t *pte, unsigned long addr, void *data)
{
	const struct insertion *in = data;
	const struct daxfs_backing *backing = in->backing;
	struct vm_area_struct *vma = in->vma;
	u64 pos = (u64)(vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT)) << PAGE_SHIFT;
	pte_t old = ptep_get(pte), new;
	unsigned long pfn;
	bool paged = false;
	/* userfaultfd's note that writes to this page, once there, are asked for */
	bool marker = addr == in->wanted && pte_is_uffd_wp_marker(old);

	/* Somebody was faster, or has written to his private copy. */
	if (!pte_none(old) && !marker)
		return 0;
	if (in->page) {
		pfn = page_to_pfn(in->page);
	} else if (in->ex->data) {
		pfn = PHYS_PFN(daxfs_backing_phys(backing, in->ex->data + (pos - in->ex->pos)));
		paged = backing->has_pages;
	} else {
		pfn = page_to_pfn(ZERO_PAGE(addr));
	}
	new = daxfs_make_pte(pfn, vma->vm_page_prot, paged);
	if (marker)
		new = pte_mkuffd_wp(new);
	set_pte_at(vma->vm_mm, addr, pte, new);
	update_mmu_cache(vma, addr, pte);
	return 0;
}

/* Maps the page of vmf and its neighbours, as far as vma and extent go. */
static vm_fault_t insert_pages(struct vm_fault *vmf, const struct daxfs_backing *backing,
			       const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	struct insertion in = { backing, ex, vma, vmf->address & PAGE_MASK, NULL };
	unsigned long start = max(vma->vm_start, round_down(vmf->address, FAULT_SIZE));
	unsigned long end = min(vma->vm_end, round_down(vmf->address, FAULT_SIZE) + FAULT_SIZE);
	u64 pos = (u64)vmf->pgoff << PAGE_SHIFT;
	pmd_t pmd;
	int err = 0;

	/* By address, so that one table is filled; no further than the extent. */
	start = max_t(u64, start, in.wanted - min_t(u64, in.wanted, pos - ex->pos));
	end = in.wanted + min_t(u64, end - in.wanted, ex->len - (pos - ex->pos));

	mutex_lock(daxfs_pmd_lock_of(vmf));
	pmd = READ_ONCE(*vmf->pmd);
	/* Mapped huge meanwhile: the page is there. */
	if (pmd_none(pmd) || !pmd_leaf(pmd))
		err = apply_to_page_range(vma->vm_mm, start, end - start, insert_one, &in);
	mutex_unlock(daxfs_pmd_lock_of(vmf));
	return err ? VM_FAULT_OOM : VM_FAULT_NOPAGE;
}

/*
 * The first touch of a private page is a write: the kernel makes the copy, of
 * the page given it here. Where there is none to give, of one made for it.
 */
static vm_fault_t give_page(struct vm_fault *vmf, const struct daxfs_backing *backing,
			    const struct dxc_extent *ex)
{
	dxc_off off = ex->data + (((u64)vmf->pgoff << PAGE_SHIFT) - ex->pos);
	struct page *page;

	if (ex->data && backing->has_pages) {
		page = pfn_to_page(PHYS_PFN(daxfs_backing_phys(backing, off)));
		get_page(page);
	} else {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return VM_FAULT_OOM;
		if (ex->data)
			memcpy(page_address(page), backing->base + off, PAGE_SIZE);
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
 * the region: pins and ptrace find it, and a first store through a shared mapping
 * asks page_mkwrite.
 */
static vm_fault_t insert_packed(struct vm_fault *vmf, struct inode *inode,
				const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	struct insertion in = { NULL, ex, vma, vmf->address & PAGE_MASK, NULL };
	pmd_t pmd;
	int err = 0;

	in.page = packed_page(inode, ex);
	if (IS_ERR(in.page))
		return PTR_ERR(in.page) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	if (vmf->cow_page) {
		get_page(in.page);
		vmf->page = in.page;
		return 0;
	}
	mutex_lock(daxfs_pmd_lock_of(vmf));
	pmd = READ_ONCE(*vmf->pmd);
	if (pmd_none(pmd) || !pmd_leaf(pmd))
		err = vm_insert_page(vma, in.wanted, in.page);
	/*
	 * Another fault was faster, or the entry is userfaultfd's write-protect
	 * marker, which only this handler can replace.
	 */
	if (err == -EBUSY)
		err = apply_to_page_range(vma->vm_mm, in.wanted, PAGE_SIZE, insert_one, &in);
	mutex_unlock(daxfs_pmd_lock_of(vmf));
	return err ? VM_FAULT_OOM : VM_FAULT_NOPAGE;
}

/* Maps 2 MiB at once, if file, memory and address space lie alike. */
static vm_fault_t insert_huge(struct vm_fault *vmf, const struct daxfs_backing *backing,
			      const struct dxc_extent *ex)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PMD_MASK;
	vm_fault_t ret;
	daxfs_pfn pfn;
	pmd_t pmd;
	u64 pos, off;

	if (!backing->has_pages || !ex->data || ex->packed)
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
	mutex_lock(daxfs_pmd_lock_of(vmf));
	pmd = READ_ONCE(*vmf->pmd);
	pfn = daxfs_paged_pfn(PHYS_PFN(daxfs_backing_phys(backing, off)));
	if (pmd_none(pmd))
		ret = vmf_insert_pfn_pmd(vmf, pfn, false);
	else
		ret = pmd_leaf(pmd) ? VM_FAULT_NOPAGE : VM_FAULT_FALLBACK;
	mutex_unlock(daxfs_pmd_lock_of(vmf));
	return ret;
}

/* What is at the page of vmf, mapped. Inside the backing. */
static vm_fault_t map_what_is_there(struct vm_fault *vmf, struct inode *inode, bool huge)
{
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	u64 pages = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct dxc_extent ex;
	struct dxc_finding f;
	int err;

	if (vmf->pgoff >= pages)
		return VM_FAULT_SIGBUS;
	err = find_extent(inode, (u64)vmf->pgoff << PAGE_SHIFT, &ex, &f);
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
	if (vmf->cow_page)
		return give_page(vmf, vol->backing, &ex);
	return insert_pages(vmf, vol->backing, &ex);
}

static vm_fault_t fault(struct vm_fault *vmf, bool huge)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct daxfs_volume *vol = daxfs_volume_of(inode);
	bool branches = daxfs_has_branches(vol);
	bool locked = branches || vol->backing->may_vanish;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int id;

	if (branches && vmf->flags & FAULT_FLAG_WRITE && vmf->vma->vm_flags & VM_SHARED)
		return huge ? VM_FAULT_FALLBACK : daxfs_write_fault(vmf);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return ret;
	/* What was found is mapped before it may be replaced, or unmapped when it goes. */
	if (locked)
		filemap_invalidate_lock_shared(inode->i_mapping);
	if (!READ_ONCE(vol->backing->down))
		ret = map_what_is_there(vmf, inode, huge);
	if (locked)
		filemap_invalidate_unlock_shared(inode->i_mapping);
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

/* With these, entries of shared mappings are made without the right to write. */
static const struct vm_operations_struct daxfs_branch_vm_ops = {
	.fault = daxfs_fault,
	.huge_fault = daxfs_huge_fault,
	.pfn_mkwrite = daxfs_write_fault,
	.page_mkwrite = daxfs_write_fault,	/* of packed files */
};

int daxfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);

	if (READ_ONCE(daxfs_volume_of(inode)->backing->down))
		return -EIO;
	vma->vm_ops = &daxfs_vm_ops;
	if (daxfs_has_branches(daxfs_volume_of(inode))) {
		if (daxfs_is_stale(inode))
			return -ESTALE;
		vma->vm_ops = &daxfs_branch_vm_ops;
		if (vma->vm_flags & VM_SHARED && vma->vm_flags & VM_MAYWRITE) {
			/* Before anything can be written. */
			WRITE_ONCE(DAXFS_SB(inode->i_sb)->mapped, true);
			daxfs_set(DAXFS_I(inode), DAXFS_I_TOUCHED | DAXFS_I_MAPPED);
		}
	}
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	return 0;
}
