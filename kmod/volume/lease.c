// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases of branches, and the volume lock: who holds one, whether he is dead, so that it is
 * taken over from him, and what is done where one was taken over from a mount of this kernel.
 *
 * Nothing here waits with tree held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/sched/signal.h>
#include "volume.h"
#include "trace.h"

#define STEP		(HZ / 8)
#define MOMENT		2	/* jiffies: most settlings of a branch are over by then */
#define LOCK_PATIENCE	(30 * HZ)
#define TAKE_OVERS	8	/* tries: in each round another kernel may take it first */

/* ---- who holds one ---- */

/* A mount of this kernel is alive whatever its slot says, until it is being taken down. */
static bool holder_is_ours(struct daxfs_volume *vol, dxc_holder holder)
{
	struct daxfs_sb_info *sbi;
	bool ours = false;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list) {
		if (sbi->epoch && daxfs_holder_of(sbi) == holder) {
			ours = sbi->sb->s_flags & SB_ACTIVE;
			break;
		}
	}
	up_read(&vol->tree);
	return ours;
}

enum holder_state { HOLDER_ALIVE, HOLDER_SILENT, HOLDER_GONE };

/* *beat is what his heartbeat was at the first call; *first says that this is it. */
static enum holder_state look_at(struct daxfs_volume *vol, dxc_holder holder, u64 *beat,
				 bool *first, char *host)
{
	u32 slot, epoch;
	struct dxc_mount mt;

	/* A number that is no slot's was never given to anybody. */
	if (!dxc_holder_open(&vol->core, holder, &slot, &epoch) ||
	    !dxc_holder_is_there(&vol->core, holder) ||
	    dxc_mount_read(&vol->core, slot, &mt) || mt.epoch != epoch)
		return HOLDER_GONE;
	strscpy(host, mt.host[0] ? mt.host : "another host", DAXFS_HOST_SIZE);
	if (daxfs_mount_is_dead(vol, &mt))
		return HOLDER_GONE;
	if (*first) {
		*first = false;
		*beat = mt.heartbeat;
	}
	return mt.heartbeat == *beat ? HOLDER_SILENT : HOLDER_ALIVE;
}

/*
 * Waits until holder is known to be gone (0), or to live (-EBUSY; -EAGAIN when
 * he is a mount of this kernel); -EINTR. To be called until what he holds was
 * taken.
 */
static int wait_for(struct daxfs_volume *vol, dxc_holder holder, char *host)
{
	unsigned long end = jiffies + DAXFS_DEAD_AFTER + 2 * DAXFS_BEAT_EVERY;
	bool first = true;
	u64 beat = 0;

	for (;;) {
		switch (look_at(vol, holder, &beat, &first, host)) {
		case HOLDER_GONE:
			return 0;
		case HOLDER_ALIVE:
			return -EBUSY;
		case HOLDER_SILENT:
			break;
		}
		if (holder_is_ours(vol, holder))
			return -EAGAIN;
		if (time_after(jiffies, end))
			return -EBUSY;
		schedule_timeout_killable(STEP);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/* ---- leases ---- */

int daxfs_lease_try(struct daxfs_sb_info *sbi, struct dxc_owner branch, dxc_holder *holder)
{
	int err = dxc_lease_take(&sbi->volume->core, branch, daxfs_holder_of(sbi), holder);

	/* Kept for pages that are in use here: who writes here looks whether they are. */
	if (err == -EBUSY &&
	    daxfs_linger_lend(sbi->volume, branch, *holder, daxfs_holder_of(sbi))) {
		*holder = 0;
		return 0;
	}
	return err == -EBUSY && *holder == daxfs_holder_of(sbi) ? DAXFS_LEASE_HAD : err;
}

int daxfs_lease_take(struct daxfs_sb_info *sbi, struct dxc_owner branch, char *host)
{
	struct daxfs_volume *vol = sbi->volume;
	dxc_holder holder = 0, before = 0;
	int err, tries;

	for (tries = 0; tries < TAKE_OVERS; tries++) {
		err = daxfs_lease_try(sbi, branch, &holder);
		if (!err && holder)
			trace_daxfs_lease_takeover(sbi, dxc_id_word(branch), holder, host);
		if (err != -EBUSY)
			return err;
		err = wait_for(vol, holder, host);
		/* Whoever gives back space has it for a moment, most often a mount here (-EAGAIN). */
		if ((err == -EBUSY || err == -EAGAIN) && holder != before) {
			before = holder;
			schedule_timeout_killable(MOMENT);
			if (fatal_signal_pending(current))
				return -EINTR;
			holder = 0;
			continue;
		}
		if (err)
			return err;
	}
	return -EBUSY;
}

static void drop(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder)
{
	if (!daxfs_linger_give_back(vol, branch, holder))
		dxc_lease_drop(&vol->core, branch, holder);
}

void daxfs_lease_drop(struct daxfs_sb_info *sbi, struct dxc_owner branch)
{
	drop(sbi->volume, branch, daxfs_holder_of(sbi));
}

void daxfs_lease_leave(struct daxfs_sb_info *sbi, struct dxc_owner branch)
{
	if (!daxfs_linger_keep(sbi->volume, branch, daxfs_holder_of(sbi)))
		daxfs_lease_drop(sbi, branch);
}

static bool holds_lease(const struct daxfs_sb_info *sbi, const struct daxfs_loaded_branch *branch)
{
	return dxc_lease_is_held(&sbi->volume->core, branch->layer.owner, daxfs_holder_of(sbi));
}

/*
 * Under tree a writer has its lease, unless somebody took us for dead. Or one that we took for
 * dead has written besides us: then the log is to be read anew.
 */
static bool is_lost(const struct daxfs_loaded_branch *branch)
{
	return branch->writer && (READ_ONCE(branch->layer.fenced) ||
				  !holds_lease(branch->writer, branch));
}

static bool any_lost(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	bool any = false;

	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list)
		any |= is_lost(branch);
	up_read(&vol->tree);
	return any;
}

void daxfs_leases_check(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	struct daxfs_sb_info *sbi;
	dxc_holder held;	/* by which it wrote: its slot may be another one by now */

	if (!any_lost(vol))
		return;
	down_write(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		sbi = branch->writer;
		if (!is_lost(branch))
			continue;
		held = branch->layer.holder;
		daxfs_branch_let_go(branch);
		trace_daxfs_lease_lost(sbi, dxc_id_word(branch->layer.owner));
		if (holds_lease(sbi, branch))
			pr_notice_ratelimited("%s: branch %s was written by a kernel that was taken for dead; its log is read anew\n",
					      vol->name, branch->name);
		else
			pr_notice_ratelimited("%s: branch %s was taken over by another kernel\n",
					      vol->name, branch->name);
		/* It is taken anew by who goes on; an operation that borrows it gives it back itself. */
		if (!dxc_owner_is(sbi->op_lease, branch->layer.owner))
			drop(vol, branch->layer.owner, held);
		/* What was not logged is lost; what is mapped may be another file's soon. */
		daxfs_calls->forget_times(sbi);
		sbi->sweep++;
		daxfs_view_changed(sbi);
	}
	up_write(&vol->tree);
	WRITE_ONCE(vol->look_again, true);
	daxfs_tend_soon(vol);
}

/* ---- the volume lock ---- */

int daxfs_volume_lock(struct daxfs_sb_info *sbi, char *host, bool *recover)
{
	unsigned long end = jiffies + LOCK_PATIENCE;
	struct daxfs_volume *vol = sbi->volume;
	dxc_holder holder = 0;
	int err, gone = 0;

	*recover = false;
	for (;;) {
		err = dxc_lock_take(&vol->core, daxfs_holder_of(sbi), &holder);
		if (!err && holder)
			trace_daxfs_lock_takeover(sbi, 0, holder, host);
		if (err != -EBUSY)
			return err;
		err = wait_for(vol, holder, host);
		if (err == -EINTR)
			return err;
		*recover = !err;
		if (!err) {
			/* Whoever writes ever new names there must not keep us. */
			if (++gone > TAKE_OVERS) {
				strscpy(host, "hosts that come and go", DAXFS_HOST_SIZE);
				return -EBUSY;
			}
			if (fatal_signal_pending(current))
				return -EINTR;
		} else {
			/* He lives, and will be done soon. */
			if (time_after(jiffies, end))
				return -EBUSY;
			holder = 0;
			schedule_timeout_killable(1);
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	}
}

void daxfs_volume_unlock(struct daxfs_sb_info *sbi)
{
	dxc_lock_drop(&sbi->volume->core, daxfs_holder_of(sbi));
}

bool daxfs_volume_is_locked(struct daxfs_sb_info *sbi)
{
	return dxc_lock_is_held(&sbi->volume->core, daxfs_holder_of(sbi));
}
