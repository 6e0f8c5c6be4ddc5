// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which blocks of a file are where, in one layer: a B-tree of two levels. A
 * file written in order has one run; one written at random has a run per
 * block, and an insertion moves at most one leaf and, once in a hundred times,
 * the row of leaves.
 */
#include "node.h"

static struct dxc_leaf *leaf_of(const struct dxc_blockmap *map, u32 i)
{
	return map->row_room ? map->leaves[i] : map->leaf;
}

struct dxc_run *dxc_blockmap_at(const struct dxc_blockmap *map, struct dxc_place at)
{
	return &leaf_of(map, at.leaf)->runs[at.run];
}

/* The last leaf whose first run starts at or before block, or the first one. */
static u32 find_leaf(const struct dxc_blockmap *map, u64 block)
{
	u32 lo = 0, hi = map->leaf_count, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (map->leaves[mid]->runs[0].block <= block)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* How many runs of the leaf start at or before block. */
static u32 rank(const struct dxc_leaf *leaf, u64 block)
{
	u32 lo = 0, hi = leaf->count, mid;

	/* Files are mostly written at their end. */
	if (hi && leaf->runs[hi - 1].block <= block)
		return hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (leaf->runs[mid].block <= block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool dxc_blockmap_find(const struct dxc_blockmap *map, u64 block, struct dxc_place *at)
{
	u32 n;

	if (!map->leaf_count)
		return false;
	at->leaf = find_leaf(map, block);
	n = rank(leaf_of(map, at->leaf), block);
	at->run = n - 1;
	return n > 0;
}

bool dxc_blockmap_next(const struct dxc_blockmap *map, struct dxc_place *at)
{
	if (!map->leaf_count)
		return false;
	/* DXC_NO_INDEX + 1 is 0. */
	if (++at->run < leaf_of(map, at->leaf)->count)
		return true;
	at->run = 0;
	return ++at->leaf < map->leaf_count;
}

static struct dxc_leaf *new_leaf(u32 room)
{
	struct dxc_leaf *leaf = dxc_alloc(1, sizeof(*leaf) + room * sizeof(leaf->runs[0]));

	if (leaf)
		leaf->room = room;
	return leaf;
}

static void set_leaf(struct dxc_blockmap *map, u32 i, struct dxc_leaf *leaf)
{
	if (map->row_room)
		map->leaves[i] = leaf;
	else
		map->leaf = leaf;
}

/* Room for one more leaf in the row. */
static int grow_row(struct dxc_blockmap *map)
{
	u32 room = map->row_room ? map->row_room * 2 : 8;
	struct dxc_leaf **row;

	if (map->leaf_count < map->row_room)
		return 0;
	row = dxc_alloc(room, sizeof(*row));
	if (!row)
		return -ENOMEM;
	if (map->row_room) {
		memcpy(row, map->leaves, map->leaf_count * sizeof(*row));
		dxc_free(map->leaves);
	} else {
		row[0] = map->leaf;
	}
	map->leaves = row;
	map->row_room = room;
	return 0;
}

/* Halves a full leaf. */
static int split(struct dxc_blockmap *map, u32 i)
{
	struct dxc_leaf *leaf, *upper;
	u32 keep;
	int err;

	err = grow_row(map);
	if (err)
		return err;
	leaf = map->leaves[i];
	upper = new_leaf(DXC_LEAF_RUNS);
	if (!upper)
		return -ENOMEM;
	/* At the end of a file that grows, the lower part stays nearly full. */
	keep = i + 1 == map->leaf_count ? leaf->count - leaf->count / 8 : leaf->count / 2;
	upper->count = leaf->count - keep;
	memcpy(upper->runs, leaf->runs + keep, upper->count * sizeof(upper->runs[0]));
	leaf->count = keep;
	memmove(map->leaves + i + 2, map->leaves + i + 1,
		(map->leaf_count - i - 1) * sizeof(*map->leaves));
	map->leaves[i + 1] = upper;
	map->leaf_count++;
	return 0;
}

int dxc_blockmap_reserve(struct dxc_blockmap *map, u64 block, u32 changes)
{
	struct dxc_leaf *leaf, *more;
	u32 need = 2 * changes, room, i;
	int err;

	if (!map->leaf_count) {
		map->leaf = new_leaf(need);
		if (!map->leaf)
			return -ENOMEM;
		map->leaf_count = 1;
		return 0;
	}
	for (;;) {
		i = find_leaf(map, block);
		leaf = leaf_of(map, i);
		if (leaf->count + need <= leaf->room)
			return 0;
		if (leaf->count + need <= DXC_LEAF_RUNS)
			break;
		err = split(map, i);
		if (err)
			return err;
	}
	room = min_t(u32, max_t(u32, leaf->room * 4, leaf->count + need), DXC_LEAF_RUNS);
	more = new_leaf(room);
	if (!more)
		return -ENOMEM;
	more->count = leaf->count;
	memcpy(more->runs, leaf->runs, leaf->count * sizeof(leaf->runs[0]));
	set_leaf(map, i, more);
	dxc_free(leaf);
	return 0;
}

/* One of several. */
static void remove_leaf(struct dxc_blockmap *map, u32 i)
{
	dxc_free(leaf_of(map, i));
	map->leaf_count--;
	memmove(map->leaves + i, map->leaves + i + 1,
		(map->leaf_count - i) * sizeof(*map->leaves));
}

static void insert_run(struct dxc_blockmap *map, struct dxc_place at, struct dxc_run run)
{
	struct dxc_leaf *leaf = leaf_of(map, at.leaf);

	memmove(leaf->runs + at.run + 1, leaf->runs + at.run,
		(leaf->count - at.run) * sizeof(leaf->runs[0]));
	leaf->runs[at.run] = run;
	leaf->count++;
	map->run_count++;
}

static void remove_run(struct dxc_blockmap *map, struct dxc_place at)
{
	struct dxc_leaf *leaf = leaf_of(map, at.leaf);

	leaf->count--;
	map->run_count--;
	memmove(leaf->runs + at.run, leaf->runs + at.run + 1,
		(leaf->count - at.run) * sizeof(leaf->runs[0]));
}

/* Where the part of a run that starts at block is. */
static dxc_off data_at(const struct dxc_run *run, u64 block)
{
	return run->data ? run->data + (block - run->block) * DAXFS_BLOCK_SIZE : 0;
}

static void drop(struct dxc_layer *layer, dxc_dropped dropped, dxc_off data, u64 count)
{
	if (data && dropped)
		dropped(layer, data, count);
}

/*
 * Takes [block, end) out. Returns where a run that starts at block goes: in
 * the leaf for which room was reserved, which may be empty now.
 */
static struct dxc_place cut(struct dxc_blockmap *map, u64 block, u64 end,
			    struct dxc_layer *layer, dxc_dropped dropped)
{
	struct dxc_place at, from;
	struct dxc_run *run, rest;
	u64 run_end, part;

	at.leaf = find_leaf(map, block);
	at.run = rank(leaf_of(map, at.leaf), block);
	if (at.run) {
		run = &leaf_of(map, at.leaf)->runs[at.run - 1];
		run_end = run->block + run->count;
		if (run_end > end) {
			/* The middle of a run, or its start. */
			drop(layer, dropped, data_at(run, block), end - block);
			rest.block = end;
			rest.count = run_end - end;
			rest.data = data_at(run, end);
			run->count = block - run->block;
			if (run->count) {
				insert_run(map, at, rest);
			} else {
				*run = rest;
				at.run--;
			}
			return at;
		}
		if (run_end > block) {
			drop(layer, dropped, data_at(run, block), run_end - block);
			run->count = block - run->block;
			if (!run->count) {
				at.run--;
				remove_run(map, at);
			}
		}
	}
	from = at;
	for (;;) {
		while (from.leaf < map->leaf_count &&
		       from.run >= leaf_of(map, from.leaf)->count) {
			/* The leaf with room stays, even empty; others go. */
			if (from.leaf != at.leaf && !leaf_of(map, from.leaf)->count)
				remove_leaf(map, from.leaf);
			else
				from.leaf++;
			from.run = 0;
		}
		if (from.leaf >= map->leaf_count)
			return at;
		run = dxc_blockmap_at(map, from);
		if (run->block >= end)
			return at;
		run_end = run->block + run->count;
		part = min_t(u64, run_end, end) - run->block;
		drop(layer, dropped, run->data, part);
		if (run_end > end) {
			run->data = data_at(run, end);
			run->block = end;
			run->count = run_end - end;
			return at;
		}
		remove_run(map, from);
	}
}

static bool joins(const struct dxc_run *a, const struct dxc_run *b)
{
	return a->block + a->count == b->block &&
		(a->data ? b->data == a->data + a->count * DAXFS_BLOCK_SIZE : !b->data);
}

/* Joins the run at a place with its neighbours in the leaf. */
static void join(struct dxc_blockmap *map, struct dxc_place at)
{
	struct dxc_leaf *leaf = leaf_of(map, at.leaf);
	struct dxc_place next = { at.leaf, at.run + 1 };

	if (next.run < leaf->count && joins(&leaf->runs[at.run], &leaf->runs[next.run])) {
		leaf->runs[at.run].count += leaf->runs[next.run].count;
		remove_run(map, next);
	}
	if (at.run && joins(&leaf->runs[at.run - 1], &leaf->runs[at.run])) {
		leaf->runs[at.run - 1].count += leaf->runs[at.run].count;
		remove_run(map, at);
	}
}

void dxc_blockmap_set(struct dxc_blockmap *map, u64 block, u64 count, dxc_off data,
		      bool keep_hole, struct dxc_layer *layer, dxc_dropped dropped)
{
	struct dxc_run run = { block, count, data };
	struct dxc_place at;

	if (!map->leaf_count || !count)
		return;
	at = cut(map, block, block + count, layer, dropped);
	if (data || keep_hole) {
		insert_run(map, at, run);
		join(map, at);
	} else if (!leaf_of(map, at.leaf)->count && map->leaf_count > 1) {
		/* The last one stays: a run may follow for which room was reserved in it. */
		remove_leaf(map, at.leaf);
	}
}

void dxc_blockmap_free(struct dxc_blockmap *map)
{
	u32 i;

	for (i = 0; i < map->leaf_count; i++)
		dxc_free(leaf_of(map, i));
	if (map->row_room)
		dxc_free(map->leaves);
	memset(map, 0, sizeof(*map));
}
