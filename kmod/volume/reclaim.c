// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was given up is given out again when nobody reads it any more: chunks that were
 * freed when every mount, here and elsewhere, has seen that they were; blocks that a
 * branch gave up after a grace period; files without a name when nobody has them open.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include "volume.h"
#include "backing/backing.h"
#include "trace.h"

#define DELAY_MAX	(4 * HZ)	/* others may be out of space */
#define OTHERS_STEP	(HZ / 10)
#define SPACE_PATIENCE	(5 * HZ)	/* with directories locked: not for ever */

/* Has a super block of this kernel the inode open? tree is held. */
static bool is_open(void *priv, dxc_ino ino)
{
	struct daxfs_volume *vol = priv;
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (daxfs_calls->has_open(sbi, ino))
			return true;
	}
	return false;
}

/* Files without a name that were closed while their branch was frozen, or another mount wrote it. */
static void forget_closed(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	unsigned int nofs;

	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		if (!READ_ONCE(branch->layer.closed) || branch->frozen || !branch->writer)
			continue;
		down_write(&branch->lock);
		nofs = memalloc_nofs_save();
		dxc_layer_forget_closed(&branch->layer, is_open, vol);
		memalloc_nofs_restore(nofs);
		up_write(&branch->lock);
	}
	up_read(&vol->tree);
}

/*
 * Is there a super block that may have mapped what a branch said before it was
 * read again? tree is held.
 */
static bool any_unswept(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (sbi->sweep != READ_ONCE(sbi->swept))
			return true;
	}
	return false;
}

/* Of the layer's retired blocks, those that no mount elsewhere reads. Its lock is held. */
static u32 count_settled(struct daxfs_volume *vol, struct dxc_layer *layer)
{
	struct dxc_readers readers;

	if (layer->follows || daxfs_readers_none(vol, layer))
		return layer->retired_count;
	daxfs_readers_find(vol, layer, &readers);
	return dxc_layer_settled(layer, &readers);
}

/*
 * How many blocks that were given up branches may give out again after a grace
 * period: then they are neither read nor mapped, as whoever gave them up was
 * inside srcu before he let go of the branch, until others had unmapped them.
 */
static bool count_retired(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	bool any = false, unswept;

	vol->waits = false;
	vol->gave = 0;
	down_read(&vol->tree);
	unswept = any_unswept(vol);
	list_for_each_entry(branch, &vol->branches, list) {
		down_read(&branch->lock);
		branch->settled = unswept ? 0 : count_settled(vol, &branch->layer);
		branch->counted_seq = unswept ? 0 : branch->layer.log.seq;
		any |= branch->settled;
		if (!branch->layer.follows)
			vol->waits |= branch->settled < branch->layer.retired_count;
		up_read(&branch->lock);
	}
	up_read(&vol->tree);
	return any;
}

/* One that may write, if it shows a branch that it may. tree is held. */
static struct daxfs_sb_info *find_writer(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list)
		if (sbi->home_rw && daxfs_slot_is_ours(sbi))
			return sbi;
	return NULL;
}

/*
 * Chunks are given back by who has the branch's lease: of one that nobody writes for as long as
 * that takes. Where it cannot be had they stay the branch's, until somebody has it.
 */
static void settle(struct daxfs_volume *vol, struct daxfs_loaded_branch *branch)
{
	struct daxfs_sb_info *sbi = branch->writer ? NULL : find_writer(vol);
	struct dxc_owner id = branch->layer.owner;
	dxc_holder holder = 0;
	bool borrowed;
	u64 blocks;

	/* The lease is held for no longer than the settling takes. */
	down_write(&branch->lock);
	/* What a writer elsewhere has given up is his to give back. */
	borrowed = sbi && !branch->layer.follows && !dxc_owner_is(sbi->op_lease, id) &&
		!daxfs_lease_try(sbi, id, &holder);
	/*
	 * What another kernel has written since may be in a chunk that was free. Whoever writes has
	 * counted up the turn of this word before.
	 */
	if (borrowed && dxc_branch_head_word(&vol->core, id.branch) == branch->layer.log.head_link)
		branch->layer.holder = daxfs_holder_of(sbi);
	blocks = branch->layer.retired_blocks;
	if (branch->layer.follows)
		branch->counted_seq = dxc_layer_leave_off(&branch->layer, branch->settled,
							  branch->counted_seq);
	else
		dxc_layer_settle(&branch->layer, branch->settled);
	blocks -= branch->layer.retired_blocks;
	WRITE_ONCE(vol->gave, vol->gave + blocks);
	if (borrowed) {
		branch->layer.holder = DXC_HOLDER_NONE;
		daxfs_lease_drop(sbi, id);
	}
	trace_daxfs_settle(vol, dxc_id_word(id), blocks);
	up_write(&branch->lock);
	branch->settled = 0;
}

/*
 * Tells who writes the branches that are shown here, in other kernels, up to where what they gave up is
 * not read any more. tree is held.
 */
static void say_applied(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	if (any_unswept(vol))
		return;
	list_for_each_entry(sbi, &vol->supers, list) {
		/* The slot may name the one that it is about to leave. */
		if (sbi->branch && !sbi->dead && !sbi->branch->writer && sbi->branch->applied &&
		    READ_ONCE(sbi->slot_shows) == dxc_id_word(sbi->branch->layer.owner))
			daxfs_slot_say_applied(sbi, sbi->branch->applied);
	}
}

static void settle_retired(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;

	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		if (branch->settled)
			settle(vol, branch);
		/* What it gave up when it was written here may be read yet. */
		branch->applied = branch->layer.follows || !branch->layer.retired_count ?
			branch->counted_seq : 0;
	}
	say_applied(vol);
	up_read(&vol->tree);
}

/* For who wants space before end; can be killed. */
static int lock_until(struct mutex *lock, unsigned long end)
{
	while (!mutex_trylock(lock)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, end))
			return -EBUSY;
		schedule_timeout_killable(1);
	}
	return 0;
}

/*
 * Until all who read from blocks when this was called are done; a branch operation
 * is one of them for as long as it takes, so this ends then, too, and can be killed.
 */
static int wait_for_readers(struct daxfs_volume *vol, unsigned long end)
{
	unsigned long cookie = start_poll_synchronize_srcu(&vol->srcu);

	while (!poll_state_synchronize_srcu(&vol->srcu, cookie)) {
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, end))
			return -EBUSY;
	}
	return 0;
}

/*
 * A chunk that was given up after what our slots say was seen, at seq or before: then it may be
 * that a page of it is in use here, by I/O or in a pipe.
 */
static bool is_waiting(struct daxfs_volume *vol, dxc_chunk chunk, u64 seq,
		       struct dxc_chunk_use *use)
{
	return !dxc_chunk_read(&vol->core, chunk, use) && use->kind == DAXFS_CHUNK_FREED &&
		use->freed_seq <= seq && use->freed_seq > vol->seen_seq;
}

static bool is_busy(struct daxfs_volume *vol, dxc_chunk chunk)
{
	return daxfs_blocks_busy(vol->backing, dxc_chunk_offset(&vol->core, chunk),
				 vol->space.chunk_blocks);
}

/* Are there chunks that wait for us, and that have a page which is in use here? */
static bool any_busy(struct daxfs_volume *vol, u64 seq)
{
	u32 count = dxc_chunk_count(&vol->core), i;
	struct dxc_chunk_use use;
	bool busy = false;

	for (i = 0; i < count && !busy; i++) {
		busy = is_waiting(vol, i, seq, &use) && is_busy(vol, i);
		if (i % 256 == 255)
			cond_resched();
	}
	return busy;
}

static void delay_busy(struct daxfs_volume *vol, u64 seq)
{
	u64 later = dxc_commit_seq_advance(&vol->core);
	u32 count = dxc_chunk_count(&vol->core), i;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		if (is_waiting(vol, i, seq, &use) && is_busy(vol, i))
			dxc_chunk_delay(&vol->core, i, use.freed_seq, later);
		if (i % 256 == 255)
			cond_resched();
	}
}

/*
 * Up to where our slots may say that nothing is used any more that was freed, at most seq: no
 * other kernel knows which pages are held here, so a chunk that has one is kept from all until it
 * has none (I-8). It is kept alone: it is said to have been freed later than what others wait
 * for. No page of these chunks is mapped any more, so none of them comes to be held after this.
 * Another kernel that holds a page, too, answers with a sequence of its own: so it is done less and
 * less often, until no page is held, but at once for who has no space. settle_lock is held.
 */
static u64 seen_up_to(struct daxfs_volume *vol, u64 seq, bool urgent)
{
	/* A page is held only by way of a mapping, and stays so when that is gone. */
	if (!vol->backing->has_pages || !READ_ONCE(vol->was_mapped))
		return seq;
	if (!any_busy(vol, seq)) {
		vol->delay_wait = 0;
		return seq;
	}
	/* Whoever gives up blocks of a branch that lives waits for what can be said, too. */
	if (!urgent && vol->delay_wait && time_before(jiffies, vol->delay_at))
		return vol->seen_seq;
	delay_busy(vol, seq);
	vol->delay_wait = clamp_t(unsigned int, 2 * vol->delay_wait, HZ, DELAY_MAX);
	vol->delay_at = jiffies + vol->delay_wait;
	return seq;
}

/*
 * Says in our slots that nothing is read any more that was freed before now.
 * ops_lock: an operation that has freed chunks has unmapped them before it
 * gives the lock back. srcu: whoever copied from them is done. end: as above,
 * else NULL.
 */
static int advance(struct daxfs_volume *vol, u64 seq, const unsigned long *end)
{
	bool unswept;
	int err = 0;

	if (end)
		err = lock_until(&vol->settle_lock, *end);
	else
		mutex_lock(&vol->settle_lock);
	if (err)
		return err;
	forget_closed(vol);
	count_retired(vol);
	if (end)
		err = wait_for_readers(vol, *end);
	else
		synchronize_srcu(&vol->srcu);
	if (err)
		goto unlock;
	settle_retired(vol);
	down_read(&vol->tree);
	unswept = any_unswept(vol);
	up_read(&vol->tree);
	/* Else another time: the next heartbeat finds that it was not said. */
	if (unswept)
		goto unlock;
	seq = seen_up_to(vol, seq, end);
	down_read(&vol->tree);
	if (!any_unswept(vol))
		daxfs_slots_say_seen(vol, seq);
	up_read(&vol->tree);
unlock:
	mutex_unlock(&vol->settle_lock);
	return err;
}

void daxfs_seen_advance(struct daxfs_volume *vol, u64 seq)
{
	advance(vol, seq, NULL);
}

void daxfs_retired_settle(struct daxfs_volume *vol)
{
	mutex_lock(&vol->settle_lock);
	forget_closed(vol);
	if (count_retired(vol))
		synchronize_srcu(&vol->srcu);
	settle_retired(vol);
	mutex_unlock(&vol->settle_lock);
}

void daxfs_chunks_reclaim(struct daxfs_volume *vol)
{
	u64 seen = dxc_mount_seen(&vol->core, daxfs_mount_is_dead, vol);
	u32 count = dxc_chunk_count(&vol->core), freed = 0, i;

	for (i = 0; i < count; i++) {
		freed += dxc_chunk_reclaim(&vol->core, i, seen);
		if (i % 4096 == 4095)
			cond_resched();
	}
	if (freed)
		trace_daxfs_reclaim(vol, seen, freed);
}

static int reclaim_now(struct daxfs_volume *vol)
{
	unsigned long end = jiffies + SPACE_PATIENCE;
	int err, id;
	u64 seq;

	err = lock_until(&vol->ops_lock, end);
	if (err)
		return err;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		mutex_unlock(&vol->ops_lock);
		return id;
	}
	/* To notice what others did unmaps files, for which the caller may have the locks. */
	seq = vol->left_seq;
	mutex_unlock(&vol->ops_lock);
	for (;;) {
		err = advance(vol, seq, &end);
		/* Mounts elsewhere follow within a second or two. */
		if (err || !READ_ONCE(vol->waits) || time_after(jiffies, end) ||
		    READ_ONCE(vol->gave) >= vol->space.chunk_blocks)
			break;
		schedule_timeout_killable(OTHERS_STEP);
		if (fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			break;
	}
	if (!err)
		daxfs_chunks_reclaim(vol);
	daxfs_backing_exit(vol->backing, id);
	return err;
}

bool daxfs_space_came(struct daxfs_volume *vol, int err, bool *waited)
{
	if (err != -ENOSPC || *waited)
		return false;
	/*
	 * What was given up may wait for its readers. Another task that waited may
	 * have made it free just now, so the caller looks in any case.
	 */
	*waited = true;
	return !reclaim_now(vol);
}
