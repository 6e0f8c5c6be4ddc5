// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orphans: inodes without a name that somebody still has open. Loading a log
 * drops them, as nobody has anything open by then.
 *
 * A branch that is made while an orphan is open sees it like anything else of
 * its parent's, and so does whoever had it open and now shows the branch. But
 * nothing gives it a name there: the parent would drop what it is made of. Its
 * blocks come back when nobody has it open, and the parent, which is frozen
 * until then, may be changed again.
 */
#include "node.h"

static bool is_orphan(const struct dxc_node *node)
{
	return node->has_attr && !node->attr.nlink && !node->forgotten;
}

bool dxc_layer_has_orphan(const struct dxc_layer *layer, dxc_ino ino)
{
	const struct dxc_node *node = dxc_node_find(layer, ino);

	return node && is_orphan(node);
}

bool dxc_orphan_is_lent(const struct dxc_layer *top, dxc_ino ino)
{
	const struct dxc_layer *layer;

	for (layer = top->lower; layer; layer = layer->lower)
		if (dxc_layer_has_orphan(layer, ino))
			return true;
	return false;
}

void dxc_orphan_closed(struct dxc_layer *layer, dxc_ino ino)
{
	for (; layer; layer = layer->lower)
		if (dxc_layer_has_orphan(layer, ino))
			layer->closed = true;
}

/* Somebody whose view of it was discarded may still copy from its blocks. */
static void retire_blocks(struct dxc_layer *layer, const struct dxc_node *node)
{
	struct dxc_place at = { 0, DXC_NO_INDEX };
	const struct dxc_run *run;

	while (dxc_blockmap_next(&node->map, &at)) {
		run = dxc_blockmap_at(&node->map, at);
		if (run->data)
			dxc_space_retire(layer, run->data, run->count);
	}
}

void dxc_layer_forget_closed(struct dxc_layer *layer, bool (*is_open)(void *priv, dxc_ino ino),
			     void *priv)
{
	struct dxc_node *node, *next;
	u32 i;

	layer->closed = false;
	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = next) {
			next = node->next;
			if (!is_orphan(node) || is_open(priv, node->attr.ino))
				continue;
			retire_blocks(layer, node);
			dxc_node_drop(layer, node);
		}
		if (i % 1024 == 1023)
			dxc_pause();
	}
}
