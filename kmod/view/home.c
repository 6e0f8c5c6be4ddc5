// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a super block may write, and which of those that show the same branch may. The
 * rule is what daxfs(5) states under "Who may write":
 *
 *   - A super block has a home, a branch and a mode, from when it was mounted. It
 *     may write there and below. Moved to a branch that does not lie there, by
 *     create or switch, it has its home in that from then on; so does remount,rw.
 *   - Where it shows a branch it may not write it is a visitor: read-only, though
 *     its mode is rw.
 *   - Of several super blocks that show one branch only the lead may write it. The
 *     others report its device number, so that a file has one identity in all.
 *   - It is dead when its branch was discarded by others than through itself:
 *     everything but its root's attributes, statfs and ioctls says ESTALE, until it
 *     is moved to another branch. Meanwhile sbi->branch is one that lives, the
 *     nearest below, whose layers are held but not shown. It dies, and is moved, in show.c.
 *
 * Members of struct daxfs_sb_info that are changed here are guarded by tree.
 */
#include "view.h"

/* ---- who may write ---- */

bool daxfs_home_has(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch)
{
	for (; branch; branch = branch->parent) {
		if (dxc_owner_is(branch->layer.owner, sbi->home))
			return true;
	}
	return false;
}

/* But for others that show the branch, too. */
static bool may_lead(const struct daxfs_sb_info *sbi)
{
	return sbi->home_rw && sbi->epoch && daxfs_home_has(sbi, sbi->branch);
}

bool daxfs_home_may_write(const struct daxfs_sb_info *sbi)
{
	return !sbi->dead && sbi->branch->lead == sbi && may_lead(sbi);
}

bool daxfs_home_is_led(const struct daxfs_loaded_branch *branch, const struct daxfs_sb_info *sbi)
{
	return branch->lead && branch->lead != sbi && may_lead(branch->lead);
}

u32 daxfs_home_flags(struct daxfs_sb_info *sbi)
{
	u32 flags = 0;

	if (!daxfs_has_branches(sbi->volume))
		return 0;
	down_read(&sbi->volume->tree);
	if (sbi->dead)
		flags = DAXFS_VOLUME_DISCARDED;
	else if (sbi->visiting)
		flags = daxfs_home_is_led(sbi->branch, sbi) ? DAXFS_VOLUME_SECOND :
							      DAXFS_VOLUME_VISITOR;
	up_read(&sbi->volume->tree);
	return flags;
}

/* A lead stays it, unless it may not write and another one may. */
static void choose_lead(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct daxfs_sb_info *sbi, *lead = branch->lead;
	bool visiting;

	if (!lead || !may_lead(lead)) {
		list_for_each_entry(sbi, &vol->supers, list) {
			if (!sbi->counted || sbi->branch != branch)
				continue;
			lead = lead ?: sbi;
			if (may_lead(sbi)) {
				lead = sbi;
				break;
			}
		}
		branch->lead = lead;
	}
	if (!lead)
		return;
	list_for_each_entry(sbi, &vol->supers, list) {
		if (!sbi->counted || sbi->branch != branch)
			continue;
		WRITE_ONCE(sbi->dev, lead->sb->s_dev);
		visiting = sbi->home_rw && !daxfs_home_may_write(sbi);
		/* What it has mapped it may have been writing. */
		sbi->closing = visiting && (sbi->closing || !sbi->visiting);
		WRITE_ONCE(sbi->visiting, visiting);
	}
}

static void count(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *branch, int by)
{
	branch->views += by;
	sbi->counted = by > 0;
	/* What one gives up, the other may be reading. */
	branch->layer.retires = branch->views > 1;
	if (branch->lead == sbi)
		branch->lead = NULL;
	if (branch->views)
		choose_lead(sbi->volume, branch);
}

void daxfs_home_set(struct daxfs_sb_info *sbi, struct dxc_owner home, bool writable)
{
	sbi->home = home;
	sbi->home_rw = writable;
	if (sbi->counted)
		choose_lead(sbi->volume, sbi->branch);
}

/* ---- what is shown, and written ---- */

/* sbi->branch is another than it was. */
static void note_shown(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *from)
{
	struct daxfs_loaded_branch *to = sbi->branch;

	if (from && from->writer == sbi)
		daxfs_branch_let_go(from);
	if (from && READ_ONCE(sbi->mapped))
		from->was_mapped = true;
	if (sbi->counted)
		count(sbi, from, -1);
	/* A dead one shows what it has lost. */
	if (to && sbi->dead)
		return;
	WRITE_ONCE(sbi->shown, to ? dxc_id_word(to->layer.owner) : 0);
	if (to)
		count(sbi, to, 1);
}

void daxfs_branch_show(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *to,
		       struct list_head *dead)
{
	struct daxfs_loaded_branch *from = sbi->branch;

	if (to)
		to->users++;
	/* Pairs with daxfs_follow_due(). */
	smp_store_release(&sbi->branch, to);
	note_shown(sbi, from);
	if (from)
		daxfs_branch_unuse(from, dead);
}

int daxfs_branch_take_over(struct daxfs_sb_info *sbi)
{
	struct daxfs_loaded_branch *branch = sbi->branch;
	int err;

	if (branch->writer)
		return branch->writer == sbi ? 0 : -EBUSY;
	if (!daxfs_home_may_write(sbi))
		return -EROFS;
	err = daxfs_branch_make_current(sbi, branch);
	if (!err && branch->layer.damaged)
		err = -EUCLEAN;
	/* Also where nothing was claimed, as the branch has children. */
	if (!err && !dxc_layer_is_held(&branch->layer))
		err = -EAGAIN;
	if (!err)
		WRITE_ONCE(branch->writer, sbi);
	else if (!dxc_owner_is(sbi->op_lease, branch->layer.owner))
		daxfs_branch_let_go(branch);
	return err;
}

/* ---- locks of files ---- */

/* Of a file that several super blocks show, those that are known to the lead's are all. */
static int refuse_lock(struct inode *inode, const struct file_lock *fl)
{
	if (lock_is_unlock((struct file_lock *)fl) || !daxfs_has_branches(daxfs_volume_of(inode)))
		return 0;
	if (daxfs_is_stale(inode))
		return -ESTALE;
	return READ_ONCE(DAXFS_SB(inode->i_sb)->dev) == inode->i_sb->s_dev ? 0 : -ENOLCK;
}

int daxfs_flock(struct file *file, int cmd, struct file_lock *fl)
{
	int err = refuse_lock(file_inode(file), fl);

	return err ? err : locks_lock_file_wait(file, fl);
}

int daxfs_lock(struct file *file, int cmd, struct file_lock *fl)
{
	int err;

	if (cmd == F_CANCELLK)
		return 0;
	if (cmd == F_GETLK) {
		posix_test_lock(file, fl);
		return 0;
	}
	err = refuse_lock(file_inode(file), fl);
	return err ? err : posix_lock_file(file, fl, NULL);
}

/* ---- what the VFS and the mount table go by ---- */

/* SB_RDONLY; s_umount is held, which keeps remounting and freezing away. */
static void reflect(struct daxfs_sb_info *sbi)
{
	struct super_block *sb = sbi->sb;

	if (sb->s_writers.frozen != SB_UNFROZEN || !(sb->s_flags & SB_ACTIVE))
		return;
	down_write(&sbi->volume->tree);
	if (!sbi->dead && sb_rdonly(sb) == (sbi->home_rw && !sbi->visiting))
		sb->s_flags ^= SB_RDONLY;
	up_write(&sbi->volume->tree);
}

void daxfs_home_reflect(struct daxfs_sb_info *sbi)
{
	bool writable = READ_ONCE(sbi->home_rw) && !READ_ONCE(sbi->visiting);

	if (!READ_ONCE(sbi->dead) && sb_rdonly(sbi->sb) == writable)
		reflect(sbi);
}

void daxfs_home_reflect_all(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		/* The worker looks after those that are being mounted, remounted or frozen. */
		if (down_read_trylock(&sbi->sb->s_umount)) {
			daxfs_home_reflect(sbi);
			up_read(&sbi->sb->s_umount);
		}
	}
}
