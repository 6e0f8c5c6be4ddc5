// SPDX-License-Identifier: GPL-2.0-only
/*
 * What branches in memory have to do with each other, and what the region says of that.
 *
 * Views are read over branch->parent without a lock of the parent's, which is therefore
 * not written while it has children in memory, whatever the region says of them. Nothing
 * here follows what an entry says: it is compared with what is known.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/sched/signal.h>
#include "volume.h"

/* How long a writer waits for the worker; directories may be locked meanwhile. */
#define AWAIT_FOR	(5 * HZ)

static struct dxc_owner parent_of(const struct daxfs_loaded_branch *branch)
{
	return branch->parent ? branch->parent->layer.owner : branch->layer.owner;
}

static int ask(const struct daxfs_volume *vol, const struct daxfs_loaded_branch *branch)
{
	return dxc_branch_still(&vol->core, branch->layer.owner, parent_of(branch));
}

bool daxfs_branch_is_denied(const struct daxfs_volume *vol,
			    const struct daxfs_loaded_branch *branch)
{
	return ask(vol, branch) == -EUCLEAN;
}

int daxfs_branch_ask(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	int err = ask(vol, branch);
	bool strays = err == -EUCLEAN;

	if (strays == branch->strays)
		return err;
	branch->strays = strays;
	WRITE_ONCE(vol->strayed, true);
	/* Whoever wants to write it later looks whether it may be. */
	branch->frozen = true;
	if (strays)
		pr_err_ratelimited("%s: branch %s is read-only: the region does not say any longer that it lies on %s\n",
				   vol->name, branch->name,
				   branch->parent ? branch->parent->name : "the base");
	return err;
}

static bool any_news(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	bool any = false;

	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list)
		any |= daxfs_branch_is_denied(vol, branch) != branch->strays;
	up_read(&vol->tree);
	return any;
}

void daxfs_relations_check(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;

	if (!any_news(vol))
		return;
	down_write(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list)
		daxfs_branch_ask(vol, branch);
	up_write(&vol->tree);
}

bool daxfs_branch_must_freeze(const struct daxfs_volume *vol,
			      const struct daxfs_loaded_branch *branch, bool told,
			      unsigned int ending)
{
	/* What was frozen because nobody knows how an operation ended stays so until it is known. */
	return told || branch->strays || branch->children > ending ||
	       (branch->frozen && !READ_ONCE(vol->recovered));
}

bool daxfs_branch_is_left(const struct daxfs_volume *vol,
			  const struct daxfs_loaded_branch *branch)
{
	const struct daxfs_loaded_branch *child;

	list_for_each_entry(child, &vol->branches, list) {
		if (child->parent == branch && ask(vol, child) != -ESTALE)
			return false;
	}
	return true;
}

struct daxfs_loaded_branch *daxfs_branch_first_child(const struct daxfs_volume *vol,
						     const struct daxfs_loaded_branch *branch)
{
	struct daxfs_loaded_branch *child;

	list_for_each_entry(child, &vol->branches, list) {
		if (child->parent == branch)
			return child;
	}
	return NULL;
}

bool daxfs_branch_lies_on(const struct daxfs_loaded_branch *branch,
			  const struct daxfs_loaded_branch *below)
{
	for (; branch; branch = branch->parent) {
		if (branch == below)
			return true;
	}
	return false;
}

unsigned int daxfs_branch_depth(const struct daxfs_loaded_branch *branch)
{
	unsigned int depth = 0;

	for (; branch->parent; branch = branch->parent)
		depth++;
	return depth;
}

bool daxfs_branch_next_known(void *priv, void **at, struct dxc_owner *id,
			     struct dxc_owner *parent)
{
	struct daxfs_loaded_branch *branch = *at;
	struct daxfs_volume *vol = priv;

	branch = branch ? list_next_entry(branch, list) :
			  list_first_entry(&vol->branches, struct daxfs_loaded_branch, list);
	if (list_entry_is_head(branch, &vol->branches, list))
		return false;
	*at = branch;
	*id = branch->layer.owner;
	*parent = parent_of(branch);
	return true;
}

void daxfs_branch_recall(const struct daxfs_loaded_branch *branch, struct dxc_branch *br)
{
	memset(br, 0, sizeof(*br));
	br->id = branch->layer.owner;
	br->state = DAXFS_BRANCH_LIVE;
	br->parent = parent_of(branch);
	strscpy(br->name, branch->name, sizeof(br->name));
}

int daxfs_branch_next(struct daxfs_volume *vol, u32 *index, struct dxc_branch *br)
{
	u32 from = *index, to, at;
	int err = dxc_branch_next(&vol->core, index, br);
	const struct daxfs_loaded_branch *branch;

	if (!READ_ONCE(vol->strayed))
		return err;
	to = err ? vol->core.branch_count : br->id.branch + 1;
	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		at = branch->layer.owner.branch;
		if (!branch->strays || at < from || at >= to)
			continue;
		/* The first of those that the region does not show as they are. */
		daxfs_branch_recall(branch, br);
		to = at;
		*index = at + 1;
		err = 0;
	}
	up_read(&vol->tree);
	return err;
}

bool daxfs_branch_await(struct daxfs_sb_info *sbi, struct dxc_owner id)
{
	unsigned long end = jiffies + AWAIT_FOR;
	struct daxfs_volume *vol = sbi->volume;
	bool waits;

	for (;;) {
		WRITE_ONCE(vol->look_again, true);
		daxfs_tend_soon(vol);
		schedule_timeout_killable(HZ / 50 + 1);
		down_read(&vol->tree);
		waits = dxc_owner_is(sbi->branch->layer.owner, id) && sbi->branch->children;
		up_read(&vol->tree);
		if (!waits)
			return true;
		if (fatal_signal_pending(current) || time_after(jiffies, end))
			return false;
	}
}
