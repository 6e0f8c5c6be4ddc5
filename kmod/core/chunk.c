// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks of the delta area: one word each, changed by cmpxchg, so that several
 * kernels take and give them without a lock. A word is durable before anything
 * refers to its chunk, and stays until nothing does.
 */
#include "delta.h"

#define TALLY_STEP 4096u	/* words that are counted between two pauses */

static u64 owned_word(u32 kind, struct dxc_owner owner)
{
	return dxc_word_seal_pair(kind, owner.branch, owner.generation);
}

static u64 freed_word(u64 commit_seq)
{
	return dxc_word_seal(DAXFS_CHUNK_FREED, commit_seq);
}

static __le64 *word_of(const struct dxc_volume *vol, dxc_chunk chunk)
{
	/* The area's length was checked against the count, its place against the region. */
	return (__le64 *)(vol->region.base + vol->area[DAXFS_AREA_CHUNKS].offset) + chunk;
}

/* Changes a word if it is what it was thought to be, durably. */
static bool exchange(const struct dxc_volume *vol, dxc_chunk chunk, u64 old, u64 new)
{
	__le64 *word = word_of(vol, chunk), is = READ_ONCE(*word);
	u64 right = le64_to_cpu(is);

	/* It may be that word with a flipped bit. */
	if (!dxc_word_mend(&right) || right != old)
		is = cpu_to_le64(old);
	if (dxc_cmpxchg(word, is, cpu_to_le64(new)) != is)
		return false;
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	/* Before whatever the caller stores because the chunk is his (or no longer). */
	dxc_write_fence(vol->region.persistent);
	return true;
}

/* ---- counting along ---- */

/* Words are not looked at closely. */
static bool is_unused(u64 word)
{
	return !word || dxc_word_claims(word) == DAXFS_CHUNK_FREED;
}

static bool is_log(u64 word)
{
	return dxc_word_claims(word) == DAXFS_CHUNK_LOG;
}

/* Orders like a lock. */
static void add(__le64 *sum, u64 n)
{
	__le64 old = READ_ONCE(*sum), seen;

	while ((seen = dxc_cmpxchg(sum, old, cpu_to_le64(le64_to_cpu(old) + n))) != old)
		old = seen;
}

/* The same, and counts it. */
static bool change(const struct dxc_volume *vol, dxc_chunk chunk, u64 old, u64 new)
{
	u64 unused = (u64)is_unused(new) - is_unused(old), logs = (u64)is_log(new) - is_log(old);
	struct dxc_tally *tally = vol->tally;
	bool changed;

	if (!tally || !(unused | logs))
		return exchange(vol, chunk, old, new);
	/* Before the word is changed, and done after it is counted: see dxc_tally_count(). */
	add(&tally->begun, 1);
	changed = exchange(vol, chunk, old, new);
	if (changed) {
		add(&tally->unused, unused);
		add(&tally->logs, logs);
	}
	add(&tally->done, 1);
	return changed;
}

bool dxc_tally_count(const struct dxc_volume *vol)
{
	struct dxc_tally *tally = vol->tally;
	u32 count = dxc_chunk_count(vol), i;
	u64 unused = 0, logs = 0, word;
	__le64 begun, done;

	/* Pairs with add() in change(). In this order: if both are the same none is under way. */
	done = dxc_load_acquire(&tally->done);
	begun = dxc_load_acquire(&tally->begun);
	for (i = 0; i < count; i++) {
		word = le64_to_cpu(READ_ONCE(*word_of(vol, i)));
		unused += is_unused(word);
		logs += is_log(word);
		if (i % TALLY_STEP == TALLY_STEP - 1 && dxc_pause())
			return false;
	}
	WRITE_ONCE(tally->unused, cpu_to_le64(unused));
	WRITE_ONCE(tally->logs, cpu_to_le64(logs));
	/*
	 * Pairs with add() in change(): a change that is not seen to have begun here changes its
	 * word after the walk, and counts it in what was just stored.
	 */
	dxc_mb();
	return begun == done && READ_ONCE(tally->begun) == begun;
}

int dxc_chunk_read(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_chunk_use *use)
{
	u64 word = le64_to_cpu(dxc_load_acquire(word_of(vol, chunk))), value;
	u32 kind;

	memset(use, 0, sizeof(*use));
	use->kind = DXC_CHUNK_NEVER;
	if (!dxc_word_open(word, &kind, &value))
		return -EUCLEAN;
	switch (kind) {
	case DAXFS_CHUNK_FREE:
		break;
	case DAXFS_CHUNK_LOG:
	case DAXFS_CHUNK_DATA:
		use->owner.branch = dxc_value_index(value);
		use->owner.generation = dxc_value_number(value);
		if (use->owner.branch >= vol->branch_count)
			return -EUCLEAN;
		break;
	case DAXFS_CHUNK_FREED:
		use->freed_seq = value;
		break;
	default:
		return -EUCLEAN;
	}
	use->kind = kind;
	return 0;
}

bool dxc_chunk_is_free(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return !READ_ONCE(*word_of(vol, chunk));
}

static __le64 *taken_word(const struct dxc_volume *vol)
{
	return (__le64 *)(vol->region.base + vol->area[DAXFS_AREA_SHARED].offset +
			  offsetof(struct daxfs_shared, ss_taken));
}

bool dxc_chunks_taken(const struct dxc_volume *vol, u64 *taken)
{
	return dxc_word_is(le64_to_cpu(READ_ONCE(*taken_word(vol))), DAXFS_WORD_NUMBER, taken);
}

/* Before they are taken: what is counted after the number was read is without them. */
static void count_taken(const struct dxc_volume *vol, u32 count)
{
	__le64 *word = taken_word(vol), old = READ_ONCE(*word), seen;
	u64 taken;

	/* What is no number, or the last, stays: each time is counted then. */
	while (dxc_word_is(le64_to_cpu(old), DAXFS_WORD_NUMBER, &taken) &&
	       taken + count < DXC_WORD_LIMIT) {
		seen = dxc_cmpxchg(word, old,
				   cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, taken + count)));
		if (seen == old)
			return;
		old = seen;
	}
}

/* How many of them could be taken, until another was faster. */
static u32 take_all(const struct dxc_volume *vol, dxc_chunk first, u32 count, u64 word)
{
	u32 n;

	count_taken(vol, count);
	for (n = 0; n < count; n++)
		if (!change(vol, first + n, 0, word))
			break;
	return n;
}

int dxc_chunk_take_row(const struct dxc_volume *vol, dxc_chunk *hint, u32 kind,
		       struct dxc_owner owner, u32 *count, dxc_chunk *taken)
{
	u32 chunks = dxc_chunk_count(vol), want = *count, left, row = 0;
	/* Others move the hint meanwhile. */
	dxc_chunk chunk = READ_ONCE(*hint);

	if (!want || want > chunks)
		return -ENOSPC;
	if (chunk >= chunks)
		chunk = 0;
	/* Once around, and to the end of a row that the start is in the middle of. */
	for (left = chunks; left + want > 1; left--) {
		row = READ_ONCE(*word_of(vol, chunk)) ? 0 : row + 1;
		chunk++;
		if (row >= want) {
			*taken = chunk - want;
			*count = take_all(vol, *taken, want, owned_word(kind, owner));
			if (*count)
				WRITE_ONCE(*hint, *taken + *count);
			if (*count == want)
				return 0;
			if (*count)
				return -EAGAIN;
		}
		if (chunk == chunks) {
			chunk = 0;
			row = 0;
		}
	}
	return -ENOSPC;
}

int dxc_chunk_take(const struct dxc_volume *vol, dxc_chunk *hint, u32 kind,
		   struct dxc_owner owner, u32 count, dxc_chunk *taken)
{
	u32 got;
	int err;

	do {
		got = count;
		err = dxc_chunk_take_row(vol, hint, kind, owner, &got, taken);
		while (err == -EAGAIN && got--)
			change(vol, *taken + got, owned_word(kind, owner), 0);
	} while (err == -EAGAIN);
	return err;
}

/* The word of a chunk of owner, or 0. */
static u64 word_if_owned(const struct dxc_volume *vol, dxc_chunk chunk,
			 struct dxc_owner owner, u32 *kind)
{
	struct dxc_chunk_use use;

	if (chunk >= dxc_chunk_count(vol) || dxc_chunk_read(vol, chunk, &use) ||
	    (use.kind != DAXFS_CHUNK_LOG && use.kind != DAXFS_CHUNK_DATA) ||
	    use.owner.branch != owner.branch || use.owner.generation != owner.generation)
		return 0;
	*kind = use.kind;
	return owned_word(use.kind, owner);
}

int dxc_chunk_free(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner owner, u64 commit_seq)
{
	u32 kind;
	u64 old = word_if_owned(vol, chunk, owner, &kind);

	if (!old || !change(vol, chunk, old, freed_word(commit_seq)))
		return -ESTALE;
	return 0;
}

int dxc_chunk_pass(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner from, struct dxc_owner to)
{
	u32 kind;
	u64 old = word_if_owned(vol, chunk, from, &kind);

	if (!old || !change(vol, chunk, old, owned_word(kind, to)))
		return -ESTALE;
	return 0;
}

bool dxc_chunk_set(const struct dxc_volume *vol, dxc_chunk chunk,
		   const struct dxc_chunk_use *use)
{
	u64 old = le64_to_cpu(READ_ONCE(*word_of(vol, chunk)));

	return change(vol, chunk, old, use->kind == DAXFS_CHUNK_FREED ?
		      freed_word(use->freed_seq) : owned_word(use->kind, use->owner));
}

bool dxc_chunk_delay(const struct dxc_volume *vol, dxc_chunk chunk, u64 freed_seq, u64 later)
{
	return later >= freed_seq && change(vol, chunk, freed_word(freed_seq), freed_word(later));
}

bool dxc_chunk_reclaim(const struct dxc_volume *vol, dxc_chunk chunk, u64 seen_seq)
{
	struct dxc_chunk_use use;

	if (dxc_chunk_read(vol, chunk, &use) || use.kind != DAXFS_CHUNK_FREED ||
	    use.freed_seq > seen_seq)
		return false;
	return change(vol, chunk, freed_word(use.freed_seq), 0);
}
