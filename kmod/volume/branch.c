// SPDX-License-Identifier: GPL-2.0-only
/*
 * Branches in memory: found or loaded with their parents, counted, freed. What the
 * tables of the region say, the core knows.
 *
 * The lists of branches and super blocks are changed with ops_lock and tree
 * held, so whoever has one of them may walk them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "volume.h"

#define LOAD_TRIES	16	/* of a log that is written anew while it is read */

struct daxfs_loaded_branch *daxfs_branch_in_memory(struct daxfs_volume *vol,
						   struct dxc_owner id)
{
	struct daxfs_loaded_branch *branch;

	list_for_each_entry(branch, &vol->branches, list) {
		if (dxc_owner_is(branch->layer.owner, id))
			return branch;
	}
	return NULL;
}

/* ---- loading ---- */

struct daxfs_loaded_branch *daxfs_branch_new(void)
{
	struct daxfs_loaded_branch *branch = kzalloc(sizeof(*branch), GFP_KERNEL);

	if (branch) {
		INIT_LIST_HEAD(&branch->list);
		init_rwsem(&branch->lock);
	}
	return branch;
}

/*
 * Collects what is not in memory of id and its parents, outermost first.
 * *above is what is, and lies above them; NULL: nothing, the first is main.
 */
static int collect_chain(struct daxfs_volume *vol, struct dxc_owner id,
			 struct list_head *chain, struct daxfs_loaded_branch **above,
			 struct dxc_finding *f)
{
	/* Each thing that is looked up is looked for in all of them. */
	u32 left = DAXFS_BRANCH_DEPTH_MAX + 1;
	struct daxfs_loaded_branch *branch;
	struct dxc_branch br;
	int err;

	for (;;) {
		*above = daxfs_branch_in_memory(vol, id);
		if (*above && daxfs_branch_depth(*above) < left)
			return 0;
		if (*above || !left--)
			return dxc_found(f, -EUCLEAN, DXC_BR_DEEP, DAXFS_AREA_BRANCHES, 0,
					 dxc_branch_head_at(&vol->core, id.branch),
					 dxc_id_word(id));
		/* Entries that change meanwhile could lead round and round. */
		list_for_each_entry(branch, chain, list) {
			if (dxc_owner_is(branch->layer.owner, id))
				return dxc_found(f, -EUCLEAN, DXC_BR_LOOP, DAXFS_AREA_BRANCHES, 0,
						 dxc_branch_head_at(&vol->core, id.branch),
						 dxc_id_word(id));
		}
		err = dxc_branch_get(&vol->core, id, &br);
		/* For what is wrong with it. */
		if (err == -EUCLEAN)
			dxc_branch_read(&vol->core, id.branch, &br, f);
		if (err)
			return err;
		/* There is one main, and never another one. */
		if (id.branch == DAXFS_MAIN_BRANCH && !list_empty(&vol->branches))
			return dxc_found(f, -EUCLEAN, DXC_BR_PARENT, DAXFS_AREA_BRANCHES, 0,
					 dxc_branch_head_at(&vol->core, id.branch),
					 dxc_id_word(id));
		branch = daxfs_branch_new();
		if (!branch)
			return -ENOMEM;
		branch->layer.owner = id;
		list_add(&branch->list, chain);
		if (id.branch == DAXFS_MAIN_BRANCH)
			return 0;
		id = br.parent;
	}
}

/* Does the log begin elsewhere since the entry was read? */
static bool is_rewritten(const struct daxfs_volume *vol, const struct dxc_branch *br)
{
	return dxc_head_link(dxc_branch_head_word(&vol->core, br->id.branch)) != br->head;
}

/* Over parent, which is loaded. Nobody else knows the branch yet. */
static int load_one(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
		    struct daxfs_loaded_branch *parent, const struct dxc_frozen *frozen,
		    dxc_holder holder, struct dxc_finding *f)
{
	struct dxc_owner id = branch->layer.owner;
	struct dxc_readers readers;
	struct dxc_branch br;
	int err, tries = LOAD_TRIES;

again:
	err = dxc_branch_get(&vol->core, id, &br);
	if (err)
		return err;
	err = dxc_layer_init(&branch->layer, &vol->core, &vol->space,
			     parent ? &parent->layer : NULL, &br);
	if (err)
		return err;
	branch->layer.salvages = true;
	branch->layer.frozen_seq = frozen->seq;
	branch->layer.holder = holder;
	if (holder != DXC_HOLDER_NONE)
		branch->layer.wary = daxfs_readers_find(vol, &branch->layer, &readers);
	branch->tail = dxc_branch_tail(&vol->core, id.branch);
	err = dxc_layer_load(&branch->layer, &br, holder != DXC_HOLDER_NONE, f);
	/* Its writer may have written it anew, and have given up what was being read. */
	if ((err == -EUCLEAN || branch->layer.damaged) && is_rewritten(vol, &br) && --tries) {
		dxc_layer_free(&branch->layer);
		goto again;
	}
	if (branch->layer.damaged) {
		if (f->code)
			daxfs_bad(vol, -EUCLEAN, f);
		pr_err_ratelimited("%s: branch %s is shown as far as its log and those below it can be read, and is not written to\n",
				   vol->name, br.name);
	}
	if (err) {
		if (err != -ENOMEM && err != -EINTR && err != -EAGAIN)
			pr_err_ratelimited("%s: the log of branch %s is damaged: error %d\n",
					   vol->name, br.name, err);
		dxc_layer_free(&branch->layer);
		return err;
	}
	branch->parent = parent;
	branch->frozen = frozen->is;
	branch->was_mapped = true;
	strscpy(branch->name, br.name, sizeof(branch->name));
	return 0;
}

/* Of each of the chain, in its order; to be freed with kvfree(). -ENOMEM. */
static int ask_frozen(struct daxfs_volume *vol, struct list_head *chain,
		      struct dxc_frozen **list)
{
	struct daxfs_loaded_branch *branch;
	u32 count = 0;

	list_for_each_entry(branch, chain, list)
		count++;
	*list = kvcalloc(count, sizeof(**list), GFP_KERNEL);
	if (count && !*list)
		return -ENOMEM;
	count = 0;
	list_for_each_entry(branch, chain, list)
		(*list)[count++].id = branch->layer.owner;
	return dxc_branches_frozen(&vol->core, *list, count);
}

void daxfs_branch_unuse(struct daxfs_loaded_branch *branch, struct list_head *dead)
{
	while (branch && !--branch->users) {
		list_move(&branch->list, dead);
		branch = branch->parent;
		if (branch)
			branch->children--;
	}
}

void daxfs_branch_free_list(struct list_head *dead)
{
	struct daxfs_loaded_branch *branch, *next;

	list_for_each_entry_safe(branch, next, dead, list) {
		dxc_layer_free(&branch->layer);
		/* See daxfs_follow_due(). */
		kfree_rcu(branch, rcu);
	}
}

void daxfs_branch_put(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	LIST_HEAD(dead);

	down_write(&vol->tree);
	daxfs_branch_unuse(branch, &dead);
	up_write(&vol->tree);
	daxfs_branch_free_list(&dead);
}

/* ---- what others have logged ---- */

/* Is the layer all that the log says? branch->lock is ours: tree is held for writing. */
static bool is_current(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct dxc_layer *layer = &branch->layer;
	struct dxc_branch br;

	return !dxc_branch_get(&vol->core, layer->owner, &br) && dxc_layer_is_current(layer, &br);
}

static int reload(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch, bool repair)
{
	struct dxc_finding f = {};
	struct dxc_branch br;
	int err, tries = LOAD_TRIES;

	do {
		err = dxc_branch_get(&vol->core, branch->layer.owner, &br);
		if (!err)
			err = dxc_layer_reload(&branch->layer, &br, repair, &f);
		/* Its writer may have written it anew, and have given up what was being read. */
	} while (err == -EUCLEAN && is_rewritten(vol, &br) && --tries);
	if (!err) {
		/* Who gave the lease up may have left pages to I/O. */
		branch->was_mapped = true;
		/* What the worker has counted is not what is retired now. */
		branch->settled = 0;
		branch->counted_seq = 0;
		return 0;
	}
	if (f.code)
		daxfs_bad(vol, err, &f);
	/* Not to be added to as it is in memory. Whoever wants to write has it read again. */
	branch->frozen = true;
	return err;
}

/* Reads on where it was read to. -EAGAIN: it has to be read anew. */
static int read_on(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch, bool repair)
{
	struct dxc_branch br;
	int err;

	/* Who writes here has what he gave up, and what is open without a name, in the layer. */
	if (branch->writer)
		return -EAGAIN;
	err = dxc_branch_get(&vol->core, branch->layer.owner, &br);
	/* Of what a commit added to the log br_tail does not say. */
	if (!err)
		err = dxc_layer_follow(&branch->layer, &br, DXC_NO_SEQ, NULL);
	if (!err && repair && !branch->frozen)
		err = dxc_layer_repair(&branch->layer);
	return err;
}

/*
 * Another kernel has written to the branch since we read it. What inodes took
 * over from the layer is brought up to date by the worker.
 */
int daxfs_branch_reload(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
			bool repair)
{
	int err = read_on(vol, branch, repair);
	struct daxfs_sb_info *sbi;

	if (err == -EAGAIN)
		err = reload(vol, branch, repair);
	if (err)
		return err;
	list_for_each_entry(sbi, &vol->supers, list) {
		if (daxfs_branch_lies_on(sbi->branch, branch)) {
			sbi->sweep++;
			daxfs_view_changed(sbi);
		}
	}
	daxfs_tend_soon(vol);
	return 0;
}

/* Nobody writes to the branch meanwhile. tree is held for writing. */
static int catch_up(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch, bool repair)
{
	struct dxc_frozen frozen = { .id = branch->layer.owner };
	u64 tail = dxc_branch_tail(&vol->core, frozen.id.branch);
	unsigned int nofs;
	int err = 0;

	daxfs_branch_ask(vol, branch);
	/* What lies on it was loaded over the log as it is; so is what is being loaded. */
	if (branch->children || branch->strays) {
		branch->frozen = true;
		return 0;
	}
	/* What the worker has counted may not be what is retired after this. */
	branch->settled = 0;
	branch->counted_seq = 0;
	nofs = memalloc_nofs_save();
	dxc_branch_frozen(&vol->core, &frozen);
	branch->layer.frozen_seq = frozen.seq;
	branch->frozen = daxfs_branch_must_freeze(vol, branch, frozen.is, 0);
	if (!is_current(vol, branch))
		err = daxfs_branch_reload(vol, branch, repair);
	else if (repair && !branch->frozen)
		err = dxc_layer_repair(&branch->layer);
	memalloc_nofs_restore(nofs);
	if (!err)
		WRITE_ONCE(branch->tail, tail);
	return err;
}

int daxfs_branch_catch_up(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	return catch_up(vol, branch, false);
}

/* Children that somebody made before we had the lease are there; none can come now. */
int daxfs_branch_make_current(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *branch)
{
	struct dxc_readers readers;
	int err;

	branch->layer.holder = daxfs_holder_of(sbi);
	branch->layer.wary = daxfs_readers_find(sbi->volume, &branch->layer, &readers);
	err = catch_up(sbi->volume, branch, true);
	/* One that is frozen was not repaired. */
	if (!err)
		dxc_layer_end_following(&branch->layer);
	return err;
}

/*
 * Something is about to be loaded over parent, which stays as it is from now on. tree is
 * held for writing.
 */
static int begin_child(struct daxfs_volume *vol, struct daxfs_loaded_branch *parent,
		       struct dxc_owner child, struct dxc_finding *f)
{
	int err = 0;

	/* It had no children when we got the lease, and nobody makes any without that. */
	if (parent->writer && !parent->frozen) {
		pr_err_ratelimited("%s: branch number %u is not shown: the region says that it lies on %s, which is written here and has no children\n",
				   vol->name, child.branch, parent->name);
		return dxc_found(f, -EUCLEAN, DXC_BR_PARENT, DAXFS_AREA_BRANCHES, 0,
				 dxc_branch_head_at(&vol->core, child.branch),
				 dxc_id_word(parent->layer.owner));
	}
	/*
	 * Somebody else may have written it after we read it, until the first of
	 * the chain was made, which froze it. What lies below it was frozen by it.
	 */
	if (!parent->writer)
		err = catch_up(vol, parent, false);
	if (err)
		return err;
	parent->children++;
	parent->frozen = true;
	return 0;
}

/* It could not be loaded. */
static void end_child(struct daxfs_volume *vol, struct daxfs_loaded_branch *parent)
{
	if (!parent)
		return;
	down_write(&vol->tree);
	parent->children--;
	up_write(&vol->tree);
	daxfs_branch_put(vol, parent);
}

struct daxfs_loaded_branch *daxfs_branch_obtain(struct daxfs_volume *vol,
						struct dxc_owner id, dxc_holder holder,
						struct dxc_finding *f)
{
	struct daxfs_loaded_branch *branch, *next, *parent = NULL;
	struct dxc_frozen *frozen = NULL, *at;
	LIST_HEAD(chain);
	bool last;
	int err;

	memset(f, 0, sizeof(*f));
	/* Who has lost a lease here must not stand for it. */
	daxfs_leases_check(vol);
	err = collect_chain(vol, id, &chain, &parent, f);
	if (!err)
		err = ask_frozen(vol, &chain, &frozen);
	if (err)
		goto free;
	down_write(&vol->tree);
	if (parent)
		parent->users++;	/* ours, then the child's */
	if (parent && !list_empty(&chain)) {
		branch = list_first_entry(&chain, struct daxfs_loaded_branch, list);
		err = begin_child(vol, parent, branch->layer.owner, f);
	}
	up_write(&vol->tree);
	if (err) {
		daxfs_branch_put(vol, parent);
		goto free;
	}
	at = frozen;
	list_for_each_entry_safe(branch, next, &chain, list) {
		last = list_is_last(&branch->list, &chain);
		err = load_one(vol, branch, parent, at++,
			       last ? holder : DXC_HOLDER_NONE, f);
		if (err) {
			end_child(vol, parent);
			goto free;
		}
		down_write(&vol->tree);
		list_move(&branch->list, &vol->branches);
		branch->users = 1;
		if (!last) {
			branch->children = 1;
			branch->frozen = true;
		}
		up_write(&vol->tree);
		parent = branch;
	}
	kvfree(frozen);
	return parent;

free:
	kvfree(frozen);
	list_for_each_entry_safe(branch, next, &chain, list)
		kfree(branch);
	return ERR_PTR(err);
}

void daxfs_branch_return_lease(struct daxfs_sb_info *sbi, struct dxc_owner id)
{
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_loaded_branch *branch;

	/* Who becomes the writer looks under tree whether the lease is still there. */
	down_write(&vol->tree);
	if (dxc_owner_is(sbi->op_lease, id))
		sbi->op_lease = (struct dxc_owner){};
	branch = daxfs_branch_in_memory(vol, id);
	if (!branch || branch->writer != sbi) {
		if (branch && !branch->writer)
			daxfs_branch_let_go(branch);
		if (branch && branch->got_pages)
			daxfs_lease_leave(sbi, id);
		else
			daxfs_lease_drop(sbi, id);
		if (branch)
			branch->got_pages = false;
	}
	up_write(&vol->tree);
}
