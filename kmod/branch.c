// SPDX-License-Identifier: GPL-2.0-only
/*
 * Branches in memory: found or loaded with their parents, counted, shown by
 * super blocks, freed. What the ioctls do with them is in branch_op.c. What the
 * tables of the region say, the core knows.
 *
 * The lists of branches and super blocks are changed with ops_lock and tree
 * held, so whoever has one of them may walk them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "loaded.h"
#include "backing/backing.h"

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

/* Over parent, which is loaded. Nobody else knows the branch yet. */
static int load_one(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
		    struct daxfs_loaded_branch *parent, const struct dxc_frozen *frozen,
		    bool repair, struct dxc_finding *f)
{
	struct dxc_owner id = branch->layer.owner;
	struct dxc_branch br;
	int err;

	err = dxc_branch_get(&vol->core, id, &br);
	if (err)
		return err;
	err = dxc_layer_init(&branch->layer, &vol->core, &vol->space,
			     parent ? &parent->layer : NULL, &br);
	if (err)
		return err;
	branch->layer.salvages = true;
	branch->layer.frozen_seq = frozen->seq;
	err = dxc_layer_load(&branch->layer, &br, repair, f);
	if (branch->layer.damaged) {
		if (f->code)
			daxfs_bad(vol, -EUCLEAN, f);
		pr_err_ratelimited("%s: branch %s is shown as far as its log and those below it can be read, and is not written to\n",
				   vol->name, br.name);
	}
	if (err) {
		if (err != -ENOMEM && err != -EINTR)
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
		kfree(branch);
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

/* ---- showing ---- */

void daxfs_branch_show(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *to,
		       struct list_head *dead)
{
	struct daxfs_loaded_branch *from = sbi->branch;

	if (to)
		to->users++;
	sbi->branch = to;
	daxfs_home_shown(sbi, from);
	if (from)
		daxfs_branch_unuse(from, dead);
}

/* Is the layer all that the log says? branch->lock is ours: tree is held for writing. */
static bool is_current(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct dxc_layer *layer = &branch->layer;
	struct dxc_branch br;

	return !dxc_branch_get(&vol->core, layer->owner, &br) && dxc_layer_is_current(layer, &br);
}

int daxfs_branch_reload(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch,
			bool repair)
{
	struct dxc_finding f = {};
	struct dxc_branch br;
	int err;

	err = dxc_branch_get(&vol->core, branch->layer.owner, &br);
	if (!err)
		err = dxc_layer_reload(&branch->layer, &br, repair, &f);
	if (!err) {
		/* What the worker has counted is not what is retired now. */
		branch->settled = 0;
		return 0;
	}
	if (f.code)
		daxfs_bad(vol, err, &f);
	/* Not to be added to as it is in memory. Whoever wants to write has it read again. */
	branch->frozen = true;
	return err;
}

/*
 * Another kernel has written to the branch since we read it. What inodes took
 * over from the layer is brought up to date by the worker.
 */
static int load_again(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch, bool repair)
{
	int err = daxfs_branch_reload(vol, branch, repair);
	struct daxfs_sb_info *sbi;

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
	unsigned int nofs;
	int err = 0;

	daxfs_branch_ask(vol, branch);
	/* What lies on it was loaded over the log as it is; so is what is being loaded. */
	if (branch->children || branch->strays) {
		branch->frozen = true;
		return 0;
	}
	nofs = memalloc_nofs_save();
	dxc_branch_frozen(&vol->core, &frozen);
	branch->layer.frozen_seq = frozen.seq;
	branch->frozen = daxfs_branch_must_freeze(vol, branch, frozen.is, 0);
	if (!is_current(vol, branch))
		err = load_again(vol, branch, repair);
	else if (repair && !branch->frozen)
		dxc_layer_repair(&branch->layer);
	memalloc_nofs_restore(nofs);
	return err;
}

int daxfs_branch_catch_up(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	return catch_up(vol, branch, false);
}

/* Children that somebody made before we had the lease are there; none can come now. */
int daxfs_branch_make_current(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	return catch_up(vol, branch, true);
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
						struct dxc_owner id, bool repair,
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
		err = load_one(vol, branch, parent, at++, repair && last, f);
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

int daxfs_branch_take_over(struct daxfs_sb_info *sbi)
{
	struct daxfs_loaded_branch *branch = sbi->branch;
	int err;

	if (branch->writer)
		return branch->writer == sbi ? 0 : -EBUSY;
	if (!daxfs_home_may_write(sbi))
		return -EROFS;
	err = daxfs_branch_make_current(sbi->volume, branch);
	if (!err && branch->layer.damaged)
		err = -EUCLEAN;
	if (!err)
		branch->writer = sbi;
	return err;
}

void daxfs_branch_return_lease(struct daxfs_sb_info *sbi, struct dxc_owner id)
{
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_loaded_branch *branch;

	/* Who becomes the writer looks under tree whether the lease is still there. */
	down_read(&vol->tree);
	branch = daxfs_branch_in_memory(vol, id);
	if (!branch || branch->writer != sbi)
		daxfs_lease_drop(sbi, id);
	up_read(&vol->tree);
}

/* ---- mounting ---- */

/* Once per volume, by the first who can hold the volume lock. */
static int recover(struct daxfs_sb_info *sbi, struct fs_context *fc)
{
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_branch_rest rest = { .next_known = daxfs_branch_next_known, .priv = vol,
					.tail = DXC_NO_CHUNK };
	char host[DAXFS_HOST_SIZE] = "";
	bool dead;
	int err;

	if (vol->recovered)
		return 0;
	err = daxfs_volume_lock(sbi, host, &dead);
	if (err) {
		errorf(fc, "daxfs: %s: the branches are being changed by %s", vol->name, host);
		return err;
	}
	err = dxc_branch_recover(&vol->core, &rest);
	daxfs_volume_unlock(sbi);
	if (err) {
		errorf(fc, "daxfs: %s: what was begun with branches cannot be finished: error %d",
		       vol->name, err);
		return err;
	}
	if (rest.unfinished.generation)
		warnf(fc, "daxfs: %s: branch number %u cannot be committed to number %u: its entry or its log is damaged",
		      vol->name, rest.damaged.branch, rest.unfinished.branch);
	vol->recovered = true;
	return 0;
}

static int take_lease(struct daxfs_sb_info *sbi, struct fs_context *fc, struct dxc_owner id,
		      const char *name)
{
	char host[DAXFS_HOST_SIZE] = "";
	int err = daxfs_lease_take(sbi, id, host);

	if (err == DAXFS_LEASE_HAD)
		return 0;
	if (err == -EAGAIN)
		err = -EBUSY;
	if (err == -EBUSY)
		errorf(fc, "daxfs: branch %s is being written by %s; mount it read-only (-o ro), or another branch",
		       name, host);
	else if (err)
		errorf(fc, "daxfs: branch %s cannot be written: error %d", name, err);
	return err;
}

/* The branch's layers, and the super block showing them. ops_lock is held. */
static int load_and_show(struct daxfs_sb_info *sbi, struct fs_context *fc, struct dxc_owner id,
			 const char *name, bool writable)
{
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_loaded_branch *branch;
	struct dxc_finding f = {};
	LIST_HEAD(dead);
	int err = 0;

	branch = daxfs_branch_obtain(vol, id, writable, &f);
	if (IS_ERR(branch)) {
		err = PTR_ERR(branch);
		if (err == -ESTALE)
			errorf(fc, "daxfs: branch %s is gone", name);
		else if (err == -ENOMEM)
			errorf(fc, "daxfs: branch %s: out of memory", name);
		else
			daxfs_bad_mount(fc, err, &f);
		if (f.code != DXC_OK)
			errorf(fc, "daxfs: branch %s cannot be shown: it is damaged, or one below it",
			       name);
		return err;
	}
	down_write(&vol->tree);
	daxfs_home_set(sbi, id, writable);
	daxfs_branch_show(sbi, branch, &dead);
	if (writable)
		err = daxfs_branch_take_over(sbi);
	daxfs_branch_unuse(branch, &dead);	/* the operation's; the super block has its own */
	up_write(&vol->tree);
	if (err == -EUCLEAN)
		errorf(fc, "daxfs: branch %s is damaged: mount it with ro to read what is left, or let fsck.daxfs -y end its log there",
		       name);
	else if (err)
		errorf(fc, "daxfs: branch %s cannot be written: error %d", name, err);
	return err;
}

/* What fails half way daxfs_branch_detach() undoes, when the super block is killed. */
int daxfs_branch_attach(struct super_block *sb, struct fs_context *fc, const char *name)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct dxc_owner id = dxc_word_id(sbi->shown);
	struct daxfs_volume *vol = sbi->volume;
	bool writable = !sb_rdonly(sb);
	struct dxc_branch br;
	int err;

	err = mutex_lock_killable(&vol->ops_lock);
	if (err)
		return err;
	down_write(&vol->tree);
	list_add_tail(&sbi->list, &vol->supers);
	up_write(&vol->tree);
	mutex_unlock(&vol->ops_lock);
	if (vol->backing->writable) {
		err = daxfs_slot_claim(sbi, id, writable);
		if (err) {
			errorf(fc, err == -EUSERS ? "daxfs: %s is mounted too often (error %d)" :
				   "daxfs: %s: no mount slot can be had: error %d",
			       vol->name, err);
			return err;
		}
	}
	/* Before the lease: the branch's own entry may be written in part. */
	if (vol->backing->writable) {
		err = mutex_lock_killable(&vol->ops_lock);
		if (err)
			return err;
		/* Somebody may have gone since we recovered. */
		if (dxc_branch_get(&vol->core, id, &br) == -EUCLEAN)
			vol->recovered = false;
		err = recover(sbi, fc);
		mutex_unlock(&vol->ops_lock);
		if (err)
			return err;
	}
	if (writable) {
		err = take_lease(sbi, fc, id, name);
		if (err)
			return err;
	}
	err = mutex_lock_killable(&vol->ops_lock);
	if (err)
		return err;
	err = load_and_show(sbi, fc, id, name, writable);
	mutex_unlock(&vol->ops_lock);
	return err;
}

void daxfs_branch_detach(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_owner id = dxc_word_id(sbi->shown);
	LIST_HEAD(dead);
	int in;

	if (list_empty(&sbi->list))
		return;
	in = daxfs_backing_enter(vol->backing);
	mutex_lock(&vol->ops_lock);
	down_write(&vol->tree);
	daxfs_branch_show(sbi, NULL, &dead);
	up_write(&vol->tree);
	daxfs_branch_free_list(&dead);
	/* Of a device that has gone nothing needs to be given back. */
	if (in >= 0 && sbi->epoch) {
		daxfs_lease_drop(sbi, id);
		daxfs_slot_release(sbi);
	}
	down_write(&vol->tree);
	list_del_init(&sbi->list);
	up_write(&vol->tree);
	/* Another one that shows the branch may write it now. */
	daxfs_home_reflect_all(vol);
	mutex_unlock(&vol->ops_lock);
	if (in >= 0)
		daxfs_backing_exit(vol->backing, in);
}

static int make_writable(struct daxfs_sb_info *sbi, struct fs_context *fc)
{
	struct daxfs_loaded_branch *branch = sbi->branch;
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_owner home = sbi->home;
	bool home_rw = sbi->home_rw;
	int err;

	if (sbi->dead) {
		errorf(fc, "daxfs: branch %s is discarded; 'daxfsctl branch switch' shows another one",
		       sbi->lost);
		return -ESTALE;
	}
	if (daxfs_home_is_led(branch, sbi)) {
		errorf(fc, "daxfs: branch %s is mounted writable elsewhere on this machine, and one mount may write it; mount --bind that",
		       branch->name);
		return -EBUSY;
	}
	if (!sbi->epoch) {
		errorf(fc, "daxfs: %s is on a read-only device", vol->name);
		return -EROFS;
	}
	if (!daxfs_slot_is_ours(sbi)) {
		daxfs_tend_soon(vol);
		errorf(fc, "daxfs: %s: the mount slot was taken by another kernel; try again",
		       vol->name);
		return -EAGAIN;
	}
	err = take_lease(sbi, fc, branch->layer.owner, branch->name);
	if (err)
		return err;
	down_write(&vol->tree);
	/* Who asks for it has his home here from now on. */
	daxfs_home_set(sbi, branch->layer.owner, true);
	err = daxfs_branch_take_over(sbi);
	if (err)
		daxfs_home_set(sbi, home, home_rw);
	up_write(&vol->tree);
	if (err) {
		daxfs_branch_return_lease(sbi, branch->layer.owner);
		errorf(fc, "daxfs: branch %s cannot be written: error %d", branch->name, err);
		return err;
	}
	daxfs_slot_update(sbi, true);
	return 0;
}

static void make_readonly(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_loaded_branch *branch = sbi->branch;
	struct daxfs_volume *vol = sbi->volume;

	bool was_writer = branch->writer == sbi;

	if (was_writer)
		daxfs_flush_all_times(sb);
	down_write(&vol->tree);
	if (was_writer)
		branch->writer = NULL;
	daxfs_home_set(sbi, sbi->home, false);
	up_write(&vol->tree);
	if (!was_writer)
		return;
	daxfs_lease_drop(sbi, branch->layer.owner);
	daxfs_slot_update(sbi, false);
}

int daxfs_branch_set_writable(struct super_block *sb, struct fs_context *fc, bool writable)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_volume *vol = sbi->volume;
	int err, id;

	err = mutex_lock_killable(&vol->ops_lock);
	if (err)
		return err;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
	} else {
		if (writable)
			err = make_writable(sbi, fc);
		else
			make_readonly(sb);
		daxfs_backing_exit(vol->backing, id);
		daxfs_home_reflect_all(vol);
	}
	mutex_unlock(&vol->ops_lock);
	return err;
}

/* ---- volumes ---- */

int daxfs_branch_volume_init(struct daxfs_volume *vol, struct fs_context *fc)
{
	int err;

	mutex_init(&vol->ops_lock);
	mutex_init(&vol->settle_lock);
	init_rwsem(&vol->tree);
	INIT_LIST_HEAD(&vol->branches);
	INIT_LIST_HEAD(&vol->supers);
	vol->noticed_seq = dxc_commit_seq(&vol->core);
	vol->seen_seq = vol->noticed_seq;
	vol->left_seq = vol->noticed_seq;
	err = init_srcu_struct(&vol->srcu);
	if (err)
		goto fail;
	err = dxc_space_init(&vol->space, &vol->core);
	if (err)
		goto srcu;
	if (vol->backing->has_pages) {
		vol->space.busy = daxfs_blocks_busy;
		vol->space.priv = vol->backing;
	}
	err = daxfs_slots_init(vol);
	if (err)
		goto space;
	return 0;

space:
	dxc_space_exit(&vol->space);
srcu:
	cleanup_srcu_struct(&vol->srcu);
fail:
	errorf(fc, "daxfs: out of memory");
	return err;
}

void daxfs_branch_volume_exit(struct daxfs_volume *vol)
{
	daxfs_slots_exit(vol);
	dxc_space_exit(&vol->space);
	/* Somebody who was killed did not wait for the grace period that he began. */
	synchronize_srcu(&vol->srcu);
	cleanup_srcu_struct(&vol->srcu);
}
