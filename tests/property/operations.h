/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on one branch; for world.c. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stdio.h>
#include "../unit/broken.h"
#include "world.h"

bool branch_has_children(struct world *w, const struct world_branch *b);
struct world_branch *branch_pick(struct world *w, u32 n, bool leaf);
/* What a kernel does for a system call on the branch, which may be written to. */
int operation_do(struct world *w, struct world_branch *b, const struct op *op);

#endif
