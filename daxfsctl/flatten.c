// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a branch, reads it as a tree, and has mkfs's steps make an image of that:
 * dedupe, layout, writer. Prints nothing.
 */
#include "flatten.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uuid.h>

#include "contents.h"
#include "dedupe.h"
#include "layout.h"
#include "tree.h"
#include "viewtree.h"
#include "writer.h"

/* What lives only while it works. */
struct work {
	struct flatten *flat;
	struct branch_view view;
	struct contents from;
	struct tree_options scan;
	struct tree tree;
	struct dedupe dedupe;
	struct layout layout;
};

static int fail(struct flatten *flat, int err, const char *what)
{
	flat->what = what;
	return err;
}

/* A log that ends early would give a branch as it once was. */
static bool is_whole(const struct branch_view *view)
{
	for (u32 i = 0; i < view->count; i++)
		if (view->layers[i].unread || view->layers[i].behind)
			return false;
	return true;
}

static int open_view(struct work *work)
{
	struct flatten *flat = work->flat;
	int err = branch_view_open(&work->view, flat->map, flat->size, flat->branch, false);

	work->from.vol = &work->view.vol;
	work->from.top = work->view.top;
	/* An image without branches shows its base, by the name of main. */
	if (err == -EROFS && strcmp(flat->branch, "main") == 0)
		return 0;
	if (!err && !is_whole(&work->view))
		err = -EUCLEAN;
	return err == -EUCLEAN || err == -EBADMSG ? fail(flat, -EUCLEAN, "is damaged") : err;
}

static void tick(void *priv, u64 inodes)
{
	struct work *work = priv;

	atomic_store(&work->flat->progress->done, inodes);
	progress_draw(work->flat->progress);
}

static int read_tree(struct work *work)
{
	struct flatten *flat = work->flat;
	const struct layout_delta none = { 0 };
	int err;

	work->scan.cancelled = flat->cancelled;
	work->scan.tick = tick;
	work->scan.priv = work;
	progress_start(flat->progress, "reading names", 0);
	err = viewtree_scan(&work->tree, &work->from);
	if (!err)
		err = dedupe_tree(&work->tree, &work->dedupe, flat->progress);
	if (!err)
		err = layout_make(&work->layout, &work->tree, &work->dedupe, &none, true);
	return err ? fail(flat, err, "cannot be planned") : 0;
}

static int write_image(struct work *work)
{
	struct flatten *flat = work->flat;
	struct writer writer = {
		.tree = &work->tree,
		.dedupe = &work->dedupe,
		.layout = &work->layout,
		.target = flat->target,
		.progress = flat->progress,
		.label = work->view.vol.label,
		.created = time(NULL),
	};
	int err;

	uuid_generate_random(writer.uuid);
	err = target_begin(flat->target, work->layout.image_size);
	if (err) {
		flat->target_failed = true;
		return err;
	}
	err = writer_run(&writer);
	return err ? fail(flat, err, writer.what ? writer.what : "cannot be written") : 0;
}

int flatten_run(struct flatten *flat)
{
	struct work *work = calloc(1, sizeof(*work));
	int err;

	if (!work)
		return fail(flat, -ENOMEM, "cannot be read");
	work->flat = flat;
	tree_init(&work->tree, flat->name, &work->scan);
	err = open_view(work);
	if (!err)
		err = read_tree(work);
	if (!err)
		err = write_image(work);
	/* What the tree says is nearer to what is wrong. */
	if (err && work->tree.blame.what) {
		flat->path = work->tree.blame.path;
		work->tree.blame.path = NULL;
		flat->what = work->tree.blame.what;
	}
	layout_free(&work->layout);
	dedupe_free(&work->dedupe);
	tree_free(&work->tree);
	branch_view_close(&work->view);
	free(work);
	return err;
}

void flatten_free(struct flatten *flat)
{
	free(flat->path);
	flat->path = NULL;
}
