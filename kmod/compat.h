/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernel versions daxfs builds on, and nothing
 * else. The rest of the module is written for the newest; here it is made true
 * of the older ones.
 */
#ifndef DAXFS_COMPAT_H
#define DAXFS_COMPAT_H

#include <linux/version.h>

/* First, as headers too may be missing. 6.5 to 6.8 have block device handles of a third kind. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#error "daxfs is for Linux 6.1 to 6.4 and 6.9 to 7.2, and this kernel is none of them"
#endif

#ifndef CONFIG_64BIT
#error "daxfs needs a 64-bit kernel"
#endif
#ifndef CONFIG_BLOCK
#error "daxfs needs a kernel with CONFIG_BLOCK"
#endif
#ifndef CONFIG_FS_DAX
#error "daxfs needs a kernel with CONFIG_FS_DAX"
#endif
#ifndef CONFIG_ZONE_DEVICE
#error "daxfs needs a kernel with CONFIG_ZONE_DEVICE"
#endif
#ifndef CONFIG_DMA_SHARED_BUFFER
#error "daxfs needs a kernel with CONFIG_DMA_SHARED_BUFFER"
#endif
#ifndef CONFIG_FS_POSIX_ACL
#error "daxfs needs a kernel with CONFIG_FS_POSIX_ACL"
#endif
#if defined(CONFIG_PREEMPTION) && !defined(CONFIG_TASKS_RCU)
#error "daxfs needs a kernel with CONFIG_TASKS_RCU, where CONFIG_PREEMPTION is set"
#endif
/* Where crc32c() is. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#if !defined(CONFIG_LIBCRC32C) && !defined(CONFIG_LIBCRC32C_MODULE)
#error "daxfs needs a kernel with CONFIG_LIBCRC32C"
#endif
#elif !defined(CONFIG_CRC32) && !defined(CONFIG_CRC32_MODULE)
#error "daxfs needs a kernel with CONFIG_CRC32"
#endif

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/dma-buf.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>

/* ---- inodes ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct timespec64 inode_set_mtime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	return inode->i_mtime = ts;
}

static inline struct timespec64 inode_set_atime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	return inode->i_atime = ts;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}
#endif

/* The state of an inode is a word that only functions read. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
static inline unsigned long inode_state_read_once(const struct inode *inode)
{
	return READ_ONCE(inode->i_state);
}
#endif

/* Inode numbers have 64 bits everywhere. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
typedef unsigned long daxfs_ino_arg;
#else
typedef u64 daxfs_ino_arg;
#endif

/* ->mkdir returns the dentry that a network file system may have put in its place. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define daxfs_mkdir_result int
#define DAXFS_MKDIR_RESULT(err) (err)
#else
#define daxfs_mkdir_result struct dentry *
#define DAXFS_MKDIR_RESULT(err) ERR_PTR(err)
#endif

/* ->d_revalidate is told the directory and the name. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define DAXFS_REVALIDATE_ARGS
#else
#define DAXFS_REVALIDATE_ARGS struct inode *parent, const struct qstr *name,
#endif

/* ->update_time finds out what time it is by itself, and is told one of two kinds of time instead of a set. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define DAXFS_UPDATE_TIME_ARGS struct inode *inode, struct timespec64 *now, int what
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define DAXFS_UPDATE_TIME_ARGS struct inode *inode, int what
#else
#define DAXFS_UPDATE_TIME_ARGS struct inode *inode, enum fs_update_time what, unsigned int flags
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define daxfs_updates_atime(what) ((what) & S_ATIME)
#define daxfs_updates_cmtime(what) ((what) & (S_MTIME | S_CTIME))
#else
#define daxfs_updates_atime(what) ((what) == FS_UPD_ATIME)
#define daxfs_updates_cmtime(what) ((what) == FS_UPD_CMTIME)
#endif

/* ACLs are set on a dentry, before on an inode. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define DAXFS_ACL_OBJECT struct inode
#define daxfs_acl_of(dentry) d_inode(dentry)
#define daxfs_acl_inode(object) (object)
#else
#define DAXFS_ACL_OBJECT struct dentry
#define daxfs_acl_of(dentry) (dentry)
#define daxfs_acl_inode(object) d_inode(object)
#endif

/* User namespaces of mounts became id maps of mounts. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#define nop_mnt_idmap init_user_ns
#endif

/* The mask argument came a little later than the id map. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define daxfs_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, inode, stat)
#else
#define daxfs_fillattr generic_fillattr
#endif

/* ->get_acl was renamed when one with a dentry appeared. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define get_inode_acl get_acl
#define DAXFS_ACL_HANDLERS \
	&posix_acl_access_xattr_handler, &posix_acl_default_xattr_handler,
#else
#define DAXFS_ACL_HANDLERS	/* the VFS asks ->get_inode_acl by itself */
#endif

/* The value of an ACL's xattr, to be freed, or an ERR_PTR; newer kernels allocate it themselves. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
static inline void *daxfs_acl_to_xattr(const struct posix_acl *acl, size_t *size)
{
	int len = posix_acl_xattr_size(acl->a_count);
	void *value = kmalloc(len, GFP_KERNEL);

	if (!value)
		return ERR_PTR(-ENOMEM);
	len = posix_acl_to_xattr(&init_user_ns, acl, value, len);
	if (len < 0) {
		kfree(value);
		return ERR_PTR(len);
	}
	*size = len;
	return value;
}
#else
static inline void *daxfs_acl_to_xattr(const struct posix_acl *acl, size_t *size)
{
	return posix_acl_to_xattr(&init_user_ns, acl, size, GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
}
#endif

/* Arrays of xattr handlers became const themselves. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
typedef const struct xattr_handler *daxfs_xattr_handler;
#else
typedef const struct xattr_handler *const daxfs_xattr_handler;
#endif

/* ---- locks of files ---- */

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static inline bool lock_is_unlock(const struct file_lock *fl)
{
	return fl->fl_type == F_UNLCK;
}
#endif

/* ---- super blocks ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static inline void super_set_uuid(struct super_block *sb, const u8 *uuid,
				  unsigned int len)
{
	memcpy(&sb->s_uuid, uuid, min_t(unsigned int, len, sizeof(sb->s_uuid)));
}
#endif

/* A device under a file system that is gone is told to it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define DAXFS_SHUTDOWN_OP(op)
#else
#define DAXFS_SHUTDOWN_OP(op) .shutdown = (op),
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
static inline void set_default_d_op(struct super_block *sb,
				    const struct dentry_operations *ops)
{
	sb->s_d_op = ops;
}
#endif

/* The call that XFS had first, by this name since 6.14 or so. */
#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#define FS_SHUTDOWN_FLAGS_DEFAULT 0
#define FS_SHUTDOWN_FLAGS_LOGFLUSH 1
#define FS_SHUTDOWN_FLAGS_NOLOGFLUSH 2
#endif

/* Who a file's mount says owns things. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define file_mnt_idmap file_mnt_user_ns
#endif

/* ---- block devices ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
/* An open block device was no file yet; the device itself stands for it. */
#define daxfs_bdev_handle block_device

static inline struct block_device *daxfs_bdev_open(const char *path, bool write,
						   void *holder)
{
	return blkdev_get_by_path(path, FMODE_READ | FMODE_EXCL |
				  (write ? FMODE_WRITE : 0), holder);
}

static inline struct block_device *daxfs_bdev_of(struct block_device *bdev)
{
	return bdev;
}

static inline void daxfs_bdev_close(struct block_device *bdev, bool write)
{
	blkdev_put(bdev, FMODE_READ | FMODE_EXCL | (write ? FMODE_WRITE : 0));
}
#else
#define daxfs_bdev_handle file

static inline struct file *daxfs_bdev_open(const char *path, bool write,
					   void *holder)
{
	return bdev_file_open_by_path(path, BLK_OPEN_READ |
				      (write ? BLK_OPEN_WRITE : 0), holder, NULL);
}

static inline struct block_device *daxfs_bdev_of(struct file *file)
{
	return file_bdev(file);
}

static inline void daxfs_bdev_close(struct file *file, bool write)
{
	bdev_fput(file);
}
#endif

/* ---- DAX and mappings ---- */

/* What the holder of a dax_device is told before that goes; had no flag of its own once. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define daxfs_is_removal(off, len, flags) (!(off) && (len) == U64_MAX)
#else
#define daxfs_is_removal(off, len, flags) ((flags) & MF_MEM_PRE_REMOVE)
#endif

/* Who waits in a fault gives back first what it holds; no lock of a VMA for files then. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/* MAP_SYNC is there for files of some file systems. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#include <linux/mman.h>
#define DAXFS_FOPS_MMAP_SYNC .mmap_supported_flags = MAP_SYNC
#else
#define DAXFS_FOPS_MMAP_SYNC .fop_flags = FOP_MMAP_SYNC
#endif

/* Takes the DAX character device for a file system, until fs_put_dax(). -EOPNOTSUPP: its driver does not lend it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#define DAXFS_HAS_DEVDAX false

static inline struct dax_device *daxfs_devdax_get(dev_t dev, void *holder,
						  const struct dax_holder_operations *ops)
{
	return ERR_PTR(-EOPNOTSUPP);
}
#else
#define DAXFS_HAS_DEVDAX true

static inline struct dax_device *daxfs_devdax_get(dev_t dev, void *holder,
						  const struct dax_holder_operations *ops)
{
	struct dax_device *dax = dax_dev_get(dev);
	int err = dax ? fs_dax_get(dax, holder, ops) : -ENOMEM;

	/* fs_dax_get() has taken a reference of its own. */
	put_dax(dax);
	return err ? ERR_PTR(err) : dax;
}
#endif

/*
 * A huge entry of vmf_insert_pfn_pmd() in a mapping of an S_DAX inode is taken away
 * without a look at struct pages. Since then it is taken for one of a folio of that
 * size, whose references and rmap are given back, which nobody has taken.
 */
#define DAXFS_HUGE_UNCOUNTED \
	(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0))

/* References of a page of a device that nobody uses. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define DAXFS_IDLE_PAGE_REFS 1
#else
#define DAXFS_IDLE_PAGE_REFS 0
#endif

/*
 * References of such a page, but for those of page tables. One that is mapped
 * meanwhile may look held, none that is held looks free.
 */
static inline int daxfs_page_pins(const struct page *page)
{
	int mapped = atomic_read(&page->_mapcount) + 1;

	/* A reference is there before it is counted as a mapping. */
	smp_rmb();
	return page_ref_count(page) - mapped - DAXFS_IDLE_PAGE_REFS;
}

/* Page frame numbers lost the flags that went with them. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define daxfs_pfn pfn_t
#define daxfs_paged_pfn(pfn) __pfn_to_pfn_t(pfn, PFN_DEV | PFN_MAP)
#define daxfs_bare_pfn(pfn) __pfn_to_pfn_t(pfn, PFN_DEV)
#define daxfs_pfn_number(pfn) pfn_t_to_pfn(pfn)
#define daxfs_pfn_has_page(pfn) pfn_t_devmap(pfn)
#else
#define daxfs_pfn unsigned long
#define daxfs_paged_pfn(pfn) (pfn)
#define daxfs_bare_pfn(pfn) (pfn)
#define daxfs_pfn_number(pfn) (pfn)
#define daxfs_pfn_has_page(pfn) pfn_valid(pfn)
#endif

/* What tells present entries from others has names of its own. */
#include <linux/swap.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>
#define pte_is_uffd_wp_marker pte_marker_uffd_wp
#else
#include <linux/leafops.h>
#endif

/*
 * Maps a page frame, without the right to write; paged: O_DIRECT and ptrace may
 * find the page. What is there already stays. Entries of pages of devices had a
 * mark of their own, later such pages are counted as all others are.
 */
static inline vm_fault_t daxfs_insert(struct vm_area_struct *vma, unsigned long addr,
				      unsigned long pfn, bool paged)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return vmf_insert_mixed(vma, addr, paged ? daxfs_paged_pfn(pfn) : daxfs_bare_pfn(pfn));
#else
	struct page *page = pfn_to_page(pfn);
	int err;

	if (!paged)
		return vmf_insert_mixed(vma, addr, daxfs_bare_pfn(pfn));
	/* Of an idle one this is the first. */
	page_ref_inc(page);
	err = vm_insert_page(vma, addr, page);
	put_page(page);
	return err && err != -EBUSY ? vmf_error(err) : VM_FAULT_NOPAGE;
#endif
}

/*
 * Maps the page frame of a page writable, at the place of the fault, where nothing is mapped
 * or that frame is. VM_FAULT_FALLBACK: no helper does that.
 */
static inline vm_fault_t daxfs_insert_writable(struct vm_fault *vmf, unsigned long pfn)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return VM_FAULT_FALLBACK;
#else
	struct page *page = pfn_to_page(pfn);
	vm_fault_t ret;

	page_ref_inc(page);
	ret = vmf_insert_page_mkwrite(vmf, page, true);
	put_page(page);
	return ret;
#endif
}

/*
 * fs/dax.c notes mapping and index in a page that is mapped through it. Later it
 * also wants to be the only one that counts it.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define DAXFS_NAMES_PAGES 1
#else
#define DAXFS_NAMES_PAGES 0
#endif

static inline vm_fault_t daxfs_dax_fault(struct vm_fault *vmf, const struct iomap_ops *ops)
{
#if !DAXFS_NAMES_PAGES
	return VM_FAULT_FALLBACK;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return dax_iomap_fault(vmf, PE_SIZE_PTE, NULL, NULL, ops);
#else
	return dax_iomap_fault(vmf, 0, NULL, NULL, ops);
#endif
}

/* Is userfaultfd's note that writes are to be asked for in the place of the page? */
static inline bool daxfs_has_marker(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_ORIG_PTE_VALID && pte_is_uffd_wp_marker(vmf->orig_pte);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
typedef enum page_entry_size daxfs_fault_order;
#define daxfs_order_is_pmd(order) ((order) == PE_SIZE_PMD)
#else
typedef unsigned int daxfs_fault_order;
#define daxfs_order_is_pmd(order) ((order) == PMD_ORDER)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
#endif

/* ---- tracepoints ---- */

/* Where a string of an event comes from was said a second time. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define daxfs_assign_str(member, from) __assign_str(member, from)
#else
#define daxfs_assign_str(member, from) __assign_str(member)
#endif

/* ---- dma-buf ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_vmap_unlocked dma_buf_vmap
#define dma_buf_vunmap_unlocked dma_buf_vunmap
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define DAXFS_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#else
#define DAXFS_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#endif

#endif
