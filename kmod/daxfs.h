/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VFS side: super blocks, directories, inodes, files, mappings, ioctls. Files of the
 * module lie on floors, and include and call only what is on their own or below: core/,
 * backing/, volume/, view/, and these. Locks are in volume/volume.h.
 */
#ifndef DAXFS_H
#define DAXFS_H

#include <linux/dax.h>
#include "view/view.h"

/* pos rounded up to a block; no loff_t, as the last block of the longest file ends behind it. */
static inline u64 daxfs_block_end(loff_t pos)
{
	return round_up((u64)pos, PAGE_SIZE);
}

/* They will be counted anew. */
static inline void daxfs_blocks_forget(struct inode *inode)
{
	WRITE_ONCE(DAXFS_I(inode)->blocks, 0);
}

/*
 * See enum in include/daxfs/ioctl.h; cmd is the DAXFS_IOC_BRANCH_* number. bo_reason
 * is filled in. That the caller may change what the super block shows is known.
 */
int daxfs_branch_op(struct super_block *sb, unsigned int cmd, const struct daxfs_caller *caller,
		    struct daxfs_branch_op *op);

/* inode.c */
void daxfs_evict_inode(struct inode *inode);
void daxfs_inode_unmap(struct inode *inode);
/* Another super block changed it: takes over what the view says. Under tree (any way). */
void daxfs_inode_refresh(struct inode *inode, struct dxc_layer *layer);
/* An inode is looked up, or made: what it does, by its type. */
void daxfs_inode_set_ops(struct inode *inode);
/* How an inode is, for an operation that changes it. Under the hold of daxfs_view_write(). */
void daxfs_attr_of(struct inode *inode, struct dxc_attr *attr);
void daxfs_set_times(struct dxc_attr *attr, struct timespec64 now, bool mtime);
/* After it: what the record said. */
void daxfs_attr_done(struct inode *inode, const struct dxc_attr *attr, unsigned long states);
/*
 * What stat(2) says of blocks is counted once, and changed after that with what is
 * done: under branch->lock for writing. Blocks [first, end) of the file; 0 where
 * nobody has counted yet.
 */
u64 daxfs_blocks_units(struct dxc_layer *layer, struct inode *inode, u64 first, u64 end);
void daxfs_blocks_add(struct inode *inode, s64 units);
/* Blocks of its own came in the place of count blocks of what part was. */
void daxfs_blocks_filled(struct inode *inode, const struct dxc_part *part, u64 count);
/* Something was written in place: times go on, and are logged later. */
void daxfs_touch(struct inode *inode);
/* Logs the times of inodes that wrote in place. */
int daxfs_inode_flush_times(struct inode *inode);
int daxfs_flush_all_times(struct super_block *sb);

/* See struct daxfs_calls. */
bool daxfs_inode_is_open(struct daxfs_sb_info *sbi, dxc_ino ino);

struct inode *daxfs_iget(struct super_block *sb, dxc_ino ino);
struct inode *daxfs_iget_inside(struct super_block *sb, dxc_ino ino);
struct inode *daxfs_alloc_inode(struct super_block *sb);
void daxfs_free_inode(struct inode *inode);
int daxfs_inode_cache_init(void);
void daxfs_inode_cache_exit(void);
int daxfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		  struct kstat *stat, u32 mask, unsigned int flags);

extern const struct inode_operations daxfs_dir_iops;	/* dir.c */
struct dentry *daxfs_lookup(struct inode *dir, struct dentry *dentry,
			    unsigned int flags);	/* dir.c */
/*
 * Is what a dentry says of its name true of the view? Checked again where the
 * view has changed since the dentry was made. The view is held.
 */
bool daxfs_name_holds(struct dxc_layer *layer, struct inode *dir, struct dentry *dentry); /* dir.c */
extern const struct inode_operations daxfs_symlink_iops;	/* attr.c */
extern const struct inode_operations daxfs_special_iops;	/* attr.c */
/* The same on images with branches; files of theirs use daxfs_branch_file_*. */
extern const struct inode_operations daxfs_branch_dir_iops;	/* namei.c */
extern const struct inode_operations daxfs_branch_file_iops;	/* write.c */
extern const struct file_operations daxfs_branch_file_fops;	/* write.c */
extern const struct inode_operations daxfs_branch_symlink_iops;	/* attr.c */
extern const struct inode_operations daxfs_branch_special_iops;	/* attr.c */
int daxfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *iattr);
extern const struct file_operations daxfs_dir_fops;	/* dir.c */
extern const struct inode_operations daxfs_file_iops;	/* file.c */
extern const struct file_operations daxfs_file_fops;	/* file.c */
extern const struct export_operations daxfs_export_ops;	/* export.c */
extern const struct dentry_operations daxfs_dentry_ops;	/* namei.c */

/* file.c */
ssize_t daxfs_read_iter(struct kiocb *iocb, struct iov_iter *to);

/* layout.c */
loff_t daxfs_llseek(struct file *file, loff_t offset, int whence);
int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len);
/* The part of the file that holds pos. Inside the backing. */
int daxfs_find_extent(struct inode *inode, loff_t pos, struct dxc_extent *ex,
		      struct dxc_finding *f);

/* map.c */
extern const struct address_space_operations daxfs_aops;
int daxfs_mmap(struct file *file, struct vm_area_struct *vma);

/* Is the page mapped already, as part of a huge entry? Under invalidate_lock. */
static inline bool daxfs_is_huge(const struct vm_fault *vmf)
{
	pmd_t pmd = READ_ONCE(*vmf->pmd);

	return !pmd_none(pmd) && pmd_leaf(pmd);
}

/* flush.c */
int daxfs_fsync(struct file *file, loff_t start, loff_t end, int datasync);
/*
 * Stores through mappings are durable, in persistent memory: to what the super
 * block shows, whoever made them. Inside the backing, without locks of ours
 * but ops_lock.
 */
void daxfs_write_back_all(struct super_block *sb);
/* To an inode that is being evicted. */
void daxfs_write_back_last(struct inode *inode);

/* write.c: also for fallocate.c */
/* Bytes of the region become zero; in persistent memory with the next fence. */
void daxfs_zero(const struct daxfs_backing *backing, dxc_off off, size_t len);
/* How the inode is after writing up to end, for the record that says so. */
void daxfs_attr_after(struct inode *inode, struct dxc_attr *attr, loff_t end);
/* After it. */
void daxfs_done_writing(struct inode *inode, const struct dxc_attr *attr);
/*
 * The file is about to become longer: what its last block has behind the end
 * becomes zero. Under i_rwsem alone.
 */
int daxfs_prepare_longer(struct inode *inode);

/* fallocate.c */
long daxfs_fallocate(struct file *file, int mode, loff_t pos, loff_t len);

/* page.c */
/*
 * The file's pages first to last, which nobody has mapped, name it no longer. Under
 * invalidate_lock, or at its end.
 */
void daxfs_disown(struct inode *inode, pgoff_t first, pgoff_t last);
int daxfs_release(struct inode *inode, struct file *file);
/*
 * The page at off of the region, the block of the file at the fault, mapped writable there,
 * where nothing is mapped or that is; it names the file then. Under invalidate_lock, held
 * exclusively. VM_FAULT_FALLBACK: no helper of the kernel does that.
 */
vm_fault_t daxfs_page_insert(struct vm_fault *vmf, const struct daxfs_backing *backing,
			     dxc_off off);

/* cow.c */
/*
 * The block of the file at pos, a multiple of its size, becomes the branch's own:
 * where it is. *fresh: it was not before, and what maps the old one is the
 * caller's. Under daxfs_view_replace().
 */
int daxfs_own_block(struct dxc_layer *layer, struct inode *inode, loff_t pos, dxc_off *off,
		    bool *fresh);
/* A page of a shared mapping is written to: it becomes the branch's own, and writable. */
vm_fault_t daxfs_write_fault(struct vm_fault *vmf);
/*
 * The same for who stores without a mapping, to one block at most, between
 * sb_start_pagefault() and its end. Bytes stored, or an error.
 */
int daxfs_store(struct inode *inode, loff_t pos, const void *buf, size_t len);

/* xattr.c */
extern daxfs_xattr_handler daxfs_xattr_handlers[];
ssize_t daxfs_listxattr(struct dentry *dentry, char *list, size_t size);
struct posix_acl *daxfs_get_inode_acl(struct inode *inode, int type, bool rcu);
int daxfs_set_acl(struct mnt_idmap *idmap, DAXFS_ACL_OBJECT *object, struct posix_acl *acl,
		  int type);

/* super.c */
extern struct file_system_type daxfs_type;

/* shutdown.c */
/* See daxfs_dax_removed. */
void daxfs_device_removed(struct dax_device *dax);
void daxfs_super_shutdown(struct super_block *sb);
long daxfs_ioctl_shutdown(struct super_block *sb, u32 __user *arg);

/* diff.c */
/*
 * One page of what a branch changed, for DAXFS_IOC_BRANCH_DIFF, into arg->bd_room bytes at
 * records; dirs: arg->bd_dir_count of them. All of *arg has been checked but for bd_name,
 * which has an end. Takes ops_lock; a caller who may not is refused.
 */
int daxfs_branch_diff(struct super_block *sb, const struct daxfs_caller *caller,
		      struct daxfs_branch_diff *arg, const struct daxfs_diff_dir *dirs,
		      void *records);

/* ioctl.c */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* worker.c: see struct daxfs_calls */
void daxfs_tend(struct work_struct *work);
void daxfs_look(struct work_struct *work);

#endif
