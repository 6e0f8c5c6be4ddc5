// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel says of itself in the mount table, and what it makes of
 * what others say: a slot for each super block, heartbeats, who is dead,
 * waiting for leases and the volume lock, chunks that nobody reads any more.
 *
 * Nothing here waits with tree held. Whether somebody is dead is judged by our
 * own clock: we looked at his heartbeat, and looked again DEAD_AFTER later.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/delay.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include "loaded.h"
#include "trace.h"
#include "backing/backing.h"

#define DEAD_AFTER	(5 * HZ)
#define BEAT_EVERY	HZ
#define FLUSH_BEATS	5	/* times are logged, slots observed, each so many beats */
#define STEP		(HZ / 8)
#define TEND_AFTER	(HZ / 20)
#define LOCK_PATIENCE	(30 * HZ)
#define SPACE_PATIENCE	(5 * HZ)	/* with directories locked: not for ever */
#define TAKE_OVERS	8	/* tries: each round somebody else may be faster; not for ever */

/* What a slot looked like, and since when. */
struct daxfs_watch {
	u64 heartbeat;
	u32 epoch;
	unsigned long since;
};

struct workqueue_struct *daxfs_wq;

int daxfs_branch_module_init(void)
{
	daxfs_wq = alloc_workqueue("daxfs", WQ_UNBOUND | WQ_FREEZABLE, 0);
	return daxfs_wq ? 0 : -ENOMEM;
}

void daxfs_branch_module_exit(void)
{
	destroy_workqueue(daxfs_wq);
}

static dxc_holder holder_of(const struct daxfs_sb_info *sbi)
{
	return dxc_holder_of(sbi->slot, sbi->epoch);
}

bool daxfs_slot_is_ours(const struct daxfs_sb_info *sbi)
{
	return sbi->epoch && dxc_holder_is_there(&sbi->volume->core, holder_of(sbi));
}

/* ---- who is dead ---- */

bool daxfs_mount_is_dead(void *priv, const struct dxc_mount *mt)
{
	struct daxfs_volume *vol = priv;
	struct daxfs_watch *watch = &vol->watches[mt->slot];
	bool dead = false;

	spin_lock(&vol->watch_lock);
	if (watch->epoch != mt->epoch || watch->heartbeat != mt->heartbeat) {
		watch->epoch = mt->epoch;
		watch->heartbeat = mt->heartbeat;
		watch->since = jiffies;
	} else {
		dead = time_after(jiffies, watch->since + DEAD_AFTER);
	}
	spin_unlock(&vol->watch_lock);
	return dead;
}

/* A mount of this kernel is alive whatever its slot says, until it is being taken down. */
static bool holder_is_ours(struct daxfs_volume *vol, dxc_holder holder)
{
	struct daxfs_sb_info *sbi;
	bool ours = false;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list) {
		if (sbi->epoch && holder_of(sbi) == holder) {
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
	unsigned long end = jiffies + DEAD_AFTER + 2 * BEAT_EVERY;
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

int daxfs_lease_try(struct daxfs_sb_info *sbi, struct dxc_owner branch, dxc_holder *holder)
{
	int err = dxc_lease_take(&sbi->volume->core, branch, holder_of(sbi), holder);

	return err == -EBUSY && *holder == holder_of(sbi) ? DAXFS_LEASE_HAD : err;
}

int daxfs_lease_take(struct daxfs_sb_info *sbi, struct dxc_owner branch, char *host)
{
	struct daxfs_volume *vol = sbi->volume;
	dxc_holder holder = 0;
	int err, tries;

	for (tries = 0; tries < TAKE_OVERS; tries++) {
		err = daxfs_lease_try(sbi, branch, &holder);
		if (!err && holder)
			trace_daxfs_lease_takeover(sbi, dxc_id_word(branch), holder, host);
		if (err != -EBUSY)
			return err;
		err = wait_for(vol, holder, host);
		if (err)
			return err;
	}
	return -EBUSY;
}

void daxfs_lease_drop(struct daxfs_sb_info *sbi, struct dxc_owner branch)
{
	dxc_lease_drop(&sbi->volume->core, branch, holder_of(sbi));
}

/* Under tree a writer has its lease, unless somebody took us for dead. */
static bool is_lost(const struct daxfs_loaded_branch *branch)
{
	const struct daxfs_sb_info *sbi = branch->writer;

	return sbi && !dxc_lease_is_held(&sbi->volume->core, branch->layer.owner, holder_of(sbi));
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

	if (!any_lost(vol))
		return;
	down_write(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		sbi = branch->writer;
		if (!is_lost(branch))
			continue;
		branch->writer = NULL;
		trace_daxfs_lease_lost(sbi, dxc_id_word(branch->layer.owner));
		pr_notice_ratelimited("%s: branch %s was taken over by another kernel\n",
				      vol->name, branch->name);
		/* What was not logged is lost; what is mapped may be another file's soon. */
		daxfs_forget_all_times(sbi);
		sbi->sweep++;
		daxfs_view_changed(sbi);
	}
	up_write(&vol->tree);
	WRITE_ONCE(vol->look_again, true);
	daxfs_tend_soon(vol);
}

int daxfs_volume_lock(struct daxfs_sb_info *sbi, char *host, bool *recover)
{
	unsigned long end = jiffies + LOCK_PATIENCE;
	struct daxfs_volume *vol = sbi->volume;
	dxc_holder holder = 0;
	int err, gone = 0;

	*recover = false;
	for (;;) {
		err = dxc_lock_take(&vol->core, holder_of(sbi), &holder);
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
	dxc_lock_drop(&sbi->volume->core, holder_of(sbi));
}

bool daxfs_volume_is_locked(struct daxfs_sb_info *sbi)
{
	return dxc_lock_is_held(&sbi->volume->core, holder_of(sbi));
}

/* ---- slots ---- */

struct claim {
	struct daxfs_volume *vol;
	struct dxc_mount dead;		/* found so last; epoch 0: none was */
};

static bool claim_from_dead(void *priv, const struct dxc_mount *mt)
{
	struct claim *claim = priv;

	if (!daxfs_mount_is_dead(claim->vol, mt))
		return false;
	claim->dead = *mt;
	return true;
}

static int claim(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable,
		 bool (*dead)(void *priv, const struct dxc_mount *mt))
{
	struct daxfs_volume *vol = sbi->volume;
	struct claim from = { .vol = vol };
	u32 epoch, slot;
	int err;

	do {
		epoch = get_random_u32() & 0x7fffffff;
	} while (!epoch);
	err = dxc_mount_claim(&vol->core, epoch, branch, writable, init_utsname()->nodename,
			      dead, &from, &slot);
	if (err)
		return err;
	if (from.dead.epoch && from.dead.slot == slot)
		trace_daxfs_slot_takeover(sbi, dxc_id_word(from.dead.branch),
					  dxc_holder_of(slot, from.dead.epoch), from.dead.host);
	down_write(&vol->tree);
	/*
	 * What all mounts of this kernel have seen, which is before anything is read
	 * of the tables: others may show what was freed since. By tree none raises it
	 * without us.
	 */
	dxc_mount_set_seen(&vol->core, slot, vol->seen_seq);
	dxc_mount_beat(&vol->core, slot);
	sbi->slot = slot;
	sbi->epoch = epoch;
	up_write(&vol->tree);
	mod_delayed_work(daxfs_wq, &vol->beat, BEAT_EVERY);
	return 0;
}

int daxfs_slot_claim(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable)
{
	unsigned long end = jiffies + DEAD_AFTER + BEAT_EVERY;
	int err;

	err = claim(sbi, branch, writable, NULL);
	while (err == -EUSERS && time_before(jiffies, end)) {
		schedule_timeout_killable(STEP);
		if (fatal_signal_pending(current))
			return -EINTR;
		err = claim(sbi, branch, writable, claim_from_dead);
	}
	return err;
}

void daxfs_slot_release(struct daxfs_sb_info *sbi)
{
	struct daxfs_volume *vol = sbi->volume;
	u32 epoch = sbi->epoch;

	if (!epoch)
		return;
	/* The worker must not touch what may be somebody else's a moment later. */
	down_write(&vol->tree);
	sbi->epoch = 0;
	up_write(&vol->tree);
	dxc_mount_release(&vol->core, sbi->slot, epoch);
}

void daxfs_slot_update(struct daxfs_sb_info *sbi, bool writable)
{
	if (daxfs_slot_is_ours(sbi))
		dxc_mount_set_branch(&sbi->volume->core, sbi->slot,
				     dxc_word_id(READ_ONCE(sbi->shown)), writable);
}

/* ---- chunks that nobody reads any more ---- */

/* What is stale, or on its way out, does not count: it is forgotten without us or by us. */
static int match_open(struct inode *inode, daxfs_ino_arg ino, void *found)
{
	if (inode->i_ino != ino)
		return 0;
	spin_lock(&inode->i_lock);
	*(bool *)found = !(inode_state_read_once(inode) & (I_FREEING | I_WILL_FREE)) &&
			 !daxfs_is_stale(inode);
	spin_unlock(&inode->i_lock);
	return -1;
}

/* Has a super block of this kernel the inode open? tree is held. */
static bool is_open(void *priv, dxc_ino ino)
{
	struct daxfs_volume *vol = priv;
	struct daxfs_sb_info *sbi;
	bool found = false;

	list_for_each_entry(sbi, &vol->supers, list) {
		find_inode_nowait(sbi->sb, ino, match_open, &found);
		if (found)
			break;
	}
	return found;
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

/*
 * How many blocks that were given up branches may give out again after a grace
 * period: then they are neither read nor mapped, as whoever gave them up was
 * inside srcu before he let go of the branch, until others had unmapped them.
 */
static bool count_retired(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	bool any = false, unswept;

	down_read(&vol->tree);
	unswept = any_unswept(vol);
	list_for_each_entry(branch, &vol->branches, list) {
		down_read(&branch->lock);
		branch->settled = unswept ? 0 : branch->layer.retired_count;
		any |= branch->settled;
		up_read(&branch->lock);
	}
	up_read(&vol->tree);
	return any;
}

static void settle_retired(struct daxfs_volume *vol)
{
	struct daxfs_loaded_branch *branch;
	u64 blocks;

	down_read(&vol->tree);
	list_for_each_entry(branch, &vol->branches, list) {
		if (!branch->settled)
			continue;
		down_write(&branch->lock);
		blocks = branch->layer.retired_blocks;
		dxc_layer_settle(&branch->layer, branch->settled);
		blocks -= branch->layer.retired_blocks;
		trace_daxfs_settle(vol, dxc_id_word(branch->layer.owner), blocks);
		up_write(&branch->lock);
		branch->settled = 0;
	}
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
 * Says in our slots that nothing is read any more that was freed before now.
 * ops_lock: an operation that has freed chunks has unmapped them before it
 * gives the lock back. srcu: whoever copied from them is done. end: as above,
 * else NULL.
 */
static int advance_seen(struct daxfs_volume *vol, u64 seq, const unsigned long *end)
{
	struct daxfs_sb_info *sbi;
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
	if (!err)
		settle_retired(vol);
	mutex_unlock(&vol->settle_lock);
	if (err)
		return err;
	down_read(&vol->tree);
	/* Else another time: the next heartbeat finds that it was not said. */
	if (!any_unswept(vol)) {
		list_for_each_entry(sbi, &vol->supers, list) {
			if (daxfs_slot_is_ours(sbi))
				dxc_mount_set_seen(&vol->core, sbi->slot, seq);
		}
		WRITE_ONCE(vol->seen_seq, seq);
	}
	up_read(&vol->tree);
	return 0;
}

/* The same for what one super block gives up that another may read. */
static void settle_often(struct daxfs_volume *vol)
{
	mutex_lock(&vol->settle_lock);
	forget_closed(vol);
	if (count_retired(vol)) {
		synchronize_srcu(&vol->srcu);
		settle_retired(vol);
	}
	mutex_unlock(&vol->settle_lock);
}

static void reclaim(struct daxfs_volume *vol)
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
	err = advance_seen(vol, seq, &end);
	if (!err)
		reclaim(vol);
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

/* ---- the worker ---- */

/* false: a slot was lost. */
static bool beat(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;
	bool all = true;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list) {
		if (daxfs_slot_is_ours(sbi))
			dxc_mount_beat(&vol->core, sbi->slot);
		else if (sbi->epoch)
			all = false;
	}
	up_read(&vol->tree);
	return all;
}

static void refresh_one(struct inode *inode)
{
	struct daxfs_hold hold;
	struct dxc_layer *layer = daxfs_view_read(inode->i_sb, &hold);

	daxfs_inode_refresh(inode, layer);
	daxfs_view_read_end(inode->i_sb, &hold);
	daxfs_inode_unmap(inode);
}

/* Until it is done names in the base may be taken for true; they are looked at again after it. */
void daxfs_super_refresh(struct daxfs_sb_info *sbi)
{
	struct daxfs_volume *vol = sbi->volume;
	unsigned int until = READ_ONCE(sbi->sweep);

	daxfs_sweep(sbi->sb, 0, refresh_one);
	down_write(&vol->tree);
	WRITE_ONCE(sbi->swept, until);
	daxfs_view_changed(sbi);
	up_write(&vol->tree);
}

/* What a super block has to have done for it now and then. */
static void tend_super(struct daxfs_sb_info *sbi, bool flush)
{
	struct super_block *sb = sbi->sb;

	daxfs_home_reflect(sbi);
	if (READ_ONCE(sbi->sweep) != sbi->swept)
		daxfs_super_refresh(sbi);
	/* Not while it is frozen: then nothing may change. */
	if (flush && !list_empty_careful(&sbi->dirty) && sb_start_write_trylock(sb)) {
		daxfs_flush_all_times(sb);
		sb_end_write(sb);
	}
}

/*
 * The super block after prev in the list that can be locked against being
 * unmounted, with s_umount held: as long as we have it, umount waits.
 */
static struct daxfs_sb_info *lock_next(struct daxfs_volume *vol, unsigned int *index)
{
	struct daxfs_sb_info *sbi;
	unsigned int i = 0;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list) {
		if (i++ < *index || !down_read_trylock(&sbi->sb->s_umount))
			continue;
		if (sbi->sb->s_root && sbi->sb->s_flags & SB_ACTIVE) {
			*index = i;
			up_read(&vol->tree);
			return sbi;
		}
		up_read(&sbi->sb->s_umount);
	}
	up_read(&vol->tree);
	return NULL;
}

/*
 * Who was taken for dead long enough to lose the slot takes another one, as soon
 * as there is one. What was freed meanwhile did not wait for him. Under ops_lock:
 * no operation holds the volume lock by the old one.
 */
static void keep_slots(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;
	unsigned int index = 0;

	while ((sbi = lock_next(vol, &index))) {
		if (sbi->epoch && !daxfs_slot_is_ours(sbi)) {
			pr_notice_ratelimited("%s: another kernel took this one for dead\n",
					      vol->name);
			trace_daxfs_slot_lost(sbi, READ_ONCE(sbi->shown));
			claim(sbi, dxc_word_id(READ_ONCE(sbi->shown)),
			      !sb_rdonly(sbi->sb), claim_from_dead);
			WRITE_ONCE(vol->look_again, true);
		}
		up_read(&sbi->sb->s_umount);
	}
}

/* So that somebody who stops is noticed, not only when he is in the way. */
static void observe(struct daxfs_volume *vol)
{
	struct dxc_mount mt;
	u32 i;

	for (i = 0; i < vol->core.mount_count; i++) {
		if (!dxc_mount_read(&vol->core, i, &mt))
			daxfs_mount_is_dead(vol, &mt);
		if (i % 1024 == 1023)
			cond_resched();
	}
}

/*
 * Two work items, as only one of them may have to wait: for readers, among them
 * branch operations, for a lease. Heartbeats go on meanwhile.
 */
static void tend_work(struct work_struct *work)
{
	struct daxfs_volume *vol = container_of(work, struct daxfs_volume, tend.work);
	bool often = xchg(&vol->tend_all, false), again;
	struct daxfs_sb_info *sbi;
	unsigned int index = 0;
	u64 seq = 0;
	int id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return;
	/* An operation in progress calls us again when it is done. */
	if (mutex_trylock(&vol->ops_lock)) {
		keep_slots(vol);
		again = xchg(&vol->look_again, false);
		if ((dxc_commit_seq(&vol->core) == vol->left_seq && !again) || !daxfs_notice(vol))
			seq = vol->left_seq;
		else if (again)
			WRITE_ONCE(vol->look_again, true);
		mutex_unlock(&vol->ops_lock);
	}
	while ((sbi = lock_next(vol, &index))) {
		tend_super(sbi, often);
		up_read(&sbi->sb->s_umount);
	}
	if (seq && seq != vol->seen_seq)
		advance_seen(vol, seq, NULL);
	else if (often)
		settle_often(vol);
	if ((seq || often) && vol->backing->writable)
		reclaim(vol);
	if (often)
		observe(vol);
	daxfs_backing_exit(vol->backing, id);
}

/* Not at once: there may be more to do by then, and nobody waits for it. */
void daxfs_tend_soon(struct daxfs_volume *vol)
{
	queue_delayed_work(daxfs_wq, &vol->tend, TEND_AFTER);
}

static void beat_work(struct work_struct *work)
{
	struct daxfs_volume *vol = container_of(work, struct daxfs_volume, beat.work);
	bool all;
	int id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return;
	all = beat(vol);
	daxfs_leases_check(vol);
	daxfs_relations_check(vol);
	if (!all || dxc_commit_seq(&vol->core) != READ_ONCE(vol->seen_seq))
		daxfs_tend_soon(vol);
	daxfs_backing_exit(vol->backing, id);
	if (++vol->beats % FLUSH_BEATS == 0) {
		vol->tend_all = true;
		daxfs_tend_soon(vol);
	}
	queue_delayed_work(daxfs_wq, &vol->beat, BEAT_EVERY);
}

int daxfs_slots_init(struct daxfs_volume *vol)
{
	vol->watches = kvcalloc(vol->core.mount_count, sizeof(*vol->watches), GFP_KERNEL);
	if (!vol->watches)
		return -ENOMEM;
	spin_lock_init(&vol->watch_lock);
	INIT_DELAYED_WORK(&vol->beat, beat_work);
	INIT_DELAYED_WORK(&vol->tend, tend_work);
	return 0;
}

void daxfs_slots_exit(struct daxfs_volume *vol)
{
	cancel_delayed_work_sync(&vol->beat);
	cancel_delayed_work_sync(&vol->tend);
	kvfree(vol->watches);
}
