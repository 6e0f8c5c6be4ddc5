// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which branch a super block shows, and writes: at mount, at umount, when it is made
 * read-only or writable, when it is moved to another branch, or its own is discarded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "view.h"

#define LOAD_TRIES	4	/* when the lease is taken over before the log is read */

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
	if (dead)
		dxc_branch_fence(&vol->core);
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

static int take_mount_lease(struct daxfs_sb_info *sbi, struct fs_context *fc,
			    struct dxc_owner id, const char *name)
{
	char host[DAXFS_HOST_SIZE] = "";
	int err, tries = LOAD_TRIES;

	/* The worker may have it in our name, for a moment. Or we do, who try again. */
	while ((err = daxfs_lease_take(sbi, id, host)) == DAXFS_LEASE_HAD && --tries)
		schedule_timeout_killable(1);
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

	branch = daxfs_branch_obtain(vol, id, writable ? daxfs_holder_of(sbi) : DXC_HOLDER_NONE,
				     &f);
	if (IS_ERR(branch)) {
		err = PTR_ERR(branch);
		if (err == -EAGAIN)
			return err;
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
	else if (err == -EAGAIN)
		return err;
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
	int err, tries = LOAD_TRIES;
	struct dxc_branch br;

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
	do {
		if (writable) {
			err = take_mount_lease(sbi, fc, id, name);
			if (err)
				return err;
		}
		err = mutex_lock_killable(&vol->ops_lock);
		if (err)
			return err;
		err = load_and_show(sbi, fc, id, name, writable);
		mutex_unlock(&vol->ops_lock);
		/* Taken for dead between the two. */
	} while (err == -EAGAIN && --tries && !fatal_signal_pending(current));
	if (err == -EAGAIN)
		errorf(fc, "daxfs: branch %s was taken over by another kernel meanwhile; try again",
		       name);
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
	if (in >= 0 && sbi->epoch)
		daxfs_lease_leave(sbi, id);
	if (in < 0 || !sbi->epoch || !daxfs_linger_slot(sbi))
		daxfs_slot_release(sbi, in >= 0);
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
	int err, tries = LOAD_TRIES;

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
	do {
		err = take_mount_lease(sbi, fc, branch->layer.owner, branch->name);
		if (err)
			return err;
		down_write(&vol->tree);
		/* Who asks for it has his home here from now on. */
		daxfs_home_set(sbi, branch->layer.owner, true);
		err = daxfs_branch_take_over(sbi);
		if (err)
			daxfs_home_set(sbi, home, home_rw);
		up_write(&vol->tree);
		if (!err) {
			daxfs_slot_update(sbi, true);
			return 0;
		}
		daxfs_branch_return_lease(sbi, branch->layer.owner);
		/* Taken for dead between the two. */
	} while (err == -EAGAIN && --tries && !fatal_signal_pending(current));
	if (err == -EAGAIN)
		errorf(fc, "daxfs: branch %s was taken over by another kernel meanwhile; try again",
		       branch->name);
	else
		errorf(fc, "daxfs: branch %s cannot be written: error %d", branch->name, err);
	return err;
}

static void make_readonly(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_loaded_branch *branch = sbi->branch;
	struct daxfs_volume *vol = sbi->volume;

	bool was_writer = branch->writer == sbi;

	if (was_writer)
		daxfs_calls->flush_times(sb);
	down_write(&vol->tree);
	if (was_writer)
		daxfs_branch_let_go(branch);
	daxfs_home_set(sbi, sbi->home, false);
	up_write(&vol->tree);
	if (!was_writer)
		return;
	daxfs_lease_leave(sbi, branch->layer.owner);
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

void daxfs_home_move(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		     struct daxfs_loaded_branch *to)
{
	struct inode *root = d_inode(sbi->sb->s_root);
	bool revived = sbi->dead;

	if (!daxfs_home_has(sbi, to))
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
