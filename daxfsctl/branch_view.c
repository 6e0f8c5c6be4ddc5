// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a branch and its parents from a mapped region, by the core's own
 * replay. Others may write the region meanwhile; a branch that changes its
 * place is then reported as gone.
 */
#include "branch_view.h"

#include <stdlib.h>

/* The branch and its parents, main first; *chain to be freed. */
static int find_chain(struct branch_view *view, const char *name,
		      struct dxc_branch **chain, u32 *count)
{
	struct dxc_branch br, *list = NULL;
	u32 n = 0;
	int err;

	err = dxc_branch_find(&view->vol, name, &br);
	while (!err) {
		struct dxc_branch *more = reallocarray(list, n + 1, sizeof(*list));

		err = -ENOMEM;
		if (!more)
			break;
		list = more;
		memmove(list + 1, list, n * sizeof(*list));
		list[0] = br;
		n++;
		err = 0;
		if (br.id.branch == DAXFS_MAIN_BRANCH)
			break;
		/* Parents in a loop are no tree, and others are not looked through. */
		err = -EUCLEAN;
		if (n > DAXFS_BRANCH_DEPTH_MAX)
			break;
		err = dxc_branch_get(&view->vol, br.parent, &br);
	}
	if (err) {
		free(list);
		return err;
	}
	*chain = list;
	*count = n;
	return 0;
}

static int load_layers(struct branch_view *view, const struct dxc_branch *chain,
		       u32 count, bool salvages)
{
	struct dxc_frozen top = { .id = chain[count - 1].id };

	view->layers = calloc(count, sizeof(*view->layers));
	if (!view->layers)
		return -ENOMEM;
	dxc_branch_frozen(&view->vol, &top);
	for (u32 i = 0; i < count; i++) {
		struct dxc_layer *layer = &view->layers[i];
		int err;

		err = dxc_layer_init(layer, &view->vol, &view->space,
				     i ? layer - 1 : NULL, &chain[i]);
		if (err)
			return err;
		view->count++;
		layer->salvages = salvages;
		layer->frozen_seq = i + 1 < count ? chain[i + 1].first_seq : top.seq;
		err = dxc_layer_load(layer, &chain[i], false, &view->finding);
		if (!err && layer->damaged && !salvages)
			err = dxc_found(&view->finding, -EUCLEAN, DXC_LR_CUT,
					DAXFS_AREA_DELTA, 0, layer->behind,
					layer->log.seq);
		if (err)
			return err;
	}
	view->top = &view->layers[count - 1];
	return 0;
}

int branch_view_open(struct branch_view *view, void *map, u64 size, const char *name,
		     bool salvages)
{
	struct dxc_branch *chain;
	u32 count;
	int err;

	memset(view, 0, sizeof(*view));
	err = dxc_volume_open(&view->vol, map, size, &view->finding);
	if (err)
		return err;
	if (!dxc_volume_is_writable(&view->vol))
		return -EROFS;
	err = find_chain(view, name, &chain, &count);
	if (err)
		return err;
	err = dxc_space_init(&view->space, &view->vol);
	if (!err)
		err = load_layers(view, chain, count, salvages);
	free(chain);
	return err;
}

void branch_view_close(struct branch_view *view)
{
	while (view->count)
		dxc_layer_free(&view->layers[--view->count]);
	free(view->layers);
	view->layers = NULL;
	if (view->space.used)
		dxc_space_exit(&view->space);
	view->space.used = NULL;
}
