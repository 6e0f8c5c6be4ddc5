/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Persistent memory that can lose its power: what was written back before a
 * fence is durable, of everything else that was stored any 8 bytes may be there
 * or not. What happens during an operation is recorded, and the memories that a
 * crash at any fence can leave are made afterwards.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "core.h"

/* Watches everything from start to the end of the region. */
void recorder_open(struct dxc_region *rg, dxc_off start);
void recorder_close(void);
/* From here on; what was stored before is durable. */
void recorder_start(void);
void recorder_stop(void);

/*
 * Makes the memories that can be left, one after the other, in one buffer, which
 * may be changed, and calls each(base, ended): ended when the operation had
 * returned. At most limit per fence; more are chosen at random. false stops.
 * How many there were.
 */
u64 recorder_crashes(u32 limit, u64 *random, bool (*each)(u8 *base, bool ended));

#endif
