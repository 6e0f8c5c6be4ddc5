// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches heartbeats. A mount beats once a second, and is taken for dead by
 * others after five without (kmod/volume/slot.c): here it gets two more.
 */
#include "heartbeat.h"

#include <stdlib.h>
#include <time.h>

#define WATCH_MS 7000
#define STEP_MS 100

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static bool has_beaten(const struct dxc_mount *before, const struct dxc_mount *now)
{
	return before->epoch != now->epoch || before->heartbeat != now->heartbeat;
}

/* Looks at all slots once more; true when *who is alive. */
static bool look(struct heartbeats *beats, const struct dxc_volume *vol,
		 struct source *src, bool first, struct dxc_mount *who)
{
	const struct dxc_area *mounts = &vol->area[DAXFS_AREA_MOUNTS];

	source_refresh(src, mounts->offset, mounts->length);
	for (u32 i = 0; i < beats->count; i++) {
		struct dxc_mount mt;

		if (dxc_mount_read(vol, i, &mt)) {
			beats->silent[i].epoch = 0;
			continue;
		}
		if (!first && has_beaten(&beats->silent[i], &mt)) {
			*who = mt;
			return true;
		}
		beats->silent[i] = mt;
	}
	return false;
}

static bool is_anybody(const struct heartbeats *beats)
{
	for (u32 i = 0; i < beats->count; i++)
		if (beats->silent[i].epoch)
			return true;
	return false;
}

int heartbeat_watch(struct heartbeats *beats, const struct dxc_volume *vol,
		    struct source *src, struct dxc_mount *who,
		    void (*waiting)(void *priv), void *priv)
{
	beats->count = dxc_volume_is_writable(vol) ? vol->mount_count : 0;
	beats->silent = calloc(beats->count ? beats->count : 1, sizeof(*beats->silent));
	if (!beats->silent)
		return -ENOMEM;
	look(beats, vol, src, true, who);
	for (long passed = 0; passed < WATCH_MS && is_anybody(beats); passed += STEP_MS) {
		if (!passed && waiting)
			waiting(priv);
		pause_ms(STEP_MS);
		if (look(beats, vol, src, false, who))
			return 1;
	}
	return 0;
}

bool heartbeat_is_gone(const struct heartbeats *beats, const struct dxc_mount *mt)
{
	return mt->slot < beats->count && beats->silent[mt->slot].epoch == mt->epoch &&
	       !has_beaten(&beats->silent[mt->slot], mt);
}

void heartbeat_free(struct heartbeats *beats)
{
	free(beats->silent);
	beats->silent = NULL;
}

const char *heartbeat_host(const struct dxc_mount *mt)
{
	return mt->host[0] ? mt->host : "another host";
}
