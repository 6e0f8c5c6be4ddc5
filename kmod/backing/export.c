// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region as a dma-buf, for devices and programs that find files in it by
 * FIEMAP. A region that is a dma-buf is handed out as it is; any other is
 * exported here, and kept (with its volume) for as long as somebody has it.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "backing.h"

/* What one entry of a scatterlist holds: its length has 32 bits. */
#define PIECE_SIZE SZ_1G

static const struct daxfs_backing *backing_of(const struct dma_buf *dmabuf)
{
	return ((struct daxfs_volume *)dmabuf->priv)->backing;
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

/* The core of dma-buf has checked the range against the size. */
static int region_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const struct daxfs_backing *backing = backing_of(dmabuf);
	int err, id;

	id = daxfs_backing_enter(backing);
	if (id < 0)
		return id;
	err = remap_pfn_range(vma, vma->vm_start, backing->first_pfn + vma->vm_pgoff,
			      vma->vm_end - vma->vm_start, vma->vm_page_prot);
	daxfs_backing_exit(backing, id);
	return err;
}

static int region_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iosys_map_set_vaddr(map, backing_of(dmabuf)->base);
	return 0;
}

static void region_release(struct dma_buf *dmabuf)
{
	daxfs_volume_put(dmabuf->priv);
}

static const struct dma_buf_ops region_ops = {
	.map_dma_buf = region_map,
	.unmap_dma_buf = region_unmap,
	.mmap = region_mmap,
	.vmap = region_vmap,
	.release = region_release,
};

static struct dma_buf *export_region(struct daxfs_volume *vol, u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	info.exp_name = "daxfs";
	info.ops = &region_ops;
	info.size = vol->backing->size;
	info.flags = flags & O_ACCMODE;
	info.priv = vol;
	kref_get(&vol->ref);
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		daxfs_volume_put(vol);
	return dmabuf;
}

int daxfs_export(struct daxfs_volume *vol, u32 flags)
{
	const struct daxfs_backing *backing = vol->backing;
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	struct dma_buf *dmabuf;
	int fd;

	if (write && !backing->writable)
		return -EROFS;
	if (backing->kind == DAXFS_BACKING_DMABUF) {
		/* Its exporter has decided on the mode of all its descriptors. */
		if (!write && backing->writable)
			return -EOPNOTSUPP;
		dmabuf = backing->dmabuf;
		get_dma_buf(dmabuf);
	} else {
		dmabuf = export_region(vol, flags);
		if (IS_ERR(dmabuf))
			return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, flags & O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}
