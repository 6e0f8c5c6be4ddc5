// SPDX-License-Identifier: GPL-2.0-only
/*
 * DAXFS_IOC_BRANCH_DIFF: one page of what a branch changed, see include/daxfs/ioctl.h. What
 * differs, and what may be told of, core/diff.c knows; here it is found out who asks, and
 * pieces become records. Nothing is changed: a branch that is not in memory is loaded for as
 * long as the page takes, as for an operation on it.
 *
 * ops_lock is held for one page, inside it tree and branch->lock for reading.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "op.h"
#include "backing/backing.h"
#include "core/diff.h"

/* Entries that a page looks at: some ten milliseconds. */
#define PAGE_STEPS	0x10000u

struct page_call {
	struct op op;
	struct daxfs_branch_op names;	/* of op: bo_name, bo_reason */
	struct daxfs_branch_diff *arg;
	const struct daxfs_diff_dir *dirs;
	void *records;
	struct dxc_diff diff;
};

static_assert((int)DXC_DIFF_ATTR == (int)DAXFS_DIFF_ATTR);
static_assert((int)DXC_DIFF_TIME == (int)DAXFS_DIFF_TIME);
static_assert((int)DXC_DIFF_DATA == (int)DAXFS_DIFF_DATA);
static_assert((int)DXC_DIFF_XATTR == (int)DAXFS_DIFF_XATTR);
/* A list that was copied in is taken for the core's. */
static_assert(sizeof(struct daxfs_diff_dir) == sizeof(struct dxc_diff_dir));
static_assert(offsetof(struct daxfs_diff_dir, dd_pos) == offsetof(struct dxc_diff_dir, pos));

/* ---- records ---- */

/* Zeroed, of at most DAXFS_DIFF_ROOM_MIN bytes; NULL: the page is full. */
static void *record(struct page_call *call, u32 size)
{
	struct daxfs_branch_diff *arg = call->arg;
	void *at = call->records + arg->bd_used;

	if (size > arg->bd_room - arg->bd_used)
		return NULL;
	arg->bd_used += size;
	return memset(at, 0, size);
}

static int put_name(void *priv, const struct dxc_diff_name *name)
{
	u32 size = ALIGN(sizeof(struct daxfs_diff_name) + name->len, 8);
	struct daxfs_diff_name *to = record(priv, size);

	if (!to)
		return 1;
	to->dn_size = size;
	to->dn_kind = DAXFS_DIFF_NAME;
	to->dn_dir = name->dir;
	to->dn_before = name->before;
	to->dn_after = name->after;
	to->dn_pos = name->pos;
	to->dn_type_before = name->type_before;
	to->dn_type_after = name->type_after;
	to->dn_len = name->len;
	memcpy(to->dn_name, name->name, name->len);
	return 0;
}

static void put_attr(struct daxfs_diff_attr *to, const struct dxc_attr *attr)
{
	to->da_size = attr->size;
	to->da_mtime = attr->mtime;
	to->da_mtime_nsec = attr->mtime_nsec;
	to->da_mode = attr->mode;
	to->da_uid = from_kuid_munged(current_user_ns(), make_kuid(&init_user_ns, attr->uid));
	to->da_gid = from_kgid_munged(current_user_ns(), make_kgid(&init_user_ns, attr->gid));
	to->da_nlink = attr->nlink;
	to->da_rdev_major = attr->rdev_major;
	to->da_rdev_minor = attr->rdev_minor;
}

static int put_inode(void *priv, const struct dxc_diff_inode *inode)
{
	struct daxfs_diff_inode *to = record(priv, sizeof(*to));

	if (!to)
		return 1;
	to->dx_size = sizeof(*to);
	to->dx_kind = DAXFS_DIFF_INODE;
	to->dx_ino = inode->ino;
	to->dx_differs = inode->differs;
	if (inode->was)
		put_attr(&to->dx_before, &inode->before);
	if (inode->is)
		put_attr(&to->dx_after, &inode->after);
	return 0;
}

/* ---- pages ---- */

/* The part that the page is of; 0: it is at its end, 1: not yet. */
static int fill_part(struct page_call *call, struct dxc_diff_place *place, struct dxc_finding *f)
{
	const struct dxc_diff_dir *dirs = (const void *)call->dirs;

	switch (call->arg->bd_part) {
	case DAXFS_DIFF_NAMES:
		return dxc_diff_names(&call->diff, place, f);
	case DAXFS_DIFF_INODES:
		return dxc_diff_inodes(&call->diff, place, f);
	case DAXFS_DIFF_FILES:
		return dxc_diff_files(&call->diff, place, f);
	default:
		return dxc_diff_dirs(&call->diff, dirs, call->arg->bd_dir_count, place, f);
	}
}

static int fill_page(struct page_call *call, struct dxc_finding *f)
{
	struct daxfs_branch_diff *arg = call->arg;
	struct dxc_diff_place place = { .at = { arg->bd_place[0], arg->bd_place[1] } };
	int err;

	do {
		err = fill_part(call, &place, f);
		if (err)
			break;
		arg->bd_part = arg->bd_part == DAXFS_DIFF_NAMES ? DAXFS_DIFF_INODES :
			       DAXFS_DIFF_END;
		memset(&place, 0, sizeof(place));
	} while (arg->bd_part != DAXFS_DIFF_END);
	arg->bd_place[0] = place.at[0];
	arg->bd_place[1] = place.at[1];
	return err < 0 ? err : 0;
}

/* -EAGAIN: what was told before is not true of the branch any more. */
static int check_state(struct daxfs_branch_diff *arg, const struct dxc_layer *layer)
{
	u64 seq = dxc_diff_state(layer, false), names_seq = dxc_diff_state(layer, true);
	bool again;

	if (arg->bd_part <= DAXFS_DIFF_INODES)
		again = arg->bd_seq && arg->bd_seq != seq;
	else
		again = arg->bd_names_seq && arg->bd_names_seq != names_seq;
	arg->bd_seq = seq;
	arg->bd_names_seq = names_seq;
	return again ? -EAGAIN : 0;
}

static int read_branch(struct page_call *call, struct daxfs_loaded_branch *branch)
{
	struct daxfs_volume *vol = call->op.vol;
	struct dxc_finding f = {};
	unsigned int nofs;
	int err;

	down_read(&vol->tree);
	down_read(&branch->lock);
	nofs = memalloc_nofs_save();
	err = check_state(call->arg, &branch->layer);
	if (!err) {
		dxc_diff_open(&call->diff, &branch->layer);
		err = fill_page(call, &f);
	}
	memalloc_nofs_restore(nofs);
	up_read(&branch->lock);
	up_read(&vol->tree);
	if (f.code)
		daxfs_bad(vol, err, &f);
	return err;
}

/* What other kernels have logged, too. Where a log breaks off is not what was changed. */
static int make_whole(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	int err;

	down_write(&vol->tree);
	err = branch->writer ? 0 : daxfs_branch_catch_up(vol, branch);
	if (!err && branch->layer.damaged)
		err = -EUCLEAN;
	up_write(&vol->tree);
	return err;
}

/* With ops_lock, inside the backing. */
static int find_and_read(struct page_call *call)
{
	struct daxfs_loaded_branch *branch;
	struct op *op = &call->op;
	struct dxc_branch br;
	int err;

	/* Else a parent may be read that was. */
	err = daxfs_op_notice(op, op->arg->bo_name);
	if (err)
		return err;
	err = daxfs_op_find(op, op->arg->bo_name, &br);
	if (err)
		return err;
	call->arg->bd_id = op->id;
	/* First, as who owns it cannot be read without; then it is not loaded twice. */
	branch = daxfs_op_obtain(op, &br, false);
	err = daxfs_op_permit(op, &br);
	if (IS_ERR(branch))
		return err ? err : PTR_ERR(branch);
	if (!err)
		err = daxfs_op_explain(op, make_whole(op->vol, branch), br.name);
	if (!err) {
		err = read_branch(call, branch);
		if (err == -EUCLEAN)
			daxfs_op_explain(op, err, br.name);
		else if (err == -EAGAIN)
			daxfs_op_refuse(op, err, "branch %s has changed meanwhile", br.name);
	}
	daxfs_branch_put(op->vol, branch);
	return err;
}

int daxfs_branch_diff(struct super_block *sb, const struct daxfs_caller *caller,
		      struct daxfs_branch_diff *arg, const struct daxfs_diff_dir *dirs,
		      void *records)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_volume *vol = sbi->volume;
	struct page_call *call;
	int err, id;

	call = kvzalloc(sizeof(*call), GFP_KERNEL);
	if (!call)
		return -ENOMEM;
	call->op = (struct op){ .sb = sb, .sbi = sbi, .vol = vol, .caller = caller,
				.arg = &call->names };
	call->arg = arg;
	call->dirs = dirs;
	call->records = records;
	call->diff.name = put_name;
	call->diff.inode = put_inode;
	call->diff.priv = call;
	call->diff.steps = PAGE_STEPS;
	memcpy(call->names.bo_name, arg->bd_name, sizeof(call->names.bo_name));
	arg->bd_used = 0;
	err = mutex_lock_interruptible(&vol->ops_lock);
	if (!err) {
		id = daxfs_backing_enter(vol->backing);
		err = id < 0 ? id : find_and_read(call);
		if (id >= 0)
			daxfs_backing_exit(vol->backing, id);
		mutex_unlock(&vol->ops_lock);
	}
	if (err)
		arg->bd_used = 0;
	strscpy(arg->bd_reason, call->names.bo_reason, sizeof(arg->bd_reason));
	kvfree(call);
	return err;
}
