// SPDX-License-Identifier: GPL-2.0-only
/*
 * A layer's life: made empty, loaded by replaying the branch's log, freed.
 * What the log says is believed only as far as it is checked here and in
 * apply.c: blocks must lie in the branch's own chunks and belong to one file.
 */
#include "node.h"

/* Bytes of records that are taken in without a pause. */
#define PAUSE_BYTES 0x4000u

void dxc_layer_own(struct dxc_layer *layer, const struct dxc_branch *br)
{
	layer->log.head_link = br->head_word;
	layer->owner = br->id;
	layer->log.base_seq = br->first_seq;
	layer->log.seq = br->first_seq;
}

int dxc_layer_init(struct dxc_layer *layer, const struct dxc_volume *vol,
		   struct dxc_space *space, struct dxc_layer *lower,
		   const struct dxc_branch *br)
{
	memset(layer, 0, sizeof(*layer));
	layer->vol = vol;
	layer->space = space;
	layer->lower = lower;
	layer->ino_key = space->ino_key;
	layer->name_key = space->name_key;
	layer->next_cookie = lower ? lower->next_cookie : DXC_COOKIE_FIRST;
	layer->filling = DXC_NO_CHUNK;
	layer->tried_free = DXC_NO_CHUNK;
	layer->tried_busy = DXC_NO_CHUNK;
	layer->log.head = DXC_NO_CHUNK;
	layer->log.chunk = DXC_NO_CHUNK;
	dxc_layer_own(layer, br);
	layer->log.end_seq = DXC_NO_SEQ;
	layer->log.limit_seq = DXC_NO_SEQ;
	layer->frozen_seq = DXC_NO_SEQ;
	layer->log.left = dxc_chunk_count(vol);
	/* Small tables, so that looking into an empty layer needs no test. */
	layer->nodes = dxc_alloc(1, sizeof(*layer->nodes));
	layer->names = dxc_alloc(1, sizeof(*layer->names));
	if (layer->nodes && layer->names)
		return 0;
	dxc_layer_free(layer);
	return -ENOMEM;
}

int dxc_layer_scratch(struct dxc_layer *layer)
{
	if (likely(layer->scratch))
		return 0;
	layer->items = dxc_alloc(DAXFS_ITEMS_MAX + 1, sizeof(*layer->items));
	if (!layer->items)
		return -ENOMEM;
	layer->scratch = dxc_alloc(1, dxc_segment_max(layer->vol));
	if (layer->scratch)
		return 0;
	dxc_layer_drop_scratch(layer);
	return -ENOMEM;
}

void dxc_layer_drop_scratch(struct dxc_layer *layer)
{
	dxc_free(layer->scratch);
	dxc_free(layer->items);
	layer->scratch = NULL;
	layer->items = NULL;
}

static void free_tables(struct dxc_layer *layer)
{
	struct dxc_node *node;
	struct dxc_name *name;
	u32 i;

	for (i = 0; layer->nodes && i <= layer->node_mask; i++) {
		while ((node = layer->nodes[i])) {
			layer->nodes[i] = node->next;
			dxc_node_free(node);
			if (i % 1024 == 1023)
				dxc_pause();
		}
	}
	for (i = 0; layer->names && i <= layer->name_mask; i++) {
		while ((name = layer->names[i])) {
			layer->names[i] = name->next;
			dxc_free(name);
		}
	}
}

void dxc_layer_free(struct dxc_layer *layer)
{
	free_tables(layer);
	dxc_free(layer->nodes);
	dxc_free(layer->names);
	dxc_free(layer->chunks);
	dxc_free(layer->retired);
	dxc_free(layer->listed);
	dxc_layer_drop_scratch(layer);
	dxc_space_let_go(layer);
	memset(layer, 0, sizeof(*layer));
}

/* ---- loading ---- */

/* Is the chunk the layer's? Then it is noted. */
static int find_chunk(struct dxc_layer *layer, dxc_chunk chunk)
{
	struct dxc_chunk_use use;

	if (dxc_chunk_read(layer->vol, chunk, &use) || !dxc_owner_is(use.owner, layer->owner) ||
	    (use.kind != DAXFS_CHUNK_LOG && use.kind != DAXFS_CHUNK_DATA))
		return 0;
	return dxc_space_list(layer, chunk);
}

/* The layer's chunks, by looking at all; those of the log are marked later. */
static int find_chunks(struct dxc_layer *layer)
{
	const struct dxc_space *space = layer->space;
	u32 count = dxc_chunk_count(layer->vol), i;
	int err = 0;

	layer->listed = dxc_alloc(count / 8 + 1, 1);
	if (!layer->listed)
		return -ENOMEM;
	if (!space->next) {
		for (i = 0; !err && i < count; i++)
			err = find_chunk(layer, i);
		return err;
	}
	for (i = space->first[layer->owner.branch]; !err && i != DXC_NO_CHUNK; i = space->next[i])
		err = find_chunk(layer, i);
	return err;
}

int dxc_layer_note_segment(struct dxc_layer *layer, struct dxc_finding *f)
{
	dxc_chunk chunk = layer->log.chunk, end = chunk + layer->log.count;
	struct dxc_chunk_use use;
	int err;

	layer->last_salt = max_t(u64, layer->last_salt, layer->log.salt);
	for (; chunk < end; chunk++) {
		if (layer->space->survey) {
			if (dxc_space_want(layer, chunk, DAXFS_CHUNK_LOG))
				dxc_space_mark_log(layer, chunk);
			continue;
		}
		if (dxc_chunk_read(layer->vol, chunk, &use) || use.kind != DAXFS_CHUNK_LOG ||
		    !dxc_owner_is(use.owner, layer->owner))
			return dxc_found(f, -EUCLEAN, DXC_LR_CHAIN, DAXFS_AREA_CHUNKS, 0,
					 dxc_chunk_offset(layer->vol, chunk), chunk);
		err = dxc_space_list(layer, chunk);
		if (err)
			return err;
		/* A chain that comes back to a segment fails at its sequence number. */
		dxc_space_mark_log(layer, chunk);
		layer->log_chunks++;
	}
	return 0;
}

/*
 * A commit joins the log to the parent's, which could not be read any more if
 * it did not start where that ends.
 */
static int follow_parent(struct dxc_layer *layer, struct dxc_finding *f)
{
	struct dxc_log *log = &layer->log;
	u64 end;

	if (!layer->lower)
		return 0;
	/* Where the parent's would end is not known. */
	if (layer->lower->damaged && layer->salvages) {
		layer->damaged = true;
		return 0;
	}
	end = layer->lower->log.seq;
	if (log->chunk == DXC_NO_CHUNK) {
		log->base_seq = end;
		log->seq = end;
	} else if (log->base_seq != end) {
		return dxc_found(f, -EUCLEAN, DXC_LR_START, DAXFS_AREA_DELTA, 0,
				 dxc_chunk_offset(layer->vol, log->chunk), log->base_seq);
	}
	return 0;
}

static int replay(struct dxc_layer *layer, const struct dxc_branch *br, struct dxc_finding *f)
{
	dxc_chunk chunk = DXC_NO_CHUNK;
	struct dxc_apply ap;
	u32 size, read = 0;
	int err;

	err = dxc_log_open(layer->vol, br->head_word, br->first_seq, &layer->log);
	if (err)
		return dxc_found(f, err, DXC_LR_START, DAXFS_AREA_BRANCHES, 0,
				 dxc_branch_head_at(layer->vol, br->id.branch), br->head);
	err = follow_parent(layer, f);
	if (err)
		return err;
	dxc_log_limit(&layer->log, layer->frozen_seq);
	for (;;) {
		if (layer->log.chunk != chunk) {
			chunk = layer->log.chunk;
			err = dxc_layer_note_segment(layer, f);
			if (err)
				return err;
		}
		err = dxc_log_read(layer->vol, &layer->log, layer->scratch, &size);
		if (err == -ENODATA)
			return 0;
		if (err) {
			err = dxc_found(f, err, DXC_LR_GAP, DAXFS_AREA_DELTA, 0,
					chunk == DXC_NO_CHUNK ? 0 :
					dxc_chunk_offset(layer->vol, chunk) + layer->log.used,
					layer->log.seq);
			if (err != -EUCLEAN || !layer->salvages)
				return err;
			layer->damaged = true;
			return 0;
		}
		/* A record that was the first of the next segment. */
		if (layer->log.chunk != chunk) {
			chunk = layer->log.chunk;
			err = dxc_layer_note_segment(layer, f);
			if (err)
				return err;
		}
		if (f)
			f->code = DXC_OK;
		err = dxc_apply_prepare(layer, layer->scratch, size, 0, true, &ap, f);
		if (err)
			return err;
		dxc_apply(layer, size, &ap);
		if (ap.failed)
			return -ENOMEM;
		read += size;
		if (read >= PAUSE_BYTES) {
			read = 0;
			if (dxc_pause() && !layer->torn)
				return -EINTR;
		}
	}
}

/* Memory that is broken is not written to either; who only reads does not need it. */
static void look_behind(struct dxc_layer *layer)
{
	struct dxc_log next = layer->log;
	u32 size;
	int err;

	/* It is known where the log ends. */
	if (layer->log.seq == layer->log.limit_seq)
		return;
	err = dxc_log_look_behind(layer->vol, &layer->log, layer->scratch, &layer->behind);
	if (err)
		layer->unread = err;
	/* Who writes the branch may have added it, and the ones before it, since the end was found. */
	if (layer->behind && !dxc_log_read(layer->vol, &next, layer->scratch, &size))
		layer->behind = 0;
}

/*
 * What a record that was written in part left goes now: else whoever looks finds
 * it for as long as the log is. The caller has the lease. Only where the chunk
 * was just read anyhow: it is longer than many an operation.
 */
static void clear_end(struct dxc_layer *layer)
{
	if (layer->log.chunk != DXC_NO_CHUNK && !layer->behind &&
	    !layer->unread)
		layer->unread = dxc_log_clear_end(layer->vol, &layer->log, layer->scratch);
}

static void lose_orphan(struct dxc_layer *layer, struct dxc_node *node)
{
	layer->lost_husks = layer->holder == DXC_HOLDER_NONE;
	dxc_node_drop(layer, node);
}

/* Inodes without a name were open when the kernel that made them went. */
static int drop_orphans(struct dxc_layer *layer, struct dxc_finding *f)
{
	struct dxc_node *node, *next;
	u32 i;

	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = next) {
			next = node->next;
			if (!node->has_attr || node->attr.nlink)
				continue;
			/* Names in a directory that is gone: only a log that lies has them. */
			if (node->is_new && (node->slot_count || node->whiteouts))
				return dxc_found(f, -EUCLEAN, DXC_LR_DIR, DAXFS_AREA_DELTA,
						 node->attr.ino, 0, node->attr.ino);
			/* Who writes the branch now may have it open. */
			if (layer->holder == DXC_HOLDER_NONE && layer->husk_count < DXC_HUSKS_MAX)
				dxc_node_make_husk(layer, node);
			else
				lose_orphan(layer, node);
		}
	}
	return 0;
}

static int claim_blocks(struct dxc_layer *layer, struct dxc_finding *f)
{
	struct dxc_node *node;
	struct dxc_place at;
	struct dxc_run *run;
	u32 i, n = 0;
	int err;

	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			if (node->husk)
				continue;
			at.leaf = 0;
			at.run = DXC_NO_INDEX;
			while (dxc_blockmap_next(&node->map, &at)) {
				run = dxc_blockmap_at(&node->map, at);
				if (!run->data)
					continue;
				err = dxc_space_claim(layer, run->data, run->count);
				if (err)
					return dxc_found(f, err, DXC_LR_BLOCKS, DAXFS_AREA_DELTA,
							 node->attr.ino, run->data, run->block);
				if (++n % 1024 == 0 && dxc_pause() && !layer->torn)
					return -EINTR;
			}
		}
	}
	return 0;
}

/* Gives back chunks that nothing refers to; without repair only counts them as free. */
static void drop_unused(struct dxc_layer *layer)
{
	struct dxc_chunk_use use;
	u32 i;

	if (layer->wary)
		dxc_space_keep_free(layer);
	for (i = 0; i < layer->chunk_count; i++) {
		if (!dxc_space_chunk_is_idle(layer, layer->chunks[i]) ||
		    dxc_chunk_read(layer->vol, layer->chunks[i], &use) ||
		    !dxc_owner_is(use.owner, layer->owner))
			continue;
		if (use.kind == DAXFS_CHUNK_DATA)
			layer->free_blocks -= layer->space->chunk_blocks;
		dxc_space_drop_chunk(layer, layer->chunks[i]);
	}
}

/*
 * dxc_log_claim() of the layer's log. -EAGAIN: br_head, or ch_next of the last segment, has
 * changed since the log was read, or the lease is somebody else's. If it is not yet, whoever
 * takes it reads the log, and claims it, after this.
 */
static int claim(struct dxc_layer *layer)
{
	int err = dxc_log_claim(layer->vol, &layer->log,
				dxc_branch_head_at(layer->vol, layer->owner.branch));

	if (err == -ESTALE)
		layer->fenced = true;
	/* Else there is something new, whatever the word is. */
	layer->tail = err ? ~0ull : dxc_branch_tail(layer->vol, layer->owner.branch);
	return err == -ESTALE || (!err && !dxc_layer_look(layer)) ? -EAGAIN : err;
}

int dxc_layer_repair(struct dxc_layer *layer)
{
	const struct dxc_volume *vol = layer->vol;
	u32 count = dxc_chunk_count(vol), i;
	struct dxc_chunk_use use;
	u8 *known;
	int err;

	if (layer->damaged)
		return 0;
	dxc_layer_end_following(layer);
	err = claim(layer);
	if (err)
		return err;
	/* Without memory it is left to the next. */
	known = dxc_alloc(count / 8 + 1, 1);
	if (!known)
		return 0;
	for (i = 0; i < layer->chunk_count; i++)
		known[layer->chunks[i] / 8] |= 1u << layer->chunks[i] % 8;
	for (i = 0; i < count; i++) {
		if (i % 4096 == 4095)
			dxc_pause();
		if (!(known[i / 8] >> i % 8 & 1) && !dxc_chunk_read(vol, i, &use) &&
		    (use.kind == DAXFS_CHUNK_LOG || use.kind == DAXFS_CHUNK_DATA) &&
		    dxc_owner_is(use.owner, layer->owner) && dxc_layer_is_held(layer))
			dxc_chunk_free(vol, i, layer->owner, dxc_commit_seq(vol));
	}
	dxc_free(known);
	drop_unused(layer);
	return 0;
}

int dxc_layer_load(struct dxc_layer *layer, const struct dxc_branch *br, bool repair,
		   struct dxc_finding *f)
{
	int err;

	if (f)
		memset(f, 0, sizeof(*f));
	err = dxc_layer_scratch(layer);
	/* In a survey nothing is known of chunks but what logs say. */
	if (!err && !layer->space->survey)
		err = find_chunks(layer);
	if (!err)
		err = replay(layer, br, f);
	if (!err)
		err = drop_orphans(layer, f);
	if (!err)
		err = claim_blocks(layer, f);
	if (!err && !layer->space->survey)
		dxc_space_count(layer);
	if (!err && !layer->damaged) {
		look_behind(layer);
		layer->damaged = layer->behind && !layer->unread;
	}
	if (!err && repair && !layer->damaged) {
		err = claim(layer);
		if (!err) {
			drop_unused(layer);
			clear_end(layer);
		}
	}
	if (!err && !layer->space->survey)
		dxc_space_reserve(layer);
	/* As many layers may be loaded as there are branches. */
	dxc_layer_drop_scratch(layer);
	dxc_free(layer->listed);
	layer->listed = NULL;
	return err;
}

static u64 least_retired(const struct dxc_layer *layer)
{
	/* What is found to be given up came after what is known. */
	u64 least = layer->log.seq + 1;
	u32 i;

	for (i = 0; i < layer->retired_count; i++)
		least = min_t(u64, least, layer->retired[i].seq);
	return least;
}

int dxc_layer_reload(struct dxc_layer *layer, const struct dxc_branch *br, bool repair,
		     struct dxc_finding *f)
{
	struct dxc_space *space = layer->space;
	struct dxc_layer fresh;
	u64 least;
	u8 *before;
	int err;
	u32 i;

	err = dxc_layer_init(&fresh, layer->vol, space, layer->lower, br);
	if (err)
		return err;
	before = dxc_alloc(dxc_chunk_count(layer->vol), space->chunk_bytes);
	if (!before) {
		dxc_layer_free(&fresh);
		return -ENOMEM;
	}
	least = least_retired(layer);
	/* What who reads here may still read is in use, if it is not given out again. */
	if (layer->follows)
		dxc_space_adopt(layer);
	memcpy(before, space->used, (u64)dxc_chunk_count(layer->vol) * space->chunk_bytes);
	fresh.retires = layer->retires;
	fresh.torn = layer->torn || layer->fenced;
	fresh.salvages = layer->salvages;
	fresh.frozen_seq = layer->frozen_seq;
	fresh.holder = layer->holder;
	fresh.wary = layer->wary;
	fresh.quiet = layer->quiet;
	fresh.quiet_word = layer->quiet_word;
	err = dxc_layer_load(&fresh, br, repair, f);
	/* What is lost of the log is in memory yet. */
	if (!err && fresh.damaged && !layer->damaged)
		err = -EUCLEAN;
	if (err) {
		/* What is in use of chunks is noted once: as the old one has it. */
		memcpy(space->used, before, (u64)dxc_chunk_count(layer->vol) * space->chunk_bytes);
		dxc_layer_free(&fresh);
	} else {
		fresh.torn = false;
		dxc_layer_free(layer);
		*layer = fresh;
		dxc_space_keep(layer, before);
		if (layer->holder == DXC_HOLDER_NONE) {
			dxc_space_disown(layer);
			/* Others are not told that these are left for having been read anew. */
			for (i = 0; i < layer->retired_count; i++)
				layer->retired[i].seq = min_t(u64, layer->retired[i].seq, least);
		}
	}
	dxc_free(before);
	return err;
}

bool dxc_layer_is_current(struct dxc_layer *layer, const struct dxc_branch *br)
{
	/* Children came, or are gone, since it was read; before they came it may have been written to. */
	layer->log.limit_seq = DXC_NO_SEQ;
	if (layer->log.seq > layer->frozen_seq)
		return false;
	dxc_log_limit(&layer->log, layer->frozen_seq);
	/* Asked in any case: it makes the log fit to be added to. */
	return !dxc_layer_scratch(layer) &&
		dxc_log_is_current(layer->vol, &layer->log, br->head_word, layer->scratch) &&
		!layer->torn && !layer->fenced;
}

/* ---- who is in it ---- */

bool dxc_layer_has(const struct dxc_layer *layer, dxc_ino ino)
{
	return dxc_node_find(layer, ino);
}

int dxc_layer_next_ino(const struct dxc_layer *layer, u32 *bucket, u32 *skip, dxc_ino *ino)
{
	struct dxc_node *node;
	u32 i;

	for (; *bucket <= layer->node_mask; ++*bucket, *skip = 0) {
		node = layer->nodes[*bucket];
		for (i = 0; node && i < *skip; i++)
			node = node->next;
		if (node) {
			++*skip;
			*ino = node->attr.ino;
			return 0;
		}
	}
	return -ENOENT;
}
