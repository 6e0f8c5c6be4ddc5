/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's own structures. What bytes of a region mean is not here but in
 * core/; this is about what Linux keeps of it.
 *
 * Locks, none of which nest in each other: daxfs_volumes_lock (volume.c), the
 * list of volumes and their opening; validate_lock of a volume, held for as
 * long as a full check takes; pmd_locks (map.c), inside mmap_lock or a VMA's.
 * Reading needs none: the base does not change, and what a mounted inode says
 * of itself was copied when it was read (I-3).
 */
#ifndef DAXFS_H
#define DAXFS_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <daxfs/ioctl.h>
#include "compat.h"
#include "core/core.h"

struct daxfs_backing;

/*
 * One image in one region, shared by all mounts of it in this kernel. Found by
 * the backing's identity, counted, freed with the last mount.
 */
struct daxfs_volume {
	struct kref ref;
	struct list_head list;		/* guarded by daxfs_volumes_lock */
	struct daxfs_backing *backing;
	struct dxc_volume core;
	struct mutex validate_lock;	/* one full check at a time */
	bool validated;			/* set under validate_lock */
	char name[64];			/* label or UUID, for messages */
};

struct daxfs_sb_info {
	struct daxfs_volume *volume;
	char *source;			/* what /proc/mounts shows, without "daxfs:" */
};

struct daxfs_inode_info {
	struct dxc_inode core;		/* as read; does not change */
	u64 blocks;			/* 512-byte units + 1; 0: not counted yet */
	struct inode vfs;
};

/* What the mount options said, until there is a super block. */
struct daxfs_mount_options {
	phys_addr_t phys;
	u64 size;
	struct dma_buf *dmabuf;		/* a reference */
	bool has_phys;
	bool has_size;
	bool validate;
};

static inline struct daxfs_sb_info *DAXFS_SB(struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct daxfs_inode_info *DAXFS_I(struct inode *inode)
{
	return container_of(inode, struct daxfs_inode_info, vfs);
}

static inline struct daxfs_volume *daxfs_volume_of(struct inode *inode)
{
	return DAXFS_SB(inode->i_sb)->volume;
}

/* message.c: each message names the volume; media-triggered ones are limited */
void daxfs_bad(struct daxfs_volume *vol, int err, const struct dxc_finding *f);
/* The same into the fs_context's log. */
void daxfs_bad_mount(struct fs_context *fc, int err, const struct dxc_finding *f);

/* volume.c */
struct daxfs_volume *daxfs_volume_get(struct fs_context *fc,
				      const struct daxfs_mount_options *opt);
void daxfs_volume_put(struct daxfs_volume *vol);
int daxfs_volume_validate(struct daxfs_volume *vol, struct fs_context *fc);

/* inode.c */
struct inode *daxfs_iget(struct super_block *sb, dxc_ino ino);
struct inode *daxfs_iget_inside(struct super_block *sb, dxc_ino ino);
struct inode *daxfs_alloc_inode(struct super_block *sb);
void daxfs_free_inode(struct inode *inode);
int daxfs_inode_cache_init(void);
void daxfs_inode_cache_exit(void);
int daxfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		  struct kstat *stat, u32 mask, unsigned int flags);

extern const struct inode_operations daxfs_dir_iops;	/* dir.c */
extern const struct file_operations daxfs_dir_fops;	/* dir.c */
extern const struct inode_operations daxfs_file_iops;	/* file.c */
extern const struct file_operations daxfs_file_fops;	/* file.c */
extern const struct export_operations daxfs_export_ops;	/* export.c */

/* map.c */
extern const struct iomap_ops daxfs_iomap_ops;
extern const struct address_space_operations daxfs_aops;
int daxfs_mmap(struct file *file, struct vm_area_struct *vma);
void daxfs_map_init(void);

/* xattr.c */
extern daxfs_xattr_handler daxfs_xattr_handlers[];
ssize_t daxfs_listxattr(struct dentry *dentry, char *list, size_t size);
struct posix_acl *daxfs_get_inode_acl(struct inode *inode, int type, bool rcu);

/* ioctl.c */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif
