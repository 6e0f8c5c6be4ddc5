// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the operations on branches have in common: what they say of themselves,
 * which branch is meant, who may, and the lease that keeps others from writing.
 */
#include <linux/sched/mm.h>
#include "op.h"
#include "volume/trace.h"
#include "backing/backing.h"

/* How often to look whether a mount of this kernel that took a lease is the writer. */
#define LEASE_TRIES	25

int daxfs_op_refuse(struct op *op, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(op->arg->bo_reason, sizeof(op->arg->bo_reason), fmt, args);
	va_end(args);
	return err;
}

int daxfs_op_refuse_because(struct op *op, int err, const char *what)
{
	switch (err) {
	case -EINTR:
		return daxfs_op_refuse(op, err, "%s: interrupted", what);
	case -ENOMEM:
		return daxfs_op_refuse(op, err, "%s: out of memory", what);
	case -ENOSPC:
		return daxfs_op_refuse(op, err, "%s: no space left", what);
	case -EUCLEAN:
		return daxfs_op_refuse(op, err, "%s: the image is damaged, fsck says where", what);
	case -EIO:
		return daxfs_op_refuse(op, err, "%s: the memory cannot be read", what);
	case -EAGAIN:
		return daxfs_op_refuse(op, err, "%s: another kernel took this one for dead meanwhile; try again",
				       what);
	}
	return daxfs_op_refuse(op, err, "%s: %pe", what, ERR_PTR(err));
}

/* What the core says, in words; the name is that of the branch it is about. */
int daxfs_op_explain(struct op *op, int err, const char *name)
{
	switch (err) {
	case 0:
	case -EINTR:
		return err;
	case -ENOENT:
		return daxfs_op_refuse(op, err, "there is no branch %s", name);
	case -ESTALE:
		return daxfs_op_refuse(op, err, "branch %s is gone", name);
	case -EEXIST:
		return daxfs_op_refuse(op, err, "there is a branch %s already", name);
	case -EINVAL:
		return daxfs_op_refuse(op, err, "'%s' is no name for a branch", name);
	case -EUCLEAN:
		return daxfs_op_refuse(op, err, "branch %s is damaged: fsck says where", name);
	case -ENOMEM:
		return daxfs_op_refuse(op, err, "out of memory");
	case -EAGAIN:
		return daxfs_op_refuse(op, err, "another kernel took this one for dead meanwhile; try again");
	}
	return daxfs_op_refuse(op, err, "branch %s: %pe", name, ERR_PTR(err));
}

void daxfs_op_lock_tree(struct op *op)
{
	down_write(&op->vol->tree);
	op->nofs = memalloc_nofs_save();
}

void daxfs_op_unlock_tree(struct op *op)
{
	memalloc_nofs_restore(op->nofs);
	up_write(&op->vol->tree);
}

int daxfs_op_notice(struct op *op, const char *asked)
{
	char name[DAXFS_BRANCH_NAME_SIZE];
	u64 shown = READ_ONCE(op->sbi->shown);
	int err;

	daxfs_leases_check(op->vol);
	daxfs_relations_check(op->vol);
	if (dxc_commit_seq(&op->vol->core) == op->vol->left_seq)
		return 0;
	strscpy(name, op->sbi->dead ? op->sbi->lost : op->sbi->branch->name, sizeof(name));
	err = daxfs_notice(op->vol);
	if (err == -EBUSY)
		return daxfs_op_refuse(op, err, "a mount is frozen (fsfreeze), so what another kernel did cannot be followed");
	if (err)
		return daxfs_op_refuse_because(op, err,
					       "what another kernel did cannot be followed");
	if (!asked[0] && READ_ONCE(op->sbi->shown) != shown)
		return daxfs_op_refuse(op, -ESTALE, "branch %s is gone", name);
	return 0;
}

/* One in memory of that name, which the region says something else of than is known. */
static struct daxfs_loaded_branch *find_stray(struct op *op, const char *name)
{
	struct daxfs_loaded_branch *branch;

	list_for_each_entry(branch, &op->vol->branches, list) {
		if (branch->strays && !strcmp(branch->name, name))
			return branch;
	}
	return NULL;
}

/* The branch that is called so; "": the one shown. What it lies on is as in memory. */
int daxfs_op_find(struct op *op, const char *name, struct dxc_branch *br)
{
	const struct dxc_volume *core = &op->vol->core;
	struct daxfs_loaded_branch *branch;
	int err;

	if (name[0]) {
		branch = find_stray(op, name);
		err = branch ? 0 : dxc_branch_find(core, name, br);
		if (!branch && !err)
			branch = daxfs_branch_in_memory(op->vol, br->id);
	} else if (op->sbi->dead) {
		return daxfs_op_refuse(op, -ESTALE, "branch %s is discarded, switch to another one",
			      op->sbi->lost);
	} else {
		branch = op->sbi->branch;
		name = branch->name;
		err = branch->strays ? 0 : dxc_branch_get(core, branch->layer.owner, br);
	}
	strscpy(op->name, name, sizeof(op->name));
	if (err)
		return daxfs_op_explain(op, err, name);
	if (branch && branch->strays)
		daxfs_branch_recall(branch, br);
	else if (branch && branch->parent)
		br->parent = branch->parent->layer.owner;
	op->id = dxc_id_word(br->id);
	op->parent = dxc_id_word(br->parent);
	return 0;
}

/* -EUCLEAN when the branch strays: what would become of it, each kernel would see otherwise. */
int daxfs_op_refuse_stray(struct op *op, const struct daxfs_loaded_branch *branch)
{
	if (!branch || !branch->strays)
		return 0;
	return daxfs_op_refuse(op, -EUCLEAN, "the region does not say any longer that branch %s lies on %s: it can be discarded only",
		      branch->name, branch->parent ? branch->parent->name : "the base");
}

int daxfs_op_check_lock(const struct op *op)
{
	return daxfs_volume_is_locked(op->sbi) ? 0 : -EAGAIN;
}

/* ---- who may ---- */

static int say_whose(struct op *op, int err, const char *name)
{
	if (err == -EPERM)
		return daxfs_op_refuse(op, err, "the root directory of branch %s is another user's",
				       name);
	return daxfs_op_explain(op, err, name);
}

/* A host's name, for who may know it. */
const char *daxfs_op_host(const struct op *op, const char *host)
{
	return op->caller->is_admin ? host : "another host";
}

int daxfs_op_permit(struct op *op, const struct dxc_branch *br)
{
	return say_whose(op, daxfs_caller_may(op->vol, op->caller, br->id), br->name);
}

/* All that lies over a branch. */
noinline_for_stack int daxfs_op_permit_discard(struct op *op, struct dxc_owner below)
{
	struct dxc_branch whose;
	int err = daxfs_caller_may_discard(op->vol, op->caller, below, &whose);

	return err ? say_whose(op, err, whose.name) : 0;
}

/* ---- branches in memory, and their leases ---- */

struct daxfs_loaded_branch *daxfs_op_obtain(struct op *op, const struct dxc_branch *br,
					    bool repair)
{
	struct daxfs_loaded_branch *branch;
	struct dxc_finding f = {};

	branch = daxfs_branch_obtain(op->vol, br->id,
				     repair ? daxfs_holder_of(op->sbi) : DXC_HOLDER_NONE, &f);
	/* What a damaged log has lost cannot be committed, nor can others stand on it. */
	if (!IS_ERR(branch) && repair && branch->layer.damaged) {
		daxfs_branch_put(op->vol, branch);
		branch = ERR_PTR(-EUCLEAN);
		f.code = DXC_OK;
	}
	if (!IS_ERR(branch))
		return branch;
	if (f.code)
		daxfs_bad(op->vol, PTR_ERR(branch), &f);
	daxfs_op_explain(op, PTR_ERR(branch), br->name);
	return branch;
}

/*
 * Until it is returned no other thread of the super block gives the lease up. -EAGAIN: one
 * has, since it was taken.
 */
static int borrow_lease(struct op *op, struct dxc_owner id)
{
	dxc_holder me = daxfs_holder_of(op->sbi);
	int err = 0;

	daxfs_op_lock_tree(op);
	if (dxc_lease_is_held(&op->vol->core, id, me))
		op->sbi->op_lease = id;
	else
		err = -EAGAIN;
	daxfs_op_unlock_tree(op);
	return err;
}

/*
 * Nobody elsewhere writes the branch until the lease is dropped; a super block
 * of this kernel that has it is not in the way. *taken: it has to be dropped.
 */
int daxfs_op_hold_lease(struct op *op, const struct dxc_branch *br, bool *taken)
{
	struct daxfs_loaded_branch *branch = daxfs_branch_in_memory(op->vol, br->id);
	char host[DAXFS_HOST_SIZE] = "";
	int err = -EAGAIN, tries;

	*taken = false;
	for (tries = 0; tries < LEASE_TRIES; tries++) {
		if (branch && READ_ONCE(branch->writer))
			return 0;
		err = daxfs_lease_take(op->sbi, br->id, host);
		if (!err || err == DAXFS_LEASE_HAD)
			err = borrow_lease(op, br->id);
		if (err != -EAGAIN)
			break;
		/* A mount that is about to become the writer, or to give it back. */
		schedule_timeout_killable(1);
	}
	if (err == -EAGAIN)
		err = -EBUSY;
	if (err == -EBUSY)
		return daxfs_op_refuse(op, err, "branch %s is being written by %s", br->name,
			      daxfs_op_host(op, host));
	if (err)
		return daxfs_op_explain(op, err, br->name);
	*taken = true;
	if (!branch)
		return 0;
	/* Whoever had it before may have written. */
	daxfs_op_lock_tree(op);
	err = daxfs_branch_make_current(op->sbi, branch);
	daxfs_op_unlock_tree(op);
	if (err) {
		daxfs_branch_return_lease(op->sbi, br->id);
		*taken = false;
	}
	return daxfs_op_explain(op, err, br->name);
}

/* ---- tracepoints ---- */

/* A name that the caller made up may hold anything, such as an end of a line. */
static const char *printable(const char *name)
{
	return dxc_branch_name_is_legal(name) ? name : "?";
}

void daxfs_op_trace(const struct op *op, unsigned int cmd, int err)
{
	const char *other = printable(op->arg->bo_other);
	const char *name = printable(op->name[0] ? op->name : op->arg->bo_name);
	u32 gone = op->arg->bo_discarded;

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(DAXFS_IOC_BRANCH_CREATE):
		/* What was found is the parent. */
		trace_daxfs_branch_create(op->sbi, printable(op->arg->bo_name), other,
					  err ? 0 : op->arg->bo_id, op->id, gone, err);
		break;
	case _IOC_NR(DAXFS_IOC_BRANCH_SWITCH):
		trace_daxfs_branch_switch(op->sbi, name, other, op->id, op->parent, gone, err);
		break;
	case _IOC_NR(DAXFS_IOC_BRANCH_COMMIT):
		trace_daxfs_branch_commit(op->sbi, name, other, op->id, op->parent, gone, err);
		break;
	case _IOC_NR(DAXFS_IOC_BRANCH_ABORT):
		trace_daxfs_branch_abort(op->sbi, name, other, op->id, op->parent, gone, err);
		break;
	case _IOC_NR(DAXFS_IOC_BRANCH_RENAME):
		trace_daxfs_branch_rename(op->sbi, name, other, op->id, op->parent, gone, err);
		break;
	}
}
