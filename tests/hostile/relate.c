// SPDX-License-Identifier: GPL-2.0-only
/* Lies about branches. */
#include "seal.h"
#include "relate.h"

#define GENERATION 0x1000000u /* of new entries: no kernel has given so many */

static __le64 pair(u32 kind, u32 index, u64 number)
{
	return cpu_to_le64(number ? dxc_word_seal_pair(kind, index, number) : 0);
}

static void store(__le64 *word, __le64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

struct daxfs_branch *relate_entry(const struct dxc_volume *vol, u32 index)
{
	return (struct daxfs_branch *)(vol->region.base +
				       vol->area[DAXFS_AREA_BRANCHES].offset) +
	       index;
}

struct dxc_owner relate_id(const struct dxc_volume *vol, u32 index)
{
	u64 state = le64_to_cpu(
		__atomic_load_n(&relate_entry(vol, index)->br_state, __ATOMIC_ACQUIRE));
	struct dxc_owner id = { .branch = index };
	u64 value;

	if (dxc_word_is(state, DAXFS_WORD_STATE, &value))
		id.generation = dxc_value_number(value);
	return id;
}

int relate_find(const struct dxc_volume *vol, const char *name, struct dxc_owner *id)
{
	const struct daxfs_branch *br;
	u32 i;

	for (i = 0; i < vol->branch_count; i++) {
		br = relate_entry(vol, i);
		*id = relate_id(vol, i);
		if (br->br_state ==
			    pair(DAXFS_WORD_STATE, DAXFS_BRANCH_LIVE, id->generation) &&
		    id->generation &&
		    !strncmp((const char *)br->br_name, name, sizeof(br->br_name)))
			return 0;
	}
	return -ENOENT;
}

void relate_parent(const struct dxc_volume *vol, u32 index, struct dxc_owner parent)
{
	struct daxfs_branch *at = relate_entry(vol, index), copy;

	memcpy(&copy, at, sizeof(copy));
	copy.br_parent = pair(DAXFS_WORD_BRANCH, parent.branch, parent.generation);
	seal_entry(&copy);
	at->br_checksum = copy.br_checksum;
	store(&at->br_parent, copy.br_parent);
}

void relate_state(const struct dxc_volume *vol, u32 index, u32 state)
{
	store(&relate_entry(vol, index)->br_state,
	      pair(DAXFS_WORD_STATE, state, relate_id(vol, index).generation));
}

void relate_winner(const struct dxc_volume *vol, u32 index, struct dxc_owner child)
{
	store(&relate_entry(vol, index)->br_winner,
	      pair(DAXFS_WORD_BRANCH, child.branch, child.generation));
}

void relate_first_seq(const struct dxc_volume *vol, u32 index, u64 seq)
{
	store(&relate_entry(vol, index)->br_first_seq,
	      cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, seq)));
}

int relate_new(const struct dxc_volume *vol, const char *name, struct dxc_owner parent)
{
	struct daxfs_branch copy = { 0 }, *at;
	u32 i;

	for (i = vol->branch_count - 1; i && relate_entry(vol, i)->br_state; i--)
		;
	if (!i)
		return -ENOSPC;
	at = relate_entry(vol, i);
	copy.br_state = pair(DAXFS_WORD_STATE, DAXFS_BRANCH_LIVE, GENERATION + i);
	copy.br_parent = pair(DAXFS_WORD_BRANCH, parent.branch, parent.generation);
	copy.br_first_seq = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 1));
	strncpy((char *)copy.br_name, name, sizeof(copy.br_name) - 1);
	seal_entry(&copy);
	memcpy((u8 *)at + sizeof(at->br_state), (u8 *)&copy + sizeof(copy.br_state),
	       sizeof(copy) - sizeof(copy.br_state));
	store(&at->br_state, copy.br_state);
	return 0;
}
