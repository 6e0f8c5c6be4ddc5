// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl branch diff: what a branch changed, for people and as JSON. Names in
 * an image are anybody's bytes: they are escaped, so that a change is one line.
 */
#include "branch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "branch_diff.h"
#include "branch_feed.h"
#include "branch_view.h"
#include "escape.h"
#include "image.h"
#include "json.h"
#include "message.h"

static const char *kind_name(enum diff_kind kind)
{
	switch (kind) {
	case DIFF_DELETED:
		return "deleted";
	case DIFF_ADDED:
		return "added";
	case DIFF_MODIFIED:
		return "modified";
	case DIFF_RENAMED:
		return "renamed";
	}
	return "unknown";
}

static void print_path(const char *path)
{
	char *line = escape_line(path, strlen(path));

	fputs(line ? line : "?", stdout);
	free(line);
}

static void print_change(const struct diff_change *ch, bool stat)
{
	printf("%c ", ch->kind);
	if (stat)
		printf("%12" PRIu64 " %12" PRIu64 " ", ch->old_size, ch->size);
	if (ch->old_path) {
		print_path(ch->old_path);
		fputs(" -> ", stdout);
	}
	print_path(ch->path);
	putchar('\n');
	if (ch->kind == DIFF_RENAMED && ch->modified) {
		struct diff_change also = *ch;

		also.kind = DIFF_MODIFIED;
		also.old_path = NULL;
		print_change(&also, stat);
	}
}

static void print_summary(const struct diff *diff)
{
	size_t deleted = 0, added = 0, modified = 0, renamed = 0;
	int64_t bytes = 0;

	for (size_t i = 0; i < diff->count; i++) {
		const struct diff_change *ch = &diff->changes[i];

		deleted += ch->kind == DIFF_DELETED;
		added += ch->kind == DIFF_ADDED;
		modified += ch->kind == DIFF_MODIFIED || ch->modified;
		renamed += ch->kind == DIFF_RENAMED;
		/* Wraps where an image claims more than there can be. */
		bytes = (int64_t)((uint64_t)bytes + ch->size - ch->old_size);
	}
	printf("%zu deleted, %zu added, %zu modified, %zu renamed, %+" PRId64 " bytes\n",
	       deleted, added, modified, renamed, bytes);
}

void branch_diff_json(struct json *json, const struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++) {
		const struct diff_change *ch = &diff->changes[i];

		json_open_object(json, NULL);
		json_text(json, "change", kind_name(ch->kind));
		json_bytes(json, "path", ch->path, strlen(ch->path));
		if (ch->old_path) {
			json_bytes(json, "old_path", ch->old_path, strlen(ch->old_path));
			json_bool(json, "modified", ch->modified);
		}
		if (ch->old_ino)
			json_number(json, "old_size", ch->old_size);
		if (ch->ino)
			json_number(json, "size", ch->size);
		json_close(json, '}');
	}
}

void branch_diff_print(const struct diff *diff, bool stat)
{
	for (size_t i = 0; i < diff->count; i++)
		print_change(&diff->changes[i], stat);
	if (stat)
		print_summary(diff);
}

static int complain(const char *what, int err, const struct dxc_finding *f)
{
	struct image wrong = { .finding = *f };
	char *text;

	switch (-err) {
	case ENOENT:
		message_error("%s: there is no such branch", what);
		return EXIT_NOT_FOUND;
	case ESTALE:
		message_error("%s: is gone, or changed while it was read", what);
		return EXIT_REFUSED;
	case EROFS:
		message_error("%s: the image has no branches", what);
		return EXIT_REFUSED;
	}
	text = f->code == DXC_OK ? NULL : image_strerror(&wrong, err);
	message_error("%s: %s", what, text ? text : strerror(-err));
	free(text);
	return f->code == DXC_SB_SHORT || f->code == DXC_SB_MAGIC ? EXIT_NOT_FOUND :
								    EXIT_FAILED;
}

/* Compares branch name in a mapped region with its parent; an exit status. */
static int compare(const struct source *src, const char *about, const char *name,
		   struct diff *diff)
{
	struct branch_view view;
	struct feed feed;
	int err, status = EXIT_OK;

	err = branch_view_open(&view, src->map, src->size, name, false);
	feed_of_layer(&feed, view.top);
	if (err)
		feed.finding = view.finding;
	if (!err)
		err = diff_read(&feed, diff);
	/* Of an image it is the image that is wrong, not the branch. */
	if (err)
		status = complain(err == -ENOENT ? name : about, err, &feed.finding);
	branch_view_close(&view);
	return status;
}

/* What the kernel answers, who knows who may. */
static int complain_of_mount(const struct feed *feed, const char *name, int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		message_error(
			"%s: only the owner of %s root directory may do that, and root",
			name, feed->reason[0] ? "its" : "the mount's");
		return EXIT_REFUSED;
	case EAGAIN:
		message_error("%s: is being changed all the time", name);
		return EXIT_REFUSED;
	case EUCLEAN:
		if (!feed->reason[0])
			break;
		message_error("%s: %s", name, feed->reason);
		return EXIT_FAILED;
	}
	return complain(name, err, &feed->finding);
}

/* By a kernel that does not tell: from the memory behind the mount, which only root may read. */
static int compare_memory(struct branch_mount *bm, const char *name, struct diff *diff)
{
	struct source src = { .kind = SOURCE_MOUNT };
	int err, status;

	src.fd = dup(bm->fd);
	err = src.fd < 0 ? -errno : source_map_mount(&src);
	if (!err) {
		status = compare(&src, name, name, diff);
	} else {
		message_error("%s: its memory cannot be read: %s", bm->path,
			      err == -EPERM || err == -EACCES ? "only root may do that" :
								strerror(-err));
		status = err == -EPERM || err == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	source_close(&src);
	return status;
}

int branch_diff_mount(struct branch_mount *bm, const char *name, struct diff *diff)
{
	struct feed feed;
	int err, status = EXIT_OK;

	/* What the kernel has not yet written down: times of files. */
	syncfs(bm->fd);
	err = feed_of_mount(&feed, bm->fd, name);
	if (!err)
		err = diff_read(&feed, diff);
	if (err == -ENOTTY) {
		diff_free(diff);
		status = compare_memory(bm, name, diff);
	} else if (err) {
		status = complain_of_mount(&feed, name, err);
	}
	feed_close(&feed);
	return status;
}

/* An image that is not mounted. */
static int diff_image(const struct image *img, const struct branch_args *args,
		      struct diff *diff)
{
	return compare(&img->src, args->source, args->names[0] ? args->names[0] : "main",
		       diff);
}

static int diff_mount(const struct branch_args *args, const char *path, struct diff *diff)
{
	const struct daxfs_branch_info *br;
	struct branch_mount bm;
	int status;

	status = branch_mount_open(&bm, path);
	if (!status) {
		br = branch_operand(&bm, args->names[0]);
		status = br ? branch_diff_mount(&bm, br->di_name, diff) : EXIT_NOT_FOUND;
	}
	branch_mount_close(&bm);
	return status;
}

/* An image, or a mount point in place of one. */
static int diff_source(const struct branch_args *args, struct diff *diff)
{
	struct image img;
	int status;

	status = branch_image_open(&img, args->source);
	if (status)
		return status;
	status = img.src.kind == SOURCE_MOUNT ? diff_mount(args, args->source, diff) :
						diff_image(&img, args, diff);
	image_close(&img);
	return status;
}

int cmd_branch_diff(const struct branch_args *args)
{
	struct diff diff = { 0 };
	struct json json;
	int status;

	status = args->source ? diff_source(args, &diff) :
				diff_mount(args, args->mount, &diff);
	if (!status && args->table.json) {
		json_begin(&json, stdout, "changes");
		branch_diff_json(&json, &diff);
		json_end(&json);
	} else if (!status) {
		branch_diff_print(&diff, args->stat);
	}
	diff_free(&diff);
	return status;
}
