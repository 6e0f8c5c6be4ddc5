// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabuf (FSCONFIG_SET_FD): memory that an exporter lends. By the rules of
 * dma-buf an importer has no struct pages: the kernel reads through a vmap,
 * users get page frames (map.c).
 */
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/slab.h>
#include "backing.h"

struct dmabuf_backing {
	struct daxfs_backing backing;
	struct iosys_map map;
};

static struct dmabuf_backing *to_dmabuf(struct daxfs_backing *backing)
{
	return container_of(backing, struct dmabuf_backing, backing);
}

static void dmabuf_close(struct daxfs_backing *backing)
{
	struct dmabuf_backing *db = to_dmabuf(backing);

	dma_buf_vunmap_unlocked(backing->dmabuf, &db->map);
	dma_buf_end_cpu_access(backing->dmabuf, DMA_BIDIRECTIONAL);
	dma_buf_put(backing->dmabuf);
	kfree(db);
}

static const struct daxfs_backing_ops dmabuf_ops = {
	.close = dmabuf_close,
};

struct daxfs_backing *daxfs_dmabuf_open(struct fs_context *fc,
					const struct daxfs_mount_options *opt)
{
	const struct daxfs_backing *from = daxfs_exported(opt->dmabuf);
	struct dma_buf *dmabuf = opt->dmabuf;
	struct dmabuf_backing *db;
	int err;

	db = kzalloc(sizeof(*db), GFP_KERNEL);
	if (!db)
		return ERR_PTR(-ENOMEM);
	get_dma_buf(dmabuf);
	db->backing.ops = &dmabuf_ops;
	db->backing.kind = DAXFS_BACKING_DMABUF;
	db->backing.dmabuf = dmabuf;
	db->backing.size = dmabuf->size;
	db->backing.writable = dmabuf->file->f_mode & FMODE_WRITE;
	/* It is the memory that is exported, with all that may happen to it. */
	if (from) {
		db->backing.dax = from->dax;
		db->backing.may_vanish = from->may_vanish;
		db->backing.poisons = from->poisons;
		db->backing.persistent = from->persistent;
	}

	/* For as long as the mount lives; a device's writes are seen from here on. */
	err = dma_buf_begin_cpu_access(dmabuf, DMA_BIDIRECTIONAL);
	if (err) {
		errorf(fc, "daxfs: the dma-buf's exporter (%s) refuses the processor access: error %d",
		       dmabuf->exp_name, err);
		goto put;
	}
	err = dma_buf_vmap_unlocked(dmabuf, &db->map);
	if (err) {
		errorf(fc, "daxfs: the dma-buf's exporter (%s) cannot map it for the kernel: error %d",
		       dmabuf->exp_name, err);
		goto end;
	}
	if (db->map.is_iomem) {
		err = -EOPNOTSUPP;
		errorf(fc, "daxfs: the dma-buf of %s is I/O memory, not memory a processor may cache",
		       dmabuf->exp_name);
		goto vunmap;
	}
	db->backing.base = db->map.vaddr;
	return &db->backing;

vunmap:
	dma_buf_vunmap_unlocked(dmabuf, &db->map);
end:
	dma_buf_end_cpu_access(dmabuf, DMA_BIDIRECTIONAL);
put:
	dma_buf_put(dmabuf);
	kfree(db);
	return ERR_PTR(err);
}
