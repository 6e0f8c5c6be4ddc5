// SPDX-License-Identifier: GPL-2.0-only
/*
 * After a commit: what the winner's layer says moves into its parent's, so that
 * the result is what replaying the joined log would give (I-9). Whole inodes
 * move as they are where the parent says nothing of them.
 */
#include "node.h"

/* Blocks of the lower layer may still be read: they are given up later. */
static int merge_map(struct dxc_layer *layer, struct dxc_node *low, struct dxc_node *up)
{
	u32 before = low->map.run_count;
	struct dxc_place at = { 0, DXC_NO_INDEX };
	u64 end, hide;
	int err;

	if (up->lower_end < DXC_BLOCKS_MAX) {
		dxc_blockmap_set(&low->map, up->lower_end, DXC_BLOCKS_MAX - up->lower_end, 0,
				 false, layer, dxc_space_retire);
		low->lower_end = min_t(u64, low->lower_end, up->lower_end);
	}
	while (dxc_blockmap_next(&up->map, &at)) {
		const struct dxc_run *run = dxc_blockmap_at(&up->map, at);

		err = dxc_blockmap_reserve(&low->map, run->block, 2);
		if (err)
			return err;
		if (run->data) {
			dxc_blockmap_set(&low->map, run->block, run->count, run->data, false,
					 layer, dxc_space_retire);
			continue;
		}
		/* As apply.c does for UNMAP. */
		end = run->block + run->count;
		hide = min_t(u64, end, max_t(u64, low->lower_end, run->block));
		if (hide < end) {
			err = dxc_blockmap_reserve(&low->map, hide, 2);
			if (err)
				return err;
			dxc_blockmap_set(&low->map, hide, end - hide, 0, false, layer,
					 dxc_space_retire);
			err = dxc_blockmap_reserve(&low->map, run->block, 2);
			if (err)
				return err;
		}
		dxc_blockmap_set(&low->map, run->block, hide - run->block, 0, true, layer,
				 dxc_space_retire);
	}
	layer->live_bytes += (u64)low->map.run_count * sizeof(struct daxfs_item_range);
	layer->live_bytes -= (u64)before * sizeof(struct daxfs_item_range);
	return 0;
}

static void merge_xattrs(struct dxc_layer *layer, struct dxc_node *low, struct dxc_node *up)
{
	struct dxc_layer_xattr *xa;

	while ((xa = up->xattrs)) {
		up->xattrs = xa->next;
		/* It hid what layer has, which goes. What is below that is to be hidden still. */
		if (xa->hides)
			xa->hides = !low->is_new &&
				dxc_layer_below_has_xattr(layer, low->attr.ino, xa->prefix,
							  (const char *)xa->bytes, xa->name_len);
		dxc_xattr_put(layer, low, xa);
	}
}

/*
 * Takes up out of the upper layer's hands. *both: a list of those that the
 * lower layer has too, for their names and to be freed; the others are its own
 * from now on, with the order of their names.
 */
static int merge_node(struct dxc_layer *layer, struct dxc_node *up, struct dxc_node **both)
{
	struct dxc_node *low = dxc_node_find(layer, up->attr.ino);
	int err;

	if (!low) {
		dxc_node_add(layer, up);
		/* Counted again with each of them. */
		up->whiteouts = 0;
		return 0;
	}
	up->next = *both;
	*both = up;
	err = merge_map(layer, low, up);
	if (err)
		return err;
	merge_xattrs(layer, low, up);
	if (up->forgotten) {
		/* Nobody will forget it again. */
		layer->live_bytes -= (u64)low->map.run_count * sizeof(struct daxfs_item_range);
		dxc_blockmap_set(&low->map, 0, DXC_BLOCKS_MAX, 0, false, layer,
				 dxc_space_retire);
		low->forgotten = true;
	}
	if (up->has_attr) {
		low->attr = up->attr;
		low->has_attr = true;
	}
	return 0;
}

static int merge_nodes(struct dxc_layer *layer, struct dxc_layer *upper, struct dxc_node **both)
{
	struct dxc_node *node;
	int err = 0;
	u32 i;

	dxc_nodes_reserve(layer, upper->node_count);
	for (i = 0; i <= upper->node_mask && !err; i++) {
		while (!err && (node = upper->nodes[i])) {
			upper->nodes[i] = node->next;
			upper->node_count--;
			err = merge_node(layer, node, both);
		}
		if (i % 1024 == 1023)
			dxc_pause();
	}
	return err;
}

/* name has left upper's table; cookie is what it had. */
static int merge_name(struct dxc_layer *layer, struct dxc_name *name, u64 cookie)
{
	struct dxc_node *dir = dxc_node_find(layer, name->dir);
	struct dxc_name *old;
	bool covers;
	int err;

	err = dxc_slots_reserve(dir, 1);
	if (err) {
		dxc_free(name);
		return err;
	}
	old = dxc_name_find(layer, name->dir, name->hash, name->name, name->len);
	if (old) {
		/* Upper covered it, or nothing where it was a whiteout. */
		covers = old->covers;
		dxc_name_remove(layer, dir, old);
		dxc_free(old);
		if (name->whiteout && !covers) {
			dxc_free(name);
			return 0;
		}
		name->covers = covers;
	}
	dxc_name_add(layer, dir, name, cookie);
	return 0;
}

/* Names of a directory that both layers have, after those that are there, in their order. */
static int merge_slots(struct dxc_layer *layer, struct dxc_layer *upper, struct dxc_node *up)
{
	struct dxc_name *name;
	u64 cookie;
	u32 i;
	int err;

	for (i = 0; i < up->slot_count; i++) {
		name = up->slots[i].name;
		if (!name)
			continue;
		cookie = up->slots[i].cookie;
		dxc_name_remove(upper, up, name);
		err = merge_name(layer, name, cookie);
		if (err)
			return err;
		if (i % 1024 == 1023)
			dxc_pause();
	}
	return 0;
}

static int merge_names(struct dxc_layer *layer, struct dxc_layer *upper,
		       struct dxc_node *both)
{
	struct dxc_name *name;
	int err = 0;
	u32 i;

	dxc_names_reserve(layer, upper->name_count);
	for (; both && !err; both = both->next)
		err = merge_slots(layer, upper, both);
	/* What is left are whiteouts, and names of directories that are as they were. */
	for (i = 0; i <= upper->name_mask && !err; i++) {
		while (!err && (name = upper->names[i])) {
			upper->names[i] = name->next;
			upper->name_count--;
			if (name->whiteout)
				err = merge_name(layer, name, 0);
			else
				dxc_name_chain(layer, name);
		}
		if (i % 1024 == 1023)
			dxc_pause();
	}
	return err;
}

/* What layer made and upper deleted goes: nothing below is to be hidden. */
static void drop_both(struct dxc_layer *layer, struct dxc_node *both, int err)
{
	struct dxc_node *up, *low;

	while ((up = both)) {
		both = up->next;
		low = dxc_node_find(layer, up->attr.ino);
		if (!err && low->forgotten && low->is_new)
			dxc_node_drop(layer, low);
		dxc_node_free(up);
	}
}

static int merge_chunks(struct dxc_layer *layer, struct dxc_layer *upper)
{
	struct dxc_chunk_use use;
	u32 i;
	int err;

	for (i = 0; i < upper->chunk_count; i++) {
		/* Given back since it was noted: it may be anybody's. */
		if (dxc_chunk_read(layer->vol, upper->chunks[i], &use) ||
		    !dxc_owner_is(use.owner, layer->owner))
			continue;
		err = dxc_space_note(layer, upper->chunks[i]);
		if (err)
			return err;
	}
	layer->damaged |= upper->damaged;
	layer->log_chunks += upper->log_chunks;
	layer->log_bytes += upper->log_bytes;
	layer->used_blocks += upper->used_blocks;
	layer->free_blocks += upper->free_blocks;
	/* The joined log goes on where the winner's did. */
	if (upper->log.chunk != DXC_NO_CHUNK) {
		struct dxc_log before = layer->log;

		layer->log = upper->log;
		layer->log.base_seq = before.base_seq;
		layer->behind = upper->behind;
		if (before.head != DXC_NO_CHUNK) {
			layer->log.head = before.head;
			layer->log.head_salt = before.head_salt;
			layer->log.head_link = before.head_link;
		} else {
			u64 word = dxc_branch_head_word(layer->vol, layer->owner.branch);

			layer->log.head_link = word;
			if (dxc_head_link(word) != layer->log.head + 1ull)
				return -ESTALE;
		}
	}
	if (upper->filling != DXC_NO_CHUNK)
		layer->filling = upper->filling;
	return 0;
}

int dxc_layer_merge(struct dxc_layer *layer, struct dxc_layer *upper)
{
	struct dxc_node *both = NULL;
	u32 i;
	int err;

	/* Until all of it is there. */
	layer->torn = true;
	layer->changes++;
	layer->names_seq = max_t(u64, layer->names_seq, upper->names_seq);
	/* Its siblings are gone, too. */
	layer->frozen_seq = DXC_NO_SEQ;
	layer->log.limit_seq = DXC_NO_SEQ;
	err = merge_chunks(layer, upper);
	if (err)
		return err;
	err = merge_nodes(layer, upper, &both);
	if (!err)
		err = merge_names(layer, upper, both);
	drop_both(layer, both, err);
	for (i = 0; i < upper->retired_count; i++)
		dxc_space_retire(layer, upper->retired[i].data, upper->retired[i].count);
	layer->closed |= upper->closed;
	layer->next_cookie = upper->next_cookie;
	layer->last_ino = max_t(dxc_ino, layer->last_ino, upper->last_ino);
	layer->torn = err;
	dxc_space_reserve(layer);
	return err;
}
