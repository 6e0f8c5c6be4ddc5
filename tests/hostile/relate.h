/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lies about branches: what an entry of the branch table says of others, stored
 * with the checks that belong to it, into a region that may be mounted. Each is
 * what some kernel might have written, only not this one, not now.
 */
#ifndef RELATE_H
#define RELATE_H

#include "layer.h"

/* Entry index as it is, without looking whether it can be. */
struct daxfs_branch *relate_entry(const struct dxc_volume *vol, u32 index);
/* The index and generation of an entry; generation 0: it is free, or no word says. */
struct dxc_owner relate_id(const struct dxc_volume *vol, u32 index);
/* The live branch of that name, whatever it is said to lie on; -ENOENT. */
int relate_find(const struct dxc_volume *vol, const char *name, struct dxc_owner *id);

/* From now on the branch of that entry lies on parent. */
void relate_parent(const struct dxc_volume *vol, u32 index, struct dxc_owner parent);
/* Its state, in its generation. */
void relate_state(const struct dxc_volume *vol, u32 index, u32 state);
void relate_winner(const struct dxc_volume *vol, u32 index, struct dxc_owner child);
void relate_first_seq(const struct dxc_volume *vol, u32 index, u64 seq);
/* A live branch of that name in a free entry, with an empty log. -ENOSPC. */
int relate_new(const struct dxc_volume *vol, const char *name, struct dxc_owner parent);

#endif
