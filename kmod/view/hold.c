// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layers in use: what an operation holds while it reads or changes the view of
 * its super block, and how inodes learn what others changed in them. On the way of
 * every write, so the ordinary case is short.
 * Lock order is in volume/volume.h; here it is tree, then branch->lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "view.h"

struct dxc_layer *daxfs_view_read(struct super_block *sb, struct daxfs_hold *hold)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	down_read(&sbi->volume->tree);
	hold->branch = sbi->branch;
	down_read(&hold->branch->lock);
	hold->nofs = memalloc_nofs_save();
	return &hold->branch->layer;
}

struct dxc_layer *daxfs_view_try_read(struct super_block *sb, struct daxfs_hold *hold)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (!down_read_trylock(&sbi->volume->tree))
		return NULL;
	hold->branch = sbi->branch;
	if (!down_read_trylock(&hold->branch->lock)) {
		up_read(&sbi->volume->tree);
		return NULL;
	}
	hold->nofs = memalloc_nofs_save();
	return &hold->branch->layer;
}

void daxfs_view_read_end(struct super_block *sb, struct daxfs_hold *hold)
{
	memalloc_nofs_restore(hold->nofs);
	up_read(&hold->branch->lock);
	up_read(&DAXFS_SB(sb)->volume->tree);
}

/* ---- writing ---- */

static int refuse_write(struct daxfs_sb_info *sbi, int err, const char *branch, const char *why,
			const char *host)
{
	pr_notice_ratelimited("%s: branch %s cannot be written: %s%s\n", sbi->volume->name,
			      branch, why, host);
	return err;
}

/* Of the branch it shows. tree is held. */
static bool holds_lease(const struct daxfs_sb_info *sbi)
{
	return dxc_lease_is_held(&sbi->volume->core, sbi->branch->layer.owner,
				 daxfs_holder_of(sbi));
}

/*
 * The branch it shows, whose writer it is: nobody took that over, or has written to it besides,
 * and the inodes know what it says. tree is held.
 */
static bool may_write(const struct daxfs_sb_info *sbi)
{
	return sbi->sweep == READ_ONCE(sbi->swept) && holds_lease(sbi) &&
		!READ_ONCE(sbi->branch->layer.fenced);
}

/* Another kernel has committed or discarded the children of the branch: -EAGAIN, or an error. */
static int thaw(struct daxfs_sb_info *sbi, struct dxc_owner id)
{
	struct daxfs_volume *vol = sbi->volume;
	int err = 0;

	down_write(&vol->tree);
	if (dxc_owner_is(sbi->branch->layer.owner, id) && sbi->branch->frozen) {
		err = daxfs_branch_catch_up(vol, sbi->branch);
		/* What was looked at before has changed again. */
		if (!err && sbi->branch->frozen)
			err = -EROFS;
	}
	up_write(&vol->tree);
	return err ?: -EAGAIN;
}

#define CLAIM_TRIES	3

/* How a super block that is not its branch's writer becomes it, if at all. */
enum claim {
	CLAIM_NOT,		/* -EAGAIN */
	CLAIM_NOW,		/* if the lease is free: no wait for a holder that may be dead */
	CLAIM_WAIT,		/* for seconds; killable */
};

static int take_lease(struct daxfs_sb_info *sbi, struct dxc_owner id, enum claim claim, char *host)
{
	dxc_holder holder = 0;
	int err, tries = 0;

	if (claim == CLAIM_WAIT)
		return daxfs_lease_take(sbi, id, host);
	for (;;) {
		err = daxfs_lease_try(sbi, id, &holder);
		/* Whoever gives back space has it for a moment. */
		if (err != -EBUSY || ++tries == CLAIM_TRIES)
			return err;
		holder = 0;
		schedule_timeout_uninterruptible(1);
	}
}

/*
 * Why a branch that is frozen is not written, or NULL: it may be thawed. *awaits: as soon as
 * nobody here shows what the region says is gone. tree is held.
 */
static const char *why_frozen(struct daxfs_volume *vol, const struct daxfs_loaded_branch *branch,
			      bool *awaits)
{
	const char *children = "it has children, commit or abort them";

	*awaits = false;
	if (branch->strays && daxfs_branch_is_denied(vol, branch))
		return "the region does not say any longer what it lies on";
	if (!READ_ONCE(vol->recovered) || dxc_branch_is_frozen(&vol->core, branch->layer.owner))
		return children;
	if (!branch->children)
		return NULL;
	*awaits = daxfs_branch_is_left(vol, branch);
	return children;
}

/*
 * tree is held for reading, and given back: the super block is not its
 * branch's writer, or nobody may be. -EAGAIN: look again, it may be by now.
 */
static noinline int become_writer(struct daxfs_sb_info *sbi, enum claim claim)
{
	struct daxfs_loaded_branch *branch = sbi->branch;
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_owner id = branch->layer.owner;
	char name[DAXFS_BRANCH_NAME_SIZE], host[DAXFS_HOST_SIZE] = "";
	bool led, visiting, awaits, had;
	const char *why;
	int err;

	strscpy(name, branch->name, sizeof(name));
	if (!daxfs_home_may_write(sbi)) {
		led = daxfs_home_is_led(branch, sbi);
		visiting = sbi->visiting;
		up_read(&vol->tree);
		if (!visiting)
			return -EROFS;
		return refuse_write(sbi, -EROFS, name, led ? "another mount of this machine does" :
				    "this mount was made for another branch, which is gone", "");
	}
	if (!daxfs_slot_is_ours(sbi)) {
		up_read(&vol->tree);
		daxfs_tend_soon(vol);
		return refuse_write(sbi, -EROFS, name,
				    "its mount slot was taken by another kernel", "");
	}
	if (branch->frozen) {
		why = why_frozen(vol, branch, &awaits);
		up_read(&vol->tree);
		if (awaits && daxfs_branch_await(sbi, id))
			return -EAGAIN;
		if (why)
			return refuse_write(sbi, -EROFS, name, why, "");
		err = thaw(sbi, id);
		if (err == -EAGAIN || err == -EINTR || err == -ENOMEM)
			return err;
		return refuse_write(sbi, err == -EROFS ? err : -EIO, name,
				    err == -EROFS ? "its children came or went" :
				    "its log cannot be read", "");
	}
	up_read(&vol->tree);

	err = take_lease(sbi, id, claim, host);
	/* It is another mount's, which is not the writer yet, or no more: wait until we see. */
	if (err == -EAGAIN)
		schedule_timeout_killable(1);
	if (err == -EBUSY)
		return refuse_write(sbi, -EROFS, name, "it is written by ", host);
	/* Committed or discarded by another kernel; soon something else is shown. */
	if (err == -ESTALE)
		daxfs_tend_soon(vol);
	had = err == DAXFS_LEASE_HAD;
	if (err && !had)
		return err;
	down_write(&vol->tree);
	/*
	 * Shown something else meanwhile, or a child was made: as if it had been so
	 * before. Or given back by the thread that took it.
	 */
	if (!dxc_owner_is(sbi->branch->layer.owner, id) || !holds_lease(sbi))
		err = -EAGAIN;
	else
		err = sbi->branch->writer == sbi ? 0 : daxfs_branch_take_over(sbi);
	if (err && !had && !dxc_owner_is(sbi->op_lease, id))
		daxfs_lease_drop(sbi, id);
	up_write(&vol->tree);
	if (err == -EINTR || err == -ENOMEM)
		return err;
	if (err && err != -EAGAIN && err != -EROFS)
		return refuse_write(sbi, -EIO, name, "its log cannot be read", "");
	return -EAGAIN;
}

/*
 * tree is held, and the super block may write its branch; or what
 * daxfs_view_write() says.
 */
static struct daxfs_loaded_branch *enter_to_write(struct inode *inode, enum claim claim)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_volume *vol = sbi->volume;
	u64 seq = dxc_commit_seq(&vol->core);
	int err;

	/* Branches came or went, here or in another kernel. */
	if (unlikely(seq != READ_ONCE(vol->noticed_seq))) {
		WRITE_ONCE(vol->noticed_seq, seq);
		daxfs_tend_soon(vol);
	}
	for (;;) {
		down_read(&vol->tree);
		if (unlikely(daxfs_is_stale(inode))) {
			up_read(&vol->tree);
			return ERR_PTR(-ESTALE);
		}
		if (likely(!sbi->branch->frozen && sbi->branch->writer == sbi)) {
			if (likely(may_write(sbi)))
				return sbi->branch;
			up_read(&vol->tree);
			if (claim == CLAIM_NOT)
				return ERR_PTR(-EAGAIN);
			if (fatal_signal_pending(current))
				return ERR_PTR(-EINTR);
			daxfs_leases_check(vol);
			/* What inodes say is written with what is done to them. */
			if (READ_ONCE(sbi->sweep) != READ_ONCE(sbi->swept))
				daxfs_super_refresh(sbi);
			continue;
		}
		if (claim == CLAIM_NOT) {
			up_read(&vol->tree);
			return ERR_PTR(-EAGAIN);
		}
		err = become_writer(sbi, claim);
		if (err != -EAGAIN || fatal_signal_pending(current))
			return ERR_PTR(err == -EAGAIN ? -EINTR : err);
	}
}

static struct dxc_layer *hold_to_write(struct daxfs_loaded_branch *branch,
				       struct daxfs_hold *hold)
{
	hold->told.supers = NULL;
	if (IS_ERR(branch))
		return ERR_CAST(branch);
	hold->branch = branch;
	hold->nofs = memalloc_nofs_save();
	down_write(&branch->lock);
	return &branch->layer;
}

struct dxc_layer *daxfs_view_write(struct inode *inode, struct daxfs_hold *hold)
{
	return hold_to_write(enter_to_write(inode, CLAIM_WAIT), hold);
}

struct dxc_layer *daxfs_view_replace(struct inode *inode, struct daxfs_hold *hold)
{
	return hold_to_write(enter_to_write(inode, CLAIM_NOT), hold);
}

int daxfs_view_claim(struct inode *inode, bool wait)
{
	struct daxfs_loaded_branch *branch = enter_to_write(inode, wait ? CLAIM_WAIT : CLAIM_NOW);

	if (IS_ERR(branch))
		return PTR_ERR(branch);
	up_read(&daxfs_volume_of(inode)->tree);
	return 0;
}

struct dxc_layer *daxfs_view_overwrite(struct inode *inode, struct daxfs_hold *hold)
{
	struct daxfs_loaded_branch *branch = enter_to_write(inode, CLAIM_WAIT);

	if (IS_ERR(branch))
		return ERR_CAST(branch);
	hold->branch = branch;
	down_read(&branch->lock);
	hold->nofs = memalloc_nofs_save();
	return &branch->layer;
}

struct dxc_layer *daxfs_view_write_if_writer(struct inode *inode, struct daxfs_hold *hold)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct daxfs_volume *vol = sbi->volume;

	down_read(&vol->tree);
	if (!sbi->branch || sbi->branch->frozen || sbi->branch->writer != sbi ||
	    !may_write(sbi) || daxfs_is_stale(inode)) {
		up_read(&vol->tree);
		return NULL;
	}
	return hold_to_write(sbi->branch, hold);
}

/* ---- other super blocks that show the same branch ---- */

static int match_inode(struct inode *inode, daxfs_ino_arg ino, void *found)
{
	if (inode->i_ino != ino)
		return 0;
	*(struct inode **)found = igrab(inode);
	/* One on its way out: what it still has to say is of what was before. */
	if (!*(struct inode **)found)
		daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
	return -1;
}

struct inode *daxfs_find_inode(struct super_block *sb, dxc_ino ino)
{
	struct inode *found = NULL;

	find_inode_nowait(sb, ino, match_inode, &found);
	return found;
}

void daxfs_put_super_work(struct work_struct *work)
{
	deactivate_super(container_of(work, struct daxfs_sb_info, put_work)->sb);
}

void daxfs_super_put(struct daxfs_sb_info *sbi)
{
	if (!atomic_add_unless(&sbi->sb->s_active, -1, 1))
		queue_work(daxfs_wq, &sbi->put_work);
}

static bool told_init(struct daxfs_told *told, unsigned int supers, unsigned int inodes)
{
	told->super_count = 0;
	told->inode_count = 0;
	/* A few dozen bytes; without them others would go on showing what is not so. */
	told->supers = kcalloc(supers, sizeof(*told->supers), GFP_NOFS | __GFP_NOFAIL);
	told->inodes = kcalloc(array_size(supers, inodes), sizeof(*told->inodes),
			       GFP_NOFS | __GFP_NOFAIL);
	return told->supers && told->inodes;
}

static void tell_one(struct daxfs_told *told, struct daxfs_sb_info *sbi, struct dxc_layer *layer,
		     struct inode *const changed[])
{
	struct inode *inode;

	if (!atomic_inc_not_zero(&sbi->sb->s_active))
		return;
	told->supers[told->super_count++] = sbi;
	for (; *changed; changed++) {
		inode = daxfs_find_inode(sbi->sb, (*changed)->i_ino);
		if (!inode)
			continue;
		told->inodes[told->inode_count++] = inode;
		/* One that is not filled in yet will see what we have done. */
		if (inode->i_mode)
			daxfs_calls->refresh(inode, layer);
	}
	daxfs_view_changed(sbi);
}

static void tell_others(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *branch,
			struct inode *const changed[], struct daxfs_told *told)
{
	struct daxfs_sb_info *other;
	unsigned int count = 0;

	while (changed[count])
		count++;
	if (!told_init(told, branch->views, count))
		return;
	list_for_each_entry(other, &sbi->volume->supers, list) {
		if (other != sbi && other->counted && other->branch == branch)
			tell_one(told, other, &branch->layer, changed);
	}
}

static void told_end(struct daxfs_volume *vol, struct daxfs_told *told, bool unmap)
{
	unsigned int i;

	for (i = 0; i < told->inode_count; i++) {
		if (unmap)
			daxfs_calls->unmap(told->inodes[i]);
		iput(told->inodes[i]);
	}
	for (i = 0; i < told->super_count; i++)
		daxfs_super_put(told->supers[i]);
	kfree(told->inodes);
	kfree(told->supers);
	__acquire(&vol->srcu);
	srcu_read_unlock(&vol->srcu, told->srcu);
}

static noinline void compact_branch(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *branch)
{
	struct dxc_layer *layer = &branch->layer;

	/* A frozen super block changes nothing, and what failed is not tried at each write. */
	if (sbi->sb->s_writers.frozen != SB_UNFROZEN || layer->log_bytes < branch->compact_at)
		return;
	if (dxc_layer_compact(layer))
		branch->compact_at = layer->log_bytes + layer->log_bytes / 4;
	else
		branch->compact_at = 0;
}

void daxfs_view_replace_end(struct super_block *sb, struct daxfs_hold *hold,
			    struct inode *const changed[])
{
	struct daxfs_loaded_branch *branch = hold->branch;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (unlikely(dxc_layer_wants_compaction(&branch->layer)))
		compact_branch(sbi, branch);
	if (unlikely(branch->views > 1) && changed && changed[0])
		tell_others(sbi, branch, changed, &hold->told);
	/* What was given up here is not given out again before others have unmapped it. */
	if (unlikely(hold->told.supers)) {
		hold->told.srcu = srcu_read_lock(&sbi->volume->srcu);
		/* Sparse is not told that it goes on until told_end(). */
		__release(&sbi->volume->srcu);
	}
	up_write(&branch->lock);
	memalloc_nofs_restore(hold->nofs);
	up_read(&sbi->volume->tree);
}

void daxfs_view_told(struct super_block *sb, struct daxfs_hold *hold)
{
	if (unlikely(hold->told.supers))
		told_end(DAXFS_SB(sb)->volume, &hold->told, true);
}

void daxfs_view_write_end(struct super_block *sb, struct daxfs_hold *hold,
			  struct inode *const changed[])
{
	daxfs_view_replace_end(sb, hold, changed);
	daxfs_view_told(sb, hold);
}

void daxfs_view_times_end(struct super_block *sb, struct daxfs_hold *hold,
			  struct inode *const changed[])
{
	daxfs_view_replace_end(sb, hold, changed);
	if (unlikely(hold->told.supers))
		told_end(DAXFS_SB(sb)->volume, &hold->told, false);
}

/* ---- all inodes of a super block ---- */

void daxfs_sweep(struct super_block *sb, unsigned long states, void (*each)(struct inode *inode))
{
	struct inode *inode, *last = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (inode_state_read_once(inode) & I_NEW ||
		    (states && !daxfs_is(DAXFS_I(inode), states)) || !igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		/* The one before keeps our place in the list until now. */
		iput(last);
		each(inode);
		last = inode;
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

static void refresh_one(struct inode *inode)
{
	struct daxfs_hold hold;
	struct dxc_layer *layer = daxfs_view_read(inode->i_sb, &hold);

	daxfs_calls->refresh(inode, layer);
	daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_calls->unmap(inode);
}

/* Until it is done names in the base may be taken for true; they are looked at again after it. */
void daxfs_super_refresh(struct daxfs_sb_info *sbi)
{
	struct daxfs_volume *vol = sbi->volume;
	unsigned int until;

	mutex_lock(&sbi->sweep_lock);
	until = READ_ONCE(sbi->sweep);
	/* Another task may have swept while this one waited for the lock. */
	if (until != READ_ONCE(sbi->swept)) {
		daxfs_sweep(sbi->sb, 0, refresh_one);
		down_write(&vol->tree);
		WRITE_ONCE(sbi->swept, until);
		daxfs_view_changed(sbi);
		up_write(&vol->tree);
	}
	mutex_unlock(&sbi->sweep_lock);
}
