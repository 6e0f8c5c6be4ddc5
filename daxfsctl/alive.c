// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches heartbeats. A mount beats once a second, and is taken for dead by
 * others after five without (kmod/slot.c): here it gets two more.
 */
#include "alive.h"

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
static bool look(struct alive *alive, const struct dxc_volume *vol, struct source *src,
		 bool first, struct dxc_mount *who)
{
	const struct dxc_area *mounts = &vol->area[DAXFS_AREA_MOUNTS];

	source_refresh(src, mounts->offset, mounts->length);
	for (u32 i = 0; i < alive->count; i++) {
		struct dxc_mount mt;

		if (dxc_mount_read(vol, i, &mt)) {
			alive->silent[i].epoch = 0;
			continue;
		}
		if (!first && has_beaten(&alive->silent[i], &mt)) {
			*who = mt;
			return true;
		}
		alive->silent[i] = mt;
	}
	return false;
}

static bool is_anybody(const struct alive *alive)
{
	for (u32 i = 0; i < alive->count; i++)
		if (alive->silent[i].epoch)
			return true;
	return false;
}

int alive_watch(struct alive *alive, const struct dxc_volume *vol, struct source *src,
		struct dxc_mount *who, void (*waiting)(void *priv), void *priv)
{
	alive->count = dxc_volume_is_writable(vol) ? vol->mount_count : 0;
	alive->silent = calloc(alive->count ? alive->count : 1, sizeof(*alive->silent));
	if (!alive->silent)
		return -ENOMEM;
	look(alive, vol, src, true, who);
	for (long passed = 0; passed < WATCH_MS && is_anybody(alive); passed += STEP_MS) {
		if (!passed && waiting)
			waiting(priv);
		pause_ms(STEP_MS);
		if (look(alive, vol, src, false, who))
			return 1;
	}
	return 0;
}

bool alive_is_gone(const struct alive *alive, const struct dxc_mount *mt)
{
	return mt->slot < alive->count && alive->silent[mt->slot].epoch == mt->epoch &&
	       !has_beaten(&alive->silent[mt->slot], mt);
}

void alive_free(struct alive *alive)
{
	free(alive->silent);
	alive->silent = NULL;
}

const char *alive_host(const struct dxc_mount *mt)
{
	return mt->host[0] ? mt->host : "another host";
}
