/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations on a view that may lie, with the checks that a kernel makes
 * before, and no others.
 */
#ifndef FUZZ_CHANGE_H
#define FUZZ_CHANGE_H

#include "visit.h"

/* What one operation is made of: which one, and choices. */
#define CHANGE_BYTES 4
#define CHANGE_KINDS 16u

/*
 * Does one to the topmost layer. seen: what was found there, to choose from;
 * names that are made are added. 0 also when there was nothing to be done.
 */
int change(struct dxc_layer *layer, struct visit *seen, const u8 how[CHANGE_BYTES]);

#endif
