// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the verbs of inspect that show files show: the branch that was asked for,
 * as a mount would. A log that cannot be read to its end is read as far as it
 * can: what is before is what the branch was.
 */
#include "inspect.h"

#include "applet.h"
#include "message.h"

static void complain(struct inspect *in, const char *name, int err,
		     const struct dxc_finding *f)
{
	inspect_complain(in, name, err, f);
	in->incomplete = true;
}

/* A damaged log is shown as far as it can be read: operations after that are not. */
static void complain_of_cut(struct inspect *in, const char *name)
{
	const struct branch_view *view = &in->view;
	struct dxc_finding f;

	for (u32 i = 0; i < view->count; i++) {
		const struct dxc_layer *layer = &view->layers[i];

		if (layer->unread)
			complain(in, name, layer->unread, &(struct dxc_finding){ 0 });
		/* Those above it are, too. */
		if (layer->damaged && (!i || !view->layers[i - 1].damaged))
			complain(
				in, name,
				dxc_found(&f, -EUCLEAN,
					  layer->behind ? DXC_LR_CUT : DXC_LR_GAP,
					  DAXFS_AREA_DELTA, 0,
					  dxc_chunk_offset(layer->vol, layer->log.chunk) +
						  layer->log.used,
					  layer->log.seq),
				&f);
	}
}

/* Chooses what is shown; an exit status. */
static int open_contents(struct inspect *in)
{
	const char *name = in->branch ? in->branch : "main";
	struct branch_view *view = &in->view;
	int err;

	in->from.vol = &in->img.vol;
	if (!dxc_volume_is_writable(in->from.vol)) {
		if (!in->branch)
			return EXIT_OK;
		message_error("%s: has no branches", in->source);
		return EXIT_NOT_FOUND;
	}
	err = branch_view_open(view, in->img.src.map, in->img.src.size, name, true);
	if (!err) {
		in->from.vol = &view->vol;
		in->from.top = view->top;
		complain_of_cut(in, name);
		if (view->top->damaged)
			message_hint("what can be had is from before that");
		return EXIT_OK;
	}
	if (err == -ENOENT && strcmp(name, "main") != 0) {
		message_error("%s: there is no branch \"%s\"", in->source, name);
		return EXIT_NOT_FOUND;
	}
	complain(in, name, err, &view->finding);
	if (err == -ENOMEM)
		return EXIT_FAILED;
	if (view->count) {
		in->from.vol = &view->vol;
		in->from.top = &view->layers[view->count - 1];
		message_hint("what can be had is from before that");
	} else {
		message_hint("what can be had is the base, without any branch");
	}
	return EXIT_OK;
}

int inspect_show(struct inspect *in, const char *path,
		 int (*show)(struct inspect *in, const char *path))
{
	int status;

	in->incomplete = in->from_copy;
	status = open_contents(in);
	if (!status)
		status = show(in, path);
	branch_view_close(&in->view);
	return !status && in->incomplete ? EXIT_FAILED : status;
}
