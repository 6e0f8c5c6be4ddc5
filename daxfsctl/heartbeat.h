/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether anybody has an image mounted, in whatever kernel: by the heartbeats in its region. */
#ifndef DAXFSCTL_HEARTBEAT_H
#define DAXFSCTL_HEARTBEAT_H

#include "../kmod/core/branch.h"
#include "source.h"

/* Slots that were watched, and whose heart did not beat. */
struct heartbeats {
	struct dxc_mount *silent;	/* owned; by slot, epoch 0: nobody's */
	u32 count;
};

/*
 * Looks at the mount slots of vol, which is in src, for as long as it takes to
 * know: no time when none is claimed, a second or so when somebody is there,
 * seven when nobody is. 1: *who is there; 0: nobody, and *beats says who was;
 * -ENOMEM. waiting (may be NULL) is called once if it takes time.
 */
int heartbeat_watch(struct heartbeats *beats, const struct dxc_volume *vol, struct source *src,
		struct dxc_mount *who, void (*waiting)(void *priv), void *priv);
/* Is it one of those who were? As dxc_check.gone wants it. */
bool heartbeat_is_gone(const struct heartbeats *beats, const struct dxc_mount *mt);
void heartbeat_free(struct heartbeats *beats);
/* How to call a mount that is there: its host's name, in words when it has none. */
const char *heartbeat_host(const struct dxc_mount *mt);

#endif
