// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount slots: what this kernel says of itself in the mount table, and what it makes of
 * what others say. A slot for each super block, heartbeats, whose heartbeat stands still;
 * and the workqueues, of which heartbeats have one.
 *
 * Nothing here waits with tree held. Whether somebody is dead is judged by our own clock:
 * we looked at his heartbeat, and looked again DAXFS_DEAD_AFTER later.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include "volume.h"
#include "trace.h"
#include "backing/backing.h"

#define FLUSH_BEATS	5	/* times are logged, slots observed, each so many beats */
#define STEP		(HZ / 8)
#define TEND_AFTER	(HZ / 20)

/* What a slot looked like, and since when. */
struct daxfs_watch {
	u64 heartbeat;
	u32 epoch;
	unsigned long since;
};

const struct daxfs_calls *daxfs_calls;
struct workqueue_struct *daxfs_wq;
/* Of heartbeats only, which go on when there is no memory for another thread. */
static struct workqueue_struct *beat_wq;

int daxfs_branch_module_init(void)
{
	daxfs_wq = alloc_workqueue("daxfs", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!daxfs_wq)
		return -ENOMEM;
	beat_wq = alloc_workqueue("daxfs-beat", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM, 0);
	if (!beat_wq) {
		destroy_workqueue(daxfs_wq);
		return -ENOMEM;
	}
	return 0;
}

void daxfs_branch_module_exit(void)
{
	destroy_workqueue(beat_wq);
	destroy_workqueue(daxfs_wq);
}

bool daxfs_slot_is_ours(const struct daxfs_sb_info *sbi)
{
	return sbi->epoch && dxc_holder_is_there(&sbi->volume->core, daxfs_holder_of(sbi));
}

/* ---- whose heartbeat stands still ---- */

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
		dead = time_after(jiffies, watch->since + DAXFS_DEAD_AFTER);
	}
	spin_unlock(&vol->watch_lock);
	return dead;
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

/* The slot beats from now on; epoch 0: none does. */
static void set_pulse(struct daxfs_sb_info *sbi, u32 slot, u32 epoch)
{
	struct daxfs_volume *vol = sbi->volume;

	spin_lock(&vol->watch_lock);
	sbi->pulse.slot = slot;
	sbi->pulse.epoch = epoch;
	list_del_init(&sbi->pulse.list);
	if (epoch)
		list_add_tail(&sbi->pulse.list, &vol->pulses);
	spin_unlock(&vol->watch_lock);
	if (epoch)
		mod_delayed_work(beat_wq, &vol->beat, 0);
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
	set_pulse(sbi, slot, epoch);
	/* The slot says so by now, and the log is read after this. */
	if (branch.generation)
		dxc_branch_watch_up(&vol->core, branch.branch);
	if (from.dead.epoch && from.dead.slot == slot)
		trace_daxfs_slot_takeover(sbi, dxc_id_word(from.dead.branch),
					  dxc_holder_of(slot, from.dead.epoch), from.dead.host);
	down_write(&vol->tree);
	/*
	 * What all mounts of this kernel have seen, which is before anything is read
	 * of the tables: others may show what was freed since. By tree none raises it
	 * without us.
	 */
	dxc_mount_set_seen(&vol->core, slot, epoch, vol->seen_seq);
	sbi->slot = slot;
	sbi->epoch = epoch;
	sbi->applied = 0;
	sbi->slot_shows = branch.generation ? dxc_id_word(branch) : 0;
	up_write(&vol->tree);
	return 0;
}

int daxfs_slot_claim(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable)
{
	unsigned long end = jiffies + DAXFS_DEAD_AFTER + DAXFS_BEAT_EVERY;
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

int daxfs_slot_claim_again(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable)
{
	return claim(sbi, branch, writable, claim_from_dead);
}

void daxfs_slots_say_seen(struct daxfs_volume *vol, u64 seq)
{
	struct daxfs_pulse *pulse;

	spin_lock(&vol->watch_lock);
	/* First, for who adds a slot. */
	WRITE_ONCE(vol->seen_seq, seq);
	list_for_each_entry(pulse, &vol->pulses, list)
		dxc_mount_set_seen(&vol->core, pulse->slot, pulse->epoch, seq);
	spin_unlock(&vol->watch_lock);
}

void daxfs_slot_release(struct daxfs_sb_info *sbi, bool there)
{
	struct daxfs_volume *vol = sbi->volume;
	u32 epoch = sbi->epoch;

	if (!epoch)
		return;
	/* The workers do not store to a slot that another kernel may claim a moment later. */
	set_pulse(sbi, 0, 0);
	down_write(&vol->tree);
	sbi->epoch = 0;
	up_write(&vol->tree);
	if (there)
		dxc_mount_release(&vol->core, sbi->slot, epoch);
}

void daxfs_slot_update(struct daxfs_sb_info *sbi, bool writable)
{
	struct dxc_owner branch = dxc_word_id(READ_ONCE(sbi->shown));

	if (!daxfs_slot_is_ours(sbi))
		return;
	WRITE_ONCE(sbi->slot_shows, 0);
	WRITE_ONCE(sbi->applied, 0);
	dxc_mount_set_branch(&sbi->volume->core, sbi->slot, sbi->epoch, branch, writable);
	if (!branch.generation)
		return;
	dxc_branch_watch_up(&sbi->volume->core, branch.branch);
	WRITE_ONCE(sbi->slot_shows, dxc_id_word(branch));
}

void daxfs_slot_say_applied(struct daxfs_sb_info *sbi, u64 seq)
{
	if (!sbi->epoch || READ_ONCE(sbi->applied) == seq)
		return;
	WRITE_ONCE(sbi->applied, seq);
	dxc_mount_set_applied(&sbi->volume->core, sbi->slot, sbi->epoch, !sb_rdonly(sbi->sb), seq);
}

/* ---- heartbeats ---- */

/* false: a slot was lost. Waits for nothing: reading a long log in, with tree held, takes its time. */
static bool beat(struct daxfs_volume *vol)
{
	struct daxfs_pulse *pulse;
	bool all = true;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(pulse, &vol->pulses, list)
		all &= dxc_mount_beat(&vol->core, pulse->slot, pulse->epoch);
	spin_unlock(&vol->watch_lock);
	return all;
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
	if (!all || dxc_commit_seq(&vol->core) != READ_ONCE(vol->seen_seq))
		daxfs_tend_soon(vol);
	daxfs_backing_exit(vol->backing, id);
	queue_work(daxfs_wq, &vol->look);
	if (++vol->beats % FLUSH_BEATS == 0) {
		vol->tend_all = true;
		daxfs_tend_soon(vol);
	}
	queue_delayed_work(beat_wq, &vol->beat, DAXFS_BEAT_EVERY);
}

int daxfs_slots_init(struct daxfs_volume *vol)
{
	vol->watches = kvcalloc(vol->core.mount_count, sizeof(*vol->watches), GFP_KERNEL);
	if (!vol->watches)
		return -ENOMEM;
	spin_lock_init(&vol->watch_lock);
	INIT_LIST_HEAD(&vol->pulses);
	INIT_LIST_HEAD(&vol->lingers);
	INIT_DELAYED_WORK(&vol->beat, beat_work);
	INIT_WORK(&vol->look, daxfs_calls->look);
	INIT_DELAYED_WORK(&vol->tend, daxfs_calls->tend);
	return 0;
}

void daxfs_slots_exit(struct daxfs_volume *vol)
{
	cancel_delayed_work_sync(&vol->beat);
	cancel_work_sync(&vol->look);
	cancel_delayed_work_sync(&vol->tend);
	kvfree(vol->watches);
}
