/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What view.c, slot.c, branch.c, stale.c, owner.c and branch_op.c tell each other, and those who
 * look at all super blocks (super.c, flush.c); the rest of the module needs only
 * daxfs.h. Locks are described there.
 */
#ifndef DAXFS_LOADED_H
#define DAXFS_LOADED_H

#include "daxfs.h"

/* ---- slot.c ---- */

/* Who is in the way: a host's name, NUL terminated. */
#define DAXFS_HOST_SIZE 32

extern struct workqueue_struct *daxfs_wq;

int daxfs_slots_init(struct daxfs_volume *vol);
/* No super block is left. */
void daxfs_slots_exit(struct daxfs_volume *vol);

/* Claims a slot for sbi, which is in vol->supers already. May take seconds. */
int daxfs_slot_claim(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable);
/* Has it a slot, which nobody took for a dead one's? Under tree, ops_lock or s_umount. */
bool daxfs_slot_is_ours(const struct daxfs_sb_info *sbi);
void daxfs_slot_release(struct daxfs_sb_info *sbi);
void daxfs_slot_update(struct daxfs_sb_info *sbi, bool writable);

/* Has that mount's heartbeat stood still for too long on our clock? */
bool daxfs_mount_is_dead(void *vol, const struct dxc_mount *mt);

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
void daxfs_lease_drop(struct daxfs_sb_info *sbi, struct dxc_owner branch);

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

/*
 * What inodes took over from a layer that was read again since is brought up to
 * date, and unmapped: takes their invalidate_locks. Where somebody else has just
 * done it, it is done again.
 */
void daxfs_super_refresh(struct daxfs_sb_info *sbi);

/* The worker looks after the volume in a moment, not in a few seconds. */
void daxfs_tend_soon(struct daxfs_volume *vol);

/* ---- view.c ---- */

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

/* ---- branch.c: under ops_lock ---- */

struct daxfs_loaded_branch *daxfs_branch_in_memory(struct daxfs_volume *vol,
						   struct dxc_owner id);
/*
 * The branch with all its parents, loaded if it is not in memory; counted in
 * users. repair: the caller has its lease. tree is not held.
 */
struct daxfs_loaded_branch *daxfs_branch_obtain(struct daxfs_volume *vol,
						struct dxc_owner id, bool repair,
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
/* The super block shows to, whose user it becomes; tree held for writing. */
void daxfs_branch_show(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *to,
		       struct list_head *dead);
/*
 * Reads the branch's log anew; what inodes took over from the layer is the
 * caller's. On error the layer is as it was, and the branch frozen if it cannot
 * be read at all. tree is held for writing.
 */
int daxfs_branch_reload(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
			bool repair);
/*
 * The lease was just taken: makes of the layer what others have left in the
 * log. tree is held for writing.
 */
int daxfs_branch_make_current(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch);
/* The same, and makes sbi, which shows the branch, its writer. */
int daxfs_branch_take_over(struct daxfs_sb_info *sbi);
/* Gives back a lease that sbi took, unless it is the branch's writer by now. tree is not held. */
void daxfs_branch_return_lease(struct daxfs_sb_info *sbi, struct dxc_owner id);

/* ---- owner.c: under ops_lock and the volume lock, tree not held, inside the backing ---- */

/* 0, or -EPERM; -ENOMEM, -EINTR. */
int daxfs_caller_may(struct daxfs_volume *vol, const struct daxfs_caller *caller,
		     struct dxc_owner id);
/* The same of all branches that lie over one. Then *whose is the first that he may not. */
int daxfs_caller_may_discard(struct daxfs_volume *vol, const struct daxfs_caller *caller,
			     struct dxc_owner below, struct dxc_branch *whose);

/* ---- notice.c ---- */

/*
 * Super blocks leave branches that others have committed or discarded, and show
 * what others have committed to theirs: up to the commit sequence as it is now,
 * which is in vol->left_seq then. On error (-ENOMEM, -EINTR; -EBUSY while one is
 * frozen) some of it is as it was, and to be tried again. Under ops_lock, inside the backing, tree not held.
 */
int daxfs_notice(struct daxfs_volume *vol);

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
/*
 * Pages of the branch that were mapped writable are unmapped: the next store to
 * them waits for tree. Is one held by somebody else, who may write to it later?
 */
bool daxfs_stale_pinned(struct daxfs_stale *st, struct daxfs_loaded_branch *branch);
/* Without tree: unmaps what is stale, frees what is not used. */
void daxfs_stale_settle(struct daxfs_stale *st);
/* Likewise: pages of the branch that were mapped writable are its children's to read now. */
void daxfs_stale_mappings(struct daxfs_stale *st, struct daxfs_loaded_branch *branch);

/* ---- home.c: under ops_lock, tree held for writing where nothing else is said ---- */

/* By what it shows, its mode and others that show the same. tree is held. */
bool daxfs_home_may_write(const struct daxfs_sb_info *sbi);
/* Another super block than sbi may write the branch, so that sbi, coming to it, may not. */
bool daxfs_home_is_led(const struct daxfs_loaded_branch *branch, const struct daxfs_sb_info *sbi);
/* DAXFS_VOLUME_* of include/daxfs/ioctl.h. tree is not held. */
u32 daxfs_home_flags(struct daxfs_sb_info *sbi);
/* sbi->branch is another than it was. */
void daxfs_home_shown(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *from);
/* At mount, and when it is remounted. */
void daxfs_home_set(struct daxfs_sb_info *sbi, struct dxc_owner home, bool writable);
/* Its branch was discarded elsewhere, and left is the nearest below that was not. */
void daxfs_home_lose(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *left);
/* Created or switched to: daxfs_stale_view() for one that may have been dead. */
void daxfs_home_move(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *to);
/* Without tree: forgets inodes of dead super blocks, and unmaps from visitors what was writable. */
void daxfs_home_settle(struct daxfs_volume *vol);
/*
 * Tells the VFS whether it is writable: needs not ops_lock but s_umount, held for
 * reading. Without it, for all super blocks that can be locked at once.
 */
void daxfs_home_reflect(struct daxfs_sb_info *sbi);
void daxfs_home_reflect_all(struct daxfs_volume *vol);

#endif
