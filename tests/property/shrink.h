/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes sequences of operations that fail shorter. */
#ifndef SHRINK_H
#define SHRINK_H

#include "world.h"

/* Leaves out what can be left out while it still fails; how many are left. */
u32 shrink(struct op *ops, u32 count, bool (*fails)(const struct op *ops, u32 count));
/* Memory that processes forked later share. */
void *map_shared(size_t size);

#endif
