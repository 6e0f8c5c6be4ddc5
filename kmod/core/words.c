// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words of the tables that others look at and change meanwhile: how they are read,
 * exchanged and counted up. What they are about is in branch.c, fate.c and mount.c.
 */
#include "words.h"

u64 dxc_word_get(const struct dxc_volume *vol, dxc_off at)
{
	u64 word = dxc_word_load(vol, at);

	dxc_word_mend(&word);
	return word;
}

u64 dxc_word_exchange(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new)
{
	__le64 *word = dxc_word_at(vol, at), is = cpu_to_le64(old), seen;
	u64 right;

	for (;;) {
		seen = dxc_cmpxchg(word, is, cpu_to_le64(new));
		if (seen == is)
			return old;
		right = le64_to_cpu(seen);
		dxc_word_mend(&right);
		if (right != old)
			return right;
		is = seen;
	}
}

bool dxc_word_change(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new)
{
	if (dxc_word_exchange(vol, at, old, new) != old)
		return false;
	if (vol->region.persistent)
		dxc_write_back(dxc_word_at(vol, at), sizeof(__le64));
	return true;
}

bool dxc_number_get(const struct dxc_volume *vol, dxc_off at, u64 *number)
{
	return dxc_word_is(dxc_word_load(vol, at), DAXFS_WORD_NUMBER, number);
}

bool dxc_branch_word_open(u64 word, struct dxc_owner *id)
{
	u64 value;
	u32 kind;

	if (!dxc_word_open(word, &kind, &value) || (kind && kind != DAXFS_WORD_BRANCH))
		return false;
	id->branch = dxc_value_index(value);
	id->generation = dxc_value_number(value);
	return !kind || id->generation;
}

bool dxc_winner_open(u64 word, struct dxc_owner *id)
{
	u64 number;

	if (!dxc_word_is(word, DAXFS_WORD_NUMBER, &number))
		return dxc_branch_word_open(word, id);
	*id = (struct dxc_owner){};
	return true;
}

#define STATE_MASK	0xffu
#define TURN_ONE	0x100u

u32 dxc_state_open(u64 word, u64 *generation)
{
	u64 value;
	u32 kind, state;

	*generation = 0;
	if (!dxc_word_open(word, &kind, &value) || (kind && kind != DAXFS_WORD_STATE))
		return DXC_STATE_UNKNOWN;
	if (!kind)
		return DAXFS_BRANCH_FREE;
	*generation = dxc_value_number(value);
	state = dxc_value_index(value) & STATE_MASK;
	/* Free is the word zero only. */
	return state && *generation ? state : DXC_STATE_UNKNOWN;
}

u64 dxc_state_other(u64 word, u32 state, bool next)
{
	u32 turn = 0;
	u64 value;

	if (state == DAXFS_BRANCH_FREE || !dxc_word_is(word, DAXFS_WORD_STATE, &value))
		return 0;
	turn = (dxc_value_index(value) & ~STATE_MASK) + (next ? TURN_ONE : 0);
	return dxc_word_seal_pair(DAXFS_WORD_STATE, (turn & (DXC_WORD_INDEX_LIMIT - 1)) | state,
				  dxc_value_number(value));
}

bool dxc_entry_change_from(const struct dxc_volume *vol, struct dxc_owner id, u64 word, u32 from,
			   u32 to)
{
	u64 generation;
	u32 state = dxc_state_open(word, &generation);

	if (state != DXC_STATE_UNKNOWN && (state != from || generation != id.generation))
		return false;
	return dxc_word_change(vol, BR_AT(vol, id.branch, br_state), word,
			       state == DXC_STATE_UNKNOWN ? dxc_state_word(to, id.generation) :
							    dxc_state_other(word, to, false));
}

/* Tries: who takes a lease over, or is late, stores once, a hostile kernel all the time. */
#define TURN_TRIES	64

bool dxc_entry_change(const struct dxc_volume *vol, struct dxc_owner id, u32 from, u32 to)
{
	dxc_off at = BR_AT(vol, id.branch, br_state);
	u64 word, generation;
	u32 tries, state;

	for (tries = 0; tries < TURN_TRIES; tries++) {
		word = dxc_word_get(vol, at);
		if (dxc_entry_change_from(vol, id, word, from, to))
			return true;
		state = dxc_state_open(dxc_word_get(vol, at), &generation);
		if (state != from || generation != id.generation)
			return false;
	}
	return false;
}

void dxc_branch_next_turn(const struct dxc_volume *vol, struct dxc_owner id)
{
	dxc_off at = BR_AT(vol, id.branch, br_state);
	u64 word, generation;
	u32 tries;

	for (tries = 0; tries < TURN_TRIES; tries++) {
		word = dxc_word_get(vol, at);
		if (dxc_state_open(word, &generation) != DAXFS_BRANCH_LIVE ||
		    generation != id.generation ||
		    dxc_word_change(vol, at, word, dxc_state_other(word, DAXFS_BRANCH_LIVE, true)))
			return;
	}
}

int dxc_count_up(const struct dxc_volume *vol, dxc_off at, u64 floor, u64 limit, u64 *number)
{
	__le64 *word = dxc_word_at(vol, at);
	__le64 old = READ_ONCE(*word), seen;

	for (;;) {
		if (!dxc_word_is(le64_to_cpu(old), DAXFS_WORD_NUMBER, number))
			return -EUCLEAN;
		*number = max_t(u64, *number, floor);
		if (*number + 1 >= limit)
			return -ENOSPC;
		seen = dxc_cmpxchg(word, old, cpu_to_le64(dxc_number_word(*number + 1)));
		if (seen == old)
			break;
		old = seen;
	}
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	return 0;
}

int dxc_count_up_durably(const struct dxc_volume *vol, dxc_off at, u64 floor, u64 limit,
			 u64 *number)
{
	int err = dxc_count_up(vol, at, floor, limit, number);

	if (!err)
		dxc_fence(vol);
	return err;
}

int dxc_next_ino(const struct dxc_volume *vol, dxc_ino *ino)
{
	return dxc_count_up_durably(vol, SS_AT(vol, ss_next_ino), vol->inode_count + 1,
				    DXC_INO_LIMIT, ino);
}

u64 dxc_commit_word_of(u64 seq)
{
	return dxc_number_word(seq);
}

u64 dxc_commit_seq(const struct dxc_volume *vol)
{
	u64 seq;

	return dxc_number_get(vol, SS_AT(vol, ss_commit_seq), &seq) ? seq : 0;
}

u64 dxc_commit_seq_advance(const struct dxc_volume *vol)
{
	u64 seq = 0;

	/* Others who see the new value see what was stored before it. */
	dxc_fence(vol);
	if (dxc_count_up_durably(vol, SS_AT(vol, ss_commit_seq), 0, DXC_SEQ_LIMIT, &seq))
		return DXC_WORD_LIMIT - 1;	/* nobody gets there by counting */
	return seq + 1;
}
