// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region as a dma-buf, for devices and programs that find files in it by
 * FIEMAP. A region that is a dma-buf is handed out as it is; any other is
 * exported here, and kept (with its owner, the volume) for as long as somebody has it.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "backing.h"

/* What one entry of a scatterlist holds: its length has 32 bits. */
#define PIECE_SIZE SZ_1G

/* What a page fault brings in: the rest of one page table. */
#define FAULT_SIZE PMD_SIZE

struct export {
	struct list_head list;		/* guarded by exports_lock */
	const struct daxfs_backing *backing;	/* with a reference of its owner */
	struct inode *inode;		/* the dma-buf's, a reference: knows who maps it */
};

static DEFINE_MUTEX(exports_lock);
static LIST_HEAD(exports);

static const struct daxfs_backing *backing_of(const struct dma_buf *dmabuf)
{
	return ((struct export *)dmabuf->priv)->backing;
}

static struct sg_table *region_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	const struct daxfs_backing *backing = backing_of(attach->dmabuf);
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;
	u64 off = 0;
	int err;

	if (READ_ONCE(backing->down))
		return ERR_PTR(-EIO);
	/* A device that was told "read" is not trusted to only read. */
	if (!(attach->dmabuf->file->f_mode & FMODE_WRITE) && dir != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	err = sg_alloc_table(sgt, DIV_ROUND_UP_ULL(backing->size, PIECE_SIZE), GFP_KERNEL);
	if (err)
		goto free;
	for_each_sgtable_sg(sgt, sg, i) {
		sg_set_page(sg, pfn_to_page(backing->first_pfn + PHYS_PFN(off)),
			    min_t(u64, backing->size - off, PIECE_SIZE), 0);
		off += PIECE_SIZE;
	}
	err = dma_map_sgtable(attach->dev, sgt, dir, 0);
	if (err)
		goto table;
	return sgt;

table:
	sg_free_table(sgt);
free:
	kfree(sgt);
	return ERR_PTR(err);
}

static void region_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

/* Page after page, so that what is mapped can be taken away: daxfs_export_revoke(). */
static vm_fault_t region_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct address_space *mapping = vma->vm_file->f_mapping;
	const struct daxfs_backing *backing = backing_of(vma->vm_private_data);
	unsigned long addr = vmf->address & PAGE_MASK, pfn = backing->first_pfn + vmf->pgoff;
	unsigned long end = min(vma->vm_end, round_down(addr, FAULT_SIZE) + FAULT_SIZE);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int id;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return ret;
	filemap_invalidate_lock_shared(mapping);
	if (!READ_ONCE(backing->down))
		ret = vmf_insert_pfn(vma, addr, pfn);
	/* Neighbours that cannot be mapped come when they are wanted. */
	while (ret == VM_FAULT_NOPAGE && (addr += PAGE_SIZE) < end) {
		if (vmf_insert_pfn(vma, addr, ++pfn) != VM_FAULT_NOPAGE)
			break;
	}
	filemap_invalidate_unlock_shared(mapping);
	daxfs_backing_exit(backing, id);
	return ret;
}

static const struct vm_operations_struct region_vm_ops = {
	.fault = region_fault,
};

/* The core of dma-buf has checked the range against the size, and made the file the dma-buf's. */
static int region_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	/* A descriptor that can only be read has no VM_SHARED. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (READ_ONCE(backing_of(dmabuf)->down))
		return -EIO;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = dmabuf;
	vma->vm_ops = &region_vm_ops;
	return 0;
}

static int region_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (READ_ONCE(backing_of(dmabuf)->down))
		return -EIO;
	iosys_map_set_vaddr(map, backing_of(dmabuf)->base);
	return 0;
}

static void region_release(struct dma_buf *dmabuf)
{
	struct export *ex = dmabuf->priv;

	mutex_lock(&exports_lock);
	list_del(&ex->list);
	mutex_unlock(&exports_lock);
	iput(ex->inode);
	ex->backing->put_owner(ex->backing->owner);
	kfree(ex);
}

static const struct dma_buf_ops region_ops = {
	.map_dma_buf = region_map,
	.unmap_dma_buf = region_unmap,
	.mmap = region_mmap,
	.vmap = region_vmap,
	.release = region_release,
};

static struct dma_buf *export_region(const struct daxfs_backing *backing, u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct export *ex;

	ex = kzalloc(sizeof(*ex), GFP_KERNEL);
	if (!ex)
		return ERR_PTR(-ENOMEM);
	info.exp_name = "daxfs";
	info.ops = &region_ops;
	info.size = backing->size;
	info.flags = flags & O_ACCMODE;
	info.priv = ex;
	ex->backing = backing;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(ex);
		return dmabuf;
	}
	/* Released by region_release(). */
	backing->get_owner(backing->owner);
	ex->inode = file_inode(dmabuf->file);
	ihold(ex->inode);
	mutex_lock(&exports_lock);
	list_add(&ex->list, &exports);
	mutex_unlock(&exports_lock);
	return dmabuf;
}

const struct daxfs_backing *daxfs_exported(const struct dma_buf *dmabuf)
{
	return dmabuf->ops == &region_ops ? backing_of(dmabuf) : NULL;
}

void daxfs_export_revoke(const struct dax_device *dax)
{
	struct address_space *mapping;
	struct export *ex;

	mutex_lock(&exports_lock);
	list_for_each_entry(ex, &exports, list) {
		if (ex->backing->dax != dax)
			continue;
		/* Who faults after the lock sees that it is down. */
		mapping = ex->inode->i_mapping;
		filemap_invalidate_lock(mapping);
		unmap_mapping_range(mapping, 0, 0, 1);
		filemap_invalidate_unlock(mapping);
	}
	mutex_unlock(&exports_lock);
}

int daxfs_export(const struct daxfs_backing *backing, u32 flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	struct dma_buf *dmabuf;
	int fd;

	if (READ_ONCE(backing->down))
		return -EIO;
	if (write && !backing->writable)
		return -EROFS;
	if (backing->kind == DAXFS_BACKING_DMABUF) {
		/* Its exporter has decided on the mode of all its descriptors. */
		if (!write && backing->writable)
			return -EOPNOTSUPP;
		dmabuf = backing->dmabuf;
		get_dma_buf(dmabuf);
	} else {
		dmabuf = export_region(backing, flags);
		if (IS_ERR(dmabuf))
			return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, flags & O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}
