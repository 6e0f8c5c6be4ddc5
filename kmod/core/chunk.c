// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks of the delta area: one word each, changed by cmpxchg, so that several
 * kernels take and give them without a lock. A word is durable before anything
 * refers to its chunk, and stays until nothing does.
 */
#include "delta.h"

#define KIND_MASK	0xffull
#define BRANCH_SHIFT	8
#define BRANCH_MASK	0xffffull
#define GEN_SHIFT	32

static u64 owned_word(u32 kind, struct dxc_owner owner)
{
	return kind | (u64)owner.branch << BRANCH_SHIFT | (u64)owner.generation << GEN_SHIFT;
}

static __le64 *word_of(const struct dxc_volume *vol, dxc_chunk chunk)
{
	/* The area's length was checked against the count, its place against the region. */
	return (__le64 *)(vol->region.base + vol->area[DAXFS_AREA_CHUNKS].offset) + chunk;
}

/* Changes a word if it is what it was thought to be, durably. */
static bool change(const struct dxc_volume *vol, dxc_chunk chunk, u64 old, u64 new)
{
	__le64 *word = word_of(vol, chunk);

	if (dxc_cmpxchg(word, cpu_to_le64(old), cpu_to_le64(new)) != cpu_to_le64(old))
		return false;
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	/* Before whatever the caller stores because the chunk is his (or no longer). */
	dxc_write_fence(vol->region.persistent);
	return true;
}

int dxc_chunk_read(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_chunk_use *use)
{
	u64 word = le64_to_cpu(dxc_load_acquire(word_of(vol, chunk)));

	memset(use, 0, sizeof(*use));
	use->kind = word & KIND_MASK;
	switch (use->kind) {
	case DAXFS_CHUNK_FREE:
		return word ? -EUCLEAN : 0;
	case DAXFS_CHUNK_LOG:
	case DAXFS_CHUNK_DATA:
		use->owner.branch = word >> BRANCH_SHIFT & BRANCH_MASK;
		use->owner.generation = word >> GEN_SHIFT;
		if (use->owner.branch >= vol->branch_count || word >> 24 & 0xff)
			return -EUCLEAN;
		return 0;
	case DAXFS_CHUNK_FREED:
		use->freed_seq = word >> 8;
		return 0;
	}
	return -EUCLEAN;
}

bool dxc_chunk_is_free(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return !READ_ONCE(*word_of(vol, chunk));
}

int dxc_chunk_take(const struct dxc_volume *vol, dxc_chunk *hint, u32 kind,
		   struct dxc_owner owner, dxc_chunk *taken)
{
	u32 count = dxc_chunk_count(vol), i;
	dxc_chunk chunk = *hint < count ? *hint : 0;

	for (i = 0; i < count; i++) {
		if (!READ_ONCE(*word_of(vol, chunk)) &&
		    change(vol, chunk, 0, owned_word(kind, owner))) {
			*taken = chunk;
			*hint = chunk + 1;
			return 0;
		}
		if (++chunk == count)
			chunk = 0;
	}
	return -ENOSPC;
}

/* The word of a chunk of owner, or 0. */
static u64 word_if_owned(const struct dxc_volume *vol, dxc_chunk chunk,
			 struct dxc_owner owner)
{
	struct dxc_chunk_use use;

	if (chunk >= dxc_chunk_count(vol) || dxc_chunk_read(vol, chunk, &use) ||
	    (use.kind != DAXFS_CHUNK_LOG && use.kind != DAXFS_CHUNK_DATA) ||
	    use.owner.branch != owner.branch || use.owner.generation != owner.generation)
		return 0;
	return owned_word(use.kind, owner);
}

int dxc_chunk_free(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner owner, u64 commit_seq)
{
	u64 old = word_if_owned(vol, chunk, owner);

	if (!old || !change(vol, chunk, old, DAXFS_CHUNK_FREED | commit_seq << 8))
		return -ESTALE;
	return 0;
}

int dxc_chunk_pass(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner from, struct dxc_owner to)
{
	u64 old = word_if_owned(vol, chunk, from);

	if (!old || !change(vol, chunk, old, owned_word(old & KIND_MASK, to)))
		return -ESTALE;
	return 0;
}

bool dxc_chunk_set(const struct dxc_volume *vol, dxc_chunk chunk,
		   const struct dxc_chunk_use *use)
{
	u64 old = le64_to_cpu(READ_ONCE(*word_of(vol, chunk)));

	return change(vol, chunk, old, use->kind == DAXFS_CHUNK_FREED ?
		      DAXFS_CHUNK_FREED | use->freed_seq << 8 :
		      owned_word(use->kind, use->owner));
}

bool dxc_chunk_reclaim(const struct dxc_volume *vol, dxc_chunk chunk, u64 seen_seq)
{
	struct dxc_chunk_use use;

	if (dxc_chunk_read(vol, chunk, &use) || use.kind != DAXFS_CHUNK_FREED ||
	    use.freed_seq > seen_seq)
		return false;
	return change(vol, chunk, DAXFS_CHUNK_FREED | use.freed_seq << 8, 0);
}
