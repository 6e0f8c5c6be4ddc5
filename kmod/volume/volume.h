/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux keeps of a region, below what a mount of it shows: volumes, mount slots
 * and leases, branches in memory, what is given up and given out again. What bytes of
 * it mean is in core/.
 *
 * Files of this floor are declared here in the order in which they call each other: each
 * calls those before it.
 *
 * Locks, outermost first:
 *
 *	i_rwsem			the VFS's; writing, truncating, namespace operations
 *	mmap_lock		the kernel's
 *	volume->ops_lock	one branch operation at a time in this kernel
 *	sbi->sweep_lock		one sweep over the inodes at a time; outside invalidate_lock
 *	invalidate_lock		of a mapping: shared while a fault maps what it found,
 *				exclusive while blocks are replaced and unmapped, and
 *				for huge entries; one at a time, see
 *				daxfs_view_replace()
 *	volume->settle_lock	one grace period at a time
 *	volume->tree		which branches there are, which one a super block
 *				shows; shared by everybody who uses a layer
 *	branch->lock		a branch's layer: its index and its log
 *	volume->watch_lock	(spinlock) mount slots that beat, leases that are kept
 *	sbi->dirty_lock		(spinlock) inodes whose times are not logged yet
 *
 * Under tree and branch->lock memory is allocated without entering file
 * systems (daxfs_view_write()), as reclaim evicts inodes, which takes both.
 * Nobody copies from or to user memory under them. daxfs_volumes_lock
 * (registry.c), the list of volumes and their opening, with list_lock (spinlock)
 * inside; validate_lock of a volume, held for as long as a full check takes; and its
 * tally_lock, for as long as its chunks are counted, with watch_lock inside: none
 * of these nests in the others or holds them. name_lock (page.c) is taken inside
 * branch->lock, with nothing of ours inside it.
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
#ifndef DAXFS_VOLUME_H
#define DAXFS_VOLUME_H

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
struct daxfs_mount_options;
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
	struct daxfs_sb_info *lead;	/* the one of them that may write, see view/home.c; by tree */
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
	bool got_pages;			/* of a child that was committed, and in use; guarded by tree */
	u64 compact_at;			/* log bytes after which to try again; by lock */
	u32 settled;			/* of layer.retired; by settle_lock, or tree for writing */
	u64 counted_seq;		/* of the log, when settled was counted; by settle_lock */
	u64 applied;			/* what our slots may say, if nobody writes it here; by settle_lock */
	/*
	 * br_tail when the layer was read, or added to, last: with another one there is something
	 * new. Guarded by ops_lock, or by tree held for writing; read without, inside RCU.
	 */
	u64 tail;
	struct rcu_head rcu;
	struct rw_semaphore lock;
	struct dxc_layer layer;		/* guarded by lock; below: see I-6 */
	char name[DAXFS_BRANCH_NAME_SIZE]; /* guarded by tree */
};

/*
 * A slot that beats. Apart from struct daxfs_sb_info, whose slot is guarded by tree, and may be
 * another one until whoever has claimed this gets that: a heartbeat waits for nobody.
 */
struct daxfs_pulse {
	struct list_head list;		/* of the volume */
	u32 slot;
	u32 epoch;
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
	struct work_struct look;	/* whether what is ours still is: see daxfs_look() */
	struct delayed_work tend;	/* times to log, chunks to reclaim */
	bool tend_all;			/* also what is not urgent */
	bool answered;			/* see await_answers() in view/stale.c */
	bool look_again;		/* others may have written what is shown, whatever they say */
	bool was_mapped;		/* a file of a branch was: its pages may be held for ever */
	u64 seen_seq;			/* what our slots say; changed under settle_lock and watch_lock */
	unsigned long delay_at;		/* see seen_up_to() in reclaim.c; by settle_lock */
	unsigned int delay_wait;	/* jiffies; likewise */
	u64 left_seq;			/* up to there what is gone is not shown; by ops_lock */
	/*
	 * ss_commit_seq, to be looked at inside RCU; left_raw, when the backing is down, or there are no
	 * branches. While it is left_raw nothing was done to branches that is not shown.
	 */
	const __le64 *commit_at;
	__le64 left_raw;
	bool followed;			/* records were taken in, and others wait for our slots to say so */
	bool waits;			/* mounts elsewhere may read what a branch gave up; by settle_lock */
	u64 gave;			/* blocks that came back when that was looked at last; by settle_lock */
	struct dxc_touched touched;	/* by what is being followed; guarded by ops_lock */
	u64 noticed_seq;		/* the worker was told of it; racy on purpose */
	bool recovered;			/* what others left half done; by ops_lock */
	bool strayed;			/* a branch in memory has been denied once; stays */
	unsigned int beats;		/* the worker's */
	struct daxfs_watch *watches;	/* of mount slots; guarded by watch_lock */
	struct list_head pulses;	/* struct daxfs_pulse; guarded by watch_lock */
	struct list_head lingers;	/* see linger.c; guarded by watch_lock */
	spinlock_t watch_lock;
	/* tally.c; written under tally_lock, what a refresh looks at first is read without it: */
	struct dxc_tally tally;		/* of core, which changes it */
	struct mutex tally_lock;	/* one walk of the chunk table at a time */
	bool tallied;			/* the tally is right, but for what others have done */
	unsigned long tally_looked;	/* jiffies: when others were looked for */
	unsigned long tally_counted;	/* jiffies: when the last walk began */
	u64 others_beats;		/* the sum of their heartbeats at tally_looked */
	unsigned long others_lived;	/* jiffies: when these had grown */
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
	u64 slot_shows;			/* id of the branch that the slot names; racy on purpose */
	u64 applied;			/* what the slot says of that; 0: nothing. By tree, and settle_lock */
	struct daxfs_pulse pulse;	/* guarded by watch_lock */
	/*
	 * Grows when names may have changed by other means than this super
	 * block's operations. A dentry keeps the value it was made under in d_time.
	 * Read it with daxfs_view_number(); it grows by daxfs_view_changed().
	 */
	unsigned long view;
	u64 shown;			/* id of branch, for those without tree; 0: none */
	/* view/home.c; guarded by tree, and read without it where a moment does not matter: */
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
	unsigned int swept;		/* until then it was seen to; by tree */
	struct mutex sweep_lock;	/* one sweep at a time; outside tree and invalidate_lock */
	bool pinned;			/* by the branch operation; guarded by ops_lock */
	/*
	 * The branch whose lease the operation under way has borrowed, by tree; generation 0: none.
	 * No other thread gives it back.
	 */
	struct dxc_owner op_lease;
	struct work_struct put_work;	/* the last reference, given up elsewhere */
	struct list_head dirty;		/* daxfs_inode_info; guarded by dirty_lock */
	spinlock_t dirty_lock;
};

/*
 * What the floors below ask of inodes, and of the worker, which are above them. Set before
 * anything is mounted (super.c).
 */
struct daxfs_calls {
	/* Another super block changed it: takes over what the view says. Under tree (any way). */
	void (*refresh)(struct inode *inode, struct dxc_layer *layer);
	/* Nobody has it mapped. Takes its invalidate_lock, so tree is not held. */
	void (*unmap)(struct inode *inode);
	/* Logs the times of inodes that wrote in place. 0, or an error for one of them. */
	int (*flush_times)(struct super_block *sb);
	/* They are of no use any more: the super block leaves its view. Under tree held for writing. */
	void (*forget_times)(struct daxfs_sb_info *sbi);
	/* Has the super block the inode open, as part of what it shows? tree is held. */
	bool (*has_open)(struct daxfs_sb_info *sbi, dxc_ino ino);
	/* Of daxfs_volume.tend. */
	void (*tend)(struct work_struct *work);
	/* Of daxfs_volume.look. */
	void (*look)(struct work_struct *work);
};

extern const struct daxfs_calls *daxfs_calls;

/* What names the super block in leases and in the volume lock, if it has a slot. */
static inline dxc_holder daxfs_holder_of(const struct daxfs_sb_info *sbi)
{
	return dxc_holder_of(sbi->slot, sbi->epoch);
}

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

static inline struct daxfs_volume *daxfs_volume_of(struct inode *inode)
{
	return DAXFS_SB(inode->i_sb)->volume;
}

/* Does the volume have branches? Not changed while it lives. */
static inline bool daxfs_has_branches(const struct daxfs_volume *vol)
{
	return dxc_volume_is_writable(&vol->core);
}

/* What others did up to seq is not shown any more. ops_lock is held. */
static inline void daxfs_set_left(struct daxfs_volume *vol, u64 seq)
{
	vol->left_seq = seq;
	WRITE_ONCE(vol->left_raw, cpu_to_le64(dxc_commit_word_of(seq)));
}

/* ---- slot.c ---- */

/* A mount whose heartbeat has stood still for so long is dead; a live one's comes so often. */
#define DAXFS_DEAD_AFTER	(5 * HZ)
#define DAXFS_BEAT_EVERY	HZ

extern struct workqueue_struct *daxfs_wq;

/* What the volume's branches need of the kernel for longer than a mount. */
int daxfs_branch_module_init(void);
void daxfs_branch_module_exit(void);

int daxfs_slots_init(struct daxfs_volume *vol);
/* No super block is left. */
void daxfs_slots_exit(struct daxfs_volume *vol);

/* Claims a slot for sbi, which is in vol->supers already. May take seconds. */
int daxfs_slot_claim(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable);
/* The same at once: a slot of somebody who is dead, if there is no other. */
int daxfs_slot_claim_again(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable);
/* Has it a slot, which nobody took for a dead one's? Under tree, ops_lock or s_umount. */
bool daxfs_slot_is_ours(const struct daxfs_sb_info *sbi);
/* there: of a device that has not gone. */
void daxfs_slot_release(struct daxfs_sb_info *sbi, bool there);
void daxfs_slot_update(struct daxfs_sb_info *sbi, bool writable);
/* The slot says that what its branch gave up before that record is not read. tree is held. */
void daxfs_slot_say_applied(struct daxfs_sb_info *sbi, u64 seq);
/* In all slots of this kernel, see dxc_mount_set_seen(), and those to come. tree is held. */
void daxfs_slots_say_seen(struct daxfs_volume *vol, u64 seq);

/* Has that mount's heartbeat stood still for too long on our clock? */
bool daxfs_mount_is_dead(void *vol, const struct dxc_mount *mt);

/* The worker looks after the volume in a moment, not in a few seconds. */
void daxfs_tend_soon(struct daxfs_volume *vol);

/* ---- readers.c ---- */

/* Nobody who read a branch when it was looked for them, or came since, and nothing is kept for any. */
bool daxfs_readers_none(struct daxfs_volume *vol, const struct dxc_layer *layer);
/*
 * Mounts of other kernels, that live: true. If none shows the layer's branch, or one that is gone,
 * false, and what the branch gives up is given out at once from here on, until one comes. Its lock is held, or tree for writing. Walks the slots.
 */
bool daxfs_readers_find(struct daxfs_volume *vol, struct dxc_layer *layer,
			struct dxc_readers *readers);

/* ---- tally.c ---- */

/* vol->core counts its chunks along from here on. Slots are there. */
void daxfs_tally_init(struct daxfs_volume *vol);
/*
 * vol->tally says what this kernel has done up to now, and what others had done a second ago.
 * Inside the backing, without locks of ours. Sooner where somebody wants to kill the task: then
 * it says what it did before.
 */
void daxfs_tally_refresh(struct daxfs_volume *vol);

/* ---- registry.c ---- */

/* Each message names the volume; media-triggered ones are limited. */
void daxfs_bad(struct daxfs_volume *vol, int err, const struct dxc_finding *f);
/* The same into the fs_context's log. */
void daxfs_bad_mount(struct fs_context *fc, int err, const struct dxc_finding *f);

struct daxfs_volume *daxfs_volume_get(struct fs_context *fc,
				      const struct daxfs_mount_options *opt);
void daxfs_volume_put(struct daxfs_volume *vol);
/* Of all volumes, also such as are being opened, which have no name then. each() must not sleep. */
void daxfs_volumes_walk(void (*each)(struct daxfs_volume *vol, void *arg), void *arg);
/* *partial: again when what others left half done is cleared up, see struct dxc_check. */
int daxfs_volume_validate(struct daxfs_volume *vol, struct fs_context *fc, bool *partial);

/* ---- linger.c ---- */

/*
 * Of the last mount of the volume here: keeps its slot for as long as any page is in use otherwise
 * than by page tables. True: sbi has no slot any more. False: none is, or there is no memory.
 * ops_lock is held, tree is not.
 */
bool daxfs_linger_slot(struct daxfs_sb_info *sbi);
/*
 * For who was the writer of branch, and gives up its lease, as holder: keeps it while a page of the
 * branch is in use so. Looks at each of them. False: it is to be dropped. Sleeps; any lock of ours
 * above watch_lock may be held.
 */
bool daxfs_linger_keep(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder);
/* For who has only borrowed it: gives it back to who keeps it. False: nobody does. */
bool daxfs_linger_give_back(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder);
/* Lends a lease that is kept, by holder, to a mount here, until that gives it up. False: it is not. */
bool daxfs_linger_lend(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder,
		       dxc_holder to);

/* ---- lease.c ---- */

/* Who is in the way: a host's name, NUL terminated. */
#define DAXFS_HOST_SIZE 32

/*
 * The lease of a branch for sbi's slot, from nobody or from somebody who is
 * gone; -EBUSY with the host's name when he is not, -EAGAIN when he is another
 * mount of this kernel: its writer, or about to be that or to give it back.
 * DAXFS_LEASE_HAD: sbi has it already, by another of its threads, which gives it back
 * if it does not become the writer. Waits (killable), with neither tree nor
 * branch->lock held.
 */
#define DAXFS_LEASE_HAD 1
int daxfs_lease_take(struct daxfs_sb_info *sbi, struct dxc_owner branch, char *host);
/* The same without a wait: of a holder that is gone nothing is known. *holder: as for dxc_lease_take(). */
int daxfs_lease_try(struct daxfs_sb_info *sbi, struct dxc_owner branch, dxc_holder *holder);
/* For who has not written the branch. */
void daxfs_lease_drop(struct daxfs_sb_info *sbi, struct dxc_owner branch);
/* For who has: it is kept from other kernels while pages of the branch are in use, see linger.c. */
void daxfs_lease_leave(struct daxfs_sb_info *sbi, struct dxc_owner branch);

/* The volume lock, likewise. *recover: it was a dead one's, see dxc_branch_recover(). */
int daxfs_volume_lock(struct daxfs_sb_info *sbi, char *host, bool *recover);
void daxfs_volume_unlock(struct daxfs_sb_info *sbi);
/* false: somebody took us for dead meanwhile. */
bool daxfs_volume_is_locked(struct daxfs_sb_info *sbi);

/*
 * Branches whose lease was taken over from a super block of this kernel, which
 * stood still for too long, have no writer any more. Neither tree nor
 * branch->lock is held.
 */
void daxfs_leases_check(struct daxfs_volume *vol);

/* ---- reclaim.c ---- */

/*
 * Nothing is read here any more that was freed before seq: waits for readers, and says
 * so in our slots. Blocks that branches gave up may be given out again, and files without
 * a name that nobody has open are forgotten. Without locks of ours.
 */
void daxfs_seen_advance(struct daxfs_volume *vol, u64 seq);
/* The same for what one super block gives up that another may read. */
void daxfs_retired_settle(struct daxfs_volume *vol);
/* Chunks that nobody reads any more, here and elsewhere, are free. */
void daxfs_chunks_reclaim(struct daxfs_volume *vol);
/*
 * An operation has ended with err. Is it to be tried again, as space was
 * given up and may be free now? Once: *waited is false at first. Makes free what
 * nobody reads or maps any more, chunks, and blocks of branches; waits (killable,
 * some seconds) for readers of this kernel. No lock of ours but i_rwsem and
 * mmap_lock, and not srcu, is held.
 */
bool daxfs_space_came(struct daxfs_volume *vol, int err, bool *waited);

/* ---- relation.c: what branches in memory have to do with each other ---- */

/*
 * The entry of the branch table is believed once, when the branch is loaded; what a
 * branch lies on never changes. From then on branch->parent says it, and children in
 * memory keep their parent frozen. Where the region denies it the branch is written no
 * more and takes part in no operation but abort, which goes by branch->parent, too.
 */

/* Asks the region: 0, -ESTALE when it is gone, -EUCLEAN: it strays. tree is held for writing. */
int daxfs_branch_ask(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch);
/* Does the region deny what the branch lies on? tree is held. */
bool daxfs_branch_is_denied(const struct daxfs_volume *vol,
			    const struct daxfs_loaded_branch *branch);
/* Asks it of all. tree is not held. */
void daxfs_relations_check(struct daxfs_volume *vol);
/*
 * May nobody write it? told: what the region says of its children; ending: so many that
 * are in memory are shown by nobody any more. tree is held for writing.
 */
bool daxfs_branch_must_freeze(const struct daxfs_volume *vol,
			      const struct daxfs_loaded_branch *branch, bool told,
			      unsigned int ending);
/* Is each child that is in memory gone, says the region? tree is held. */
bool daxfs_branch_is_left(const struct daxfs_volume *vol,
			  const struct daxfs_loaded_branch *branch);
/* A child that is in memory, or NULL. */
struct daxfs_loaded_branch *daxfs_branch_first_child(const struct daxfs_volume *vol,
						     const struct daxfs_loaded_branch *branch);
bool daxfs_branch_lies_on(const struct daxfs_loaded_branch *branch,
			  const struct daxfs_loaded_branch *below);
/* Branches that it lies on, up to main, which has 0. */
unsigned int daxfs_branch_depth(const struct daxfs_loaded_branch *branch);
/* Of struct dxc_branch_rest, under ops_lock; priv: the volume. */
bool daxfs_branch_next_known(void *priv, void **at, struct dxc_owner *id,
			     struct dxc_owner *parent);
/* What is known of a branch without its entry: who it is, what it lies on. tree is held. */
void daxfs_branch_recall(const struct daxfs_loaded_branch *branch, struct dxc_branch *br);
/*
 * The branch, which sbi shows, is frozen only because of children here that are gone:
 * waits until the worker has moved whoever shows them. false: it has not, after long
 * enough, or whoever waits was killed. tree is not held.
 */
bool daxfs_branch_await(struct daxfs_sb_info *sbi, struct dxc_owner id);

/* dxc_branch_next(), but what is known here of a branch is said of it. tree is not held. */
int daxfs_branch_next(struct daxfs_volume *vol, u32 *index, struct dxc_branch *br);

/* ---- branch.c: under ops_lock ---- */

struct daxfs_loaded_branch *daxfs_branch_in_memory(struct daxfs_volume *vol,
						   struct dxc_owner id);
/*
 * The branch with all its parents, loaded if it is not in memory; counted in
 * users. holder: has its lease, and goes on with the log; DXC_HOLDER_NONE: it is only read. tree
 * is not held. -EAGAIN: holder has lost the lease meanwhile.
 */
struct daxfs_loaded_branch *daxfs_branch_obtain(struct daxfs_volume *vol,
						struct dxc_owner id, dxc_holder holder,
						struct dxc_finding *f);
/*
 * Reads again what others have added to the log of a branch that is in memory, unless
 * children of it are: then it cannot have changed. Nobody here writes it: tree is held
 * for writing.
 */
int daxfs_branch_catch_up(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch);
/* Undoes daxfs_branch_obtain(). */
void daxfs_branch_put(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch);
/* A new branch, not in any list, without a layer. */
struct daxfs_loaded_branch *daxfs_branch_new(void);
/*
 * One user less, tree held for writing; what is not used any more is moved to
 * dead, for daxfs_branch_free_list() without locks.
 */
void daxfs_branch_unuse(struct daxfs_loaded_branch *branch, struct list_head *dead);
void daxfs_branch_free_list(struct list_head *dead);
/*
 * Reads the branch's log anew; what inodes took over from the layer is brought up to date by the
 * worker, and before they are written. On error the layer is as it was, and the branch frozen if
 * it cannot be read at all. tree is held for writing.
 */
int daxfs_branch_reload(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
			bool repair);
/*
 * sbi has just taken the lease: makes of the layer what others have left in the
 * log. tree is held for writing. -EAGAIN: it has lost the lease meanwhile.
 */
int daxfs_branch_make_current(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *branch);
/*
 * Nobody here writes the branch any more, or gives back what its log does not name. tree is
 * held for writing.
 */
static inline void daxfs_branch_let_go(struct daxfs_loaded_branch *branch)
{
	WRITE_ONCE(branch->writer, NULL);
	branch->layer.holder = DXC_HOLDER_NONE;
	WRITE_ONCE(branch->tail, branch->layer.tail);
}

/* Gives back a lease that sbi took, unless it is the branch's writer by now. tree is not held. */
void daxfs_branch_return_lease(struct daxfs_sb_info *sbi, struct dxc_owner id);

#endif
