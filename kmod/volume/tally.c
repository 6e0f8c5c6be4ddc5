// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many chunks are free, for df. The core counts along with what this kernel does; the
 * chunk table, of 8 bytes for each chunk of the region, is walked only
 *
 *	the first time, and again while a change of this kernel's came in between;
 *	as long as other kernels have the region mounted, and for the first seconds, once for
 *	each second in which somebody asks;
 *	a minute after the last time, in case that something is damaged.
 *
 * Whether others are there, their heartbeats say: each mount's grows every second, and when it
 * takes its slot, and stays in the slot when it is gone. So who came and went between two looks
 * is noticed, too. Nothing is allowed or refused because of what is counted here, and nobody
 * waits for it but those who ask.
 */
#include "volume.h"

#define FRESH		HZ		/* what others did is in the count by then */
#define GONE_AFTER	(5 * HZ)	/* no heartbeat of others for so long: they are gone */
#define ANEW_AFTER	(60 * HZ)

/* Does a super block of this kernel beat there? */
static bool beats_here(struct daxfs_volume *vol, u32 slot)
{
	struct daxfs_pulse *pulse;
	bool here = false;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(pulse, &vol->pulses, list)
		here |= pulse->slot == slot;
	spin_unlock(&vol->watch_lock);
	return here;
}

/* The heartbeats of all slots but this kernel's: grows while a mount of another one lives. */
static u64 beats_of_others(struct daxfs_volume *vol)
{
	u64 beats = 0;
	u32 i;

	for (i = 0; i < vol->core.mount_count; i++) {
		if (!beats_here(vol, i))
			beats += dxc_mount_heartbeat(&vol->core, i);
		if (i % 1024 == 1023)
			cond_resched();
	}
	return beats;
}

void daxfs_tally_init(struct daxfs_volume *vol)
{
	mutex_init(&vol->tally_lock);
	vol->others_beats = beats_of_others(vol);
	/* Who was there before has not been seen to live, or not to. */
	vol->others_lived = jiffies;
	vol->core.tally = &vol->tally;
}

static bool is_fresh(const struct daxfs_volume *vol)
{
	return READ_ONCE(vol->tallied) &&
		time_before(jiffies, READ_ONCE(vol->tally_looked) + FRESH);
}

/* Has a mount of another kernel lived a moment ago? tally_lock is held. */
static bool others_live(struct daxfs_volume *vol)
{
	u64 beats = beats_of_others(vol);

	if (beats != vol->others_beats) {
		vol->others_beats = beats;
		vol->others_lived = jiffies;
	}
	return time_before(jiffies, vol->others_lived + GONE_AFTER);
}

void daxfs_tally_refresh(struct daxfs_volume *vol)
{
	unsigned long now;

	if (is_fresh(vol) || mutex_lock_killable(&vol->tally_lock))
		return;
	/* Else the thread that had tally_lock before has just counted. */
	if (!is_fresh(vol)) {
		/* Before others are looked for: who comes after that changes chunks after now. */
		now = jiffies;
		if (others_live(vol) || !vol->tallied ||
		    time_after(now, vol->tally_counted + ANEW_AFTER)) {
			vol->tally_counted = now;
			WRITE_ONCE(vol->tallied, dxc_tally_count(&vol->core));
		}
		WRITE_ONCE(vol->tally_looked, now);
	}
	mutex_unlock(&vol->tally_lock);
}
