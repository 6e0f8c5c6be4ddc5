// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount slots that outlive their mount. Who unmounts may leave pages to I/O, or in a pipe: these
 * are stored to, or read, for as long as that takes, and no other kernel knows of it. So the slot
 * stays claimed, and with it the lease of the branch, until none of that branch's pages is in use,
 * nor one of what was discarded and waits for its readers. Then no other kernel gives their blocks
 * to somebody else; this one looks at the pages before it does.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/slab.h>
#include "volume.h"
#include "backing/backing.h"

#define LOOK_EVERY	(HZ / 2)

/* Has a reference of the volume, and one of the module. */
struct daxfs_linger {
	struct list_head list;		/* of the volume; guarded by watch_lock */
	struct daxfs_volume *vol;
	struct daxfs_pulse pulse;	/* guarded by watch_lock */
	struct dxc_owner branch;	/* whose lease it has; generation 0: none. By watch_lock */
	struct delayed_work work;
};

static bool is_in_use(struct daxfs_volume *vol, struct dxc_owner branch)
{
	u32 count = dxc_chunk_count(&vol->core), i;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		if (i % 256 == 255)
			cond_resched();
		if (dxc_chunk_read(&vol->core, i, &use))
			continue;
		if (use.kind != DAXFS_CHUNK_FREED &&
		    (use.kind == DXC_CHUNK_NEVER || !branch.generation ||
		     !dxc_owner_is(use.owner, branch)))
			continue;
		if (daxfs_blocks_busy(vol->backing, dxc_chunk_offset(&vol->core, i),
				      vol->space.chunk_blocks))
			return true;
	}
	return false;
}

static void let_go(struct daxfs_linger *linger, bool there)
{
	struct daxfs_volume *vol = linger->vol;
	const struct dxc_volume *core = &vol->core;
	u32 slot = linger->pulse.slot, epoch = linger->pulse.epoch;
	struct dxc_owner branch;

	spin_lock(&vol->watch_lock);
	list_del(&linger->list);
	/* No heartbeat is stored to a slot that another kernel may claim a moment later. */
	list_del(&linger->pulse.list);
	branch = linger->branch;
	spin_unlock(&vol->watch_lock);
	if (!there)
		return;
	if (branch.generation)
		dxc_lease_drop(core, branch, dxc_holder_of(slot, epoch));
	dxc_mount_release(core, slot, epoch);
}

static void linger_work(struct work_struct *work)
{
	struct daxfs_linger *linger = container_of(work, struct daxfs_linger, work.work);
	struct daxfs_volume *vol = linger->vol;
	struct dxc_owner branch;
	bool in_use;
	int id;

	id = daxfs_backing_enter(vol->backing);
	if (id >= 0) {
		spin_lock(&vol->watch_lock);
		branch = linger->branch;
		spin_unlock(&vol->watch_lock);
		in_use = is_in_use(vol, branch);
		if (!in_use)
			let_go(linger, true);
		daxfs_backing_exit(vol->backing, id);
		if (in_use) {
			queue_delayed_work(daxfs_wq, &linger->work, LOOK_EVERY);
			return;
		}
	} else {
		let_go(linger, false);
	}
	kfree(linger);
	daxfs_volume_put(vol);
	/* daxfs_wq is destroyed by the module's exit, which waits for the rest of this. */
	module_put(THIS_MODULE);
}

bool daxfs_linger(struct daxfs_sb_info *sbi, struct dxc_owner branch)
{
	struct daxfs_volume *vol = sbi->volume;
	struct daxfs_linger *linger;

	if (!vol->backing->has_pages || !READ_ONCE(vol->was_mapped) || !is_in_use(vol, branch))
		return false;
	linger = kzalloc(sizeof(*linger), GFP_KERNEL);
	if (!linger)
		return false;
	pr_notice("%s: pages are still in use (a pipe, direct I/O): other kernels wait until they are not\n",
		  vol->name);
	__module_get(THIS_MODULE);
	kref_get(&vol->ref);
	linger->vol = vol;
	linger->branch = branch;
	INIT_DELAYED_WORK(&linger->work, linger_work);
	down_write(&vol->tree);
	spin_lock(&vol->watch_lock);
	linger->pulse.slot = sbi->slot;
	linger->pulse.epoch = sbi->epoch;
	list_replace_init(&sbi->pulse.list, &linger->pulse.list);
	list_add(&linger->list, &vol->lingers);
	spin_unlock(&vol->watch_lock);
	sbi->epoch = 0;
	up_write(&vol->tree);
	queue_delayed_work(daxfs_wq, &linger->work, LOOK_EVERY);
	return true;
}

bool daxfs_linger_yield(struct daxfs_volume *vol, struct dxc_owner branch, dxc_holder holder)
{
	struct daxfs_linger *linger;
	bool yields = false;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(linger, &vol->lingers, list) {
		if (dxc_holder_of(linger->pulse.slot, linger->pulse.epoch) != holder ||
		    !dxc_owner_is(linger->branch, branch))
			continue;
		linger->branch = (struct dxc_owner){};
		yields = true;
		break;
	}
	spin_unlock(&vol->watch_lock);
	if (yields)
		dxc_lease_drop(&vol->core, branch, holder);
	return yields;
}
