/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a region comes from. A backing is opened once per region and kernel,
 * maps all of it for the kernel, and can say which page frame an offset is in.
 * It knows nothing of what the bytes mean.
 */
#ifndef DAXFS_BACKING_H
#define DAXFS_BACKING_H

#include <linux/io.h>
#include <linux/vmalloc.h>
#include <linux/fs_context.h>
#include <daxfs/ioctl.h>
#include "compat.h"
#include "core/core.h"

struct daxfs_backing;

struct daxfs_backing_ops {
	/* Undoes everything open did. No mapping and no user is left. */
	void (*close)(struct daxfs_backing *backing);
};

/* Block devices and character devices are numbered apart. */
struct daxfs_device {
	dev_t dev;
	bool is_char;
};

struct daxfs_backing {
	const struct daxfs_backing_ops *ops;
	/* Who has opened it, and keeps it open: for exports, which may outlive mounts. */
	void *owner;
	void (*get_owner)(void *owner);
	void (*put_owner)(void *owner);
	enum daxfs_backing_kind kind;
	void *base;			/* kernel address of the region */
	u64 size;			/* bytes */
	/*
	 * The memory has struct pages and is one run of physical memory from
	 * first_pfn on. Not so a dma-buf, whose pages are its exporter's.
	 */
	bool has_pages;
	unsigned long first_pfn;
	/* With has_pages, but for a phys= of a kernel that has none; or of a dma-buf of such. */
	struct dax_device *dax;
	u64 dax_start;			/* of the region in it, in bytes */
	bool may_vanish;		/* dax may be killed while it is open: its device removed */
	/* Shut down: nobody enters it any more. Set once, by kmod/shutdown.c. */
	bool down;
	/*
	 * We are told before the memory goes, so that struct pages may name files, which
	 * has to be undone by then (page.c). With has_pages.
	 */
	bool names_pages;
	bool in_use;			/* pages were in use when it was opened */
	bool poisons;			/* memory errors are reported, not fatal */
	bool writable;			/* the kernel may store to it */
	bool persistent;		/* keeps what was flushed when the power goes */
	/* Identity: a second mount of the same finds the same volume. */
	phys_addr_t phys;		/* DAXFS_BACKING_PHYS */
	struct daxfs_device device;	/* DAXFS_BACKING_DAX */
	struct dma_buf *dmabuf;		/* DAXFS_BACKING_DMABUF */
};

/* What the mount options said, until there is a super block. */
struct daxfs_mount_options {
	phys_addr_t phys;
	u64 size;
	struct dma_buf *dmabuf;		/* a reference */
	u64 volume;			/* instance of the one that "volume" named; 0: none */
	char *device;			/* with volume: what that mount was made from */
	char *branch;			/* NULL: main */
	bool has_phys;
	bool has_size;
	bool validate;
};

/*
 * Each returns a backing or an ERR_PTR, with a sentence in fc's log. The options
 * stay the caller's; the dma-buf one takes a reference of its own.
 */
struct daxfs_backing *daxfs_phys_open(struct fs_context *fc,
				      const struct daxfs_mount_options *opt);
/* The module is unloaded. */
void daxfs_phys_exit(void);
/* For writing too, if the device allows it. */
struct daxfs_backing *daxfs_dax_open(struct fs_context *fc);
struct daxfs_backing *daxfs_devdax_open(struct fs_context *fc);
/* Which device the source names; 0 or an error, with a sentence too. Opens nothing. */
int daxfs_device_find(struct fs_context *fc, struct daxfs_device *device);
struct daxfs_backing *daxfs_dmabuf_open(struct fs_context *fc,
					const struct daxfs_mount_options *opt);

/*
 * A new dma-buf descriptor of the whole region, of O_CLOEXEC and an access
 * mode. It keeps the backing's owner for as long as it is open.
 */
int daxfs_export(const struct daxfs_backing *backing, u32 flags);

/*
 * What the dma-buf is of, if it was exported here; else NULL. It stays as long as
 * the dma-buf.
 */
const struct daxfs_backing *daxfs_exported(const struct dma_buf *dmabuf);
/*
 * The device is about to go, and its backings are down: nobody has its memory mapped by
 * way of a dma-buf when it returns.
 */
void daxfs_export_revoke(const struct dax_device *dax);

/*
 * Who is told, once, before a DAX device goes; it is there until that returns. Set
 * before any is opened.
 */
extern void (*daxfs_dax_removed)(struct dax_device *dax);

/*
 * Between hold and exit the region is mapped: a DAX device cannot go away
 * under the reader. May sleep in between. Negative when it has gone.
 */
static inline int daxfs_backing_hold(const struct daxfs_backing *backing)
{
	int id;

	if (likely(!backing->may_vanish))
		return 0;
	id = dax_read_lock();
	if (likely(dax_alive(backing->dax)))
		return id;
	dax_read_unlock(id);
	return -EIO;
}

/* The same for who reads or writes: negative, too, after it was shut down. */
static inline int daxfs_backing_enter(const struct daxfs_backing *backing)
{
	return likely(!READ_ONCE(backing->down)) ? daxfs_backing_hold(backing) : -EIO;
}

static inline void daxfs_backing_exit(const struct daxfs_backing *backing, int id)
{
	if (unlikely(backing->may_vanish))
		dax_read_unlock(id);
}

/*
 * Goes on with *pfn behind pages that nobody uses, up to end: are all of them such? A
 * page that is no more mapped, and that nobody uses, stays so.
 */
static inline bool daxfs_pages_are_idle(unsigned long *pfn, unsigned long end)
{
	for (; *pfn < end; ++*pfn) {
		if (page_ref_count(pfn_to_page(*pfn)) > DAXFS_IDLE_PAGE_REFS)
			return false;
		if (*pfn % 1024 == 1023)
			cond_resched();
	}
	return true;
}

/* Where a page-aligned offset inside the region is in physical memory. */
static inline phys_addr_t daxfs_backing_phys(const struct daxfs_backing *backing,
					     dxc_off off)
{
	void *p = backing->base + off;

	if (backing->has_pages)
		return PFN_PHYS(backing->first_pfn) + off;
	return is_vmalloc_addr(p) ? PFN_PHYS(vmalloc_to_pfn(p)) : virt_to_phys(p);
}

/* Is a page of these blocks held, for I/O or else, but by page tables? */
bool daxfs_blocks_pinned(const struct daxfs_backing *backing, dxc_off off, u64 blocks);
/* For dxc_space.busy: is somebody's I/O to these blocks under way? priv: the backing. */
bool daxfs_blocks_busy(void *priv, dxc_off off, u64 blocks);

#endif
