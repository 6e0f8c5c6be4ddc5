// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a super block may write, and what becomes of it when its branch is gone.
 * All of the rule that daxfs(5) states under "Who may write" is here:
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
 *     nearest below, whose layers are held but not shown.
 *
 * Inodes are stale when they are of another life of their super block than the
 * present one. A death begins a new life, so that all of them are at one store;
 * the root is brought over by daxfs_home_move().
 *
 * Members of struct daxfs_sb_info that are changed here are guarded by tree.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "view.h"

/* ---- who may write ---- */

/* Does the branch lie in the super block's home, or below that? */
static bool is_at_home(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch)
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
	return sbi->home_rw && sbi->epoch && is_at_home(sbi, sbi->branch);
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

void daxfs_home_shown(struct daxfs_sb_info *sbi, struct daxfs_loaded_branch *from)
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

void daxfs_home_set(struct daxfs_sb_info *sbi, struct dxc_owner home, bool writable)
{
	sbi->home = home;
	sbi->home_rw = writable;
	if (sbi->counted)
		choose_lead(sbi->volume, sbi->branch);
}

/* ---- death and revival ---- */

void daxfs_home_lose(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *left)
{
	if (!sbi->dead) {
		strscpy(sbi->lost, sbi->branch->name, sizeof(sbi->lost));
		pr_notice_ratelimited("%s: branch %s is discarded; its mount shows nothing until it is switched to another branch\n",
				      sbi->volume->name, sbi->lost);
		WRITE_ONCE(sbi->dead, true);
		WRITE_ONCE(sbi->life, sbi->life + 1);
		sbi->dying = daxfs_stale_pin(st, sbi);
		daxfs_forget_all_times(sbi);
	}
	daxfs_branch_show(sbi, left, &st->branches);
	daxfs_view_changed(sbi);
}

/* An inode of a life that is over. */
static void bury_one(struct inode *inode)
{
	struct daxfs_hold hold;
	struct dxc_layer *layer;

	if (!daxfs_is_stale(inode) || daxfs_is_root(inode))
		return;
	if (!inode->i_nlink && !daxfs_is(DAXFS_I(inode), DAXFS_I_STALE)) {
		/* A branch below may have it without a name, which nobody can use from here now. */
		layer = daxfs_view_read(inode->i_sb, &hold);
		dxc_orphan_closed(layer, inode->i_ino);
		daxfs_view_read_end(inode->i_sb, &hold);
	}
	daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
	remove_inode_hash(inode);
	daxfs_calls->unmap(inode);
}

/* The next store to what is mapped comes here, and is refused. */
static void close_mappings(struct daxfs_sb_info *sbi)
{
	if (!READ_ONCE(sbi->mapped) || !atomic_inc_not_zero(&sbi->sb->s_active))
		return;
	daxfs_sweep(sbi->sb, DAXFS_I_MAPPED, daxfs_calls->unmap);
	daxfs_super_put(sbi);
}

void daxfs_home_settle(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (sbi->dying) {
			sbi->dying = false;
			daxfs_sweep(sbi->sb, 0, bury_one);
		}
		if (sbi->closing) {
			sbi->closing = false;
			close_mappings(sbi);
		}
	}
}

void daxfs_home_move(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *to)
{
	struct inode *root = d_inode(sbi->sb->s_root);
	bool revived = sbi->dead;

	if (!is_at_home(sbi, to))
		sbi->home = to->layer.owner;
	WRITE_ONCE(sbi->dead, false);
	daxfs_stale_view(st, sbi, to);
	if (!revived)
		return;
	daxfs_calls->refresh(root, &to->layer);
	/* After that it may be read again, and what is found from it is of this life. */
	smp_store_release(&DAXFS_I(root)->life, sbi->life);
	daxfs_view_changed(sbi);
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
