// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other kernels did to the branches that are shown here. All they say is
 * the commit sequence; what became of a branch its entry says. Chunks that they
 * freed carry the sequence that they said it with, so until this was done our
 * slots do not say that it was seen: nothing is reused that may be read here
 * (I-8).
 */
#include <linux/sched/mm.h>
#include "view.h"

/* Is it no more? If it is there, it may be called otherwise. */
static bool is_gone(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct dxc_branch br;
	int err = daxfs_branch_ask(vol, branch);

	if (!err && !dxc_branch_get(&vol->core, branch->layer.owner, &br))
		strscpy(branch->name, br.name, sizeof(branch->name));
	return err == -ESTALE;
}

/* What is to be shown for a branch: itself, unless it or one below is gone. main stays. */
static struct daxfs_loaded_branch *what_is_left(struct daxfs_volume *vol,
						struct daxfs_loaded_branch *branch)
{
	struct daxfs_loaded_branch *left = branch;

	for (; branch->parent; branch = branch->parent) {
		if (is_gone(vol, branch))
			left = branch->parent;
	}
	return left;
}

static bool was_committed(const struct daxfs_volume *vol, const struct daxfs_loaded_branch *gone)
{
	return dxc_branch_was_committed(&vol->core, gone->layer.owner,
					gone->parent->layer.owner, gone->layer.log.head);
}

static void leave(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		  struct daxfs_loaded_branch *left)
{
	if (!sbi->dead && sbi->branch->parent == left && was_committed(st->vol, sbi->branch)) {
		/* As for a commit here: what is open stays open. The worker looks it through. */
		daxfs_branch_show(sbi, left, &st->branches);
		sbi->sweep++;
		daxfs_view_changed(sbi);
	} else {
		daxfs_home_lose(st, sbi, left);
	}
	daxfs_slot_update(sbi, !sb_rdonly(sbi->sb));
}

/* A frozen super block shows what it did: nothing that others freed is told to be seen. */
static bool any_frozen(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (READ_ONCE(sbi->sb->s_writers.frozen) != SB_UNFROZEN)
			return true;
	}
	return false;
}

/*
 * sbi leaves for left, and everybody else who shows what is gone above that does, too: then
 * nothing lies on it here, and its log may be read again.
 */
static void leave_all(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		      struct daxfs_loaded_branch *left)
{
	struct daxfs_volume *vol = st->vol;
	struct daxfs_sb_info *other;

	if (daxfs_branch_is_left(vol, left)) {
		list_for_each_entry(other, &vol->supers, list) {
			if (other != sbi && other->branch && other->branch != left &&
			    daxfs_branch_lies_on(other->branch, left))
				leave(st, other, left);
		}
	}
	leave(st, sbi, left);
}

int daxfs_notice(struct daxfs_volume *vol)
{
	/* Whoever sees the sequence sees what was done before it was stored. */
	u64 seq = dxc_commit_seq(&vol->core);
	struct daxfs_stale st = { .vol = vol };
	struct daxfs_loaded_branch *left;
	struct daxfs_sb_info *sbi;
	unsigned int nofs;
	int err = 0, err2;

	if (any_frozen(vol))
		return -EBUSY;
	INIT_LIST_HEAD(&st.branches);
	/* ops_lock keeps the list; between two of them heartbeats go on. */
	list_for_each_entry(sbi, &vol->supers, list) {
		down_write(&vol->tree);
		nofs = memalloc_nofs_save();
		if (sbi->branch) {
			left = what_is_left(vol, sbi->branch);
			if (left != sbi->branch)
				leave_all(&st, sbi, left);
			err2 = daxfs_branch_catch_up(vol, left);
			/* Of a log that cannot be read more is not to be had later. */
			if (err2 == -ENOMEM || err2 == -EINTR)
				err = err2;
		}
		memalloc_nofs_restore(nofs);
		up_write(&vol->tree);
		cond_resched();
	}
	daxfs_stale_settle(&st);
	if (!err)
		daxfs_set_left(vol, seq);
	return err;
}
