/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's own structures. What bytes of a region mean is not here but in
 * core/; this is about what Linux keeps of it.
 *
 * Locks, outermost first:
 *
 *	i_rwsem			the VFS's; writing, truncating, namespace operations
 *	mmap_lock		the kernel's
 *	volume->ops_lock	one branch operation at a time in this kernel
 *	invalidate_lock		of a mapping: shared while a fault maps what it found,
 *				exclusive while blocks are replaced and unmapped, and
 *				for huge entries; one at a time, see
 *				daxfs_view_replace()
 *	volume->settle_lock	one grace period at a time
 *	volume->tree		which branches there are, which one a super block
 *				shows; shared by everybody who uses a layer
 *	branch->lock		a branch's layer: its index and its log
 *	volume->dirty_lock	(spinlock) inodes whose times are not logged yet
 *
 * Under tree and branch->lock memory is allocated without entering file
 * systems (daxfs_view_write()), as reclaim evicts inodes, which takes both.
 * Nobody copies from or to user memory under them. daxfs_volumes_lock
 * (volume.c), the list of volumes and their opening, with list_lock (spinlock)
 * inside; validate_lock of a volume, held for as long as a full check takes: none
 * of these nests in the others or holds them. name_lock (cow.c) is taken inside invalidate_lock, around tree.
 * Those of backing/: holders_lock (dax.c) and lingering_lock (phys.c) are taken
 * with daxfs_volumes_lock held, exports_lock (export.c) around the
 * invalidate_lock of a dma-buf.
 *
 * Reading what no branch has touched needs no lock: the base does not change,
 * and what a mounted inode says of itself was copied when it was read (I-3).
 * Copying from blocks of a branch happens inside volume->srcu, so that chunks
 * of a discarded branch are not given out again meanwhile (I-8), and with page
 * faults switched off, so that nobody waits there for user memory. So does, from
 * the operation that gives blocks up on, unmapping them where others show them.
 */
#ifndef DAXFS_H
#define DAXFS_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <daxfs/ioctl.h>
#include "compat.h"
#include "core/layer.h"

struct daxfs_backing;
struct daxfs_sb_info;
struct daxfs_watch;

/*
 * A branch that a super block of this kernel shows, or that lies below one
 * that does. Its parent is in memory for as long as it is itself.
 * layer.owner says which entry of the branch table it is.
 */
struct daxfs_loaded_branch {
	struct list_head list;		/* of the volume; guarded by tree */
	struct daxfs_loaded_branch *parent;	/* NULL: main; guarded by tree */
	unsigned int users;		/* super blocks, children, operations; by tree */
	unsigned int views;		/* super blocks that show it; guarded by tree */
	struct daxfs_sb_info *lead;	/* the one of them that may write, see home.c; by tree */
	/*
	 * Nobody writes it: it has live children (I-6), or what they are or how its log
	 * ends is not known. Set as long as it has children here; guarded by tree.
	 */
	bool frozen;
	unsigned int children;		/* in memory, or being loaded; guarded by tree */
	bool strays;			/* the region denies that it lies on parent: frozen; set by tree */
	struct daxfs_sb_info *writer;	/* holds the lease, or NULL; guarded by tree */
	/*
	 * I/O may hold pages of it although nobody who shows it has it mapped: who had has
	 * left it, or that was before it was loaded. Guarded by tree.
	 */
	bool was_mapped;
	u64 compact_at;			/* log bytes after which to try again; by lock */
	u32 settled;			/* of layer.retired; by settle_lock, or tree for writing */
	struct rw_semaphore lock;
	struct dxc_layer layer;		/* guarded by lock; below: see I-6 */
	char name[DAXFS_BRANCH_NAME_SIZE]; /* guarded by tree */
};

/*
 * One image in one region, shared by all mounts of it in this kernel. Found by
 * the backing's identity, counted, freed with the last mount.
 */
struct daxfs_volume {
	struct kref ref;
	struct list_head list;		/* guarded by daxfs_volumes_lock and list_lock, both */
	struct daxfs_backing *backing;
	struct dxc_volume core;
	struct mutex validate_lock;	/* one full check at a time */
	bool validated;			/* set under validate_lock */
	char name[64];			/* label or UUID, for messages */
	u64 instance;			/* never another one's in this kernel */

	/* Images with branches: */
	struct mutex ops_lock;
	struct mutex settle_lock;	/* one grace period at a time */
	struct rw_semaphore tree;
	struct list_head branches;	/* daxfs_loaded_branch; guarded by tree */
	struct list_head supers;	/* struct daxfs_sb_info; guarded by tree */
	struct dxc_space space;
	struct srcu_struct srcu;
	struct delayed_work beat;	/* heartbeats */
	struct delayed_work tend;	/* times to log, chunks to reclaim */
	bool tend_all;			/* also what is not urgent */
	bool answered;			/* see daxfs_await_answers() */
	bool look_again;		/* others may have written what is shown, whatever they say */
	u64 seen_seq;			/* what our slots say; written by slot.c */
	u64 left_seq;			/* up to there what is gone is not shown; by ops_lock */
	u64 noticed_seq;		/* the worker was told of it; racy on purpose */
	bool recovered;			/* what others left half done; by ops_lock */
	bool strayed;			/* a branch in memory has been denied once; stays */
	unsigned int beats;		/* the worker's */
	struct daxfs_watch *watches;	/* of mount slots; guarded by watch_lock */
	spinlock_t watch_lock;
};

struct daxfs_sb_info {
	struct daxfs_volume *volume;
	struct super_block *sb;
	char *source;			/* what /proc/mounts shows, without "daxfs:" */

	/* Images with branches, else NULL and 0: */
	struct daxfs_loaded_branch *branch;	/* what is shown; guarded by tree */
	struct list_head list;		/* of the volume; guarded by tree */
	u32 slot;			/* in the mount table */
	u32 epoch;			/* 0: no slot */
	/*
	 * Grows when names may have changed by other means than this super
	 * block's operations. A dentry keeps the value it was made under in d_time.
	 * Read it with daxfs_view_number(); it grows by daxfs_view_changed().
	 */
	unsigned long view;
	u64 shown;			/* id of branch, for those without tree; 0: none */
	/* home.c; guarded by tree, and read without it where a moment does not matter: */
	struct dxc_owner home;		/* may be written, and what lies below it, */
	bool home_rw;			/* if so */
	bool visiting;			/* home_rw, but shows what it may not write */
	bool counted;			/* in branch->views */
	bool dead;			/* the branch is discarded: ESTALE; shown is still its id */
	bool closing;			/* what is mapped writable is to be unmapped; guarded by ops_lock */
	bool dying;			/* dead, and its inodes are to be forgotten; guarded by ops_lock */
	unsigned int life;		/* inodes of another one are stale */
	dev_t dev;			/* st_dev: the device number of branch->lead */
	char lost[DAXFS_BRANCH_NAME_SIZE];	/* dead: what the branch was called */
	bool mapped;			/* set with DAXFS_I_MAPPED of any inode, stays */
	unsigned int sweep;		/* grows when everything cached may be old; by tree */
	unsigned int swept;		/* until then the worker has seen to it; by tree */
	bool pinned;			/* by the branch operation; guarded by ops_lock */
	struct work_struct put_work;	/* the last reference, given up elsewhere */
	struct list_head dirty;		/* daxfs_inode_info; guarded by dirty_lock */
	spinlock_t dirty_lock;
};

/* daxfs_inode_info.state; 0: the base says everything there is to say */
#define DAXFS_I_TOUCHED	0x1ul	/* a layer says something of it: ask the view */
#define DAXFS_I_NAMES	0x2ul	/* directory: a layer changed what is in it */
#define DAXFS_I_XATTRS	0x4ul	/* a layer changed its xattrs */
#define DAXFS_I_STALE	0x8ul	/* of a discarded view: ESTALE, SIGBUS */
#define DAXFS_I_NEW	0x10ul	/* made in a branch: not in the base */
#define DAXFS_I_TIMES	0x20ul	/* times are newer than what is logged */
#define DAXFS_I_MAPPED	0x40ul	/* was mapped writable */
#define DAXFS_I_STORES	0x80ul	/* and there may be stores that nobody has written back */

struct daxfs_inode_info {
	struct dxc_inode core;		/* as read; does not change; not if DAXFS_I_NEW */
	u64 blocks;			/* 512-byte units + 1; 0: not counted yet; by branch->lock */
	unsigned long state;		/* DAXFS_I_*; changed by set_bit and friends of its masks */
	dxc_ino parent;			/* directories; guarded by i_rwsem of the parent */
	unsigned int life;		/* of the super block when it was read */
	struct list_head dirty;		/* guarded by dirty_lock */
	struct inode *stale_next;	/* branch operations'; guarded by ops_lock */
	struct page *packed;		/* map.c: what mappings of a packed file show; once */
	struct inode vfs;
};

static inline bool daxfs_is(const struct daxfs_inode_info *info, unsigned long states)
{
	return READ_ONCE(info->state) & states;
}

/* states: one or several of DAXFS_I_*. */
static inline void daxfs_set(struct daxfs_inode_info *info, unsigned long states)
{
	unsigned long old = READ_ONCE(info->state);

	while ((old & states) != states && !try_cmpxchg(&info->state, &old, old | states))
		;
}

static inline void daxfs_clear(struct daxfs_inode_info *info, unsigned long states)
{
	unsigned long old = READ_ONCE(info->state);

	while (old & states && !try_cmpxchg(&info->state, &old, old & ~states))
		;
}

/* pos rounded up to a block; no loff_t, as the last block of the longest file ends behind it. */
static inline u64 daxfs_block_end(loff_t pos)
{
	return round_up((u64)pos, PAGE_SIZE);
}

/* What the base says of it, or NULL. */
static inline const struct dxc_inode *daxfs_base_of(const struct daxfs_inode_info *info)
{
	return daxfs_is(info, DAXFS_I_NEW) ? NULL : &info->core;
}

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

static inline struct daxfs_sb_info *DAXFS_SB(struct super_block *sb)
{
	return sb->s_fs_info;
}

/* To be read before anything is looked at. */
static inline unsigned long daxfs_view_number(struct super_block *sb)
{
	/* Pairs with daxfs_view_changed(). */
	return smp_load_acquire(&DAXFS_SB(sb)->view);
}

/*
 * When inodes say what changed: who sees the new number sees DAXFS_I_NAMES, too,
 * and does not take what the base says for true of it. tree is held for
 * writing, or for reading with the lock of the branch that is shown.
 */
static inline void daxfs_view_changed(struct daxfs_sb_info *sbi)
{
	/* Pairs with daxfs_view_number(). */
	smp_store_release(&sbi->view, sbi->view + 1);
}

static inline struct daxfs_inode_info *DAXFS_I(struct inode *inode)
{
	return container_of(inode, struct daxfs_inode_info, vfs);
}

/* They will be counted anew. */
static inline void daxfs_blocks_forget(struct inode *inode)
{
	WRITE_ONCE(DAXFS_I(inode)->blocks, 0);
}

static inline struct daxfs_volume *daxfs_volume_of(struct inode *inode)
{
	return DAXFS_SB(inode->i_sb)->volume;
}

static inline bool daxfs_is_root(const struct inode *inode)
{
	return inode->i_ino == DAXFS_ROOT_INO;
}

/*
 * Is the inode of a discarded view, or in one of the states? Under tree the
 * answer stays true.
 */
static inline bool daxfs_is_stale_or(struct inode *inode, unsigned long states)
{
	return daxfs_is(DAXFS_I(inode), states | DAXFS_I_STALE) ||
		READ_ONCE(DAXFS_I(inode)->life) != READ_ONCE(DAXFS_SB(inode->i_sb)->life);
}

static inline bool daxfs_is_stale(struct inode *inode)
{
	return daxfs_is_stale_or(inode, 0);
}

/* message.c: each message names the volume; media-triggered ones are limited */
void daxfs_bad(struct daxfs_volume *vol, int err, const struct dxc_finding *f);
/* The same into the fs_context's log. */
void daxfs_bad_mount(struct fs_context *fc, int err, const struct dxc_finding *f);

/* volume.c */
struct daxfs_volume *daxfs_volume_get(struct fs_context *fc,
				      const struct daxfs_mount_options *opt);
void daxfs_volume_put(struct daxfs_volume *vol);
/* Of all volumes, also such as are being opened, which have no name then. each() must not sleep. */
void daxfs_volumes_walk(void (*each)(struct daxfs_volume *vol, void *arg), void *arg);
/* *partial: again when what others left half done is cleared up, see struct dxc_check. */
int daxfs_volume_validate(struct daxfs_volume *vol, struct fs_context *fc, bool *partial);

/* ---- relation.c ---- */

/* dxc_branch_next(), but what is known here of a branch is said of it. tree is not held. */
int daxfs_branch_next(struct daxfs_volume *vol, u32 *index, struct dxc_branch *br);

/* ---- view.c: layers in use ---- */

/* Does the volume have branches? Not changed while it lives. */
static inline bool daxfs_has_branches(const struct daxfs_volume *vol)
{
	return dxc_volume_is_writable(&vol->core);
}

/* Others' inodes that an operation changed, to be unmapped when the locks are free. */
struct daxfs_told {
	struct daxfs_sb_info **supers;	/* references; NULL: nobody was told */
	struct inode **inodes;		/* references */
	unsigned int super_count, inode_count;
	int srcu;			/* as long as others have to be told */
};

/* A super block's layers, held. */
struct daxfs_hold {
	struct daxfs_loaded_branch *branch;
	unsigned int nofs;
	struct daxfs_told told;		/* of daxfs_view_write() and the like */
};

/*
 * Only on volumes with branches. The layers of sb's view, which stay as they
 * are until daxfs_view_read_end(). Takes tree and branch->lock for reading;
 * the caller is inside the backing, and copies nothing to user memory.
 */
struct dxc_layer *daxfs_view_read(struct super_block *sb, struct daxfs_hold *hold);
/* The same, or NULL where it would have to wait. */
struct dxc_layer *daxfs_view_try_read(struct super_block *sb, struct daxfs_hold *hold);
void daxfs_view_read_end(struct super_block *sb, struct daxfs_hold *hold);

/*
 * The layer that an operation on inode (and its super block) may change, with
 * branch->lock held for writing and memory allocated without entering file
 * systems. ERR_PTR with nothing held: -ESTALE for an inode of a discarded
 * view, -EROFS when the branch is frozen or written by another mount (said in
 * the log, rate-limited), -EIO. Takes the lease if nobody has it. The caller is inside
 * the backing. Blocks that were taken under one hold may be used under the
 * next one only if the branch of both is the same.
 */
struct dxc_layer *daxfs_view_write(struct inode *inode, struct daxfs_hold *hold);
/*
 * The same under the inode's invalidate_lock, for replacing blocks. Becoming the
 * branch's writer and unmapping for others take such locks of other inodes, so
 * neither is done here: -EAGAIN, for which daxfs_view_claim() without the lock
 * is the cure, and daxfs_view_told() when the lock is free.
 */
struct dxc_layer *daxfs_view_replace(struct inode *inode, struct daxfs_hold *hold);
/*
 * The super block may write its branch now; it may have lost it again by the next
 * look. wait: for seconds, to find out whether another kernel that has it lives.
 */
int daxfs_view_claim(struct inode *inode, bool wait);
/*
 * The same for writing into blocks that are the layer's own: branch->lock is
 * held for reading, and given up with daxfs_view_read_end().
 */
struct dxc_layer *daxfs_view_overwrite(struct inode *inode, struct daxfs_hold *hold);
/* daxfs_view_write() for who has the right already; NULL when that is not so. Asks nobody. */
struct dxc_layer *daxfs_view_write_if_writer(struct inode *inode, struct daxfs_hold *hold);
/*
 * Ends it; compacts the log when it is time to. changed: inodes that the
 * operation changed, NULL-ended, for other super blocks that show the branch.
 */
void daxfs_view_write_end(struct super_block *sb, struct daxfs_hold *hold,
			  struct inode *const changed[]);
/* The same after daxfs_view_replace(), whose lock stays. */
void daxfs_view_replace_end(struct super_block *sb, struct daxfs_hold *hold,
			    struct inode *const changed[]);
/* What is left to do then. Also when daxfs_view_replace() has failed. */
void daxfs_view_told(struct super_block *sb, struct daxfs_hold *hold);
/*
 * The same for an operation that replaced no blocks, so that nothing is
 * unmapped: reclaim evicts inodes, and others of their locks may be held.
 */
void daxfs_view_times_end(struct super_block *sb, struct daxfs_hold *hold,
			  struct inode *const changed[]);

/* ---- branch.c: what a super block shows; the ioctls' work ---- */

/* At mount: finds or loads the branch, claims a slot. Sets sbi->branch. */
int daxfs_branch_attach(struct super_block *sb, struct fs_context *fc, const char *name);
/* At umount, when all inodes are gone. */
void daxfs_branch_detach(struct super_block *sb);
/* The same for the volume: space, srcu, heartbeats; recovery of what others left half done. */
int daxfs_branch_volume_init(struct daxfs_volume *vol, struct fs_context *fc);
void daxfs_branch_volume_exit(struct daxfs_volume *vol);

/* What the volume's branches need of the kernel for longer than a mount. */
int daxfs_branch_module_init(void);
void daxfs_branch_module_exit(void);

/* ro to rw and back: takes or drops the lease. Says why not in fc's log. */
int daxfs_branch_set_writable(struct super_block *sb, struct fs_context *fc, bool writable);

/* owner.c: in whose name a branch operation is done. */
struct daxfs_caller {
	struct mnt_idmap *idmap;	/* of the mount that he came by */
	struct user_namespace *ns;	/* of the super block */
	bool is_admin;			/* may do it to any branch */
};

/* The one who has opened file, and is current. */
void daxfs_caller_init(struct daxfs_caller *caller, struct file *file);
/*
 * May physical addresses and names of other hosts be shown, as in /proc/iomem: to
 * whoever has opened file, or if that is NULL to current?
 */
bool daxfs_shows_places(const struct file *file);

/*
 * See enum in include/daxfs/ioctl.h; cmd is the DAXFS_IOC_BRANCH_* number. bo_reason
 * is filled in. That the caller may change what the super block shows is known.
 */
int daxfs_branch_op(struct super_block *sb, unsigned int cmd, const struct daxfs_caller *caller,
		    struct daxfs_branch_op *op);

/*
 * slot.c: an operation has ended with err. Is it to be tried again, as space was
 * given up and may be free now? Once: *waited is false at first. Makes free what
 * nobody reads or maps any more, chunks, and blocks of branches; waits (killable,
 * some seconds) for readers of this kernel. No lock of ours but i_rwsem and
 * mmap_lock, and not srcu, is held.
 */
bool daxfs_space_came(struct daxfs_volume *vol, int err, bool *waited);

/*
 * view.c: an inode that was changed by others or discarded, if it is in memory
 * and nobody evicts it, a reference; else NULL. One that is being evicted logs
 * nothing any more (DAXFS_I_STALE): its times and that it has no name were true
 * of the view as it was. Waits for nobody, so it can be called under tree and
 * branch->lock, which both filling and evicting an inode need. It may not be
 * filled in yet (i_mode 0, I_NEW): then it will be, from the layers as they are
 * by then.
 */
struct inode *daxfs_find_inode(struct super_block *sb, dxc_ino ino);

/* inode.c */
void daxfs_evict_inode(struct inode *inode);
/*
 * The view that held inode ino is discarded: if it is in memory, it is stale
 * from now on (unhashed, DAXFS_I_STALE). Under tree held for writing, so
 * nothing is unmapped yet; the caller gets the inode (a reference) to call
 * daxfs_inode_unmap() on when tree is free, or NULL. The root is refreshed
 * instead, and NULL returned.
 */
struct inode *daxfs_inode_discard(struct super_block *sb, dxc_ino ino, struct dxc_layer *now);
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
/* They are logged, or of no use any more. */
void daxfs_forget_times(struct inode *inode);
/* Of all inodes: the super block leaves its view. Under tree held for writing. */
void daxfs_forget_all_times(struct daxfs_sb_info *sbi);
/* Logs the times of inodes that wrote in place. */
int daxfs_inode_flush_times(struct inode *inode);
int daxfs_flush_all_times(struct super_block *sb);

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
bool daxfs_is_huge(const struct vm_fault *vmf);

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
/*
 * The file's pages first to last, which nobody has mapped, name it no longer. Under
 * invalidate_lock, or at its end.
 */
void daxfs_disown(struct inode *inode, pgoff_t first, pgoff_t last);
int daxfs_release(struct inode *inode, struct file *file);
/*
 * Entries that ->pfn_mkwrite has agreed to are writable afterwards, or will not be: after
 * blocks were frozen and unmapped, and before they are unmapped once more. May take
 * hundreds of milliseconds, where memory has no struct pages.
 */
void daxfs_await_answers(struct daxfs_volume *vol);
/* Is a page of these blocks held, for I/O or else, but by page tables? */
bool daxfs_blocks_pinned(const struct daxfs_backing *backing, dxc_off off, u64 blocks);
/* For dxc_space.busy: is somebody's I/O to these blocks under way? priv: the backing. */
bool daxfs_blocks_busy(void *priv, dxc_off off, u64 blocks);

/* xattr.c */
extern daxfs_xattr_handler daxfs_xattr_handlers[];
ssize_t daxfs_listxattr(struct dentry *dentry, char *list, size_t size);
struct posix_acl *daxfs_get_inode_acl(struct inode *inode, int type, bool rcu);
int daxfs_set_acl(struct mnt_idmap *idmap, DAXFS_ACL_OBJECT *object, struct posix_acl *acl,
		  int type);

/* home.c */
int daxfs_flock(struct file *file, int cmd, struct file_lock *fl);
int daxfs_lock(struct file *file, int cmd, struct file_lock *fl);

/* super.c */
extern struct file_system_type daxfs_type;

/* shutdown.c */
/* See daxfs_dax_removed. */
void daxfs_device_removed(struct dax_device *dax);
void daxfs_super_shutdown(struct super_block *sb);
long daxfs_ioctl_shutdown(struct super_block *sb, u32 __user *arg);

/* ioctl.c */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif
