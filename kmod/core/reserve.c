// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many chunks are free, and which part of them may be taken for what: enough is kept that
 * every log can be compacted, and that whatever fills the area can be deleted.
 */
#include "node.h"

/* Words are not looked at closely: this is to tell when space is short. */
static u32 count_free(struct dxc_space *space, const struct dxc_volume *vol)
{
	const __le64 *words = (const __le64 *)(vol->region.base +
					       vol->area[DAXFS_AREA_CHUNKS].offset);
	u32 count = dxc_chunk_count(vol), i, n = 0, logs = 0;
	u64 taken, word, own;
	bool known = dxc_chunks_taken(vol, &taken);

	for (i = 0; i < count; i++) {
		word = le64_to_cpu(READ_ONCE(words[i]));
		n += !word;
		logs += dxc_word_claims(word) == DAXFS_CHUNK_LOG;
	}
	own = le64_to_cpu(READ_ONCE(space->noted_logs));
	WRITE_ONCE(space->other_logs, logs - min_t(u64, own, logs));
	WRITE_ONCE(space->free_counted, n);
	WRITE_ONCE(space->free_until, known ? taken + n : 0);
	return n;
}

/* Free chunks, at least so many unless others that do not count took some. */
static u32 free_chunks(const struct dxc_space *space, const struct dxc_volume *vol)
{
	u64 until = READ_ONCE(space->free_until), taken;

	if (!until || !dxc_chunks_taken(vol, &taken) || taken >= until)
		return 0;
	return min_t(u64, until - taken, dxc_chunk_count(vol));
}

bool dxc_space_is_short(const struct dxc_space *space, const struct dxc_volume *vol)
{
	return free_chunks(space, vol) < dxc_chunk_count(vol) / 4;
}

u64 dxc_space_free_chunks(const struct dxc_volume *vol)
{
	struct dxc_chunk_use use;
	u32 count = dxc_chunk_count(vol), i;
	u64 n = 0;

	for (i = 0; i < count; i++)
		if (!dxc_chunk_read(vol, i, &use))
			n += use.kind == DAXFS_CHUNK_FREE || use.kind == DAXFS_CHUNK_FREED;
	return n;
}

u32 dxc_space_usable(const struct dxc_volume *vol)
{
	u64 seen = dxc_mount_seen(vol, NULL, NULL);
	u32 count = dxc_chunk_count(vol), i, n = 0;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++)
		if (!dxc_chunk_read(vol, i, &use))
			n += use.kind == DAXFS_CHUNK_FREE ||
				(use.kind == DAXFS_CHUNK_FREED && use.freed_seq <= seen);
	return n;
}

u32 dxc_space_reclaim(const struct dxc_volume *vol)
{
	u64 seen = dxc_mount_seen(vol, NULL, NULL);
	u32 count = dxc_chunk_count(vol), i, n = 0;

	for (i = 0; i < count; i++)
		n += dxc_chunk_reclaim(vol, i, seen);
	return n;
}

/* Chunks that are kept whatever logs hold, in an area that is not tiny. */
static u32 headroom(const struct dxc_volume *vol)
{
	return min_t(u32, 4, dxc_chunk_count(vol) / 16);
}

/*
 * Chunks that a new log would take, with so many bytes more in so many chunks
 * more: compaction gives the old one back when the new one is complete. Records
 * do not fill segments to the last byte, and each has a header; so it was in the
 * old one, which other kernels know the length of.
 */
static u32 compaction_needs(const struct dxc_layer *layer, u64 bytes, u32 chunks)
{
	u64 need = (layer->live_bytes + bytes) / layer->vol->chunk_size;

	chunks += layer->log_chunks;
	return min_t(u64, need + need / 8 + 2, chunks + chunks / 8);
}

/* What the records cost at most that the log takes without asking for a chunk. */
static u64 log_room(const struct dxc_layer *layer)
{
	return 2ull * dxc_log_room(layer->vol, &layer->log);
}

/* Changes a sum by what one of its parts becomes. */
static void change_part(__le64 *sum, u32 *part, u32 new)
{
	__le64 old = READ_ONCE(*sum), seen;

	if (new == *part)
		return;
	for (;;) {
		seen = dxc_cmpxchg(sum, old, cpu_to_le64(le64_to_cpu(old) - *part + new));
		if (seen == old)
			break;
		old = seen;
	}
	*part = new;
}

void dxc_space_reserve(struct dxc_layer *layer)
{
	change_part(&layer->space->kept, &layer->kept,
		    compaction_needs(layer, log_room(layer), 0));
	change_part(&layer->space->noted_logs, &layer->noted_logs, layer->log_chunks);
}

void dxc_space_let_go(struct dxc_layer *layer)
{
	/* One that was never set up has no space either. */
	if (!layer->kept && !layer->noted_logs)
		return;
	change_part(&layer->space->kept, &layer->kept, 0);
	change_part(&layer->space->noted_logs, &layer->noted_logs, 0);
}

/*
 * Chunks for taking names away that are not the layer's own: each leaves a
 * whiteout and the inode, which says that it is gone, and these are written once
 * more by compaction. Of an entry of the base's directories that is six times as
 * much as itself, of a name in the log of a parent, which any log may be of, twice.
 * There may be more names than the area could hold: then it is a part.
 */
static u64 deletion_needs(const struct dxc_volume *vol, u64 logs)
{
	u64 base = vol->area[DAXFS_AREA_DIRS].length;
	u32 count = dxc_chunk_count(vol);

	base = base / vol->chunk_size * 25 / 4 + base % vol->chunk_size * 25 / 4 / vol->chunk_size;
	return min_t(u64, base + logs * 9 / 4, max_t(u32, count / 8, 4 * headroom(vol)));
}

/*
 * Free chunks that may not be taken for this: each log can be compacted,
 * whatever the others write. One that is not loaded here, as another kernel
 * writes it or nobody has mounted it, does not get longer by that; nor do other
 * kernels know more of the logs here than how long they are. Beyond this,
 * what only operations that make room may take: each writes a record before it
 * does. That is a part of the logs, whichever of them it will be, so that it is
 * not written anew for each few of them, and what deleting takes that frees
 * nothing. log: so many are for the log. far: chunks of logs that are not loaded here.
 */
static u64 reserved_for(const struct dxc_layer *layer, enum dxc_purpose purpose, u32 log,
			u64 far)
{
	const struct dxc_space *space = layer->space;
	const struct dxc_volume *vol = layer->vol;
	u64 others = le64_to_cpu(READ_ONCE(space->kept)) - layer->kept, logs, more;

	if (purpose == DXC_FREES)
		return others + compaction_needs(layer, 0, 0) + far + headroom(vol);
	others += compaction_needs(layer, log ? 2ull * log * vol->chunk_size : log_room(layer),
				   log);
	logs = max_t(u64, others, le64_to_cpu(READ_ONCE(space->noted_logs)) + log) + far;
	more = purpose == DXC_HIDES ? 0 : deletion_needs(vol, logs);
	if (purpose == DXC_TRIMS)
		more /= 2;
	return logs + logs / 8 + 2ull * headroom(vol) + more;
}

static u64 reserved(const struct dxc_layer *layer, enum dxc_purpose purpose, u32 log)
{
	return reserved_for(layer, purpose, log, READ_ONCE(layer->space->other_logs));
}

u64 dxc_space_left(const struct dxc_layer *layer)
{
	u64 n = count_free(layer->space, layer->vol), reserve = reserved(layer, DXC_GROWS, 0);

	n -= min_t(u64, n, reserve);
	return n * layer->space->chunk_blocks + layer->free_blocks;
}

/* A count that damage, or a change by another kernel meanwhile, has made impossible is limited. */
static u64 tally_of(const struct dxc_volume *vol, const __le64 *sum)
{
	s64 n = le64_to_cpu(READ_ONCE(*sum));

	return n < 0 ? 0 : min_t(u64, n, dxc_chunk_count(vol));
}

u64 dxc_space_told(const struct dxc_layer *layer)
{
	u64 own = le64_to_cpu(READ_ONCE(layer->space->noted_logs)), n, logs, reserve;
	const struct dxc_volume *vol = layer->vol;

	n = tally_of(vol, &vol->tally->unused);
	logs = tally_of(vol, &vol->tally->logs);
	reserve = reserved_for(layer, DXC_GROWS, 0, logs - min_t(u64, own, logs));
	n -= min_t(u64, n, reserve);
	n *= layer->space->chunk_blocks;
	/* What is free in its chunks, who writes it elsewhere knows. */
	return layer->follows ? n : n + layer->free_blocks + layer->retired_blocks;
}

/* Counts anew when half of what there was for it is taken. */
bool dxc_space_has_plenty(struct dxc_layer *layer, enum dxc_purpose purpose, u32 count, u32 log)
{
	struct dxc_space *space = layer->space;
	const struct dxc_volume *vol = layer->vol;
	u32 left, taken;

	if (purpose == DXC_COMPACTS)
		return true;
	dxc_space_reserve(layer);
	left = free_chunks(space, vol);
	/* All that were taken since may be of other logs. */
	taken = READ_ONCE(space->free_counted) - left;
	if (left >= reserved(layer, purpose, log) + taken + count)
		return true;
	left = count_free(space, vol);
	if (left < reserved(layer, purpose, log) + count && dxc_space_reclaim(vol))
		left = count_free(space, vol);
	return left >= reserved(layer, purpose, log) + count;
}
