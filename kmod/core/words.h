/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words of the tables that others look at while they are stored: where they
 * are, what they are made of, how they are loaded and stored. Used by
 * branch.c, fate.c, mount.c and repair.c only.
 */
#ifndef DXC_WORDS_H
#define DXC_WORDS_H

#include "branch.h"

#define DXC_STATE_MASK	0xffffffffull

static inline dxc_off dxc_entry_at(const struct dxc_volume *vol, u32 index)
{
	return vol->area[DAXFS_AREA_BRANCHES].offset + (u64)index * sizeof(struct daxfs_branch);
}

#define BR_AT(vol, index, member) \
	(dxc_entry_at(vol, index) + offsetof(struct daxfs_branch, member))
#define SS_AT(vol, member) \
	((vol)->area[DAXFS_AREA_SHARED].offset + offsetof(struct daxfs_shared, member))

static inline __le64 *dxc_word_at(const struct dxc_volume *vol, dxc_off at)
{
	return (__le64 *)(vol->region.base + at);
}

/* Pairs with the release in dxc_publish(), dxc_word_show(), and with cmpxchg. */
static inline u64 dxc_word_load(const struct dxc_volume *vol, dxc_off at)
{
	return le64_to_cpu(dxc_load_acquire(dxc_word_at(vol, at)));
}

/* A word that need not outlive the power. */
static inline void dxc_word_show(const struct dxc_volume *vol, dxc_off at, u64 value)
{
	/* Pairs with dxc_word_load(). */
	dxc_store_release(dxc_word_at(vol, at), cpu_to_le64(value));
}

/* One of several words that are durable after one fence, in whatever order. */
static inline void dxc_word_store(const struct dxc_volume *vol, dxc_off at, u64 value)
{
	dxc_word_show(vol, at, value);
	if (vol->region.persistent)
		dxc_write_back(dxc_word_at(vol, at), sizeof(__le64));
}

static inline void dxc_fence(const struct dxc_volume *vol)
{
	dxc_write_fence(vol->region.persistent);
}

static inline u64 dxc_state_word(u32 state, u32 generation)
{
	return state | (u64)generation << DXC_GEN_SHIFT;
}

/* enum daxfs_branch_state, if it is one. */
static inline u32 dxc_entry_state(const struct dxc_volume *vol, u32 index)
{
	return dxc_word_load(vol, BR_AT(vol, index, br_state)) & DXC_STATE_MASK;
}

/* By its own word only: the parent may be dead. */
static inline bool dxc_is_live(const struct dxc_volume *vol, struct dxc_owner id)
{
	return id.branch < vol->branch_count && id.generation &&
	       dxc_word_load(vol, BR_AT(vol, id.branch, br_state)) ==
	       dxc_state_word(DAXFS_BRANCH_LIVE, id.generation);
}

/* branch.c: frees entries that somebody began to write; true if there were any. */
bool dxc_branch_drop_unfinished(const struct dxc_volume *vol);

#endif
