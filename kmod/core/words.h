/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words of the tables that others look at while they are stored: where they
 * are, what they are made of, how they are loaded and stored. Used by
 * branch.c, fate.c, lock.c, mount.c and repair.c only; what is not inline is in words.c.
 */
#ifndef DXC_WORDS_H
#define DXC_WORDS_H

#include "branch.h"

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

/*
 * A word with a check, mended if a bit of it is flipped; as it is, which is no word,
 * if more are. What is asked for, it is the likeliest: the check is not computed.
 */
u64 dxc_word_get(const struct dxc_volume *vol, dxc_off at);
static inline bool dxc_word_says(const struct dxc_volume *vol, dxc_off at, u64 word)
{
	return dxc_word_load(vol, at) == word || dxc_word_get(vol, at) == word;
}

/* Stores new if the word is old; what it was, mended. Orders like a lock. */
u64 dxc_word_exchange(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new);
/* The same, durable with the next fence. False: it is another word by now. */
bool dxc_word_change(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new);

/*
 * me becomes the holder that a word names, if that names nobody, or *holder, whom the
 * caller knows to be dead; *holder becomes who it was. A holder that was taken from leaves
 * things half done: recovering from that is the caller's, also for one that cannot exist. -EBUSY:
 * *holder, another one, has it.
 */
int dxc_holder_take(const struct dxc_volume *vol, dxc_off at, dxc_holder me, dxc_holder *holder);

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

/* In its first turn. */
static inline u64 dxc_state_word(u32 state, u64 generation)
{
	return state == DAXFS_BRANCH_FREE ? 0 :
		dxc_word_seal_pair(DAXFS_WORD_STATE, state, generation);
}

/* The same of the branch that br_state is about, in the same turn; next: in the one after it. */
u64 dxc_state_other(u64 word, u32 state, bool next);

/* What a word that names a branch says: of zero {0, 0}. False: it is none. */
bool dxc_branch_word_open(u64 word, struct dxc_owner *id);
/* The same of br_winner, {0, 0}: no commit is under way. */
bool dxc_winner_open(u64 word, struct dxc_owner *id);

/* May a commit to the branch be under way? Its br_winner is word. */
static inline bool dxc_winner_is_set(u64 word)
{
	struct dxc_owner id;

	return !dxc_winner_open(word, &id) || id.generation;
}

static inline u64 dxc_branch_word(struct dxc_owner id)
{
	return id.generation ? dxc_word_seal_pair(DAXFS_WORD_BRANCH, id.branch, id.generation) : 0;
}

static inline u64 dxc_number_word(u64 number)
{
	return dxc_word_seal(DAXFS_WORD_NUMBER, number);
}

/* The number there; false: the word is none. */
bool dxc_number_get(const struct dxc_volume *vol, dxc_off at, u64 *number);

/*
 * dxc_count_up(), durable when it returns: the counter is past the number before anything
 * bears it.
 */
int dxc_count_up_durably(const struct dxc_volume *vol, dxc_off at, u64 floor, u64 limit,
			 u64 *number);

/* What br_state says, in which generation; DXC_STATE_UNKNOWN: nothing that can be. */
#define DXC_STATE_UNKNOWN	0xffffu
u32 dxc_state_open(u64 word, u64 *generation);

/*
 * The entry's br_state becomes to, if it says from, of that generation, or nothing that can
 * be. False: somebody else has changed it. Durable with the next fence.
 */
bool dxc_entry_change_from(const struct dxc_volume *vol, struct dxc_owner id, u64 word, u32 from,
			   u32 to);
/* The same, whatever turn it is in by now: for what follows from a decision. */
bool dxc_entry_change(const struct dxc_volume *vol, struct dxc_owner id, u32 from, u32 to);

/* enum daxfs_branch_state, or DXC_STATE_UNKNOWN. */
static inline u32 dxc_entry_state(const struct dxc_volume *vol, u32 index)
{
	u64 generation;

	return dxc_state_open(dxc_word_load(vol, BR_AT(vol, index, br_state)), &generation);
}

/* Is there no branch in an entry, dead or alive? */
static inline bool dxc_state_is_nobodys(u32 state)
{
	return state == DAXFS_BRANCH_FREE || state == DAXFS_BRANCH_MAKING ||
	       state == DAXFS_BRANCH_LEFT;
}

/* By its own word only: the parent may be dead. */
static inline bool dxc_is_live(const struct dxc_volume *vol, struct dxc_owner id)
{
	u64 word, generation;

	if (id.branch >= vol->branch_count || !id.generation)
		return false;
	word = dxc_word_load(vol, BR_AT(vol, id.branch, br_state));
	/* Hardly ever is it in another turn. */
	return word == dxc_state_word(DAXFS_BRANCH_LIVE, id.generation) ||
	       (dxc_state_open(word, &generation) == DAXFS_BRANCH_LIVE &&
		generation == id.generation);
}

/*
 * For who has taken the lease of a branch over: its former holder does not discard it any more.
 * Durable with the next fence.
 */
void dxc_branch_next_turn(const struct dxc_volume *vol, struct dxc_owner id);

/*
 * Mends what single flipped bits have made of a copy of an entry: its words, and what
 * br_checksum is about. True if there was anything; for check_delta.c and repair.c.
 */
bool dxc_entry_mend(struct daxfs_branch *raw);

/*
 * branch.c: ends renames that somebody has begun, and frees the entries that he was making, or, if
 * he may still store to them, leaves them to him; true if there were any.
 */
bool dxc_branch_drop_unfinished(const struct dxc_volume *vol, bool leave);

#endif
