// SPDX-License-Identifier: GPL-2.0-only
/* Another kernel, which shows every branch, writes none, and follows who does. */
#include <stdio.h>
#include "node.h"
#include "world.h"

void follower_leave(struct world *w)
{
	if (w->far_there)
		world_unload(w, &w->far_space, w->far);
	w->far_there = false;
}

static void arrive(struct world *w)
{
	u32 i;

	w->far_reads = true;
	HOLDS(!world_load(w->vol, w, &w->far_space, w->far, false));
	w->far_reads = false;
	for (i = 0; i < WORLD_BRANCHES; i++)
		w->far_live[i] = w->branches[i].live;
	w->far_there = true;
}

static void follow(struct world *w, u32 i)
{
	struct dxc_touched touched = { 0 };
	struct dxc_branch br;
	int err;

	HOLDS(!dxc_branch_get(w->vol, w->branches[i].br.id, &br));
	err = dxc_layer_follow(&w->far[i], &br, DXC_NO_SEQ, &touched);
	HOLDS(!err || err == -EAGAIN);
	w->far_reloads += !!err;
	w->far_follows += !err;
	if (err)
		HOLDS(!dxc_layer_reload(&w->far[i], &br, false, NULL));
}

void follower_follow(struct world *w)
{
	u32 i;

	if (!w->far_there) {
		arrive(w);
		return;
	}
	for (i = 0; i < WORLD_BRANCHES; i++)
		if (w->far_live[i])
			follow(w, i);
}

/* What is in files with a name is in use, and nothing else. */
static void compare_blocks(struct dxc_layer *layer)
{
	dxc_off first = layer->vol->area[DAXFS_AREA_DELTA].offset;
	u32 per = layer->space->chunk_blocks, i;
	const struct dxc_node *node;
	struct dxc_place at;
	struct dxc_run *run;
	u64 used = 0, b, n;

	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			at = (struct dxc_place){ 0, DXC_NO_INDEX };
			while (!node->husk && dxc_blockmap_next(&node->map, &at)) {
				run = dxc_blockmap_at(&node->map, at);
				used += run->data ? run->count : 0;
				for (n = 0; run->data && n < run->count; n++) {
					b = (run->data - first) / DAXFS_BLOCK_SIZE + n;
					HOLDS(layer->space->used[b / per * layer->space->chunk_bytes +
								 b % per / 8] >>
						      b % per % 8 &
					      1);
				}
			}
		}
	}
	HOLDS(used == layer->used_blocks);
}

void follower_compare(struct world *w)
{
	u32 i;

	follower_follow(w);
	for (i = 0; i < WORLD_BRANCHES; i++) {
		if (!w->far_live[i])
			continue;
		compare_view(&w->branches[i].model, &w->far[i], false);
		dxc_layer_settle(&w->far[i], ~0u);
		compare_blocks(&w->far[i]);
		/* As who gets the lease: goes on following afterwards. */
		if (w->now % 3)
			continue;
		dxc_layer_end_following(&w->far[i]);
		compare_blocks(&w->far[i]);
	}
}
