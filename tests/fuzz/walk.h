/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks an image as a mount and its users would: from the root, with every
 * name looked up, every byte, target and xattr read. Aborts when the core says
 * something that leads out of the region, or ends not.
 */
#ifndef WALK_H
#define WALK_H

#include "core.h"

struct walk_result {
	u64 steps;
	u64 files, dirs, bytes;
	u64 errors; /* EUCLEAN and the like, at any place */
};

/*
 * honest: the checker found nothing and nobody writes, so any error, any name
 * that is shown but not found, is a bug and aborts.
 */
void walk(const struct dxc_volume *vol, bool honest, struct walk_result *result);

#endif
