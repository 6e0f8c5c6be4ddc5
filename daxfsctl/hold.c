// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes slot, lock and leases by the core's functions, in the place of a mount
 * that does nothing. What a dead mount had is taken over only where a writer
 * could do the same meanwhile; what it left half done is for a kernel to finish.
 */
#include "hold.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

/* A mount beats once a second, and is taken for dead after five without (heartbeat.c). */
#define WATCH_MS 7000
#define STEP_MS 50
/* Who waits for us tries again for as long as we are silent; then he gives up. */
#define BEAT_MS 2000
#define LOCK_PATIENCE_MS 10000

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static s64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (s64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- who is there ---- */

static bool is_here(const struct dxc_mount *mt)
{
	struct utsname name;

	return uname(&name) == 0 &&
	       strncmp(mt->host, name.nodename, sizeof(mt->host) - 1) == 0;
}

/* The mount that is one too many, if any: rather one whose host is another. */
static bool find_stranger(struct hold *h, u32 known, bool beaten_only)
{
	u32 count = 0;
	bool other = false;

	for (u32 i = 0; i < h->vol->mount_count; i++) {
		const struct hold_slot *slot = &h->slots[i];

		if (!slot->mt.epoch || !slot->mt.writable ||
		    (beaten_only && !slot->beats))
			continue;
		count++;
		if (!other)
			h->stranger = slot->mt;
		other |= !is_here(&slot->mt);
	}
	h->writers = count;
	return count > known || other;
}

/* Once more: whose heart has beaten since the first look? */
static void look_again(struct hold *h, struct source *src)
{
	const struct dxc_area *mounts = &h->vol->area[DAXFS_AREA_MOUNTS];
	struct dxc_mount mt;

	source_refresh(src, mounts->offset, mounts->length);
	for (u32 i = 0; i < h->vol->mount_count; i++) {
		struct hold_slot *slot = &h->slots[i];

		if (dxc_mount_read(h->vol, i, &mt)) {
			slot->mt.epoch = 0;
		} else if (mt.epoch != slot->mt.epoch ||
			   mt.heartbeat != slot->mt.heartbeat) {
			slot->mt = mt;
			slot->beats = true;
		}
	}
}

int hold_look(struct hold *h, const struct dxc_volume *vol, struct source *src, u32 known)
{
	memset(h, 0, sizeof(*h));
	h->vol = vol;
	h->slots = calloc(vol->mount_count ? vol->mount_count : 1, sizeof(*h->slots));
	if (!h->slots)
		return -ENOMEM;
	for (u32 i = 0; i < vol->mount_count; i++)
		if (dxc_mount_read(vol, i, &h->slots[i].mt))
			h->slots[i].mt.epoch = 0;
	if (!find_stranger(h, known, false)) {
		for (u32 i = 0; i < vol->mount_count; i++)
			h->slots[i].beats = true;
		return 0;
	}
	for (long passed = 0; passed < WATCH_MS; passed += STEP_MS) {
		pause_ms(STEP_MS);
		look_again(h, src);
		if (find_stranger(h, known, true))
			return -EBUSY;
		/* All that are left live. */
		if (!find_stranger(h, known, false))
			break;
	}
	find_stranger(h, known, true);
	return 0;
}

/* Is holder a mount that was there when we looked, and lives? */
static bool is_known(const struct hold *h, dxc_holder holder)
{
	u32 slot, epoch;

	return dxc_holder_open(h->vol, holder, &slot, &epoch) && h->slots[slot].beats &&
	       h->slots[slot].mt.epoch == epoch;
}

/* Was it there, and silent; or is it nobody's? */
static bool is_gone(const struct hold *h, dxc_holder holder)
{
	u32 slot, epoch;

	return !dxc_holder_is_there(h->vol, holder) ||
	       !dxc_holder_open(h->vol, holder, &slot, &epoch) ||
	       (h->slots[slot].mt.epoch == epoch && !h->slots[slot].beats);
}

/* ---- holding ---- */

static int claim(struct hold *h)
{
	struct dxc_branch br;
	u32 epoch = 0;
	int err;

	while (!(epoch & 0x7fffffff))
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			return -EIO;
	epoch &= 0x7fffffff;
	err = dxc_branch_read(h->vol, DAXFS_MAIN_BRANCH, &br, NULL);
	if (!err)
		err = dxc_mount_claim(h->vol, epoch, br.id, false, "save", NULL, NULL,
				      &h->slot);
	if (err)
		return err;
	h->epoch = epoch;
	h->me = dxc_holder_of(h->slot, epoch);
	h->beaten = now_ms();
	return 0;
}

/* What a dead holder had begun is not ours to finish: a kernel that wants the lock does it. */
static int take_lock(struct hold *h)
{
	dxc_holder holder;
	int err;

	for (long passed = 0; passed < LOCK_PATIENCE_MS; passed += STEP_MS) {
		holder = 0;
		err = dxc_lock_take(h->vol, h->me, &holder);
		if (err != -EBUSY)
			return err;
		hold_tick(h);
		pause_ms(STEP_MS);
	}
	return -EBUSY;
}

static int take_lease(struct hold *h, struct dxc_owner id)
{
	dxc_holder holder = 0;
	int err = dxc_lease_take(h->vol, id, h->me, &holder);

	if (err != -EBUSY || is_known(h, holder))
		return err == -ESTALE || err == -EBUSY ? 0 : err;
	if (!is_gone(h, holder))
		return -EAGAIN;
	err = dxc_lease_take(h->vol, id, h->me, &holder);
	return err == -EBUSY ? -EAGAIN : err == -ESTALE ? 0 : err;
}

int hold_begin(struct hold *h)
{
	struct dxc_branch br;
	u32 index = 0;
	int err;

	err = claim(h);
	if (!err)
		err = take_lock(h);
	while (!err && dxc_branch_next(h->vol, &index, &br) == 0)
		err = take_lease(h, br.id);
	if (err)
		hold_end(h);
	return err;
}

void hold_tick(struct hold *h)
{
	if (!h->me || now_ms() - h->beaten < BEAT_MS)
		return;
	dxc_mount_beat(h->vol, h->slot, h->epoch);
	h->beaten = now_ms();
}

int hold_end(struct hold *h)
{
	struct dxc_owner id = { 0 };
	bool held;

	if (!h->me)
		return 0;
	held = dxc_holder_is_there(h->vol, h->me) && dxc_lock_is_held(h->vol, h->me);
	for (id.branch = 0; id.branch < h->vol->branch_count; id.branch++)
		dxc_lease_drop(h->vol, id, h->me);
	dxc_lock_drop(h->vol, h->me);
	dxc_mount_release(h->vol, h->slot, h->epoch);
	h->me = 0;
	return held ? 0 : -ESTALE;
}

void hold_free(struct hold *h)
{
	hold_end(h);
	free(h->slots);
	h->slots = NULL;
}
