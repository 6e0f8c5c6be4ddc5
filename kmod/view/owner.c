// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may do something to a branch: holders of CAP_SYS_ADMIN, and the owner of
 * the root directory that the branch shows. For what an operation does to
 * several branches, all of them are asked for. A branch that no mount of this
 * kernel shows is loaded for that, so this is under ops_lock, with the volume
 * lock for who changes something, and inside the backing; tree is not held. And who
 * is told where memory is.
 */
#include "view.h"

void daxfs_caller_init(struct daxfs_caller *caller, struct file *file)
{
	caller->idmap = file_mnt_idmap(file);
	caller->ns = file_inode(file)->i_sb->s_user_ns;
	caller->is_admin = ns_capable(caller->ns, CAP_SYS_ADMIN);
}

bool daxfs_shows_places(const struct file *file)
{
	return file ? file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN) :
		      ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

/* inode_owner_or_capable() for who has no inode of the branch. */
static bool owns(const struct daxfs_caller *caller, u32 uid)
{
	vfsuid_t owner = make_vfsuid(caller->idmap, caller->ns, KUIDT_INIT(uid));

	return vfsuid_eq_kuid(owner, current_fsuid()) ||
		(kuid_has_mapping(current_user_ns(), vfsuid_into_kuid(owner)) &&
		 ns_capable(current_user_ns(), CAP_FOWNER));
}

/* The owner of the branch's root directory. */
static int read_owner(struct daxfs_volume *vol, struct dxc_owner id, u32 *uid)
{
	struct dxc_file file dxc_uninitialized;
	struct daxfs_loaded_branch *branch;
	struct dxc_finding f = {};
	int err;

	branch = daxfs_branch_obtain(vol, id, DXC_HOLDER_NONE, &f);
	if (IS_ERR(branch))
		return PTR_ERR(branch);
	down_write(&vol->tree);
	/* The owner as of the last record, also if another kernel has logged it. */
	err = branch->writer ? 0 : daxfs_branch_catch_up(vol, branch);
	/* Whose it was where a log breaks off is not whose it is. */
	if (!err && branch->layer.damaged)
		err = -EUCLEAN;
	if (!err)
		err = dxc_view_inode(&branch->layer, DAXFS_ROOT_INO, &file, NULL);
	up_write(&vol->tree);
	daxfs_branch_put(vol, branch);
	if (!err)
		*uid = file.attr.uid;
	return err;
}

int daxfs_caller_may(struct daxfs_volume *vol, const struct daxfs_caller *caller,
		     struct dxc_owner id)
{
	u32 uid;
	int err;

	if (caller->is_admin)
		return 0;
	err = read_owner(vol, id, &uid);
	if (!err)
		return owns(caller, uid) ? 0 : -EPERM;
	/* Of what cannot be read nobody knows whose it is. */
	return err == -ENOMEM || err == -EINTR ? err : -EPERM;
}

/* What a branch lies on: as is known of one in memory, else as its entry says. */
static int parent_of(struct daxfs_volume *vol, struct dxc_owner id, struct dxc_owner *up)
{
	const struct daxfs_loaded_branch *branch = daxfs_branch_in_memory(vol, id);
	struct dxc_branch br;
	int err = 0;

	if (branch && branch->parent) {
		*up = branch->parent->layer.owner;
	} else {
		err = dxc_branch_get(&vol->core, id, &br);
		if (!err)
			*up = br.parent;
	}
	return err;
}

/* Does the branch lie over below, which is not itself? Of a chain that is too long nobody knows. */
static bool lies_over(struct daxfs_volume *vol, struct dxc_owner id, struct dxc_owner below)
{
	u32 left;

	for (left = DAXFS_BRANCH_DEPTH_MAX + 1; id.branch != DAXFS_MAIN_BRANCH; left--) {
		if (!left)
			return true;
		if (parent_of(vol, id, &id))
			return false;
		if (dxc_owner_is(id, below))
			return true;
	}
	return false;
}

int daxfs_caller_may_discard(struct daxfs_volume *vol, const struct daxfs_caller *caller,
			     struct dxc_owner below, struct dxc_branch *whose)
{
	u32 index = 0;
	int err = 0;

	if (caller->is_admin)
		return 0;
	while (!err && !daxfs_branch_next(vol, &index, whose)) {
		if (lies_over(vol, whose->id, below))
			err = daxfs_caller_may(vol, caller, whose->id);
		if (!err)
			err = dxc_pause();
	}
	return err;
}
