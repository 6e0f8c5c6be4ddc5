// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of a layer: which of its chunks' blocks are in use, and giving them
 * out. Runs are as long as they are asked for where the chunks allow it; small
 * files fill one chunk after the other. A chunk without a block in use goes
 * back to everybody at once.
 */
#include "node.h"

/* Chunks looked at for free blocks before a new one is taken. */
#define LOOK 32u
/* Chunks tried for a log: their blocks are hardly ever busy. */
#define LOG_TRIES 16u
#define ROW_TRIES	64	/* to take chunks side by side that others take as well */

int dxc_space_init(struct dxc_space *space, const struct dxc_volume *vol)
{
	memset(space, 0, sizeof(*space));
	space->chunk_blocks = vol->chunk_size / DAXFS_BLOCK_SIZE;
	space->chunk_bytes = (space->chunk_blocks + 7) / 8;
	space->ino_key = dxc_random() | 1;
	space->name_key = dxc_random();
	space->used = dxc_alloc(dxc_chunk_count(vol), space->chunk_bytes);
	return space->used ? 0 : -ENOMEM;
}

void dxc_space_exit(struct dxc_space *space)
{
	dxc_free(space->used);
	dxc_free(space->first);
	dxc_free(space->next);
	space->used = NULL;
	space->first = NULL;
	space->next = NULL;
}

int dxc_space_index(struct dxc_space *space, const struct dxc_volume *vol)
{
	u32 count = dxc_chunk_count(vol), i;
	struct dxc_chunk_use use;

	space->first = dxc_alloc(vol->branch_count, sizeof(*space->first));
	space->next = dxc_alloc(count, sizeof(*space->next));
	if (!space->first || !space->next)
		return -ENOMEM;
	for (i = 0; i < vol->branch_count; i++)
		space->first[i] = DXC_NO_CHUNK;
	for (i = count; i--;) {
		if (dxc_chunk_read(vol, i, &use) ||
		    (use.kind != DAXFS_CHUNK_LOG && use.kind != DAXFS_CHUNK_DATA) ||
		    use.owner.branch >= vol->branch_count)
			continue;
		space->next[i] = space->first[use.owner.branch];
		space->first[use.owner.branch] = i;
	}
	return 0;
}

/* ---- bits ---- */

static u8 *bits_of(const struct dxc_layer *layer, dxc_chunk chunk)
{
	return layer->space->used + (u64)chunk * layer->space->chunk_bytes;
}

static bool is_used(const u8 *bits, u32 i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static void set_used(u8 *bits, u32 i)
{
	bits[i / 8] |= 1u << i % 8;
}

bool dxc_space_chunk_is_idle(const struct dxc_layer *layer, dxc_chunk chunk)
{
	const u8 *bits = bits_of(layer, chunk);
	u32 i;

	for (i = 0; i < layer->space->chunk_bytes; i++)
		if (bits[i])
			return false;
	return true;
}

void dxc_space_mark_log(struct dxc_layer *layer, dxc_chunk chunk)
{
	memset(bits_of(layer, chunk), 0xff, layer->space->chunk_bytes);
}

/* A data offset inside DELTA taken apart. */
static dxc_chunk chunk_of(const struct dxc_layer *layer, dxc_off data, u32 *block)
{
	u64 at = data - layer->vol->area[DAXFS_AREA_DELTA].offset;

	*block = at % layer->vol->chunk_size / DAXFS_BLOCK_SIZE;
	return at / layer->vol->chunk_size;
}

static bool is_ours(const struct dxc_layer *layer, dxc_chunk chunk, u32 kind)
{
	struct dxc_chunk_use use;

	return chunk < dxc_chunk_count(layer->vol) && !dxc_chunk_read(layer->vol, chunk, &use) &&
		use.kind == kind && dxc_owner_is(use.owner, layer->owner);
}

/* ---- chunks ---- */

static int compare_chunks(const void *a, const void *b)
{
	dxc_chunk x = *(const dxc_chunk *)a, y = *(const dxc_chunk *)b;

	return x < y ? -1 : x > y;
}

/* Drops what was given back since, and what stands twice. */
static void tidy_list(struct dxc_layer *layer)
{
	struct dxc_chunk_use use;
	dxc_chunk chunk;
	u32 i, n = 0;

	dxc_sort(layer->chunks, layer->chunk_count, sizeof(*layer->chunks), compare_chunks);
	for (i = 0; i < layer->chunk_count; i++) {
		chunk = layer->chunks[i];
		if (n && layer->chunks[n - 1] == chunk)
			continue;
		if (dxc_chunk_read(layer->vol, chunk, &use) ||
		    !dxc_owner_is(use.owner, layer->owner)) {
			if (layer->listed)
				layer->listed[chunk / 8] &= ~(1u << chunk % 8);
			continue;
		}
		layer->chunks[n++] = chunk;
	}
	layer->chunk_count = n;
	layer->cursor = 0;
}

/* Room in the list for so many more. -ENOMEM. */
static int reserve_notes(struct dxc_layer *layer, u32 more)
{
	dxc_chunk *list;
	u32 room;

	if (layer->chunk_count + more <= layer->chunk_room)
		return 0;
	if (layer->chunk_count)
		tidy_list(layer);
	/* Not tidied again soon. */
	if (layer->chunk_count + more <= layer->chunk_room / 4 * 3)
		return 0;
	room = max_t(u32, layer->chunk_room * 2, layer->chunk_count + more + 8);
	list = dxc_alloc(room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (layer->chunk_count)
		memcpy(list, layer->chunks, layer->chunk_count * sizeof(*list));
	dxc_free(layer->chunks);
	layer->chunks = list;
	layer->chunk_room = room;
	return 0;
}

int dxc_space_note(struct dxc_layer *layer, dxc_chunk chunk)
{
	int err = reserve_notes(layer, 1);

	if (!err)
		layer->chunks[layer->chunk_count++] = chunk;
	return err;
}

int dxc_space_list(struct dxc_layer *layer, dxc_chunk chunk)
{
	u8 *listed = layer->listed + chunk / 8;
	int err;

	if (*listed >> chunk % 8 & 1)
		return 0;
	err = dxc_space_note(layer, chunk);
	if (err)
		return err;
	*listed |= 1u << chunk % 8;
	memset(bits_of(layer, chunk), 0, layer->space->chunk_bytes);
	return 0;
}

void dxc_space_count(struct dxc_layer *layer)
{
	u64 blocks = 0;
	u32 i;

	for (i = 0; i < layer->chunk_count; i++)
		if (is_ours(layer, layer->chunks[i], DAXFS_CHUNK_DATA))
			blocks += layer->space->chunk_blocks;
	layer->free_blocks = blocks - min_t(u64, blocks, layer->used_blocks);
}

/* Does anybody still do I/O to blocks that were somebody's file before? */
static bool is_busy(const struct dxc_layer *layer, dxc_chunk chunk, u32 block, u32 count)
{
	const struct dxc_space *space = layer->space;

	return space->busy &&
		space->busy(space->priv, dxc_chunk_offset(layer->vol, chunk) +
			    (u64)block * DAXFS_BLOCK_SIZE, count);
}

bool dxc_space_chunk_is_busy(const struct dxc_layer *layer, dxc_chunk chunk)
{
	return is_busy(layer, chunk, 0, layer->space->chunk_blocks);
}

/*
 * Chunks that were just taken go back, and anybody may have them at once, as nobody has seen them.
 * Not if somebody else has the branch now, and maybe them.
 */
static void untake(const struct dxc_layer *layer, dxc_chunk chunk, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (dxc_layer_is_held(layer))
			dxc_chunk_free(layer->vol, chunk + i, layer->owner, 0);
}

static int take_row(struct dxc_layer *layer, u32 kind, u32 count, dxc_chunk *chunk)
{
	u32 tries = 0, got;
	int err;

	do {
		got = count;
		err = dxc_chunk_take_row(layer->vol, &layer->space->hint, kind, layer->owner,
					 &got, chunk);
		if (err == -EAGAIN)
			untake(layer, *chunk, got);
	} while (err == -EAGAIN && ++tries < ROW_TRIES);
	return err == -EAGAIN ? -ENOSPC : err;
}

static int take_free(struct dxc_layer *layer, u32 kind, u32 count, dxc_chunk *chunk)
{
	int err;

	err = take_row(layer, kind, count, chunk);
	if (err == -ENOSPC && dxc_space_reclaim(layer->vol))
		err = take_row(layer, kind, count, chunk);
	return err;
}

/* All of a segment is written at once, so none of its blocks may be busy: else tried_busy is set. */
static int take_idle(struct dxc_layer *layer, u32 count, dxc_chunk *chunk)
{
	dxc_chunk busy = DXC_NO_CHUNK;
	u32 tries, i;
	int err;

	for (tries = 0; tries < LOG_TRIES; tries++) {
		err = take_free(layer, DAXFS_CHUNK_LOG, count, chunk);
		if (err)
			return err;
		busy = DXC_NO_CHUNK;
		for (i = 0; i < count && busy == DXC_NO_CHUNK; i++)
			if (dxc_space_chunk_is_busy(layer, *chunk + i))
				busy = *chunk + i;
		if (busy == DXC_NO_CHUNK)
			return 0;
		untake(layer, *chunk, count);
	}
	layer->tried_busy = busy;
	return -ENOSPC;
}

int dxc_space_take_chunk(struct dxc_layer *layer, dxc_chunk *chunk)
{
	struct dxc_space *space = layer->space;
	int err;

	if (!dxc_space_has_plenty(layer, DXC_GROWS, 1, 0))
		return -ENOSPC;
	/* Before it is taken: what cannot be noted is not taken. */
	err = reserve_notes(layer, 1);
	if (!err)
		err = take_free(layer, DAXFS_CHUNK_DATA, 1, chunk);
	if (err)
		return err;
	layer->chunks[layer->chunk_count++] = *chunk;
	memset(bits_of(layer, *chunk), 0, space->chunk_bytes);
	layer->free_blocks += space->chunk_blocks;
	return 0;
}

/* Longer ones where the log is long: fewer headers, and less of each is left over. */
static u32 segment_wish(const struct dxc_layer *layer, u32 need)
{
	u32 max = dxc_segment_chunks(layer->vol, DAXFS_RECORD_MAX);

	return max_t(u32, need, min_t(u32, layer->log_chunks / 16, max));
}

int dxc_space_take_segment(struct dxc_layer *layer, u32 record_size, enum dxc_purpose purpose,
			   dxc_chunk *chunk, u32 *count)
{
	u32 need = dxc_segment_chunks(layer->vol, record_size), i;
	int err;

	*count = purpose != DXC_GROWS && purpose != DXC_COMPACTS ? need : segment_wish(layer, need);
	if (!dxc_space_has_plenty(layer, purpose, *count, *count))
		*count = need;
	if (!dxc_space_has_plenty(layer, purpose, *count, *count))
		return -ENOSPC;
	err = reserve_notes(layer, *count);
	if (!err)
		err = take_idle(layer, *count, chunk);
	if (err == -ENOSPC && *count > need) {
		*count = need;
		err = take_idle(layer, need, chunk);
	}
	if (err)
		return err;
	for (i = 0; i < *count; i++) {
		layer->chunks[layer->chunk_count++] = *chunk + i;
		dxc_space_mark_log(layer, *chunk + i);
	}
	layer->log_chunks += *count;
	return 0;
}

/* A chunk of the layer goes back; the list notices when it is tidied. */
void dxc_space_drop_chunk(struct dxc_layer *layer, dxc_chunk chunk)
{
	/* Whoever has it gives back what the log does not name, or uses it. */
	if (!dxc_layer_is_held(layer))
		return;
	dxc_chunk_free(layer->vol, chunk, layer->owner, dxc_commit_seq(layer->vol));
	if (layer->filling == chunk)
		layer->filling = DXC_NO_CHUNK;
}

void dxc_space_drop_segment(struct dxc_layer *layer, dxc_chunk chunk, u32 count)
{
	layer->log_chunks -= count;
	while (count--)
		dxc_space_drop_chunk(layer, chunk + count);
}

/* ---- blocks ---- */

/* Takes free blocks of a chunk of ours from block on; how many. */
static u32 take_from(struct dxc_layer *layer, dxc_chunk chunk, u32 block, u64 want)
{
	u8 *bits = bits_of(layer, chunk);
	u32 n = 0;

	while (n < want && block < layer->space->chunk_blocks && !is_used(bits, block) &&
	       !is_busy(layer, chunk, block, 1)) {
		set_used(bits, block++);
		n++;
	}
	layer->used_blocks += n;
	layer->free_blocks -= n;
	return n;
}

/* The first free blocks of a chunk of ours; 0: there are none. */
static u32 take_first(struct dxc_layer *layer, dxc_chunk chunk, u64 want, u32 *block)
{
	const u8 *bits = bits_of(layer, chunk);
	u32 n, i;

	for (i = 0; i < layer->space->chunk_blocks; i++) {
		if (is_used(bits, i))
			continue;
		n = take_from(layer, chunk, i, want);
		if (n) {
			*block = i;
			return n;
		}
	}
	return 0;
}

/* In chunks that are partly free, the next few of them or all. */
static u32 take_partial(struct dxc_layer *layer, u64 want, u32 look, dxc_chunk *chunk, u32 *block)
{
	u32 n;

	for (; look && layer->chunk_count; look--) {
		if (layer->cursor >= layer->chunk_count)
			layer->cursor = 0;
		*chunk = layer->chunks[layer->cursor];
		if (is_ours(layer, *chunk, DAXFS_CHUNK_DATA)) {
			n = take_first(layer, *chunk, want, block);
			if (n) {
				layer->filling = *chunk;
				return n;
			}
		}
		layer->cursor++;
	}
	return 0;
}

/* What follows near, as long as it is free: in its chunk, or in the free one after it. */
static u32 take_near(struct dxc_layer *layer, dxc_off near, u64 want)
{
	const struct dxc_area *delta = &layer->vol->area[DAXFS_AREA_DELTA];
	dxc_chunk chunk, got;
	u32 block;

	if (!dxc_range_ok(near, DAXFS_BLOCK_SIZE, delta->offset, delta->length))
		return 0;
	chunk = chunk_of(layer, near, &block);
	if (block)
		return is_ours(layer, chunk, DAXFS_CHUNK_DATA) ?
			take_from(layer, chunk, block, want) : 0;
	/* The next chunk, if it is free and this one gets it. */
	if (dxc_chunk_is_free(layer->vol, chunk)) {
		layer->space->hint = chunk;
		if (dxc_space_take_chunk(layer, &got) || got != chunk)
			return 0;
	} else if (!is_ours(layer, chunk, DAXFS_CHUNK_DATA)) {
		return 0;
	}
	return take_from(layer, chunk, 0, want);
}

int dxc_blocks_take(struct dxc_layer *layer, dxc_off near, u64 want, dxc_off *off, u64 *got)
{
	u32 block = 0, n = 0;
	dxc_chunk chunk;
	int err;

	*off = near;
	*got = 0;
	if (near)
		*got = take_near(layer, near, want);
	if (!*got) {
		if (layer->filling != DXC_NO_CHUNK && want < layer->space->chunk_blocks) {
			chunk = layer->filling;
			n = take_first(layer, chunk, want, &block);
		}
		/* Blocks here and there serve small files while they are many. */
		if (!n && want < layer->space->chunk_blocks &&
		    layer->free_blocks > layer->used_blocks / 8 + want)
			n = take_partial(layer, want, LOOK, &chunk, &block);
		if (!n) {
			err = dxc_space_take_chunk(layer, &chunk);
			if (!err) {
				n = take_first(layer, chunk, want, &block);
				if (n < layer->space->chunk_blocks)
					layer->filling = chunk;
			} else {
				n = take_partial(layer, want, layer->chunk_count, &chunk, &block);
			}
			/* A new chunk whose blocks all have somebody's I/O in flight counts as none. */
			if (!n)
				return err ? err : -ENOSPC;
		}
		*off = dxc_chunk_offset(layer->vol, chunk) + (u64)block * DAXFS_BLOCK_SIZE;
		*got = n;
	}
	/* On into the chunks that follow. */
	while (*got < want) {
		n = take_near(layer, *off + *got * DAXFS_BLOCK_SIZE, want - *got);
		if (!n)
			break;
		*got += n;
	}
	return 0;
}

static void release(struct dxc_layer *layer, dxc_off data, u64 count)
{
	dxc_chunk chunk;
	u32 block, n;
	u8 *bits;

	while (count) {
		chunk = chunk_of(layer, data, &block);
		/*
		 * Who writes it elsewhere has given it back, as if nobody read it here, and another layer
		 * here may have it.
		 */
		if (layer->follows && !is_ours(layer, chunk, DAXFS_CHUNK_DATA)) {
			layer->torn = true;
			n = min_t(u64, count, layer->space->chunk_blocks - block);
			data += (u64)n * DAXFS_BLOCK_SIZE;
			count -= n;
			continue;
		}
		bits = bits_of(layer, chunk);
		for (; count && block < layer->space->chunk_blocks; count--, block++) {
			if (is_used(bits, block)) {
				bits[block / 8] &= ~(1u << block % 8);
				layer->used_blocks--;
				layer->free_blocks++;
			}
			data += DAXFS_BLOCK_SIZE;
		}
		/* Records that are lost may name it; whose I/O is under way nobody else may have. */
		if (chunk != layer->filling && !layer->damaged && !layer->follows &&
		    dxc_space_chunk_is_idle(layer, chunk) &&
		    !is_busy(layer, chunk, 0, layer->space->chunk_blocks) &&
		    dxc_layer_is_held(layer)) {
			layer->free_blocks -= layer->space->chunk_blocks;
			dxc_space_drop_chunk(layer, chunk);
		}
	}
}

void dxc_space_free(struct dxc_layer *layer, dxc_off data, u64 count)
{
	/* Whoever comes after this reads a log that has given them up. */
	if (layer->retires || !dxc_layer_is_quiet(layer))
		dxc_space_retire(layer, data, count);
	else
		release(layer, data, count);
}

void dxc_blocks_give_back(struct dxc_layer *layer, dxc_off off, u64 count)
{
	release(layer, off, count);
}

void dxc_space_retire(struct dxc_layer *layer, dxc_off data, u64 count)
{
	u32 room = layer->retired_room ? layer->retired_room * 2 : 16;
	struct dxc_retired *more;

	if (layer->retired_count == layer->retired_room) {
		more = dxc_alloc(room, sizeof(*more));
		/* Without memory the blocks are lost until the layer is loaded again. */
		if (!more)
			return;
		if (layer->retired_count)
			memcpy(more, layer->retired, layer->retired_count * sizeof(*more));
		dxc_free(layer->retired);
		layer->retired = more;
		layer->retired_room = room;
	}
	layer->retired[layer->retired_count].data = data;
	layer->retired[layer->retired_count].count = count;
	layer->retired[layer->retired_count].seq = layer->log.seq;
	layer->retired[layer->retired_count].freed_seq = dxc_commit_seq(layer->vol);
	layer->retired_count++;
	layer->retired_blocks += count;
}

void dxc_space_leave(struct dxc_layer *layer, dxc_off data, u64 count)
{
	u64 blocks = layer->retired_blocks;
	u32 notes = layer->retired_count;

	dxc_space_retire(layer, data, count);
	layer->retired_blocks = blocks;
	/* What could not be noted stays in use until the layer is loaded anew. */
	if (layer->retired_count != notes)
		release(layer, data, count);
}

void dxc_space_disown(struct dxc_layer *layer)
{
	u32 i;

	layer->follows = true;
	layer->retired_blocks = 0;
	for (i = 0; i < layer->retired_count; i++)
		release(layer, layer->retired[i].data, layer->retired[i].count);
}

/* Blocks of a chunk that are free are in use from now on; how many from block on. */
static u32 retake(struct dxc_layer *layer, dxc_chunk chunk, u32 block, u64 count)
{
	u8 *bits = bits_of(layer, chunk);
	u32 n = 0;

	while (n < count && block < layer->space->chunk_blocks && !is_used(bits, block)) {
		set_used(bits, block++);
		n++;
	}
	layer->used_blocks += n;
	return n;
}

void dxc_space_adopt(struct dxc_layer *layer)
{
	struct dxc_retired *old = layer->retired;
	u32 notes = layer->retired_count, i, block, n;
	dxc_chunk chunk;
	dxc_off data;
	u64 count;

	layer->follows = false;
	layer->retired = NULL;
	layer->retired_count = 0;
	layer->retired_room = 0;
	layer->retired_blocks = 0;
	for (i = 0; i < notes; i++) {
		data = old[i].data;
		for (count = old[i].count; count; count -= n, data += (u64)n * DAXFS_BLOCK_SIZE) {
			chunk = chunk_of(layer, data, &block);
			n = is_ours(layer, chunk, DAXFS_CHUNK_DATA) ?
				retake(layer, chunk, block, count) : 0;
			if (n)
				dxc_space_retire(layer, data, n);
			else	/* given out again, or given away */
				n = 1;
		}
	}
	dxc_free(old);
	dxc_space_count(layer);
}

void dxc_layer_settle(struct dxc_layer *layer, u32 count)
{
	u32 i;

	for (i = 0; i < count && i < layer->retired_count; i++) {
		if (layer->follows)
			continue;
		release(layer, layer->retired[i].data, layer->retired[i].count);
		layer->retired_blocks -= layer->retired[i].count;
	}
	layer->retired_count -= i;
	if (!layer->retired_count)
		return;
	memmove(layer->retired, layer->retired + i,
		layer->retired_count * sizeof(*layer->retired));
}

void dxc_space_keep_free(struct dxc_layer *layer)
{
	u32 blocks = layer->space->chunk_blocks, i, first, n;
	dxc_chunk chunk;

	for (i = 0; i < layer->chunk_count; i++) {
		chunk = layer->chunks[i];
		if (!is_ours(layer, chunk, DAXFS_CHUNK_DATA))
			continue;
		for (first = 0; first < blocks; first += n ? n : 1) {
			n = retake(layer, chunk, first, blocks - first);
			if (!n)
				continue;
			layer->free_blocks -= n;
			dxc_space_retire(layer, dxc_chunk_offset(layer->vol, chunk) +
					 (u64)first * DAXFS_BLOCK_SIZE, n);
		}
	}
}

u32 dxc_layer_settled(const struct dxc_layer *layer, const struct dxc_readers *readers)
{
	u32 i = 0;

	if (layer->follows)
		return layer->retired_count;
	while (i < layer->retired_count && layer->retired[i].seq <= readers->applied &&
	       layer->retired[i].freed_seq <= readers->seen)
		i++;
	return i;
}

u64 dxc_layer_leave_off(struct dxc_layer *layer, u32 count, u64 seq)
{
	const struct dxc_space *space = layer->space;
	struct dxc_retired *at = layer->retired;
	u32 i, n = 0;

	for (i = 0; i < layer->retired_count; i++) {
		if (i < count &&
		    !(space->busy && space->busy(space->priv, at[i].data, at[i].count)))
			continue;
		if (i < count)
			seq = min_t(u64, seq, at[i].seq - 1);
		at[n++] = at[i];
	}
	layer->retired_count = n;
	return seq;
}

bool dxc_space_want(struct dxc_layer *layer, dxc_chunk chunk, u32 kind)
{
	struct dxc_want *want = &layer->space->survey[chunk];

	if (!want->owner.generation) {
		want->owner = layer->owner;
		want->kind = kind;
	} else if (!dxc_owner_is(want->owner, layer->owner)) {
		want->twice = true;
		layer->shares = true;
	}
	return !want->twice;
}

int dxc_space_claim(struct dxc_layer *layer, dxc_off data, u64 count)
{
	dxc_chunk chunk;
	u32 block;
	u8 *bits;
	int err;

	while (count) {
		chunk = chunk_of(layer, data, &block);
		if (layer->space->survey && chunk < dxc_chunk_count(layer->vol)) {
			if (!dxc_space_want(layer, chunk, DAXFS_CHUNK_DATA)) {
				data += (u64)min_t(u64, count, layer->space->chunk_blocks - block) *
					DAXFS_BLOCK_SIZE;
				count -= min_t(u64, count, layer->space->chunk_blocks - block);
				continue;
			}
		} else {
			if (!is_ours(layer, chunk, DAXFS_CHUNK_DATA))
				return -EUCLEAN;
			if (!is_used(layer->listed + chunk / 8, chunk % 8))
				layer->free_blocks += layer->space->chunk_blocks;
			err = dxc_space_list(layer, chunk);
			if (err)
				return err;
		}
		bits = bits_of(layer, chunk);
		for (; count && block < layer->space->chunk_blocks; count--, block++) {
			if (is_used(bits, block))
				return -EUCLEAN;
			set_used(bits, block);
			layer->used_blocks++;
			layer->free_blocks--;
			data += DAXFS_BLOCK_SIZE;
		}
	}
	return 0;
}

void dxc_space_keep(struct dxc_layer *layer, const u8 *before)
{
	u32 blocks = layer->space->chunk_blocks, i, first, block;
	const u8 *old;
	u8 *bits;

	for (i = 0; i < layer->chunk_count; i++) {
		if (!is_ours(layer, layer->chunks[i], DAXFS_CHUNK_DATA))
			continue;
		bits = bits_of(layer, layer->chunks[i]);
		old = before + (bits - layer->space->used);
		for (block = 0; block < blocks; block++) {
			first = block;
			while (block < blocks && is_used(old, block) && !is_used(bits, block))
				set_used(bits, block++);
			if (block == first)
				continue;
			layer->used_blocks += block - first;
			layer->free_blocks -= block - first;
			dxc_space_retire(layer, dxc_chunk_offset(layer->vol, layer->chunks[i]) +
					 (u64)first * DAXFS_BLOCK_SIZE, block - first);
		}
	}
}
