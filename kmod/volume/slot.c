// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel says of itself in the mount table, and what it makes of
 * what others say: a slot for each super block, heartbeats, who is dead,
 * waiting for leases and the volume lock.
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
#include "volume.h"
#include "trace.h"
#include "backing/backing.h"

#define DEAD_AFTER	(5 * HZ)
#define BEAT_EVERY	HZ
#define FLUSH_BEATS	5	/* times are logged, slots observed, each so many beats */
#define STEP		(HZ / 8)
#define MOMENT		2	/* jiffies: most settlings of a branch are over by then */
#define TEND_AFTER	(HZ / 20)
#define LOCK_PATIENCE	(30 * HZ)
#define TAKE_OVERS	8	/* tries: each round somebody else may be faster; not for ever */

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

void daxfs_lease_drop(struct daxfs_sb_info *sbi, struct dxc_owner branch)
{
	dxc_holder me = daxfs_holder_of(sbi);

	if (!daxfs_linger_give_back(sbi->volume, branch, me))
		dxc_lease_drop(&sbi->volume->core, branch, me);
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
			dxc_lease_drop(&vol->core, branch->layer.owner, held);
		/* What was not logged is lost; what is mapped may be another file's soon. */
		daxfs_calls->forget_times(sbi);
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
	up_write(&vol->tree);
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

int daxfs_slot_claim_again(struct daxfs_sb_info *sbi, struct dxc_owner branch, bool writable)
{
	return claim(sbi, branch, writable, claim_from_dead);
}

void daxfs_slots_say_seen(struct daxfs_volume *vol, u64 seq)
{
	struct daxfs_pulse *pulse;

	spin_lock(&vol->watch_lock);
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
	if (daxfs_slot_is_ours(sbi))
		dxc_mount_set_branch(&sbi->volume->core, sbi->slot, sbi->epoch,
				     dxc_word_id(READ_ONCE(sbi->shown)), writable);
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
	queue_delayed_work(beat_wq, &vol->beat, BEAT_EVERY);
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
