// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases and mount slots that outlive who had them. Pages of a branch may be left to I/O, or in a
 * pipe, by who writes it no more: they are stored to, or read, for as long as that takes, and no
 * other kernel knows of it. So the volume keeps the lease until none of the branch's pages is in
 * use, by a slot of its own, and lends it to mounts of this kernel, which look at a page before they
 * give its block to another file. And the last slot of the volume is kept as long as any page is in
 * use, so that what others discard meanwhile waits for us.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include "volume.h"
#include "backing/backing.h"

#define LOOK_EVERY	(HZ / 2)

/* Has a reference of the volume, and one of the module. */
struct daxfs_linger {
	struct list_head list;		/* of the volume; guarded by watch_lock */
	struct daxfs_volume *vol;
	struct daxfs_pulse pulse;	/* guarded by watch_lock */
	struct dxc_owner branch;	/* whose lease it keeps; generation 0: none */
	bool lent;			/* to a mount of this kernel; guarded by watch_lock */
	unsigned int given;		/* times that it was given back; guarded by watch_lock */
	dxc_chunk at;			/* the last one in use that was found; the work's */
	struct delayed_work work;
};

static dxc_holder holder_of(const struct daxfs_linger *linger)
{
	return dxc_holder_of(linger->pulse.slot, linger->pulse.epoch);
}

/* Is a page of the chunk in use, which is the branch's? generation 0: anybody's, or was freed. */
static bool is_in_use(struct daxfs_volume *vol, dxc_chunk chunk, struct dxc_owner branch)
{
	struct dxc_chunk_use use;

	if (dxc_chunk_read(&vol->core, chunk, &use) || use.kind == DAXFS_CHUNK_FREE ||
	    (branch.generation && (use.kind == DAXFS_CHUNK_FREED ||
				   !dxc_owner_is(use.owner, branch))))
		return false;
	return daxfs_blocks_pinned(vol->backing, dxc_chunk_offset(&vol->core, chunk),
				   vol->space.chunk_blocks);
}

/* Of any such chunk? From *at on, round and round: what is in use mostly stays so. */
static bool any_in_use(struct daxfs_volume *vol, struct dxc_owner branch, dxc_chunk *at)
{
	u32 count = dxc_chunk_count(&vol->core), i;
	dxc_chunk chunk;

	for (i = 0; i < count; i++) {
		chunk = (*at + i) % count;
		if (is_in_use(vol, chunk, branch)) {
			*at = chunk;
			return true;
		}
		if (i % 256 == 255)
			cond_resched();
	}
	return false;
}

static bool may_be_in_use(const struct daxfs_volume *vol)
{
	return vol->backing->has_pages && READ_ONCE(vol->was_mapped);
}

/* Has another mount of this kernel, or a lease that is kept, a slot? watch_lock is held. */
static bool has_other_slot(const struct daxfs_volume *vol, const struct daxfs_pulse *pulse)
{
	return !list_empty(&vol->pulses) &&
		(!list_is_singular(&vol->pulses) ||
		 list_first_entry(&vol->pulses, struct daxfs_pulse, list) != pulse);
}

/* *alone: nobody else here has a slot; *given: as long as the lease was not given back since. */
static bool is_needed(struct daxfs_linger *linger, bool *alone, unsigned int *given)
{
	struct daxfs_volume *vol = linger->vol;
	static const struct dxc_owner anybody;

	spin_lock(&vol->watch_lock);
	*alone = !has_other_slot(vol, &linger->pulse);
	*given = linger->given;
	spin_unlock(&vol->watch_lock);
	/* Taken for dead: it keeps nothing any more. */
	if (!dxc_holder_is_there(&vol->core, holder_of(linger)))
		return false;
	return (linger->branch.generation && any_in_use(vol, linger->branch, &linger->at)) ||
		(*alone && any_in_use(vol, anybody, &linger->at));
}

/*
 * there: of a device that has not gone, nor was shut down. False: what was found out by
 * is_needed() is not so any more.
 */
static bool let_go(struct daxfs_linger *linger, bool there, bool alone, unsigned int given)
{
	struct daxfs_volume *vol = linger->vol;
	bool lent;

	spin_lock(&vol->watch_lock);
	if (there && dxc_holder_is_there(&vol->core, holder_of(linger)) &&
	    (linger->given != given || (!alone && !has_other_slot(vol, &linger->pulse)))) {
		spin_unlock(&vol->watch_lock);
		return false;
	}
	list_del(&linger->list);
	/* No heartbeat is stored to a slot that another kernel may claim a moment later. */
	list_del(&linger->pulse.list);
	lent = linger->lent;
	spin_unlock(&vol->watch_lock);
	if (!there)
		return true;
	if (linger->branch.generation && !lent)
		dxc_lease_drop(&vol->core, linger->branch, holder_of(linger));
	dxc_mount_release(&vol->core, linger->pulse.slot, linger->pulse.epoch);
	return true;
}

static void linger_work(struct work_struct *work)
{
	struct daxfs_linger *linger = container_of(work, struct daxfs_linger, work.work);
	struct daxfs_volume *vol = linger->vol;
	unsigned int given = 0;
	bool alone = false, ends;
	int id;

	/* Of a volume that was shut down, too: who takes the device away waits for its pages. */
	id = daxfs_backing_hold(vol->backing);
	ends = (id < 0 || !is_needed(linger, &alone, &given)) &&
		let_go(linger, id >= 0 && !READ_ONCE(vol->backing->down), alone, given);
	if (id >= 0)
		daxfs_backing_exit(vol->backing, id);
	if (!ends) {
		queue_delayed_work(daxfs_wq, &linger->work, LOOK_EVERY);
		return;
	}
	kfree(linger);
	daxfs_volume_put(vol);
	/* daxfs_wq is destroyed by the module's exit, which waits for the rest of this. */
	module_put(THIS_MODULE);
}

static struct daxfs_linger *make(struct daxfs_volume *vol, struct dxc_owner branch)
{
	struct daxfs_linger *linger = kzalloc(sizeof(*linger), GFP_NOFS);

	if (!linger)
		return NULL;
	linger->vol = vol;
	linger->branch = branch;
	INIT_LIST_HEAD(&linger->pulse.list);
	INIT_DELAYED_WORK(&linger->work, linger_work);
	return linger;
}

static void start(struct daxfs_linger *linger)
{
	pr_notice_ratelimited("%s: pages are still in use (a pipe, direct I/O): other kernels wait until they are not\n",
			      linger->vol->name);
	__module_get(THIS_MODULE);
	kref_get(&linger->vol->ref);
	queue_delayed_work(daxfs_wq, &linger->work, LOOK_EVERY);
}

bool daxfs_linger_slot(struct daxfs_sb_info *sbi)
{
	static const struct dxc_owner nobody;
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_linger *linger;
	dxc_chunk at = 0;
	bool other;

	if (!may_be_in_use(vol))
		return false;
	spin_lock(&vol->watch_lock);
	other = has_other_slot(vol, &sbi->pulse);
	/* Whoever has the other one does not count on this one any more. */
	if (other)
		list_del_init(&sbi->pulse.list);
	spin_unlock(&vol->watch_lock);
	if (other || !any_in_use(vol, nobody, &at))
		return false;
	linger = make(vol, nobody);
	if (!linger)
		return false;
	linger->at = at;
	down_write(&vol->tree);
	spin_lock(&vol->watch_lock);
	linger->pulse.slot = sbi->slot;
	linger->pulse.epoch = sbi->epoch;
	list_replace_init(&sbi->pulse.list, &linger->pulse.list);
	list_add(&linger->list, &vol->lingers);
	spin_unlock(&vol->watch_lock);
	sbi->epoch = 0;
	up_write(&vol->tree);
	start(linger);
	return true;
}

bool daxfs_linger_give_back(struct daxfs_volume *vol, struct dxc_owner branch,
			    dxc_holder holder)
{
	struct daxfs_linger *linger;
	bool found = false;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(linger, &vol->lingers, list) {
		if (!linger->lent || !dxc_owner_is(linger->branch, branch))
			continue;
		found = dxc_holder_is_there(&vol->core, holder_of(linger)) &&
			dxc_lease_pass(&vol->core, branch, holder, holder_of(linger));
		linger->lent = !found;
		linger->given += found;
		break;
	}
	spin_unlock(&vol->watch_lock);
	return found;
}

bool daxfs_linger_keep(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder)
{
	struct daxfs_linger *linger;
	dxc_chunk at = 0;
	u32 epoch;

	if (!may_be_in_use(vol) || !dxc_lease_is_held(&vol->core, branch, holder))
		return false;
	if (daxfs_linger_give_back(vol, branch, holder))
		return true;
	if (!any_in_use(vol, branch, &at))
		return false;
	linger = make(vol, branch);
	do {
		epoch = get_random_u32() & 0x7fffffff;
	} while (!epoch);
	if (!linger || dxc_mount_claim(&vol->core, epoch, branch, true, init_utsname()->nodename,
				       NULL, NULL, &linger->pulse.slot)) {
		pr_warn_ratelimited("%s: pages of a branch are still in use, and there is no mount slot by which to keep it from other kernels\n",
				    vol->name);
		kfree(linger);
		return false;
	}
	linger->at = at;
	linger->pulse.epoch = epoch;
	spin_lock(&vol->watch_lock);
	dxc_mount_set_seen(&vol->core, linger->pulse.slot, epoch, vol->seen_seq);
	list_add(&linger->pulse.list, &vol->pulses);
	list_add(&linger->list, &vol->lingers);
	linger->lent = !dxc_lease_pass(&vol->core, branch, holder, holder_of(linger));
	spin_unlock(&vol->watch_lock);
	start(linger);
	return true;
}

bool daxfs_linger_lend(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder,
		       dxc_holder to)
{
	struct daxfs_linger *linger;
	bool lends = false;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(linger, &vol->lingers, list) {
		if (holder_of(linger) != holder || !dxc_owner_is(linger->branch, branch) ||
		    linger->lent)
			continue;
		lends = dxc_lease_pass(&vol->core, branch, holder, to);
		linger->lent = lends;
		break;
	}
	spin_unlock(&vol->watch_lock);
	return lends;
}
