/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a super block shows: the layers of its branch, held while they are used, what
 * it may write, and what becomes of it, its inodes and their mappings when branches
 * come and go, here and in other kernels.
 *
 * Files of this floor are declared here in the order in which they call each other: each
 * calls those before it.
 */
#ifndef DAXFS_VIEW_H
#define DAXFS_VIEW_H

#include "volume/volume.h"
#include "backing/backing.h"

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
	u32 btime_nsec;			/* as in struct dxc_attr, and set when the inode is read */
	s64 btime;			/* likewise */
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

/* What the base says of it, or NULL. */
static inline const struct dxc_inode *daxfs_base_of(const struct daxfs_inode_info *info)
{
	return daxfs_is(info, DAXFS_I_NEW) ? NULL : &info->core;
}

static inline struct daxfs_inode_info *DAXFS_I(struct inode *inode)
{
	return container_of(inode, struct daxfs_inode_info, vfs);
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

/* ---- home.c: under ops_lock, tree held for writing where nothing else is said ---- */

/* By what it shows, its mode and others that show the same. tree is held. */
bool daxfs_home_may_write(const struct daxfs_sb_info *sbi);
/* Another super block than sbi may write the branch, so that sbi, coming to it, may not. */
bool daxfs_home_is_led(const struct daxfs_loaded_branch *branch, const struct daxfs_sb_info *sbi);
/* Does the branch lie in the super block's home, or below that? tree is held. */
bool daxfs_home_has(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch);
/* DAXFS_VOLUME_* of include/daxfs/ioctl.h. tree is not held. */
u32 daxfs_home_flags(struct daxfs_sb_info *sbi);
/* At mount, and when it is remounted. */
void daxfs_home_set(struct daxfs_sb_info *sbi, struct dxc_owner home, bool writable);
/* The super block shows to, whose user it becomes; tree held for writing. */
void daxfs_branch_show(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *to,
		       struct list_head *dead);
/*
 * daxfs_branch_make_current(), and sbi, which shows the branch, is its writer. Needs not
 * ops_lock.
 */
int daxfs_branch_take_over(struct daxfs_sb_info *sbi);
/*
 * Tells the VFS whether it is writable: needs not ops_lock but s_umount, held for
 * reading. Without it, for all super blocks that can be locked at once.
 */
void daxfs_home_reflect(struct daxfs_sb_info *sbi);
void daxfs_home_reflect_all(struct daxfs_volume *vol);
/* ->flock and ->lock. */
int daxfs_flock(struct file *file, int cmd, struct file_lock *fl);
int daxfs_lock(struct file *file, int cmd, struct file_lock *fl);

/* ---- hold.c: layers in use ---- */

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

/*
 * An inode that was changed by others or discarded, if it is in memory
 * and nobody evicts it, a reference; else NULL. One that is being evicted logs
 * nothing any more (DAXFS_I_STALE): its times and that it has no name were true
 * of the view as it was. Waits for nobody, so it can be called under tree and
 * branch->lock, which both filling and evicting an inode need. It may not be
 * filled in yet (i_mode 0, I_NEW): then it will be, from the layers as they are
 * by then.
 */
struct inode *daxfs_find_inode(struct super_block *sb, dxc_ino ino);

/*
 * Gives up a reference of sb->s_active that the caller took; in another
 * thread if it is the last, as unmounting takes locks of any order.
 */
void daxfs_super_put(struct daxfs_sb_info *sbi);
/* The same as a work item. */
void daxfs_put_super_work(struct work_struct *work);

/*
 * Calls each() for the inodes of a super block that have one of the states (0:
 * all, those too that only the base says something of), with a reference and
 * without locks. The caller keeps the super block alive.
 */
void daxfs_sweep(struct super_block *sb, unsigned long states, void (*each)(struct inode *inode));

/*
 * What inodes took over from a layer that was read again since is brought up to
 * date, and unmapped: takes their invalidate_locks. Where somebody else has just
 * done it, it is done again.
 */
void daxfs_super_refresh(struct daxfs_sb_info *sbi);

/* ---- owner.c: who may do something to a branch ---- */

/*
 * Under ops_lock, and the volume lock where something is changed by that right; tree not held,
 * inside the backing.
 */

/* In whose name a branch operation is done. */
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

/* 0, or -EPERM; -ENOMEM, -EINTR. */
int daxfs_caller_may(struct daxfs_volume *vol, const struct daxfs_caller *caller,
		     struct dxc_owner id);
/* The same of all branches that lie over one. Then *whose is the first that he may not. */
int daxfs_caller_may_discard(struct daxfs_volume *vol, const struct daxfs_caller *caller,
			     struct dxc_owner below, struct dxc_branch *whose);

/* ---- stale.c: under ops_lock; tree is held for writing where nothing else is said ---- */

struct daxfs_stale {
	struct daxfs_volume *vol;
	struct daxfs_sb_info *ours;	/* kept alive by the file of the ioctl */
	struct inode *inodes;		/* to be unmapped; linked by stale_next */
	struct list_head branches;	/* that nobody uses any more */
};

/* The branch below both, which may be one of them. main lies below all. */
struct daxfs_loaded_branch *daxfs_branch_common(struct daxfs_loaded_branch *a,
						struct daxfs_loaded_branch *b);
/*
 * The view that held inode ino is discarded: if it is in memory, it is stale
 * from now on (unhashed, DAXFS_I_STALE). Under tree held for writing, so
 * nothing is unmapped yet; the caller gets the inode (a reference) to call
 * daxfs_calls->unmap() for when tree is free, or NULL. The root is refreshed
 * instead, and NULL returned.
 */
struct inode *daxfs_inode_discard(struct super_block *sb, dxc_ino ino, struct dxc_layer *now);
/* They are logged, or of no use any more. */
void daxfs_forget_times(struct inode *inode);
/* Of all inodes: the super block leaves its view. Under tree held for writing. */
void daxfs_forget_all_times(struct daxfs_sb_info *sbi);
/* Is branch above parent, and not by way of the winner? */
bool daxfs_branch_is_discarded(const struct daxfs_loaded_branch *branch,
			       const struct daxfs_loaded_branch *parent,
			       const struct daxfs_loaded_branch *winner);
/* Are the inodes of sbi there to be told, and will they be until daxfs_stale_settle()? */
bool daxfs_stale_pin(struct daxfs_stale *st, struct daxfs_sb_info *sbi);
/* What sbi holds of the inodes in layer was discarded; now it shows now. */
void daxfs_stale_layer(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		       const struct dxc_layer *layer, struct dxc_layer *now);
/* The super block leaves its view for another. */
/*
 * Super blocks that show the branch take over what it says of those inodes now. Under tree (any
 * way), the branch's lock and ops_lock.
 */
void daxfs_stale_touched(struct daxfs_stale *st, struct daxfs_loaded_branch *branch,
			 const struct dxc_touched *touched);
void daxfs_stale_view(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		      struct daxfs_loaded_branch *to);
/*
 * The child is committed: for parent, and for ours if it shows another child of
 * that or what lies on one; others that do are lost. What shows child keeps it.
 */
void daxfs_stale_commit(struct daxfs_stale *st, struct daxfs_loaded_branch *parent,
			struct daxfs_loaded_branch *child);
/* Files without a name in a layer whose log is to be read anew: it will not have them. */
void daxfs_stale_orphans(struct daxfs_stale *st, struct daxfs_loaded_branch *parent,
			 const struct dxc_layer *layer);
/* Is a page of the layer's chunks in use otherwise than by page tables? branch->lock, or tree. */
bool daxfs_layer_is_pinned(const struct daxfs_volume *vol, const struct dxc_layer *layer);
/*
 * Pages of the branch that were mapped writable are unmapped: the next store to
 * them waits for tree. Is one held by somebody else, who may write to it later?
 */
bool daxfs_stale_pinned(struct daxfs_stale *st, struct daxfs_loaded_branch *branch);
/* Without tree: unmaps what is stale, frees what is not used. */
void daxfs_stale_settle(struct daxfs_stale *st);
/* Likewise: pages of the branch that were mapped writable are its children's to read now. */
void daxfs_stale_mappings(struct daxfs_stale *st, struct daxfs_loaded_branch *branch);

/* ---- show.c: what a super block shows, and by what right ---- */

/* At mount: finds or loads the branch, claims a slot. Sets sbi->branch. */
int daxfs_branch_attach(struct super_block *sb, struct fs_context *fc, const char *name);
/* At umount, when all inodes are gone. */
void daxfs_branch_detach(struct super_block *sb);

/* ro to rw and back: takes or drops the lease. Says why not in fc's log. */
int daxfs_branch_set_writable(struct super_block *sb, struct fs_context *fc, bool writable);

/* Under ops_lock, tree held for writing. */

/* Its branch was discarded elsewhere, and left is the nearest below that was not. */
void daxfs_home_lose(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *left);
/* Created or switched to: daxfs_stale_view() for one that may have been dead. */
void daxfs_home_move(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *to);

/* ---- notice.c ---- */

/*
 * Super blocks leave branches that others have committed or discarded, and show
 * what others have committed to theirs: up to the commit sequence as it is now,
 * which is in vol->left_seq then. On error (-ENOMEM, -EINTR; -EBUSY while one is
 * frozen) some of it is as it was, and to be tried again. Under ops_lock, inside the backing, tree not held.
 */
int daxfs_notice(struct daxfs_volume *vol);

/* ---- follow.c ---- */

bool daxfs_news_far(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch);

/*
 * Has another kernel done something to branches, or to what is shown, that is not shown yet? Inside
 * RCU. A load from the region for who writes what he shows, else two; no locks.
 */
static inline bool daxfs_news(const struct super_block *sb)
{
	const struct daxfs_sb_info *sbi = sb->s_fs_info;
	const struct daxfs_volume *vol = sbi->volume;
	const struct daxfs_loaded_branch *branch;

	/* Pairs with whoever did something, and counted the sequence up after it. */
	if (smp_load_acquire(READ_ONCE(vol->commit_at)) != READ_ONCE(vol->left_raw))
		return true;
	/* Pairs with daxfs_branch_show(). */
	branch = smp_load_acquire(&sbi->branch);
	if (likely(!branch || (READ_ONCE(branch->writer) &&
			       READ_ONCE(sbi->sweep) == READ_ONCE(sbi->swept))))
		return false;
	return daxfs_news_far(sbi, branch);
}

static inline bool daxfs_follow_due(const struct super_block *sb)
{
	bool due;

	rcu_read_lock();
	due = daxfs_news(sb);
	rcu_read_unlock();
	return due;
}

/*
 * Takes over what other kernels had done when it was called: for calls that are about to look, with
 * no locks of ours, outside srcu; i_rwsem may be held. What cannot be taken over is shown as it was.
 */
void daxfs_follow(struct super_block *sb);
static inline void daxfs_catch_up(struct super_block *sb)
{
	if (unlikely(daxfs_follow_due(sb)))
		daxfs_follow(sb);
}

/* Is there something of the branches that are shown? Takes tree. */
bool daxfs_follow_any(struct daxfs_volume *vol);
/* The same of all branches that are shown. Under ops_lock, inside the backing, tree not held. */
void daxfs_follow_all(struct daxfs_volume *vol);

#endif
