/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words by which kernels that share a region keep each other from changing
 * it, held by this program: the volume lock, and the lease of each branch that
 * has no writer. Who has one already has to be kept still by other means.
 */
#ifndef DAXFSCTL_HOLD_H
#define DAXFSCTL_HOLD_H

#include "../kmod/core/branch.h"
#include "source.h"

/* A mount slot, as it was found. */
struct hold_slot {
	struct dxc_mount mt;	/* epoch 0: nobody's */
	bool beats;		/* its heart did */
};

struct hold {
	const struct dxc_volume *vol;
	struct hold_slot *slots;	/* owned; by number */
	u32 writers;		/* mounts that live and may write */
	struct dxc_mount stranger;	/* the one that is one too many, after -EBUSY */
	/* Private: */
	u32 slot, epoch;
	dxc_holder me;		/* 0: nothing is held */
	s64 beaten;		/* when, in ms */
};

/*
 * Looks at who has the region mounted. known: how many mounts that can write the
 * caller can keep still. 0, -ENOMEM, or -EBUSY: there is at least one more. Takes
 * no time unless there seem to be more; then up to seven seconds.
 */
int hold_look(struct hold *h, const struct dxc_volume *vol, struct source *src, u32 known);
/*
 * Takes hold, of a region that can be written to. 0; -EAGAIN: somebody came since
 * hold_look(); -EBUSY: a branch operation of somebody else does not end;
 * -EUSERS: no slot is free.
 */
int hold_begin(struct hold *h);
/* To be called several times a second while it is held: others see us live. */
void hold_tick(struct hold *h);
/* 0, or -ESTALE: others took us for dead, and may have changed what was held. */
int hold_end(struct hold *h);
/* Ends it if it was begun. */
void hold_free(struct hold *h);

#endif
