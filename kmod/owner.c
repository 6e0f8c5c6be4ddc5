// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may do something to a branch: holders of CAP_SYS_ADMIN, and the owner of
 * the root directory that the branch shows. For what an operation does to
 * several branches, all of them are asked for. A branch that no mount of this
 * kernel shows is loaded for that, so this is under ops_lock, with the volume
 * lock, and inside the backing; tree is not held. And who is told where memory is.
 */
#include "loaded.h"
#include "backing/backing.h"

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

	branch = daxfs_branch_obtain(vol, id, false, &f);
	if (IS_ERR(branch))
		return PTR_ERR(branch);
	down_read(&vol->tree);
	down_read(&branch->lock);
	err = dxc_view_inode(&branch->layer, DAXFS_ROOT_INO, &file, NULL);
	up_read(&branch->lock);
	up_read(&vol->tree);
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

/* Does the branch lie over below, which is not itself? */
static bool lies_over(const struct dxc_volume *core, const struct dxc_branch *br,
		      struct dxc_owner below)
{
	struct dxc_owner id = br->id, up = br->parent;
	u32 left = DAXFS_BRANCH_DEPTH_MAX + 1;
	struct dxc_branch parent;

	while (id.branch != DAXFS_MAIN_BRANCH && left--) {
		if (dxc_owner_is(up, below))
			return true;
		if (dxc_branch_get(core, up, &parent))
			return false;
		id = up;
		up = parent.parent;
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
	while (!err && !dxc_branch_next(&vol->core, &index, whose)) {
		if (lies_over(&vol->core, whose, below))
			err = daxfs_caller_may(vol, caller, whose->id);
		if (!err)
			err = dxc_pause();
	}
	return err;
}
