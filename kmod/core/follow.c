// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following: the layer of a branch that another kernel writes takes in what is added to the
 * log, from where it was read to.
 *
 * Records are from the region, and believed as far as replay believes them; blocks are claimed
 * record by record. Whatever does not fit, such as a block that was given out again before its
 * former user has been seen to give it up, is no damage yet: the log is read anew, and that says.
 */
#include "node.h"

#define FOLLOW_MAX	0x100000000ull	/* records: more than are new in any log */
#define TELL_TRIES	64	/* a hostile kernel may store there all the time */
/* Bytes of records that are taken in without a pause. */
#define PAUSE_BYTES	0x4000u

void dxc_layer_tell(struct dxc_layer *layer)
{
	__le64 *word = dxc_branch_tail_at(layer->vol, layer->owner.branch), is, seen;
	u64 new = layer->log.seq;
	u32 tries;

	/*
	 * Whoever had the lease before may store there late, once: not over what was stored since.
	 * Who sees another value looks, whatever it is.
	 */
	is = cpu_to_le64(layer->tail);
	for (tries = 0; tries < TELL_TRIES; tries++) {
		/* Told by him, of another record of that number. */
		if (unlikely(is == cpu_to_le64(new)))
			new ^= 1ull << 63;
		seen = dxc_cmpxchg(word, is, cpu_to_le64(new));
		if (likely(seen == is))
			break;
		if (!dxc_layer_is_held(layer))
			return;
		is = seen;
	}
	layer->tail = new;
}

/* ---- inodes without a name ---- */

void dxc_node_make_husk(struct dxc_layer *layer, struct dxc_node *node)
{
	node->husk = true;
	layer->husk_count++;
}

static void leave_blocks(struct dxc_layer *layer, const struct dxc_node *node)
{
	struct dxc_place at = { 0, DXC_NO_INDEX };
	const struct dxc_run *run;

	while (dxc_blockmap_next(&node->map, &at)) {
		run = dxc_blockmap_at(&node->map, at);
		if (run->data)
			dxc_space_leave(layer, run->data, run->count);
	}
}

/* A file that was made without a name, and gets one. */
static int claim_husk(struct dxc_layer *layer, struct dxc_node *node)
{
	struct dxc_place at = { 0, DXC_NO_INDEX };
	const struct dxc_run *run;
	int err = 0;

	node->husk = false;
	layer->husk_count--;
	while (!err && dxc_blockmap_next(&node->map, &at)) {
		run = dxc_blockmap_at(&node->map, at);
		if (run->data)
			err = dxc_space_claim(layer, run->data, run->count);
	}
	return err;
}

static void drop_husks(struct dxc_layer *layer)
{
	struct dxc_node *node, *next;
	u32 i;

	for (i = 0; layer->husk_count && i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = next) {
			next = node->next;
			if (!node->husk)
				continue;
			node->husk = false;
			layer->husk_count--;
			layer->lost_husks = true;
			dxc_node_drop(layer, node);
		}
	}
}

/* ---- records ---- */

static void touch(struct dxc_touched *touched, dxc_ino ino)
{
	u32 i;

	for (i = touched->count; i--;)
		if (touched->ino[i] == ino)
			return;
	if (touched->count < sizeof(touched->ino) / sizeof(touched->ino[0]))
		touched->ino[touched->count++] = ino;
	else
		touched->all = true;
}

static int claim_blocks(struct dxc_layer *layer, const struct dxc_apply *ap)
{
	const struct dxc_item *item = layer->items;
	u32 i;
	int err = 0;

	for (i = 0; !err && i < ap->items; i++, item++)
		if (item->type == DAXFS_ITEM_MAP && !item->node->husk)
			err = dxc_space_claim(layer, item->data, item->count);
	return err;
}

/* Nodes of a record's items that lost their last name, or got one. */
static int look_at_names(struct dxc_layer *layer, const struct dxc_apply *ap)
{
	const struct dxc_item *item = layer->items;
	struct dxc_node *node;
	u32 i;
	int err = 0;

	for (i = 0; !err && i < ap->items; i++, item++) {
		if (item->type != DAXFS_ITEM_INODE)
			continue;
		node = item->node;
		if (node->attr.nlink && node->husk) {
			err = claim_husk(layer, node);
		} else if (!node->attr.nlink && !node->husk) {
			leave_blocks(layer, node);
			dxc_node_make_husk(layer, node);
		}
	}
	return err;
}

/* An inode that was known once: where its blocks are is in the log. */
static bool has_lost(const struct dxc_layer *layer, const struct dxc_apply *ap, dxc_ino last)
{
	const struct dxc_item *item = layer->items;
	u32 i;

	if (likely(!layer->lost_husks))
		return false;
	for (i = 0; i < ap->items; i++, item++)
		if (item->type == DAXFS_ITEM_INODE && item->ino <= last &&
		    item->node->is_new && !item->node->has_attr)
			return true;
	return false;
}

static int take_in(struct dxc_layer *layer, u32 size, struct dxc_touched *touched)
{
	dxc_ino last = layer->last_ino;
	struct dxc_apply ap;
	u32 i;
	int err;

	err = dxc_apply_prepare(layer, layer->scratch, size, 0, true, &ap, NULL);
	if (err)
		return err;
	if (has_lost(layer, &ap, last)) {
		dxc_apply_cancel(layer, layer->scratch, size, &ap);
		return -EAGAIN;
	}
	ap.follow = true;
	for (i = 0; touched && i < ap.items && !touched->all; i++) {
		touch(touched, layer->items[i].ino);
		if (layer->items[i].type == DAXFS_ITEM_LINK ||
		    layer->items[i].type == DAXFS_ITEM_UNLINK)
			touch(touched, layer->items[i].dir);
	}
	dxc_apply(layer, size, &ap);
	if (ap.failed)
		return -ENOMEM;
	err = claim_blocks(layer, &ap);
	return err ? err : look_at_names(layer, &ap);
}

/* For dxc_space_list(). */
static int list_chunks(struct dxc_layer *layer)
{
	u32 i;

	if (layer->listed)
		return 0;
	layer->listed = dxc_alloc(dxc_chunk_count(layer->vol) / 8 + 1, 1);
	if (!layer->listed)
		return -ENOMEM;
	for (i = 0; i < layer->chunk_count; i++)
		layer->listed[layer->chunks[i] / 8] |= 1u << layer->chunks[i] % 8;
	return 0;
}

/* Who writes may be faster than this reads: the log's end may never be reached. */
static int read_on(struct dxc_layer *layer, u64 until, struct dxc_touched *touched)
{
	dxc_chunk chunk = layer->log.chunk;
	u32 size, read = 0;
	int err;

	/* What is stored there may be anything. The area, and so the log, has an end in any case. */
	if (until - layer->log.seq > FOLLOW_MAX)
		until = DXC_NO_SEQ;
	while (layer->log.seq != until) {
		err = dxc_log_read(layer->vol, &layer->log, layer->scratch, &size);
		if (err)
			return err == -ENODATA ? 0 : err;
		if (layer->log.chunk != chunk) {
			chunk = layer->log.chunk;
			err = dxc_layer_note_segment(layer, NULL);
		}
		if (!err)
			err = take_in(layer, size, touched);
		if (err) {
			layer->torn = true;
			return err;
		}
		read += size;
		if (read >= PAUSE_BYTES) {
			read = 0;
			if (dxc_pause())
				return -EINTR;
		}
	}
	return 0;
}

/*
 * What was free, or open without a name, when the branch was written here is the writer's by
 * now, who has read the log.
 */
static void begin(struct dxc_layer *layer, struct dxc_touched *touched)
{
	struct dxc_node *node;
	u32 i;

	dxc_space_disown(layer);
	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			if (!node->has_attr || node->attr.nlink || node->forgotten || node->husk)
				continue;
			leave_blocks(layer, node);
			dxc_node_make_husk(layer, node);
			if (touched)
				touch(touched, node->attr.ino);
		}
	}
}

int dxc_layer_follow(struct dxc_layer *layer, const struct dxc_branch *br, u64 until,
		     struct dxc_touched *touched)
{
	int err;

	/* Records that do not count may have been taken in before that was known. */
	if (layer->log.seq > layer->frozen_seq ||
	    layer->torn || layer->fenced || layer->damaged || layer->behind || layer->unread ||
	    layer->space->survey || !dxc_log_goes_on(layer->vol, &layer->log, br->head_word))
		return -EAGAIN;
	err = dxc_layer_scratch(layer);
	if (!err)
		err = list_chunks(layer);
	if (err)
		return err;
	layer->log.ours = false;
	if (!layer->follows)
		begin(layer, touched);
	err = read_on(layer, until, touched);
	if (layer->husk_count > DXC_HUSKS_MAX)
		drop_husks(layer);
	dxc_layer_drop_scratch(layer);
	if (!err)
		layer->log.head_link = br->head_word;
	if (layer->torn && !err)
		err = -EAGAIN;
	if (!layer->torn)
		dxc_space_reserve(layer);
	return err == -EUCLEAN || err == -EIO ? -EAGAIN : err;
}

void dxc_layer_end_following(struct dxc_layer *layer)
{
	if (!layer->torn)
		drop_husks(layer);
	if (layer->follows)
		dxc_space_adopt(layer);
	dxc_free(layer->listed);
	layer->listed = NULL;
}
