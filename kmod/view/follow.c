// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other kernels write to the branches that are shown here, as soon as somebody looks: before
 * a name, an inode or an end of a file is told.
 */
#include <linux/sched/mm.h>
#include "view.h"

#define PATIENCE	HZ	/* for an operation on branches that is under way here */

/* For daxfs_news(): a branch that nobody writes here, or a super block that is to be swept. */
bool daxfs_news_far(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch)
{
	const struct daxfs_volume *vol = sbi->volume;
	int id = daxfs_backing_enter(vol->backing);
	bool any;

	if (id < 0)
		return false;
	/* Until it is swept its inodes do not know what the branch says. A branch that is freed is main. */
	any = READ_ONCE(sbi->sweep) != READ_ONCE(sbi->swept) ||
		(!READ_ONCE(branch->writer) && !READ_ONCE(sbi->dead) &&
		 dxc_branch_tail(&vol->core, branch->layer.owner.branch) !=
		 READ_ONCE(branch->tail));
	daxfs_backing_exit(vol->backing, id);
	return any;
}

/* Nobody here writes it, and nothing lies on it. ops_lock and tree are held. */
static bool may_follow(const struct daxfs_loaded_branch *branch)
{
	return !branch->writer && !branch->frozen && !branch->children && !branch->strays;
}

/* Where the log was read to. -EAGAIN: it has to be read anew. tree is held for reading. */
static int read_on(struct daxfs_stale *st, struct daxfs_loaded_branch *branch)
{
	struct daxfs_volume *vol = st->vol;
	struct dxc_branch br;
	unsigned int nofs;
	u64 tail;
	int err;

	down_write(&branch->lock);
	nofs = memalloc_nofs_save();
	vol->touched.count = 0;
	vol->touched.all = false;
	tail = dxc_branch_tail(&vol->core, branch->layer.owner.branch);
	err = dxc_branch_get(&vol->core, branch->layer.owner, &br);
	if (!err) {
		err = dxc_layer_follow(&branch->layer, &br, tail, &vol->touched);
		/* Also what was taken in before it failed. */
		daxfs_stale_touched(st, branch, &vol->touched);
	}
	/* Of one that is gone, or whose entry says nothing, there is no more to come. */
	if (!err || err == -ESTALE || err == -EUCLEAN)
		WRITE_ONCE(branch->tail, tail);
	/* What was given up is others' only when our slots say that it is not read. */
	WRITE_ONCE(vol->followed, true);
	memalloc_nofs_restore(nofs);
	up_write(&branch->lock);
	return err;
}

/* The branch may have been left meanwhile, but not freed: ops_lock is held. */
static void read_anew(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	int err;

	down_write(&vol->tree);
	if (may_follow(branch)) {
		err = daxfs_branch_catch_up(vol, branch);
		/* To be tried again, rather than not to be read at all. */
		if (err == -ENOMEM || err == -EINTR)
			branch->frozen = branch->children;
	}
	up_write(&vol->tree);
}

/* Each inode is told once: none may be in the list of a daxfs_stale already. */
static void follow(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct daxfs_stale st = { .vol = vol };
	int err = 0, srcu;

	INIT_LIST_HEAD(&st.branches);
	/* Blocks that were given up are mapped until daxfs_stale_settle() has told everybody. */
	srcu = srcu_read_lock(&vol->srcu);
	down_read(&vol->tree);
	if (may_follow(branch))
		err = read_on(&st, branch);
	else if (!branch->writer)
		WRITE_ONCE(branch->tail, dxc_branch_tail(&vol->core, branch->layer.owner.branch));
	up_read(&vol->tree);
	srcu_read_unlock(&vol->srcu, srcu);
	daxfs_stale_settle(&st);
	if (err == -EAGAIN || err == -ENOMEM)
		read_anew(vol, branch);
}

static bool has_new(const struct daxfs_volume *vol, const struct daxfs_loaded_branch *branch)
{
	return branch && !branch->writer &&
		dxc_branch_tail(&vol->core, branch->layer.owner.branch) != branch->tail;
}

/* only: of what it shows; NULL: of whatever is shown. ops_lock is held. */
static void follow_shown(struct daxfs_volume *vol, struct daxfs_sb_info *only)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if ((!only || sbi == only) && !sbi->dead && has_new(vol, sbi->branch))
			follow(vol, sbi->branch);
	}
	if (READ_ONCE(vol->followed))
		daxfs_tend_soon(vol);
}

bool daxfs_follow_any(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;
	bool any = false;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list)
		any |= !sbi->dead && has_new(vol, sbi->branch);
	up_read(&vol->tree);
	return any;
}

void daxfs_follow_all(struct daxfs_volume *vol)
{
	follow_shown(vol, NULL);
}

static void follow_here(struct daxfs_sb_info *sbi)
{
	struct daxfs_volume *vol = sbi->volume;
	/* First: what is done after this is looked for again. */
	__le64 raw = cpu_to_le64(dxc_commit_word(&vol->core));

	if (dxc_commit_seq(&vol->core) != vol->left_seq) {
		/* While a mount is frozen nothing is left: the worker looks when it is not any more. */
		if (daxfs_notice(vol) == -EBUSY)
			WRITE_ONCE(vol->left_raw, raw);
		/* What it has left others wait for. */
		daxfs_tend_soon(vol);
	} else {
		/* The same number in another word: a bit of it is flipped. */
		WRITE_ONCE(vol->left_raw, raw);
	}
	follow_shown(vol, sbi);
}

/* An operation of this kernel may be waiting for another one, for long: nobody else waits with it. */
static bool lock_for_a_while(struct mutex *lock)
{
	unsigned long end = jiffies + PATIENCE;

	while (!mutex_trylock(lock)) {
		if (fatal_signal_pending(current) || time_after(jiffies, end))
			return false;
		schedule_timeout_killable(1);
	}
	return true;
}

void daxfs_follow(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_volume *vol = sbi->volume;
	int id = daxfs_backing_enter(vol->backing);

	if (id < 0)
		return;
	if (lock_for_a_while(&vol->ops_lock)) {
		/* Another task may have followed while this one waited for ops_lock. */
		if (daxfs_follow_due(sb))
			follow_here(sbi);
		mutex_unlock(&vol->ops_lock);
	}
	if (READ_ONCE(sbi->sweep) != READ_ONCE(sbi->swept))
		daxfs_super_refresh(sbi);
	daxfs_backing_exit(vol->backing, id);
}
