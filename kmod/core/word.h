/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words that carry a check: how they are put together and taken apart. What
 * they look like is in format.h; which member is of which kind, there too.
 *
 * Two right words differ in at least four bits, and a right word differs from
 * zero in as many. So a word with one flipped bit is known, and which bit it
 * is: everybody reads it as what it was, and only the checker, which compares,
 * says that it is damaged. Two flipped bits are known to be damage; nothing is
 * read from such a word.
 */
#ifndef DXC_WORD_H
#define DXC_WORD_H

#include "env.h"
#include <daxfs/format.h>

#define DXC_WORD_KIND_SHIFT	8
#define DXC_WORD_KIND_MASK	0xfu

/* Values are below this, indexes and the numbers beside them below those. */
#define DXC_WORD_LIMIT		0x10000000000000ull
#define DXC_WORD_INDEX_LIMIT	0x10000u
#define DXC_WORD_NUMBER_LIMIT	0x1000000000ull

/* A word of a kind, which is not 0. What of value is past the limit is lost. */
u64 dxc_word_seal(u32 kind, u64 value);
/* Of an index and a number. */
u64 dxc_word_seal_pair(u32 kind, u32 index, u64 number);

/* The right word that *word is, or that it is one bit away from. False: there is none. */
bool dxc_word_mend(u64 *word);
/*
 * The kind of a word, after mending it, and its value: 0 (and value 0) for the
 * word zero. False: it is no word.
 */
bool dxc_word_open(u64 word, u32 *kind, u64 *value);
/* Is it a word of that kind? Zero is of none. */
bool dxc_word_is(u64 word, u32 kind, u64 *value);

/* The kind that a word claims to be of, whether it is one or not. */
static inline u32 dxc_word_claims(u64 word)
{
	return word >> DXC_WORD_KIND_SHIFT & DXC_WORD_KIND_MASK;
}

static inline u32 dxc_value_index(u64 value)
{
	return value & (DXC_WORD_INDEX_LIMIT - 1);
}

static inline u64 dxc_value_number(u64 value)
{
	return value >> 16;
}

/*
 * A word that names a chunk by its number + 1, or nothing by 0; no word is read as
 * DXC_LINK_UNKNOWN, which is no chunk.
 */
#define DXC_LINK_UNKNOWN	(~0ull)
u64 dxc_link_seal(u64 link);
u64 dxc_link_open(u64 word);

/*
 * What br_head and ch_next say: a link, and above it a turn of 20 bits, which is counted up, and
 * begins again at 0, with each change of the word and whenever somebody takes the log over: who has
 * read it before that changes nothing by it. Turns are compared for equality only.
 */
#define DXC_HEAD_TURN_SHIFT	32

static inline u64 dxc_head_link(u64 head)
{
	return head == DXC_LINK_UNKNOWN ? head : head & ((1ull << DXC_HEAD_TURN_SHIFT) - 1);
}

/* A word with that link; of turn its lowest bits. */
static inline u64 dxc_head_of(u64 link, u64 turn)
{
	return (turn << DXC_HEAD_TURN_SHIFT | link) & (DXC_WORD_LIMIT - 1);
}

/* What follows on head, with that link. */
static inline u64 dxc_head_next(u64 head, u64 link)
{
	return dxc_head_of(link, (head >> DXC_HEAD_TURN_SHIFT) + 1);
}

#endif
