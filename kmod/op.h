/* SPDX-License-Identifier: GPL-2.0-only */
/* One operation on branches, with ops_lock held from end to end. */
#ifndef DAXFS_OP_H
#define DAXFS_OP_H

#include "daxfs.h"

/* One operation under way. */
struct op {
	struct super_block *sb;
	struct daxfs_sb_info *sbi;
	struct daxfs_volume *vol;
	const struct daxfs_caller *caller;
	struct daxfs_branch_op *arg;
	struct daxfs_stale stale;
	struct dxc_chunk_list chunks;	/* what known_chunks() returned last */
	bool pinned;			/* -EBUSY, but to be tried again for a while */
	unsigned int nofs;
	/* What daxfs_op_find() found, for daxfs_op_trace(); ids are dxc_id_word(), 0: none. */
	char name[DAXFS_BRANCH_NAME_SIZE];
	u64 id, parent;
};

/* Errors are returned as they come, with words for the user in bo_reason. */
__printf(3, 4) int daxfs_op_refuse(struct op *op, int err, const char *fmt, ...);
/* What the core says, in words; the name is that of the branch it is about. */
int daxfs_op_explain(struct op *op, int err, const char *name);

/* What could not be done, and the reason in words. */
int daxfs_op_refuse_because(struct op *op, int err, const char *what);

/* volume->tree for writing; memory is allocated without entering file systems meanwhile. */
void daxfs_op_lock_tree(struct op *op);
void daxfs_op_unlock_tree(struct op *op);

/*
 * -EAGAIN when another kernel has taken the volume lock over: to be asked before each store
 * that decides.
 */
int daxfs_op_check_lock(const struct op *op);

/*
 * Takes over what other kernels did, before anything is looked at. asked: the name of the
 * branch that is meant; when it is "", the one shown, and another one is shown afterwards: -ESTALE.
 * ops_lock is held, inside the backing; tree is not.
 */
int daxfs_op_notice(struct op *op, const char *asked);
int daxfs_op_find(struct op *op, const char *name, struct dxc_branch *br);
int daxfs_op_refuse_stray(struct op *op, const struct daxfs_loaded_branch *branch);
/* -EPERM unless the caller owns the branch's root, or may do anything. */
int daxfs_op_permit(struct op *op, const struct dxc_branch *br);
int daxfs_op_permit_discard(struct op *op, struct dxc_owner below);
const char *daxfs_op_host(const struct op *op, const char *host);

/* To be put; an ERR_PTR. With repair also one whose log was cut off, unless it has lost something. */
struct daxfs_loaded_branch *daxfs_op_obtain(struct op *op, const struct dxc_branch *br,
					    bool repair);
int daxfs_op_hold_lease(struct op *op, const struct dxc_branch *br, bool *taken);

/* It has ended so: the event of cmd. */
void daxfs_op_trace(const struct op *op, unsigned int cmd, int err);

#endif
