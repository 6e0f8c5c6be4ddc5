// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls on branches: create, switch, commit, abort, rename. Each holds
 * ops_lock from end to end, the volume lock of all kernels around what changes
 * the tables, and tree for writing only around the store that decides and the
 * same change in memory. What inodes and super blocks take over of it is
 * settled while ops_lock is still held: a chunk that was freed is unmapped
 * before anybody says that it may be used again (volume/reclaim.c).
 */
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "op.h"
#include "backing/backing.h"

/* For I/O to pages of a branch to be done, and how often to look. */
#define PIN_PATIENCE	(5 * HZ)
#define PIN_STEP	(HZ / 20)

/*
 * What was stored through mappings, and times that were not logged yet, belong
 * to the branch as it is now.
 */
static void flush_branch(struct daxfs_loaded_branch *branch)
{
	struct daxfs_sb_info *sbi = branch->writer;

	if (!sbi || !atomic_inc_not_zero(&sbi->sb->s_active))
		return;
	daxfs_write_back_all(sbi->sb);
	if (!list_empty_careful(&sbi->dirty))
		daxfs_flush_all_times(sbi->sb);
	daxfs_super_put(sbi);
}

/* ---- leases ---- */

/*
 * The super block has left a branch whose lease it had, or shows another
 * branch of the same content: tells the others. lease: id of the branch left,
 * to be given back; generation 0: none.
 */
static void moved(struct daxfs_sb_info *sbi, struct dxc_owner lease)
{
	if (lease.generation)
		daxfs_lease_leave(sbi, lease);
	daxfs_slot_update(sbi, !sb_rdonly(sbi->sb));
}

/*
 * sbi is the writer of the branch that it shows, if nobody has the lease; else at the
 * next write. Who had it may have added to the log since. No child is in memory; tree is
 * held for writing.
 */
static void inherit_lease(struct daxfs_sb_info *sbi)
{
	struct dxc_owner id = sbi->branch->layer.owner;
	dxc_holder nobody = 0;

	if (!sbi->branch->writer && daxfs_home_may_write(sbi) &&
	    !daxfs_lease_try(sbi, id, &nobody) && daxfs_branch_take_over(sbi))
		daxfs_lease_drop(sbi, id);
}

/* The same of the parent for who wrote what is gone, if he shows it now. NULL: nobody did. */
static void inherit_parent(struct op *op, struct daxfs_sb_info *heir)
{
	if (!heir)
		return;
	daxfs_op_lock_tree(op);
	if (!heir->branch->children)
		inherit_lease(heir);
	daxfs_op_unlock_tree(op);
}

/* Chunks of a branch whose log nobody else can have added to. */
static const struct dxc_chunk_list *known_chunks(void *priv, struct dxc_owner id)
{
	struct op *op = priv;
	struct daxfs_loaded_branch *branch = daxfs_branch_in_memory(op->vol, id);

	/* The branch may be dead by now; under the volume lock its entry is no other one's. */
	if (!branch || !branch->writer || branch->layer.fenced ||
	    !dxc_lease_names(&op->vol->core, id.branch, branch->layer.holder))
		return NULL;
	op->chunks.chunks = branch->layer.chunks;
	op->chunks.count = branch->layer.chunk_count;
	return &op->chunks;
}

static bool next_known(void *priv, void **at, struct dxc_owner *id, struct dxc_owner *parent)
{
	struct op *op = priv;

	return daxfs_branch_next_known(op->vol, at, id, parent);
}

/* ---- create ---- */

/* The new branch, whose layer is set up, shown by the super block. tree is held for writing. */
static void show_new(struct op *op, struct daxfs_loaded_branch *parent,
		     struct daxfs_loaded_branch *branch, const struct dxc_branch *br)
{
	struct daxfs_volume *vol = op->vol;

	dxc_layer_own(&branch->layer, br);
	branch->layer.holder = DXC_HOLDER_NONE;
	strscpy(branch->name, br->name, sizeof(branch->name));
	branch->parent = parent;
	parent->users++;
	parent->children++;
	list_add(&branch->list, &vol->branches);
	daxfs_home_move(&op->stale, op->sbi, branch);
	inherit_lease(op->sbi);
}

/*
 * Whoever became the writer while the branch had children did not claim its log, and another
 * kernel may have since: then the log is read anew, and claimed, with the next write. tree is held
 * for writing.
 */
static void fence_unclaimed(struct op *op, struct daxfs_loaded_branch *branch)
{
	struct dxc_layer *layer = &branch->layer;

	if (branch->writer &&
	    dxc_branch_head_word(&op->vol->core, layer->owner.branch) != layer->log.head_link)
		layer->fenced = true;
}

/* A child of the branch has gone; ending: of those that are in memory. */
static void refreeze(struct op *op, struct daxfs_loaded_branch *branch, unsigned int ending)
{
	bool told = dxc_branch_is_frozen(&op->vol->core, branch->layer.owner);

	branch->frozen = daxfs_branch_must_freeze(op->vol, branch, told, ending);
	fence_unclaimed(op, branch);
}

static int refuse_depth(struct op *op)
{
	return daxfs_op_refuse(op, -EMLINK, "a branch has at most %u parents, main among them",
		      DAXFS_BRANCH_DEPTH_MAX);
}

/* The child was made: undoes that, if lock or lease were lost before it was. -EAGAIN. */
static noinline_for_stack int look_again(struct op *op, struct daxfs_loaded_branch *parent,
					 struct dxc_owner child)
{
	struct dxc_branch_rest rest = { .next_known = next_known, .priv = op,
					.tail = DXC_NO_CHUNK };
	bool locked = !daxfs_op_check_lock(op);

	if (locked && dxc_layer_is_held(&parent->layer))
		return 0;
	dxc_branch_unmake(&op->vol->core, child);
	/* Its entry is free again when that is gone on with; whoever took the lock over does it. */
	op->vol->recovered = locked && !dxc_branch_recover(&op->vol->core, &rest);
	return -EAGAIN;
}

static int create_over(struct op *op, struct daxfs_loaded_branch *parent, struct dxc_branch *br)
{
	struct daxfs_loaded_branch *branch = NULL;
	bool stay = op->arg->bo_flags & DAXFS_BRANCH_STAY;
	struct dxc_owner left = {};
	int err;

	if (!stay) {
		branch = daxfs_branch_new();
		if (!branch)
			return daxfs_op_explain(op, -ENOMEM, "");
	}
	/* The core counts what entries say. */
	if (daxfs_branch_depth(parent) >= DAXFS_BRANCH_DEPTH_MAX) {
		kfree(branch);
		return refuse_depth(op);
	}
	flush_branch(parent);
	if (!stay && op->sbi->branch != parent)
		flush_branch(op->sbi->branch);
	daxfs_op_lock_tree(op);
	/* What I/O under way writes to a page would change the parent when it is frozen. */
	op->pinned = daxfs_stale_pinned(&op->stale, parent);
	err = op->pinned ? -EBUSY : 0;
	/* What can fail comes before the entry. */
	if (!err && !stay)
		err = dxc_layer_init(&branch->layer, &op->vol->core, &op->vol->space,
				     &parent->layer, br);
	if (!err)
		err = daxfs_op_check_lock(op);
	/* What whoever has taken the parent over has written would not be the child's. */
	if (!err && !dxc_layer_is_held(&parent->layer))
		err = -EAGAIN;
	if (!err)
		err = dxc_branch_create(&op->vol->core, daxfs_holder_of(op->sbi),
					parent->layer.owner, op->arg->bo_name,
					ktime_get_real_ns(),
					from_kuid(&init_user_ns, current_uid()),
					parent->layer.log.seq, br);
	if (!err)
		err = look_again(op, parent, br->id);
	if (!err) {
		parent->frozen = true;
		if (!stay) {
			if (op->sbi->branch->writer == op->sbi)
				left = op->sbi->branch->layer.owner;
			show_new(op, parent, branch, br);
			branch = NULL;
		}
	}
	daxfs_op_unlock_tree(op);
	if (branch) {
		dxc_layer_free(&branch->layer);
		kfree(branch);
	}
	daxfs_stale_settle(&op->stale);
	if (op->pinned)
		return daxfs_op_refuse(op, err, "pages of branch %s are in use by I/O (such as O_DIRECT, io_uring, vmsplice)",
			      parent->name);
	if (err == -ENOSPC)
		return daxfs_op_refuse(op, err, "the image has room for %u branches only",
			      op->vol->core.branch_count);
	if (err == -EMLINK)
		return refuse_depth(op);
	if (err)
		return daxfs_op_explain(op, err, op->arg->bo_name);
	daxfs_stale_mappings(&op->stale, parent);
	if (!stay)
		moved(op->sbi, left);
	return 0;
}

static int create(struct op *op)
{
	struct daxfs_loaded_branch *parent;
	struct dxc_branch br;
	struct dxc_owner id;
	bool taken;
	int err;

	if (!dxc_branch_name_is_legal(op->arg->bo_name))
		return daxfs_op_explain(op, -EINVAL, op->arg->bo_name);
	err = daxfs_op_find(op, op->arg->bo_other, &br);
	if (!err)
		err = daxfs_op_permit(op, &br);
	if (err)
		return err;
	err = daxfs_op_refuse_stray(op, daxfs_branch_in_memory(op->vol, br.id));
	if (err)
		return err;
	id = br.id;
	err = daxfs_op_hold_lease(op, &br, &taken);
	if (err)
		return err;
	parent = daxfs_op_obtain(op, &br, taken);
	err = PTR_ERR_OR_ZERO(parent);
	if (!err) {
		err = create_over(op, parent, &br);
		daxfs_branch_put(op->vol, parent);
	}
	if (taken)
		daxfs_branch_return_lease(op->sbi, id);
	op->arg->bo_id = br.id.generation && !err ? dxc_id_word(br.id) : 0;
	return err;
}

/* ---- switch ---- */

static int switch_to(struct op *op)
{
	struct daxfs_sb_info *sbi = op->sbi;
	struct daxfs_loaded_branch *to;
	struct dxc_owner left = {};
	bool taken = false, writes;
	struct dxc_branch br;
	int err;

	err = daxfs_op_find(op, op->arg->bo_name, &br);
	if (!err)
		err = daxfs_op_permit(op, &br);
	if (err)
		return err;
	op->arg->bo_id = dxc_id_word(br.id);
	to = daxfs_branch_in_memory(op->vol, br.id);
	/* Where another mount writes it, this one only looks on. */
	writes = sbi->home_rw && !(to && daxfs_home_is_led(to, sbi));
	/* To what it shows: so that it is at home there. */
	if (!sbi->dead && to == sbi->branch && !sbi->visiting)
		return 0;
	if (writes) {
		err = daxfs_op_hold_lease(op, &br, &taken);
		if (err)
			return err;
	}
	to = daxfs_op_obtain(op, &br, taken);
	if (IS_ERR(to)) {
		if (taken)
			daxfs_branch_return_lease(sbi, br.id);
		return PTR_ERR(to);
	}
	if (sbi->branch->writer == sbi) {
		flush_branch(sbi->branch);
		left = sbi->branch->layer.owner;
	}
	daxfs_op_lock_tree(op);
	daxfs_home_move(&op->stale, sbi, to);
	/* It has moved. If it cannot be the writer now, the next write tries, and says why. */
	if (taken)
		daxfs_branch_take_over(sbi);
	daxfs_op_unlock_tree(op);
	daxfs_stale_settle(&op->stale);
	daxfs_branch_put(op->vol, to);
	moved(sbi, left);
	if (taken)
		daxfs_branch_return_lease(sbi, br.id);
	return 0;
}

/* ---- frozen mounts ---- */

/*
 * -EBUSY where a frozen super block (fsfreeze) shows the branch, or one above it,
 * which would not be what it was. One that is frozen from now on waits for
 * ops_lock: daxfs_freeze_fs(). Ours is not, see branch_op() in ioctl.c.
 */
static int refuse_frozen(struct op *op, struct daxfs_loaded_branch *branch)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &op->vol->supers, list) {
		if (sbi != op->sbi && sbi->branch && !sbi->dead &&
		    READ_ONCE(sbi->sb->s_writers.frozen) != SB_UNFROZEN &&
		    daxfs_branch_common(sbi->branch, branch) == branch)
			return daxfs_op_refuse(op, -EBUSY, "branch %s is mounted and frozen (fsfreeze): thaw it first",
				      sbi->branch->name);
	}
	return 0;
}

/* ---- commit ---- */

/*
 * Where whoever took the child over has logged something since we looked, which is joined to the
 * parent's log as well, the parent is read anew.
 */
static int merge(struct op *op, struct daxfs_loaded_branch *parent,
		 struct daxfs_loaded_branch *child)
{
	u64 head = dxc_branch_head_word(&op->vol->core, child->layer.owner.branch);

	/* The child's chunks are its parent's now. */
	parent->was_mapped |= child->was_mapped;
	parent->got_pages |= READ_ONCE(op->vol->was_mapped) &&
			     daxfs_layer_is_pinned(op->vol, &child->layer);
	/*
	 * The child's entry is free by now, but keeps br_head: another turn there means that
	 * somebody has taken the child over, and may have logged.
	 */
	if (head == child->layer.log.head_link &&
	    !dxc_layer_merge(&parent->layer, &child->layer))
		return 0;
	/* A mount that writes the parent stops until that is read anew, all of it: no child is left. */
	parent->layer.fenced = true;
	parent->layer.frozen_seq = DXC_NO_SEQ;
	parent->layer.log.limit_seq = DXC_NO_SEQ;
	if (child->writer)
		daxfs_forget_all_times(child->writer);
	daxfs_stale_orphans(&op->stale, parent, &parent->layer);
	daxfs_stale_orphans(&op->stale, parent, &child->layer);
	return daxfs_branch_reload(op->vol, parent, false);
}

/*
 * Who showed the winner shows parent, which is now the same, and so does the super
 * block through which the operation is done. Others that showed what is gone have
 * lost it. Returns who wrote what was committed, or is gone, if he shows parent now;
 * else NULL.
 */
static struct daxfs_sb_info *show_parent(struct op *op, struct daxfs_loaded_branch *parent,
					 struct daxfs_loaded_branch *gone,
					 struct daxfs_loaded_branch *winner)
{
	struct daxfs_sb_info *sbi, *heir = winner ? winner->writer : gone->writer;
	struct daxfs_loaded_branch *branch;

	list_for_each_entry(sbi, &op->vol->supers, list) {
		branch = sbi->branch;
		if (!branch || branch == parent)
			continue;
		if (winner) {
			if (branch != winner && !daxfs_branch_is_discarded(branch, parent, winner))
				continue;
		} else if (daxfs_branch_common(branch, gone) != gone) {
			continue;
		}
		if (sbi->dead || (sbi != op->sbi && branch != winner))
			daxfs_home_lose(&op->stale, sbi, parent);
		else
			daxfs_branch_show(sbi, parent, &op->stale.branches);
		daxfs_slot_update(sbi, !sb_rdonly(sbi->sb));
	}
	return heir && heir->branch == parent ? heir : NULL;
}

/* -EBUSY, and who is in the way, when the branch has children, here or in the region. */
static int refuse_children(struct op *op, const struct dxc_branch *br)
{
	struct daxfs_loaded_branch *branch = daxfs_branch_in_memory(op->vol, br->id);
	struct dxc_branch child;
	u32 index = 0;

	branch = branch ? daxfs_branch_first_child(op->vol, branch) : NULL;
	if (branch)
		strscpy(child.name, branch->name, sizeof(child.name));
	else if (dxc_branch_next_child(&op->vol->core, br->id, &index, &child))
		return 0;
	return daxfs_op_refuse(op, -EBUSY, "branch %s has children, such as %s: commit or abort them first",
		      br->name, child.name);
}

/* The store that decides, and its counterpart in memory. *heir: for inherit_parent(). */
static int commit_now(struct op *op, const struct dxc_branch *br,
		      struct daxfs_loaded_branch *parent, struct daxfs_loaded_branch *child,
		      struct daxfs_sb_info **heir)
{
	struct dxc_branch_rest rest = { .known = known_chunks, .next_known = next_known,
					.priv = op, .lock = daxfs_holder_of(op->sbi) };
	const struct dxc_volume *core = &op->vol->core;
	struct dxc_owner to = parent->layer.owner;
	struct dxc_branch still;
	int err, err2;

	daxfs_op_lock_tree(op);
	/* Whoever has taken the branch over may have written to it. */
	err = dxc_layer_is_held(&child->layer) ? dxc_branch_commit(core, br->id, &rest) : -EAGAIN;
	if (err) {
		daxfs_op_unlock_tree(op);
		if (err == -EBUSY && refuse_children(op, br))
			return err;
		return daxfs_op_explain(op, err, br->name);
	}
	rest.tail = parent->layer.log.chunk;
	err = dxc_branch_finish(core, to, &rest);
	if (err && !dxc_branch_get(core, br->id, &still)) {
		/* Undone, or to be gone on with: nobody writes until it is known. */
		child->frozen = true;
		daxfs_op_unlock_tree(op);
		op->vol->recovered = false;
		return daxfs_op_refuse(op, err, "branch %s cannot be committed: %pe", br->name,
				       ERR_PTR(err));
	}
	daxfs_stale_commit(&op->stale, parent, child);
	err2 = merge(op, parent, child);
	err = err ?: err2;
	*heir = show_parent(op, parent, NULL, child);
	/*
	 * Of its children in memory only the winner is left. A log that is not in order,
	 * here or in the region, is not continued.
	 */
	parent->frozen = daxfs_branch_must_freeze(op->vol, parent, err, 1);
	fence_unclaimed(op, parent);
	if (err)
		*heir = NULL;
	daxfs_op_unlock_tree(op);
	op->arg->bo_discarded += rest.discarded;
	if (!err)
		return 0;
	op->vol->recovered = false;
	return daxfs_op_refuse(op, err, "branch %s is committed, but what follows from it is not done: %pe",
			       br->name, ERR_PTR(err));
}

/*
 * The joined log grows with each commit, and its branch may never be written
 * itself: then its lease is ours for as long as this takes.
 */
static void compact_parent(struct op *op, struct daxfs_loaded_branch *parent)
{
	dxc_holder me = daxfs_holder_of(op->sbi), nobody = 0;
	struct dxc_owner id = parent->layer.owner;
	bool borrowed = false;
	unsigned int nofs;

	if (!parent->writer && !parent->frozen && dxc_layer_wants_compaction(&parent->layer) &&
	    !dxc_lease_take(&op->vol->core, id, me, &nobody)) {
		daxfs_op_lock_tree(op);
		borrowed = !daxfs_branch_make_current(op->sbi, parent);
		/* No other thread gives it back meanwhile. */
		if (borrowed)
			op->sbi->op_lease = id;
		daxfs_op_unlock_tree(op);
		if (!borrowed)
			daxfs_branch_return_lease(op->sbi, id);
	}
	down_read(&op->vol->tree);
	/* Not through a super block that is frozen. */
	if ((borrowed ||
	     (parent->writer && parent->writer->sb->s_writers.frozen == SB_UNFROZEN)) &&
	    !parent->frozen && dxc_layer_wants_compaction(&parent->layer)) {
		nofs = memalloc_nofs_save();
		down_write(&parent->lock);
		dxc_layer_compact(&parent->layer);
		up_write(&parent->lock);
		memalloc_nofs_restore(nofs);
	}
	up_read(&op->vol->tree);
	if (borrowed)
		daxfs_branch_return_lease(op->sbi, id);
}

/* *up: what it was committed to. */
static noinline_for_stack int commit_one(struct op *op, const struct dxc_branch *br,
					 struct dxc_owner *up)
{
	struct daxfs_loaded_branch *parent, *child;
	struct daxfs_sb_info *heir = NULL;
	bool taken;
	int err;

	if (br->id.branch == DAXFS_MAIN_BRANCH)
		return daxfs_op_refuse(op, -EPERM, "main has no parent");
	/* The core looks as well; what is known not to have any is not looked at twice. */
	child = daxfs_branch_in_memory(op->vol, br->id);
	err = daxfs_op_refuse_stray(op, child);
	if (err)
		return err;
	if (!child || child->frozen) {
		err = refuse_children(op, br);
		if (err)
			return err;
	}
	child = NULL;
	err = daxfs_op_hold_lease(op, br, &taken);
	if (err)
		return err;
	/* Also to see that the log is whole, before its siblings go for it. */
	child = daxfs_op_obtain(op, br, taken);
	if (IS_ERR(child)) {
		if (taken)
			daxfs_branch_return_lease(op->sbi, br->id);
		return PTR_ERR(child);
	}
	parent = child->parent;
	*up = parent->layer.owner;
	err = refuse_frozen(op, parent);
	if (!err) {
		flush_branch(child);
		err = commit_now(op, br, parent, child, &heir);
	}
	daxfs_op_lock_tree(op);
	parent->users++;
	daxfs_op_unlock_tree(op);
	daxfs_stale_settle(&op->stale);
	/* With a child in memory the parent would stay frozen. */
	daxfs_branch_put(op->vol, child);
	inherit_parent(op, heir);
	if (!err)
		compact_parent(op, parent);
	daxfs_branch_put(op->vol, parent);
	/* The entry is gone with its lease, unless nothing happened. */
	if (taken && err)
		daxfs_branch_return_lease(op->sbi, br->id);
	return err;
}

static int commit(struct op *op)
{
	bool to_root = op->arg->bo_flags & DAXFS_BRANCH_TO_ROOT;
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	struct dxc_branch br;
	struct dxc_owner up = {};
	int err;

	err = daxfs_op_find(op, op->arg->bo_name, &br);
	/* Before anything is done: a parent has the owner of what is committed to it. */
	if (!err && br.id.branch != DAXFS_MAIN_BRANCH)
		err = daxfs_op_permit_discard(op, to_root ? main_id : br.parent);
	if (err)
		return err;
	for (;;) {
		err = commit_one(op, &br, &up);
		if (err || !to_root || up.branch == DAXFS_MAIN_BRANCH)
			return err;
		err = dxc_branch_get(&op->vol->core, up, &br);
		if (err)
			return daxfs_op_explain(op, err, "above");
	}
}

/* ---- abort ---- */

/* gone: in memory, or NULL. *heir: for inherit_parent(). */
static int abort_now(struct op *op, const struct dxc_branch *br, struct daxfs_loaded_branch *gone,
		     struct daxfs_sb_info **heir)
{
	struct dxc_branch_rest rest = { .known = known_chunks, .next_known = next_known,
					.priv = op, .lock = daxfs_holder_of(op->sbi),
					.tail = DXC_NO_CHUNK };
	struct daxfs_loaded_branch *parent, *branch;
	struct daxfs_sb_info *sbi;
	int err;

	daxfs_op_lock_tree(op);
	parent = gone ? gone->parent : daxfs_branch_in_memory(op->vol, br->parent);
	rest.lease = gone && gone->writer ? gone->layer.holder : rest.lock;
	err = dxc_branch_abort(&op->vol->core, br->id, &rest);
	if (err)
		goto out;
	if (gone) {
		list_for_each_entry(sbi, &op->vol->supers, list) {
			if (sbi != op->sbi || sbi->dead ||
			    daxfs_branch_common(sbi->branch, gone) != gone)
				continue;
			for (branch = sbi->branch; branch != parent; branch = branch->parent)
				daxfs_stale_layer(&op->stale, sbi, &branch->layer, &parent->layer);
			daxfs_forget_all_times(sbi);
		}
		*heir = show_parent(op, parent, gone, NULL);
	}
	if (parent)
		refreeze(op, parent, gone ? 1 : 0);
out:
	daxfs_op_unlock_tree(op);
	/* The core counts the branch itself, too. */
	op->arg->bo_discarded = err ? 0 : rest.discarded - 1;
	return daxfs_op_explain(op, err, br->name);
}

static int abort_branch(struct op *op)
{
	struct daxfs_sb_info *heir = NULL;
	struct daxfs_loaded_branch *gone;
	struct dxc_branch br;
	bool taken;
	int err;

	err = daxfs_op_find(op, op->arg->bo_name, &br);
	if (err)
		return err;
	if (br.id.branch == DAXFS_MAIN_BRANCH)
		return daxfs_op_refuse(op, -EPERM, "main cannot be aborted");
	err = daxfs_op_permit(op, &br);
	if (!err)
		err = daxfs_op_permit_discard(op, br.id);
	if (err)
		return err;
	err = daxfs_op_hold_lease(op, &br, &taken);
	if (err)
		return err;
	gone = daxfs_branch_in_memory(op->vol, br.id);
	if (gone) {
		/* What shows it will not keep it. */
		daxfs_op_lock_tree(op);
		gone->users++;
		daxfs_op_unlock_tree(op);
		err = refuse_frozen(op, gone);
	}
	if (!err)
		err = abort_now(op, &br, gone, &heir);
	daxfs_stale_settle(&op->stale);
	if (gone)
		daxfs_branch_put(op->vol, gone);
	inherit_parent(op, heir);
	if (taken && err)
		daxfs_branch_return_lease(op->sbi, br.id);
	return err;
}

/* ---- rename ---- */

static int rename_branch(struct op *op)
{
	struct daxfs_loaded_branch *branch;
	const char *name = op->arg->bo_other;
	struct dxc_branch br;
	int err;

	err = daxfs_op_find(op, op->arg->bo_name, &br);
	if (!err)
		err = daxfs_op_permit(op, &br);
	if (err)
		return err;
	op->arg->bo_id = dxc_id_word(br.id);
	branch = daxfs_branch_in_memory(op->vol, br.id);
	err = daxfs_op_refuse_stray(op, branch);
	if (err)
		return err;
	err = daxfs_op_check_lock(op);
	if (!err)
		err = dxc_branch_rename(&op->vol->core, daxfs_holder_of(op->sbi), br.id, name);
	if (err == -EPERM)
		return daxfs_op_refuse(op, err, "main keeps its name");
	if (err)
		return daxfs_op_explain(op, err, name);
	if (branch) {
		daxfs_op_lock_tree(op);
		strscpy(branch->name, name, sizeof(branch->name));
		daxfs_op_unlock_tree(op);
	}
	return 0;
}

/* ---- what they have in common ---- */

static int run(struct op *op, unsigned int cmd)
{
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(DAXFS_IOC_BRANCH_CREATE):
		return create(op);
	case _IOC_NR(DAXFS_IOC_BRANCH_SWITCH):
		return switch_to(op);
	case _IOC_NR(DAXFS_IOC_BRANCH_COMMIT):
		return commit(op);
	case _IOC_NR(DAXFS_IOC_BRANCH_ABORT):
		return abort_branch(op);
	case _IOC_NR(DAXFS_IOC_BRANCH_RENAME):
		return rename_branch(op);
	}
	return -ENOTTY;
}

/* With ops_lock, inside the backing. */
static noinline_for_stack int run_locked(struct op *op, unsigned int cmd)
{
	struct dxc_branch_rest rest = { .next_known = next_known, .priv = op,
					.tail = DXC_NO_CHUNK };
	char host[DAXFS_HOST_SIZE] = "";
	bool recover;
	int err, srcu;

	if (!daxfs_slot_is_ours(op->sbi))
		return daxfs_op_refuse(op, -EAGAIN, "the mount slot was taken by another kernel; try again");
	err = daxfs_volume_lock(op->sbi, host, &recover);
	if (err == -EBUSY)
		return daxfs_op_refuse(op, err, "the branches are being changed by %s",
				       daxfs_op_host(op, host));
	if (err)
		return err;
	if (recover)
		dxc_branch_fence(&op->vol->core);
	if (recover || !op->vol->recovered)
		err = dxc_branch_recover(&op->vol->core, &rest);
	op->vol->recovered = !err;
	if (err)
		daxfs_op_refuse_because(op, err, "what was begun before cannot be finished");
	else
		err = daxfs_op_notice(op, _IOC_NR(cmd) == _IOC_NR(DAXFS_IOC_BRANCH_CREATE) ?
				      op->arg->bo_other : op->arg->bo_name);
	if (!err) {
		/* Blocks that are given up are mapped until daxfs_stale_settle() has told everybody. */
		srcu = srcu_read_lock(&op->vol->srcu);
		err = run(op, cmd);
		srcu_read_unlock(&op->vol->srcu, srcu);
		/* The lease of what is gone is gone with it. */
		down_write(&op->vol->tree);
		op->sbi->op_lease = (struct dxc_owner){};
		up_write(&op->vol->tree);
		/* Nobody else has changed anything meanwhile, and what we have is settled. */
		if (daxfs_volume_is_locked(op->sbi))
			daxfs_set_left(op->vol, dxc_commit_seq(&op->vol->core));
		else
			WRITE_ONCE(op->vol->look_again, true);
	}
	daxfs_volume_unlock(op->sbi);
	if (!op->arg->bo_id && !op->sbi->dead)
		op->arg->bo_id = READ_ONCE(op->sbi->shown);
	return err;
}

static bool has_end(const char *name)
{
	return strnlen(name, DAXFS_BRANCH_NAME_SIZE) < DAXFS_BRANCH_NAME_SIZE;
}

/* Once. */
static int run_once(struct op *op, unsigned int cmd)
{
	struct daxfs_volume *vol = op->vol;
	int err, id;

	op->pinned = false;
	op->arg->bo_id = 0;
	op->arg->bo_discarded = 0;
	err = mutex_lock_interruptible(&vol->ops_lock);
	if (err)
		return err;
	id = daxfs_backing_enter(vol->backing);
	if (id >= 0) {
		err = run_locked(op, cmd);
		WRITE_ONCE(vol->noticed_seq, dxc_commit_seq(&vol->core));
		daxfs_backing_exit(vol->backing, id);
	} else {
		err = id;
	}
	daxfs_home_reflect_all(vol);
	mutex_unlock(&vol->ops_lock);
	return err;
}

int daxfs_branch_op(struct super_block *sb, unsigned int cmd, const struct daxfs_caller *caller,
		    struct daxfs_branch_op *arg)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_volume *vol = sbi->volume;
	struct op op = { .sb = sb, .sbi = sbi, .vol = vol, .caller = caller, .arg = arg,
			 .stale = { .vol = vol, .ours = sbi } };
	unsigned long end = jiffies + PIN_PATIENCE;
	int err;

	INIT_LIST_HEAD(&op.stale.branches);
	arg->bo_reason[0] = 0;
	arg->bo_id = 0;
	arg->bo_discarded = 0;
	if (!daxfs_has_branches(vol))
		return daxfs_op_refuse(&op, -EROFS, "the image has no branches: it was made without -w");
	if (!sbi->epoch)
		return daxfs_op_refuse(&op, -EROFS, "the device is read-only");
	if (!READ_ONCE(sbi->home_rw) && _IOC_NR(cmd) != _IOC_NR(DAXFS_IOC_BRANCH_SWITCH))
		return daxfs_op_refuse(&op, -EROFS, "the mount is read-only; mount -o remount,rw makes it writable");
	if (!has_end(arg->bo_name) || !has_end(arg->bo_other))
		return daxfs_op_refuse(&op, -EINVAL, "a name of a branch has at most %u bytes",
			      DAXFS_BRANCH_NAME_MAX);
	for (;;) {
		err = run_once(&op, cmd);
		if (!op.pinned || time_after(jiffies, end))
			break;
		/* Nobody waits for us meanwhile. */
		schedule_timeout_killable(PIN_STEP);
		if (fatal_signal_pending(current))
			break;
		arg->bo_reason[0] = 0;
	}
	/* This one at once: whoever asked for it goes on with it. */
	down_read(&sb->s_umount);
	daxfs_home_reflect(sbi);
	up_read(&sb->s_umount);
	daxfs_tend_soon(vol);
	daxfs_op_trace(&op, cmd, err);
	return err;
}
